//! `copycost completions`: for a shell.

use clap::{Args, CommandFactory};

use super::{Exit, print};
use crate::cli::Cli;

/// Flags of `copycost completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints them.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &CompletionsArgs) -> anyhow::Result<Exit> {
    // By way of memory: the generator panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "copycost", &mut text);
    print(&String::from_utf8(text)?).map(|()| Exit::Success)
}
