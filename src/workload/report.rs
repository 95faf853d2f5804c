//! What the workers of one end report.

use serde::{Deserialize, Serialize};

use crate::histogram::Encoded;
use crate::host::Load;
use crate::record::latency::DelayKind;
use crate::record::stream::ZeroCopy;
use crate::record::way::Stage;
use crate::record::{End, ReceiveUsage, Received};
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
    /// Figures of the windows of so many streams together: of the first.
    pub fn total(&self, streams: u32) -> End {
        End::sum(
            &self.streams.iter().take(streams as usize).map(|stream| stream.end.clone()).collect::<Vec<_>>(),
        )
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
    /// What the kernel said of copying what was sent.
    pub usage: ZeroCopy,
    /// What it did with what was received.
    pub receive_usage: ReceiveUsage,
    /// TCP segments sent again.
    pub retransmits: Option<u64>,
    /// Bytes from connection to EOF.
    pub total_bytes: u64,
    /// CPU that the worker was pinned to.
    pub cpu: Option<usize>,
    /// Socket options as the kernel has them.
    pub read_back: ReadBack,
    /// How long its messages took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<KindDelays>,
    /// Whether a given rate was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// How long they took from one of the kernel's time stamps to the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageDelays>,
}

/// The times of one stage of the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageDelays {
    /// The stage.
    pub stage: Stage,
    /// The histogram.
    pub delays: Encoded,
}

/// The delays of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindDelays {
    /// From what to what.
    pub kind: DelayKind,
    /// The histogram.
    pub delays: Encoded,
}

/// How a given rate was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Messages that were to be sent in the window.
    pub intended: u64,
    /// Messages that were sent in it.
    pub sent: u64,
    /// Messages that were sent more than a mean interval after they were to be, or not at all.
    pub late: u64,
}

impl std::ops::Add for Pace {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            intended: self.intended + other.intended,
            sent: self.sent + other.sent,
            late: self.late + other.late,
        }
    }
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
