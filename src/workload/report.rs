//! What the workers of one end report.

use serde::{Deserialize, Serialize};

use crate::host::Load;
use crate::record::stream::ZeroCopy;
use crate::record::{End, Received};
use crate::socket::ReadBack;

/// What one end's streams did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndReport {
    /// One entry a stream, in the order of their numbers.
    pub streams: Vec<StreamReport>,
    /// The window that all streams have in common; absent where it never began or never ended.
    pub common: Option<CommonWindow>,
}

impl EndReport {
    /// Figures of the windows of all streams together.
    #[must_use]
    pub fn total(&self) -> End {
        End::sum(&self.streams.iter().map(|stream| stream.end.clone()).collect::<Vec<_>>())
    }
}

/// What one end measured of one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamReport {
    /// Figures of the window.
    pub end: End,
    /// When the window began, seconds on a clock that all streams of this end share.
    pub began_s: f64,
    /// What the kernel said of copying.
    pub usage: ZeroCopy,
    /// TCP segments sent again.
    pub retransmits: Option<u64>,
    /// Bytes from connection to EOF.
    pub total_bytes: u64,
    /// CPU that the worker was pinned to.
    pub cpu: Option<usize>,
    /// Socket options as the kernel has them.
    pub read_back: ReadBack,
}

/// What all streams of one end did in the time in which each of them was inside its own window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonWindow {
    /// Its length, seconds: from the last stream's begin to the first one's end.
    pub window_s: f64,
    /// Payload bytes that each stream received in it; none from the sender.
    pub bytes: Vec<u64>,
    /// What the interface of the receiver's streams has received in it; absent where it does not count.
    pub came: Option<Received>,
    /// The host's load in it.
    pub load: Load,
}
