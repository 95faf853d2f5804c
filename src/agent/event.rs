//! What a session is fed with.

use socket2::Socket;

use super::protocol::Request;
use crate::failure::Failure;
use crate::frame::FrameError;
use crate::workload::{Note, StreamReport};

/// What the state machine is fed with.
pub(super) enum SessionEvent {
    Frame(Request),
    Lost(FrameError),
    /// The streams of trial 0 stand, or not.
    Streams(u64, Result<Vec<Socket>, Failure>),
    /// What a worker of the trial reports.
    Note(u64, Note),
    /// Stream 1 of trial 0 is over.
    Done(u64, u32, Box<Result<StreamReport, Failure>>),
}
