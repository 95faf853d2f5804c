//! The messages of the control channel. Every one refuses fields that it does not know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::cell::Side;
use crate::failure::Failure;
use crate::link::WireEnd;
use crate::record::CounterSource;
use crate::record::manifest::Host;
use crate::workload::EndReport;
use crate::xray::roofline::Bandwidth;
use crate::xray::watch::Seen;

/// Version of the protocol: both ends must speak the same.
pub const PROTOCOL: u32 = 6;

/// What the coordinator asks of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Make ready for a trial.
    Prepare(Box<Order>),
    /// Let the bytes flow.
    Start {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// Pause between warm-up and window. The receiver is told the bytes that each stream was sent.
    Hold {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// Bytes sent so far, a stream each; absent for the sender.
        bytes: Option<Vec<u64>>,
    },
    /// Begin the window.
    Measure {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// To the sender, when every stream's window has begun at both ends: let them send.
    Flow {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// The window that all streams have in common begins now, and ends after this time.
    Count {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// Seconds.
        window_s: f64,
    },
    /// End the streams' own windows and drain.
    Stop {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// Drop the trial.
    Abort {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// Show that you are alive.
    Ping,
    /// Measure how fast this host copies.
    Roofline {
        /// The CPU to measure; absent: whichever the scheduler chooses.
        cpu: Option<usize>,
    },
    /// Tell which interface this end of a wire is.
    Describe {
        /// Which end: the sender's has the address, the receiver's leads to it.
        side: Side,
        /// The sender's address on the wire.
        address: IpAddr,
    },
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The sender waits for streams here.
    Listening {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// The port that streams connect to; 0 on the wire `unix`, whose address is made of the nonce.
        address: SocketAddr,
        /// What a stream must present.
        nonce: u64,
    },
    /// Streams, buffers and counters stand.
    Ready {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// Every stream pauses; the sender reports the bytes of each.
    Held {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// Bytes sent or received so far, a stream each.
        bytes: Vec<u64>,
    },
    /// From the receiver: each stream's window begins with the next bytes that it gets.
    Armed {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// Every stream's window has begun.
    Measuring {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// The window that all streams have in common is over.
    Counted {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
    },
    /// The trial is over.
    Report {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// What was measured.
        report: Box<Report>,
    },
    /// The trial is over before its end.
    Broken {
        /// Number of the trial, as its `Prepare` gave it.
        trial: u64,
        /// Why.
        failure: Failure,
    },
    /// The answer to `Ping`.
    Pong,
    /// How fast this host copies, by cache level.
    Roofline {
        /// From the smallest cache to memory.
        levels: Vec<Bandwidth>,
    },
    /// The interface that was asked for.
    Interface {
        /// The interface, or why it could not be read.
        end: Result<WireEnd, String>,
    },
}

impl Reply {
    /// The trial that the reply belongs to; none for one that belongs to no trial.
    pub fn trial(&self) -> Option<u64> {
        match self {
            Self::Listening { trial, .. }
            | Self::Ready { trial }
            | Self::Held { trial, .. }
            | Self::Armed { trial }
            | Self::Measuring { trial }
            | Self::Counted { trial }
            | Self::Report { trial, .. }
            | Self::Broken { trial, .. } => Some(*trial),
            Self::Pong | Self::Interface { .. } | Self::Roofline { .. } => None,
        }
    }
}

/// What one end measured in a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What its streams did.
    pub end: EndReport,
    /// What an x-ray pass saw.
    pub seen: Option<Seen>,
}

/// The first frame, from the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version that the coordinator speaks: its [`PROTOCOL`].
    pub protocol: u32,
    /// Version of the coordinator's copycost, for messages.
    pub version: String,
    /// Random, hexadecimal: makes the agent's proof fresh.
    pub nonce: String,
}

/// The agent's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Random, hexadecimal: makes the coordinator's proof fresh, so that none can be replayed.
    pub nonce: String,
}

/// The coordinator's answer to [`Challenge`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// HMAC-SHA256 with the token as key, hexadecimal; empty where there is no token.
    pub proof: String,
}

/// The agent's last word of the handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Admission {
    /// Come in.
    Welcome(Box<Welcome>),
    /// Stay out, and why.
    Refused {
        /// One sentence.
        why: String,
    },
}

/// Who the agent is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The agent's proof that it knows the token too.
    pub proof: String,
    /// Version of its copycost.
    pub version: String,
    /// SHA-256 of its binary, hexadecimal; absent where it cannot read itself.
    pub binary_sha256: Option<String>,
    /// Its process, as numbered where it runs.
    pub pid: u32,
    /// What it read of its host when it started.
    pub host: Host,
    /// Where the figures of each counter come from, or why there are none.
    pub counters: BTreeMap<String, CounterSource>,
    /// CPUs that its workers may be pinned to, one of each core first.
    pub cpus: Vec<usize>,
    /// How far its clock is ahead of its kernel's, nanoseconds (time namespaces); absent where it cannot tell.
    pub clock_offset_ns: Option<i64>,
}
