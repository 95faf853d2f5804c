//! The order for one end of a trial: everything that a worker must know, checked before anything is made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::failure::Failure;
use crate::message::{LARGEST, SMALLEST};
use crate::pattern::{Pattern, Verifier};
use crate::receive::ReceivePath;
use crate::socket::SocketOptions;
use crate::xray::watch::Watch;
use crate::{path, receive};

/// Most streams of a trial.
pub const MOST_STREAMS: u32 = 1024;
/// Most memory that the messages or buffers of one agent may take, bytes.
pub const MOST_MEMORY: u64 = 8 << 30;
/// Longest trial, seconds.
const MOST_PATIENCE_S: f64 = 86_400.0;

/// The order for one end of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Number of the trial: frames of another are ignored.
    pub trial: u64,
    /// What to run.
    pub cell: Cell,
    /// Which end to be.
    pub role: Role,
    /// Messages of a stream in the window; absent: until told to stop.
    pub messages: Option<u64>,
    /// Options of the sockets.
    pub socket: SocketOptions,
    /// CPUs for the workers, taken in turn; empty: wherever the scheduler puts them.
    pub pin: Vec<usize>,
    /// Bytes asked for in a receive call.
    pub read_size: u64,
    /// Compare every received byte.
    pub verify: bool,
    /// Seconds after which the whole trial is given up.
    pub patience_s: f64,
    /// Seconds to wait for completions after the last send.
    pub drain_s: f64,
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
    ///
    /// # Errors
    /// One sentence that names the figure and its range.
    pub fn check(&self) -> Result<(), String> {
        let Cell { message_bytes, threads, working_set, .. } = &self.cell;
        path::find(&self.cell.send_path)?;
        receive::find(&self.cell.receive_path)?;
        if !(SMALLEST..=LARGEST).contains(message_bytes) {
            return Err(format!("a message has {SMALLEST} to {LARGEST} bytes, not {message_bytes}"));
        }
        if !(1..=MOST_STREAMS).contains(threads) {
            return Err(format!("a trial has 1 to {MOST_STREAMS} streams, not {threads}"));
        }
        if !(1..=LARGEST).contains(&self.read_size) {
            return Err(format!("a read asks for 1 to {LARGEST} bytes, not {}", self.read_size));
        }
        let stream = message_bytes.max(&self.read_size).max(&working_set.unwrap_or(0)).saturating_mul(2);
        if stream.saturating_mul(u64::from(*threads)) > MOST_MEMORY {
            return Err(format!("{threads} streams of {stream} bytes of buffers each are more than 8 GiB"));
        }
        if self.messages == Some(0) {
            return Err("a window has at least one message".to_owned());
        }
        for seconds in [self.patience_s, self.drain_s] {
            if !(0.0..=MOST_PATIENCE_S).contains(&seconds) {
                return Err(format!("a wait has 0 to {MOST_PATIENCE_S} seconds, not {seconds}"));
            }
        }
        Ok(())
    }

    /// The longest that the trial may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience_s)
    }

    /// The CPU of stream `index`.
    #[must_use]
    pub fn cpu(&self, index: u32) -> Option<usize> {
        (!self.pin.is_empty()).then(|| self.pin[index as usize % self.pin.len()])
    }

    /// The CPUs that its workers are pinned to, each once.
    #[must_use]
    pub fn cpus(&self) -> Vec<usize> {
        let mut cpus: Vec<_> = self.pin.iter().copied().take(self.cell.threads as usize).collect();
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }

    /// What stream `index` sends from.
    #[must_use]
    pub fn setup(&self, pattern: Pattern) -> path::Setup {
        path::Setup {
            message_bytes: self.cell.message_bytes as usize,
            working_set: self.cell.working_set,
            streams: self.cell.threads,
            pattern,
        }
    }

    /// The path that a stream with this pattern receives by.
    ///
    /// # Errors
    /// `Unsupported` when the path cannot do what the order asks.
    pub fn open_receive(&self, pattern: Pattern) -> Result<Box<dyn ReceivePath>, Failure> {
        let fresh = self.cell.payload == crate::cell::Payload::Fresh;
        let verifier = self.verify.then(|| Verifier::new(pattern, self.cell.message_bytes, fresh));
        let entry = receive::find(&self.cell.receive_path).map_err(Failure::Unsupported)?;
        (entry.open)(self.read_size as usize, verifier)
    }
}
