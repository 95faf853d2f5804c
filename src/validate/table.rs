//! Any file of rows against its columns: every fault of it, not only the first.

use std::path::Path;

use super::violation::Findings;
use crate::record::Column;

/// A row and the line it stands in.
pub(super) struct Row<R> {
    pub(super) line: u64,
    pub(super) row: R,
}

/// Reads a file and notes what its columns do not allow. The rows are those that are whole and of which every
/// field is what its column holds; what else must hold of them is for others to check. A file of an older `schema`
/// lacks the columns that a later one brought.
///
/// # Errors
/// When the file cannot be read at all.
pub(super) fn rows<R: Default>(
    path: &Path,
    columns: &[Column<R>],
    schema: &str,
    findings: &mut Findings,
) -> std::io::Result<Vec<Row<R>>> {
    let bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        let line = 1 + bytes[..whole].iter().filter(|&&byte| byte == b'\n').count() as u64;
        findings.at(line, None, "the row is cut off in the middle");
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&bytes[..whole]);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            findings.at(1, None, format!("no header: {error}"));
            return Ok(Vec::new());
        }
    };
    for (place, name) in header.iter().enumerate() {
        if header.iter().take(place).any(|other| other == name) {
            findings.at(1, Some(name), "the column occurs twice");
        }
    }
    let (mut places, mut complete) = (Vec::new(), true);
    for column in columns {
        let place = header.iter().position(|name| name == column.name);
        if place.is_none() && column.since.is_none_or(|since| version(since) <= version(schema)) {
            findings.at(1, Some(column.name), "the column is missing");
            complete = false;
        }
        places.push(place);
    }

    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                findings.at(line, None, format!("not a row of CSV: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            let (found, expected) = (record.len(), header.len());
            findings.at(line, None, format!("{found} fields where the header has {expected}"));
            continue;
        }
        let mut row = R::default();
        let mut is_whole = complete;
        for (column, place) in columns.iter().zip(&places) {
            let Some(field) = place.and_then(|place| record.get(place)) else { continue };
            if let Err(what) = (column.set)(&mut row, field) {
                findings.at(line, Some(column.name), what);
                is_whole = false;
            }
        }
        if is_whole {
            rows.push(Row { line, row });
        }
    }
    Ok(rows)
}

/// The numbers of a version, so that 1.10 comes after 1.9.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}
