//! How the program ends: exit codes, and the error that is the user's to fix.

use thiserror::Error;

/// How a verb ended: the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something was measured or done, and all is well.
    Success,
    /// It could not do the work.
    Unable,
    /// The command line or the grid is wrong.
    Usage,
    /// `compare` found a regression, or `validate` a violation.
    Found,
    /// Trials failed, or nothing could be measured.
    FailedTrials,
    /// A signal ended it before its work was done.
    Interrupted,
    /// What a command in a virtual machine ended with.
    OfCommand(u8),
}

impl Exit {
    /// The program's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unable => 1,
            Self::Usage => 2,
            Self::Found => 3,
            Self::FailedTrials => 4,
            Self::Interrupted => 130,
            Self::OfCommand(code) => code,
        }
    }
}

/// An error that is the user's to fix in the command line or the grid: exit code 2.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A signal came before there was anything to keep: exit code 130.
#[derive(Debug, Error)]
#[error("interrupted")]
pub struct Interrupted;
