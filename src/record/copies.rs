//! A row of `copies.csv`: how often each payload byte was copied in one place, and how that is known.

use serde::{Deserialize, Serialize};

use super::column::{Column, column, word_field};
use crate::cell::{Side, words};

/// Where a payload byte is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// By the program, in user space.
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
    pub const EXAMINED: [Self; 6] =
        [Self::User, Self::Kernel, Self::Deferred, Self::BelowTcp, Self::Receive, Self::Unknown];
}

/// How a figure is known, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The card itself told which bytes it read, and where.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Two kinds of evidence disagree: one of them is wrong, and nothing may be built on either.
    Contradicted,
    /// The label is wrong here.
    Refuted,
    /// It holds.
    Confirmed,
    /// There is no evidence either way.
    NotMeasurable,
}

words!(Verdict:
    Contradicted = "contradicted",
    Refuted = "refuted",
    Confirmed = "confirmed",
    NotMeasurable = "not measurable",
);
word_field!(Evidence, Verdict, Place);

/// One place of copying of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Copies {
    /// The cell's key.
    pub cell: String,
    /// Which end.
    pub side: Side,
    /// Where the bytes are copied.
    pub place: Place,
    /// Bytes copied there per payload byte; absent when only the copy's presence is known, or nothing.
    pub copied_per_byte: Option<f64>,
    /// How that is known.
    pub evidence: Evidence,
    /// What it says of the label.
    pub verdict: Verdict,
    /// What the path's name promises here, bytes per payload byte.
    pub promised: Option<f64>,
    /// Bytes copied in the calls that were recorded.
    pub copied_bytes: Option<u64>,
    /// Bytes that the same calls moved.
    pub call_bytes: Option<u64>,
    /// Those calls.
    pub calls: Option<u64>,
    /// Records lost; the calls around them are in neither sum.
    pub lost: Option<u64>,
    /// Share of the samples, without idle ones, that fell into this copy: of this end's, or of both ends'.
    pub share: Option<f64>,
    /// One sentence: what was found, or which right or feature is missing.
    pub note: String,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            cell: String::new(),
            side: Side::Sender,
            place: Place::User,
            copied_per_byte: None,
            evidence: Evidence::NotMeasurable,
            verdict: Verdict::NotMeasurable,
            promised: None,
            copied_bytes: None,
            call_bytes: None,
            calls: None,
            lost: None,
            share: None,
            note: String::new(),
        }
    }
}

/// The columns of `copies.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<Copies>> {
    vec![
        column!("cell", cell, "key of the cell"),
        column!(
            "side",
            side,
            "sender or receiver: whose promise it is; deferred, below-tcp and unknown copies are looked for at both ends"
        ),
        column!(
            "place",
            place,
            "user, kernel, deferred, below-tcp, receive, unknown or card: where the bytes are copied"
        ),
        column!(
            "copied_per_byte",
            copied_per_byte,
            "bytes copied there per payload byte; empty: only presence is known, or nothing"
        ),
        column!(
            "evidence",
            evidence,
            "witnessed, exact, flagged, construction, sampled, or not measurable here: how it is known"
        ),
        column!(
            "verdict",
            verdict,
            "confirmed, refuted, contradicted or not measurable: what it says of the label"
        ),
        column!("promised", promised, "what the path's name promises, bytes per payload byte"),
        column!("copied_bytes", copied_bytes, "bytes copied in the calls that were recorded"),
        column!("call_bytes", call_bytes, "bytes that the same calls moved"),
        column!("calls", calls, "those calls"),
        column!("lost", lost, "records lost; the calls around them are in neither sum"),
        column!(
            "share",
            share,
            "share of the samples, without idle ones, that fell into this copy: of both ends' where both are looked at"
        ),
        column!("note", note, "what was found, or which right or feature is missing"),
    ]
}
