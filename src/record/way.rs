//! A stage of a message's way: one line of `way.csv`, as the kernel's time stamps tell it in an x-ray pass.

use serde::{Deserialize, Serialize};

use super::column::word_field;
use super::row::row;
use crate::cell::words;

/// A part of a message's way, from one stamp to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// From the begin of the send call until the last byte's packet reaches the queue of the interface.
    #[default]
    ToQueue,
    /// From there until the driver has it.
    ToWire,
    /// From there until the receiver's kernel has it.
    ToSocket,
    /// From there until the receiving program has it.
    ToApplication,
}

words!(Stage:
    ToQueue = "to-queue",
    ToWire = "to-wire",
    ToSocket = "to-socket",
    ToApplication = "to-application",
);
word_field!(Stage);

impl Stage {
    /// Every stage, in the order of the way.
    pub const ALL: [Self; 4] = [Self::ToQueue, Self::ToWire, Self::ToSocket, Self::ToApplication];

    /// It for a reader.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToQueue => "application to queue",
            Self::ToWire => "queue to wire",
            Self::ToSocket => "wire to socket",
            Self::ToApplication => "socket to application",
        }
    }
}

row! {
    /// A stage of the way of a cell's messages, one in flight at a time, by the kernel's software time stamps.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Way in "way.csv" {
        /// Key of the cell.
        cell: String,
        /// The stage.
        stage: Stage,
        /// Messages of which the kernel told all stamps.
        count: u64,
        /// The median time.
        p50_us: Option<f64> in "us",
        /// 90 % of the messages took at most this.
        p90_us: Option<f64> in "us",
        /// 99 % of the messages took at most this.
        p99_us: Option<f64> in "us",
        /// The mean time.
        mean_us: Option<f64> in "us",
        /// Why there are no figures; empty otherwise.
        reason: String,
    }
}
