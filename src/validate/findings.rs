//! The faults of one file, as they are found.

use crate::record::Fault;

/// Where the faults of a file are noted.
pub(super) struct Findings<'a> {
    pub(super) file: &'static str,
    pub(super) found: &'a mut Vec<Fault>,
}

impl Findings<'_> {
    /// Notes a fault of the whole file.
    pub(super) fn file(&mut self, what: impl Into<String>) {
        self.at(0, None, what);
    }

    /// Notes a fault of a row, or of one of its fields.
    pub(super) fn at(&mut self, line: u64, column: Option<&str>, what: impl Into<String>) {
        self.found.push(Fault {
            file: self.file.to_owned(),
            line,
            column: column.map(str::to_owned),
            what: what.into(),
        });
    }

    /// Notes a fault unless something holds.
    pub(super) fn must(&mut self, holds: bool, line: u64, column: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.at(line, Some(column), what());
        }
    }
}
