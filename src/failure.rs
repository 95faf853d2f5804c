//! Why a trial did not end well: data that travels between the processes and ends as a row.

use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::output::harmless;

/// Why a trial did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Failure {
    /// This machine cannot run the cell.
    #[error("{0}")]
    Unsupported(String),
    /// The trial broke; the same trial may work another time.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// A failed trial, from what was being done and what the kernel said.
    pub fn io(doing: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Failed(format!("{doing}: {error}"))
    }

    /// The same, when the reason is that of somebody else.
    #[must_use]
    pub fn of_another(self) -> Self {
        match self {
            Self::Unsupported(reason) => Self::Unsupported(harmless(&reason)),
            Self::Failed(reason) => Self::Failed(harmless(&reason)),
        }
    }

    /// The reason, without the word for its kind.
    pub fn reason(&self) -> &str {
        match self {
            Self::Unsupported(reason) | Self::Failed(reason) => reason,
        }
    }
}
