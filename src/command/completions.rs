//! `copycost completions`: for a shell.

use clap::Args;

use super::{Exit, print};

/// Flags of `copycost completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints those of this command line.
pub fn run(arguments: &CompletionsArgs, mut all: clap::Command) -> anyhow::Result<Exit> {
    // By way of memory: the generator panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut all, "copycost", &mut text);
    print(&String::from_utf8(text)?).map(|()| Exit::Success)
}
