//! A row of `roofline.csv`: what no send path of this machine can beat.

use super::column::{Column, column, word_field};
use crate::cell::{Wire, words};

/// What bounds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One copy within the second-level cache.
    L2,
    /// One copy within the last-level cache.
    Llc,
    /// One copy in memory.
    Memory,
    /// No copy at all: splice sends by reference and the receiver discards.
    Floor,
}

words!(Level: L2 = "l2", Llc = "llc", Memory = "memory", Floor = "floor");
word_field!(Level);

/// One bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Roofline {
    /// What bounds.
    pub level: Level,
    /// What the floor's streams went over; absent for a copy.
    pub wire: Option<Wire>,
    /// Bytes that the copies cycled through, source and destination together; absent for the floor.
    pub working_set_bytes: Option<u64>,
    /// Message size of the floor; absent for a copy.
    pub message_bytes: Option<u64>,
    /// Streams of the floor; absent for a copy, which is one CPU's.
    pub threads: Option<u32>,
    /// The bound on throughput, 10^9 bit/s: of one CPU that only copies, or of the floor.
    pub throughput_gbps: f64,
    /// The bound on cost, nanoseconds of CPU time per KiB (the floor's: both ends together).
    pub ns_per_kib: Option<f64>,
}

impl Default for Roofline {
    fn default() -> Self {
        Self {
            level: Level::L2,
            wire: None,
            working_set_bytes: None,
            message_bytes: None,
            threads: None,
            throughput_gbps: 0.0,
            ns_per_kib: None,
        }
    }
}

/// The columns of `roofline.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<Roofline>> {
    vec![
        column!("level", level, "l2, llc or memory: one copy there; floor: splice with trunc, no copy"),
        column!("wire", wire, "what the floor's streams went over; empty: a copy"),
        column!(
            "working_set_bytes",
            working_set_bytes,
            "source and destination of the copies together; empty: floor"
        ),
        column!("message_bytes", message_bytes, "message size of the floor; empty: a copy"),
        column!("threads", threads, "streams of the floor; empty: a copy on one CPU"),
        column!("throughput_gbps", throughput_gbps, "the bound on throughput, 10^9 bit/s"),
        column!("ns_per_kib", ns_per_kib, "the bound on CPU time per KiB, ns; the floor's of both ends"),
    ]
}
