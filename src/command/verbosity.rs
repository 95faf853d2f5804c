//! How much is said on standard error while something runs.

use clap::Args;

use crate::sweep::progress::Verbosity;

/// Flags of what runs for long.
#[derive(Clone, Copy, Debug, Args)]
pub struct VerbosityArgs {
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
    /// Also say what the x-ray finds of each cell, as soon as it is found
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl VerbosityArgs {
    /// The same as one word.
    pub(crate) fn verbosity(self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Usual,
        }
    }
}
