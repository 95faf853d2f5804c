//! The verbs, one file each, which holds its flags and runs it.

mod against;
pub mod agent;
mod agents;
pub mod compare;
pub mod completions;
mod delays;
pub mod doctor;
mod dry_run;
pub mod export;
pub mod grid;
pub mod grids;
pub mod health;
pub mod history;
mod known;
mod lab;
pub mod link;
pub mod man;
pub mod measure;
pub mod paths;
pub mod report;
mod runs;
pub mod schema;
mod source;
mod stop;
pub mod sweep;
pub mod validate;
pub mod verbosity;
pub mod vm;
mod working_set;
pub mod xray;

use anyhow::Context;

pub use crate::exit::{Exit, UsageError};
use crate::output::Out;
use stop::stop_flag;

/// Writes to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Out.write_all(text.as_bytes()).and_then(|()| Out.flush()).context("writing to standard output")
}
