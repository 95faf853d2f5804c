//! A row of `copies.csv`: how often each payload byte was copied in one place, and how that is known.

use serde::{Deserialize, Serialize};

use super::column::word_field;
use super::row::row;
use crate::cell::{Side, words};

/// Where a payload byte is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// By the program, in user space.
    #[default]
    User,
    /// Into the kernel, inside the send call.
    Kernel,
    /// Inside the kernel, when a zero-copy skb is delivered on the same host.
    Deferred,
    /// By the kernel, of what TCP has handed on: segments, packets for a tap or for XDP, bounce buffers.
    BelowTcp,
    /// From the kernel to the receiver.
    Receive,
    /// By the kernel, nobody knows for whom.
    Unknown,
    /// On the way to the card: bytes that the card read elsewhere than in the program's own pages.
    Card,
}

words!(Place:
    User = "user",
    Kernel = "kernel",
    Deferred = "deferred",
    BelowTcp = "below-tcp",
    Receive = "receive",
    Unknown = "unknown",
    Card = "card",
);

impl Place {
    /// The places that the x-ray looks at, in the order of their rows.
    pub const XRAYED: [Self; 6] =
        [Self::User, Self::Kernel, Self::Deferred, Self::BelowTcp, Self::Receive, Self::Unknown];
}

/// How a figure is known, the strongest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The card itself reported which bytes it read, and where.
    Witnessed,
    /// Every copy was recorded with its length, and none was lost unnoticed; below TCP a lower bound, because
    /// only copies in the worker threads' own time are recorded.
    Exact,
    /// The kernel said so in its completions: at least so many calls had a packet copied.
    Flagged,
    /// The program is so written, and samples agree.
    Construction,
    /// Samples show the copy, or show that there is none.
    Sampled,
    /// It cannot be known here; the row says why.
    #[default]
    NotMeasurable,
}

words!(Evidence:
    Witnessed = "witnessed",
    Exact = "exact",
    Flagged = "flagged",
    Construction = "construction",
    Sampled = "sampled",
    NotMeasurable = "not measurable here",
);

/// What the evidence says of a path's label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Two kinds of evidence disagree: one of them is wrong, and nothing may be built on either.
    Contradicted,
    /// The label is wrong here.
    Refuted,
    /// It holds.
    Confirmed,
    /// There is no evidence either way.
    #[default]
    NotMeasurable,
}

words!(Verdict:
    Contradicted = "contradicted",
    Refuted = "refuted",
    Confirmed = "confirmed",
    NotMeasurable = "not measurable",
);
word_field!(Evidence, Verdict, Place);

row! {
    /// One place of copying of one cell: how often each payload byte was copied there, and how that is known.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Copies in "copies.csv" {
        /// Key of the cell.
        cell: String,
        /// The end whose promise it is; deferred, below-tcp and unknown copies are looked for at both ends.
        side: Side,
        /// Where the bytes are copied.
        place: Place,
        /// Bytes copied there per payload byte; empty where only the copy's presence is known, or nothing.
        copied_per_byte: Option<f64>,
        /// How that is known.
        evidence: Evidence,
        /// What it says of the path's label.
        verdict: Verdict,
        /// What the path's name promises here, bytes per payload byte.
        promised: Option<f64>,
        /// Bytes copied in the calls that were recorded.
        copied_bytes: Option<u64> in "B",
        /// Bytes that the same calls moved.
        call_bytes: Option<u64> in "B",
        /// Those calls.
        calls: Option<u64>,
        /// Records lost; the calls around them are in neither sum.
        lost: Option<u64>,
        /// Share of the samples, without idle ones, that fell into this copy: of this end's, or of both ends' where both
        /// are looked at.
        share: Option<f64>,
        /// What was found, or which right or feature is missing.
        note: String,
    }
}
