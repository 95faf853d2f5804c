//! `copycost man`: the man page, in roff.

use clap::CommandFactory;

use super::{Exit, print};
use crate::cli::Cli;

/// Prints it.
///
/// # Errors
/// When standard output cannot be written.
pub fn run() -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    print(&String::from_utf8(text)?).map(|()| Exit::Success)
}
