//! What a trial is and how it is measured, beside its cell.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::link::Offload;
use crate::record::BoundKind;
use crate::record::manifest::Netem;
use crate::socket::SocketOptions;

/// What every trial of a run has in common.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialOptions {
    /// What bounds the window.
    pub bound: Bound,
    /// How long bytes flow before the window.
    pub warmup: Duration,
    /// Where workers run.
    pub pin: Pin,
    /// What is set on each stream's socket, at both ends.
    pub socket: SocketOptions,
    /// Bytes asked for in a receive call.
    pub read_size: ReadSize,
    /// Compare every received byte.
    pub verify: bool,
    /// How far CLOCK_REALTIME of the two hosts may differ, where the user says that they are synchronised.
    pub clocks_within: Option<Duration>,
    /// Messages a second that each stream of a cell moves as fast as it can, by the cell's key, for rates that are a
    /// share of it; the sweep fills in what its trials have shown.
    pub capacities: BTreeMap<String, f64>,
}

/// What bounds the window of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Time.
    Duration(Duration),
    /// Messages of each stream.
    Messages(u64),
}

impl Bound {
    /// The word that rows have for it.
    #[must_use]
    pub fn kind(self) -> BoundKind {
        match self {
            Self::Duration(_) => BoundKind::Duration,
            Self::Messages(_) => BoundKind::Messages,
        }
    }

    /// The messages of each stream, where they bound it.
    #[must_use]
    pub fn messages(self) -> Option<u64> {
        match self {
            Self::Messages(messages) => Some(messages),
            Self::Duration(_) => None,
        }
    }
}

/// Where workers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The two ends on different cores, taken in turn.
    Auto,
    /// Wherever the scheduler puts them.
    None,
    /// On these CPUs, taken in turn.
    Explicit {
        /// The sender's.
        sender: Vec<usize>,
        /// The receiver's.
        receiver: Vec<usize>,
    },
}

/// Bytes asked for in a receive call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadSize {
    /// 64 KiB, whatever the message: what a program that reads streams would do. A buffer that does not stay
    /// in the second cache would make the receiver the slower end.
    Auto,
    /// As many bytes as a message has.
    Message,
    /// This many bytes.
    Bytes(u64),
}

impl ReadSize {
    /// The bytes for messages of this size.
    #[must_use]
    pub fn bytes(self, message_bytes: u64) -> u64 {
        match self {
            Self::Auto => 64 << 10,
            Self::Message => message_bytes,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// What a lab that makes its own link, or borrows one, makes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkOptions {
    /// Two interfaces that are joined already and are borrowed for the lab, the sender's first; absent: a veth pair
    /// is made.
    pub interfaces: Option<[String; 2]>,
    /// MTU of both ends, bytes; absent: the kernel's default.
    pub mtu: Option<u32>,
    /// Offloads of both ends, on or off; the others stay as the kernel has them.
    pub offloads: BTreeMap<Offload, bool>,
    /// What each end does to the packets that leave by it, so that each way has it once.
    pub netem: Option<Netem>,
}

/// Reads the names of two interfaces, as `ens1f0,ens1f1`.
pub(crate) fn parse_interfaces(text: &str) -> Result<[String; 2], String> {
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    two_interfaces(&names)
}

/// Two interfaces that may be joined, by their names.
pub(crate) fn two_interfaces(names: &[&str]) -> Result<[String; 2], String> {
    // dev_valid_name of the kernel.
    let is_name = |name: &str| {
        (1..16).contains(&name.len()) && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
    };
    match names {
        [one, other] if one == other => {
            Err(format!("interface `{one}` is given twice; name the two that are joined"))
        }
        [one, other] if is_name(one) && is_name(other) => Ok([(*one).to_owned(), (*other).to_owned()]),
        _ => {
            Err("interfaces are two names, the sender's and the receiver's, such as ens1f0 and ens1f1"
                .to_owned())
        }
    }
}
