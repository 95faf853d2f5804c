//! The order for one end of a trial: everything that an agent must know, checked before anything is made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::host::Available;
use crate::interface::MovedBytes;
use crate::workload::{Work, check_wait};
use crate::xray::watch::Watch;
use crate::{path, receive};

/// Longest that a trial may take, seconds: a window of an hour, a warm-up of ten minutes, and what is around them.
const MOST_PATIENCE_S: f64 = 7200.0;

/// The order for one end of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Number of the trial: frames of another are ignored.
    pub trial: u64,
    /// Which end to be.
    pub role: Role,
    /// What the streams do.
    pub work: Work,
    /// CPUs for the workers, taken in turn; empty: wherever the scheduler puts them.
    pub pin: Vec<usize>,
    /// Seconds after which the whole trial is given up.
    pub patience_s: f64,
    /// What to watch in an x-ray pass; absent: nothing, as in every timing trial.
    pub watch: Option<Watch>,
}

/// Which end an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// Listen here, then send.
    Send {
        /// Local address.
        listen: IpAddr,
    },
    /// Connect there, then receive.
    Receive {
        /// The sender's address.
        peer: SocketAddr,
        /// What to present.
        nonce: u64,
    },
}

impl Order {
    /// Checks every number that an allocation, a thread or a wait depends on.
    pub fn check(&self) -> Result<(), String> {
        self.work.check()?;
        check_wait("a trial", self.patience_s, MOST_PATIENCE_S)
    }

    /// Checks that there is the memory that this end takes: where there is not, the kernel kills whoever asks for the last of it.
    pub(crate) fn check_memory(&self, available: Option<Available>) -> Result<(), String> {
        let needed = self.work.memory(self.is_sending());
        let said = |bytes: u64| match bytes >> 30 {
            0 => format!("{} MiB", bytes >> 20),
            _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        };
        let streams = match self.work.streams() {
            1 => "one stream".to_owned(),
            more => format!("{more} streams"),
        };
        match available {
            Some(Available { bytes, limit }) if needed > bytes => Err(format!(
                "the {} of {streams} take {} of memory at the {}, but {} can be had there ({limit}); use fewer \
                 streams, smaller messages or a smaller working set",
                if self.is_sending() { "messages" } else { "buffers" },
                said(needed),
                if self.is_sending() { "sender" } else { "receiver" },
                said(bytes)
            )),
            _ => Ok(()),
        }
    }

    /// Whether this end is the one that sends.
    pub fn is_sending(&self) -> bool {
        matches!(self.role, Role::Send { .. })
    }

    /// Where the kernel tells how many bytes this end's calls moved.
    pub fn moved_bytes(&self) -> MovedBytes {
        let Cell { send_path, receive_path, .. } = &self.work.cell;
        let interface = match self.role {
            Role::Send { .. } => path::find(send_path).map(|entry| entry.interface),
            Role::Receive { .. } => receive::find(receive_path).map(|entry| entry.interface),
        };
        interface.map_or(MovedBytes::Nowhere, |interface| interface.moved)
    }

    /// The longest that the trial may take.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience_s)
    }

    /// The CPU of stream `index`.
    pub fn cpu(&self, index: u32) -> Option<usize> {
        (!self.pin.is_empty()).then(|| self.pin[index as usize % self.pin.len()])
    }

    /// The CPUs that its workers are pinned to, each once.
    pub fn cpus(&self) -> Vec<usize> {
        let mut cpus: Vec<_> = self.pin.iter().copied().take(self.work.streams() as usize).collect();
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn order(is_sending: bool, path: &str, message_bytes: u64, threads: u32) -> Order {
        let cell = Cell { threads, ..Cell::example(path, message_bytes) };
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let role = match is_sending {
            true => Role::Send { listen: here },
            false => Role::Receive { peer: (here, 1).into(), nonce: 0 },
        };
        Order { trial: 1, role, work: Work::example(cell), pin: Vec::new(), patience_s: 1.0, watch: None }
    }

    #[test]
    fn memory_that_is_not_there_is_refused_with_what_is_needed_and_what_there_is() {
        let available = |mib: u64| Some(Available { bytes: mib << 20, limit: "MemAvailable of the host" });
        let large = order(true, "zero-copy", 64 << 20, 16);
        let refused = large.check_memory(available(5000)).unwrap_err();
        for part in
            ["messages of 16 streams take 9.0 GiB", "at the sender", "4.9 GiB can be had", "MemAvailable"]
        {
            assert!(refused.contains(part), "{refused}");
        }
        assert_eq!(large.check_memory(available(10_000)), Ok(()));
        assert_eq!(large.check_memory(None), Ok(()), "nothing tells how much there is");
        // Without a ring there are two: the message, and where it is gathered.
        assert_eq!(order(true, "two-copy", 64 << 20, 16).check_memory(available(2100)), Ok(()));
        let received = order(false, "zero-copy", 64 << 20, 16);
        assert!(received.check_memory(available(1000)).unwrap_err().contains("buffers of 16 streams"));
        assert_eq!(received.check_memory(available(1024)), Ok(()));
        // The fields of small messages take a cache line each.
        let mut small = order(true, "zero-copy", 64, 1);
        small.work.cell.working_set = Some(1 << 30);
        assert!(small.check_memory(available(8 << 10)).is_err());
    }
}
