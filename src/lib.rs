//! copycost measures what every copy in the network send path costs, and proves whether the copy happened.
//!
//! The map of the modules; each uses those below it, and none above.
//!
//! - [`cli`], [`command`]: the command line and its verbs.
//! - [`vm`]: any verb in a virtual machine: kernels, modules, QEMU, and the guest's first process.
//! - [`history`]: each cell over the runs of a directory.
//! - [`report`]: figures, the page and the Markdown, from a run's files alone.
//! - [`study`], [`prose`], [`plot`]: a run's written answers and the published figures; the words; the drawing.
//! - [`compare`], [`validate`]: whether two runs differ, whether a run is whole.
//! - [`against`]: two programs against each other in the same blocks.
//! - [`sweep`]: a grid's trials in blocks, and the run's directory.
//! - [`tables`], [`stats`]: what a run's files say; they know no socket.
//! - [`grid`]: the file that goes in.
//! - [`lab`]: where the two agents live, and how the coordinator takes them through a trial.
//! - [`agent`]: one end: states, worker threads.
//! - [`doctor`]: what the machine can do.
//! - [`xray`], [`witness`]: where time and bytes went; what an emulated card read.
//! - [`workload`]: what a stream does, at both ends, and the figures that are made of it.
//! - [`path`], [`receive`], [`counters`]: how a worker sends and receives, and what is counted beside it.
//! - [`options`]: how a trial is measured.
//! - [`sink`]: a connection whose payload is dropped uncopied, and acknowledged.
//! - [`link`], [`host`]: network namespaces and their veth pair; what the machine is.
//! - [`histogram`], [`record`]: delays, and the files that come out.
//! - [`uring`]: what io_uring's senders and receivers have in common.
//! - [`buffer`], [`cell`], [`channel`], [`choice`], [`clock`], [`exit`], [`failure`], [`file`], [`frame`], [`interface`], [`message`], [`output`],
//!   [`pattern`], [`setup`], [`socket`], [`span`], [`spelling`], [`style`], [`units`]: the nouns.

// Unit tests and tests of the binary draw runs with the same code, which names this crate.
#[cfg(test)]
extern crate self as copycost;

mod against;
pub mod agent;
mod buffer;
pub mod cell;
mod channel;
pub mod choice;
pub mod cli;
pub mod clock;
pub mod command;
pub mod compare;
pub mod counters;
mod doctor;
pub mod exit;
pub mod failure;
mod file;
pub mod frame;
pub mod grid;
pub mod histogram;
pub mod history;
mod host;
mod interface;
pub mod lab;
mod link;
mod message;
mod options;
pub mod output;
pub mod path;
mod pattern;
mod plot;
mod prose;
pub mod receive;
pub mod record;
pub mod report;
mod setup;
#[cfg(test)]
#[path = "../tests/support/simulate/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a part of other tests too")]
mod simulate;
mod sink;
#[cfg(test)]
mod skip;
pub mod socket;
mod span;
mod spelling;
pub mod stats;
mod study;
mod style;
mod sweep;
pub mod tables;
pub mod units;
mod uring;
pub mod validate;
pub mod vm;
mod witness;
pub mod workload;
pub mod xray;
