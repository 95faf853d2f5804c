//! How the program ends: exit codes, and the error that is the user's to mend.

use std::fmt;

/// How a verb ended: the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// It could not do the work.
    Unable = 1,
    /// The command line or the grid is wrong.
    Usage = 2,
    /// `compare` found a regression, or `validate` a violation.
    Found = 3,
    /// The sweep finished with failed trials.
    FailedTrials = 4,
    /// A signal came.
    Interrupted = 130,
}

/// An error that is the user's to mend in the command line or the grid: exit code 2.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A signal came before there was anything to keep: exit code 130.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}
