//! Workloads: what a stream does between connection and end, at both ends, with what it reports and by which rule a
//! trial's figures are made of that.
//!
//! A workload is one folder and one line in [`REGISTRY`]. Every one is taken through the same phases (the [`Gate`]):
//! the agent's session, the control protocol and the labs know that there are workloads, and no kind of them.

pub mod gate;
mod note;
mod report;
mod stream;
mod work;

use socket2::Socket;

pub use gate::{Gate, Phase};
pub use note::{Note, Notes};
pub use report::{CommonWindow, EndReport, StreamReport};
pub(crate) use work::check_wait;
pub use work::{MOST_STREAMS, Work};

use crate::failure::Failure;
use crate::pattern::Pattern;
use crate::receive::ReceiveCounters;
use crate::record::{Received, Stream};

/// One workload, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids, rows and keys.
    pub name: &'static str,
    /// One line: what a stream does.
    pub about: &'static str,
    /// A stream's life at the end that sends messages.
    pub send: StreamFn,
    /// A stream's life at the end that receives them.
    pub receive: StreamFn,
    /// A trial's figures, of what the two ends report of as many streams.
    pub figures: fn(&Work, &EndReport, &EndReport) -> Result<TrialFigures, Failure>,
}

/// A stream's life at one end, from a connected socket to its report, on the thread that calls it.
pub type StreamFn = fn(&Worker) -> Result<StreamReport, Failure>;

/// What a stream's worker is given.
#[derive(Debug)]
pub struct Worker<'a> {
    /// What is to be done.
    pub work: &'a Work,
    /// Number of the stream, from 0.
    pub stream: u32,
    /// The bytes that it carries.
    pub pattern: Pattern,
    /// The stream's connection, made but not yet used.
    pub socket: &'a Socket,
    /// The phases of the trial.
    pub gate: &'a Gate,
    /// How it reports where it is.
    pub notes: &'a Notes,
    /// Where it counts what it receives, for others to look at meanwhile.
    pub tally: &'a ReceiveCounters,
}

/// A trial's figures, as its workload makes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialFigures {
    /// The receiver's window, seconds: what the streams have in common, or what they took together where messages
    /// bound it.
    pub window_s: f64,
    /// Payload bytes that the receiver got in it.
    pub bytes: u64,
    /// Whole messages among them.
    pub messages: u64,
    /// 10^9 bits a second.
    pub throughput_gbps: f64,
    /// Mean time a message takes a stream, microseconds.
    pub mean_recv_us: Option<f64>,
    /// What the receiver's interface received in the window.
    pub came: Option<Received>,
    /// Whether that agrees with the bytes; true where nothing counts them.
    pub is_settled: bool,
    /// Figures a stream each; what identifies the rows is filled in by the sweep.
    pub streams: Vec<Stream>,
}

/// Every workload: a new one is a new folder and one line here.
pub const REGISTRY: &[Entry] = &[stream::ENTRY];

/// The workload of this name.
///
/// # Errors
/// One sentence that lists the names there are.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    REGISTRY.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = REGISTRY.iter().map(|entry| entry.name).collect();
        format!("`{name}` is not a workload; choose one of {}", names.join(", "))
    })
}
