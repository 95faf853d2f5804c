//! The order for one end of a trial: everything that an agent must know, checked before anything is made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
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
