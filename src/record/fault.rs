//! What is wrong with a run's files, and where.

use thiserror::Error;

use crate::output::harmless;

/// One thing that a file must not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{file}{}: {}", self.place(), harmless(what))]
pub struct Fault {
    /// The name of the file, without its directory.
    pub file: String,
    /// The line, from 1; 0 where it is the file as a whole.
    pub line: u64,
    /// The column or the field, where one is to blame.
    pub column: Option<String>,
    /// What is wrong, as a clause.
    pub what: String,
}

impl Fault {
    /// Line and column, as far as they are to blame.
    fn place(&self) -> String {
        let line = (self.line > 0).then(|| format!(", line {}", self.line));
        let column = self.column.as_ref().map(|column| format!(", column {column}"));
        line.into_iter().chain(column).collect()
    }
}
