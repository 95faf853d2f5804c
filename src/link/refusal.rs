//! What the kernel refused, apart from what to do about it: `doctor` shows the two in different places.

use thiserror::Error;

/// A refusal and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {remedy}; or choose --lab loopback")]
pub(crate) struct Refusal {
    /// What was refused, and by which error.
    pub what: String,
    /// What to do: a command where there is one.
    pub remedy: String,
}
