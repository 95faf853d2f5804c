//! copycost measures what every copy in the network send path costs, and proves whether the copy happened.
//!
//! The map of the modules; arrows point down only.
//!
//! - [`cli`], [`command`]: the command line and its verbs.
//! - [`vm`]: any verb in a virtual machine: kernels, modules, QEMU, and the guest's first process.
//! - [`sweep`]: a grid's trials in blocks, and the run's directory.
//! - [`lab`]: where the two agents live, and how the coordinator takes them through a trial.
//! - [`agent`]: one end: control frames, states, worker threads.
//! - [`workload`]: what a stream does, at both ends, and the figures that are made of it.
//! - [`path`], [`receive`], [`counters`]: how a worker sends and receives, and what is counted beside it.
//! - [`against`]: two programs against each other in the same blocks.
//! - [`report`]: figures, the page and the Markdown, from a run's files alone.
//! - [`study`], [`prose`], [`plot`]: a run's written answers and the published figures; the words; the drawing.
//! - [`grid`], [`record`]: the file that goes in, and the files that come out.
//! - [`tables`], [`compare`], [`validate`], [`stats`]: what a run's files say, whether two runs differ, whether a
//!   run is whole; they know no socket.
//! - [`link`], [`host`], [`doctor`]: network namespaces and their veth pair; what the machine is, and can do.
//! - [`message`], [`pattern`], [`socket`], [`cell`], [`options`], [`setup`], [`units`], [`failure`], [`file`], [`exit`], [`output`]: the nouns.

// Unit tests and tests of the binary draw runs with the same code, which names this crate.
#[cfg(test)]
extern crate self as copycost;

mod against;
pub mod agent;
mod buffer;
pub mod cell;
pub mod cli;
pub mod command;
pub mod compare;
pub mod counters;
mod doctor;
pub mod exit;
pub mod failure;
mod file;
pub mod grid;
mod host;
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
#[cfg(test)]
mod skip;
pub mod socket;
pub mod stats;
mod study;
mod sweep;
pub mod tables;
pub mod units;
pub mod validate;
pub mod vm;
mod witness;
pub mod workload;
pub mod xray;
