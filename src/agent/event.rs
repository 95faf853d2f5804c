//! What a session is fed with, and how a worker tells it where it is.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use socket2::Socket;

use super::frame::FrameError;
use super::protocol::{Request, StreamReport};
use crate::failure::Failure;
use crate::receive::Tally;

/// What the state machine is fed with.
pub(super) enum Event {
    Frame(Request),
    Lost(FrameError),
    /// The streams of trial 0 stand, or not.
    Streams(u64, Result<Vec<Socket>, Failure>),
    /// A worker of the trial, by its thread id, is ready.
    Ready(u64, u32),
    Held(u64, u32, u64),
    Began(u64),
    Measured(u64),
    Done(u64, u32, Box<Result<StreamReport, Failure>>),
}

/// How a worker tells the session where it is.
pub(super) struct Notes {
    /// Number of the trial that the worker is of.
    pub(super) trial: u64,
    /// Where the session listens.
    pub(super) events: Sender<Event>,
    /// What each stream has received, for the session to look at.
    pub(super) tallies: Arc<[Tally]>,
}

impl Notes {
    /// Where stream `index` counts what it receives.
    pub(super) fn tally(&self, index: u32) -> &Tally {
        &self.tallies[index as usize]
    }

    /// Streams, buffers and counters stand.
    pub(super) fn ready(&self) {
        let _ = self.events.send(Event::Ready(self.trial, nix::unistd::gettid().as_raw() as u32));
    }

    /// The stream pauses after this many bytes.
    pub(super) fn held(&self, index: u32, bytes: u64) {
        let _ = self.events.send(Event::Held(self.trial, index, bytes));
    }

    /// The window begins now.
    pub(super) fn began(&self) {
        let _ = self.events.send(Event::Began(self.trial));
    }

    /// The window is over.
    pub(super) fn measured(&self) {
        let _ = self.events.send(Event::Measured(self.trial));
    }
}
