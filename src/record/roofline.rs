//! A row of `roofline.csv`: what no send path of this machine can beat.

use super::column::word_field;
use super::row::row;
use crate::cell::{Wire, words};

/// What bounds a path.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One copy within the second-level cache.
    #[default]
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

row! {
    /// One bound that no send path of this machine can beat.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Roofline in "roofline.csv" {
        /// What bounds: one copy within a level of the caches or in memory, or (`floor`) splice with trunc, which copies
        /// nothing.
        level: Level,
        /// What the floor's streams went over; empty for a copy.
        wire: Option<Wire>,
        /// Bytes that the copies cycled through, source and destination together; empty for the floor.
        working_set_bytes: Option<u64> in "B",
        /// Message size of the floor; empty for a copy.
        message_bytes: Option<u64> in "B",
        /// Streams of the floor; empty for a copy, which is one CPU's.
        threads: Option<u32>,
        /// The bound on throughput: of one CPU that only copies, or of the floor.
        throughput_gbps: f64 in "Gb/s",
        /// The bound on CPU time per KiB; the floor's is of both ends together.
        ns_per_kib: Option<f64> in "ns/KiB",
    }
}
