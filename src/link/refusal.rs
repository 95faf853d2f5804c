//! What the kernel refused, apart from what to do about it: `doctor` shows the two in different places.

use std::fmt;

/// A refusal and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was refused, and by which error.
    pub what: String,
    /// What to do: a command where there is one.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; or choose --lab loopback", self.what, self.remedy)
    }
}

impl std::error::Error for Refusal {}
