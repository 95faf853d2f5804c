//! What is wrong with a run, and where.

use std::fmt;

/// One thing that a run's files must not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, inside the run's directory.
    pub file: String,
    /// The line, from 1; 0 where it is the file as a whole.
    pub line: u64,
    /// The column or the field, where one is to blame.
    pub column: Option<String>,
    /// What is wrong, as a clause.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ", line {}", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(out, ", column {column}")?;
        }
        write!(out, ": {}", self.what)
    }
}

/// The violations of one file, as they are found.
pub(super) struct Findings<'a> {
    pub(super) file: &'static str,
    pub(super) found: &'a mut Vec<Violation>,
}

impl Findings<'_> {
    /// Notes a violation of the whole file.
    pub(super) fn file(&mut self, what: impl Into<String>) {
        self.at(0, None, what);
    }

    /// Notes a violation of a row, or of one of its fields.
    pub(super) fn at(&mut self, line: u64, column: Option<&str>, what: impl Into<String>) {
        self.found.push(Violation {
            file: self.file.to_owned(),
            line,
            column: column.map(str::to_owned),
            what: what.into(),
        });
    }

    /// Notes a violation unless something holds.
    pub(super) fn must(&mut self, holds: bool, line: u64, column: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.at(line, Some(column), what());
        }
    }
}
