//! Any file of rows against its columns: every fault of it, not only the first.

use std::path::Path;

use super::findings::Findings;
use crate::file;
use crate::record::Recorded;
use crate::record::column::version;
use crate::record::csv_file::{self, Numbered};

/// Reads a run's file and notes what its columns do not allow. The rows are those that are whole and of which every
/// field is what its column holds; what else must hold of them is for others to check. A file of an older `schema`
/// lacks the columns that a later one brought.
///
/// # Errors
/// When the file cannot be read at all.
pub(super) fn rows<R: Recorded>(
    dir: &Path,
    schema: &str,
    findings: &mut Findings,
) -> std::io::Result<Vec<Numbered<R>>> {
    let bytes = file::read(&dir.join(R::FILE))?;
    let scan = csv_file::scan::<R>(R::FILE, &bytes, |column| column.version() <= version(schema));
    if let Some(line) = scan.truncated {
        findings.at(line, None, "the row is cut off in the middle");
    }
    for (place, name) in scan.header.iter().enumerate() {
        if scan.header.iter().take(place).any(|other| other == name) {
            findings.at(1, Some(name), "the column occurs twice");
        }
    }
    findings.found.extend(scan.faults);
    Ok(scan.rows)
}
