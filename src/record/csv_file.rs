//! The files of rows in a run's directory: read, and replaced as a whole. Appended to: `appender.rs`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ErrorKind, Position, ReaderBuilder, StringRecord};

use super::column::Column;
use super::fault::Fault;
use super::row::{Recorded, Row};
use crate::file;

/// What a file of rows held.
#[derive(Debug)]
pub struct Rows<R> {
    /// Every complete row.
    pub rows: Vec<R>,
    /// The last line's number, when it was cut off in the middle (a killed sweep, a full disk).
    pub truncated: Option<u64>,
}

impl<R: Recorded> Rows<R> {
    /// What to say of a last row that was cut off.
    pub fn cut_off(&self, dir: &Path) -> Option<String> {
        let (file, line) = (dir.join(R::FILE), self.truncated?);
        Some(format!("{}, line {line}: the row is cut off in the middle and left out", file.display()))
    }
}

/// Reads every whole row of a run's file. A last row without its newline was cut off in the middle: it is left out and
/// reported in [`Rows::truncated`].
///
/// # Errors
/// The first fault: a file that cannot be read, a header that lacks a column of the first version, or a field that is
/// not what its column holds.
pub fn read<R: Recorded>(dir: &Path) -> Result<Rows<R>, Fault> {
    let path = dir.join(R::FILE);
    let name = path.display().to_string();
    let bytes = file::read(&path).map_err(|error| {
        let what = error.to_string();
        Fault { file: name.clone(), line: 0, column: None, what }
    })?;
    let scan = scan(&name, &bytes, |column| column.since.is_none());
    match scan.faults.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(Rows {
            rows: scan.rows.into_iter().map(|found| found.row).collect(),
            truncated: scan.truncated,
        }),
    }
}

/// A row and the line that it is in.
pub struct Numbered<R> {
    /// The line in the file; the header is line 1.
    pub line: u64,
    /// What the line holds.
    pub row: R,
}

/// A file of rows with everything that is wrong with it.
pub struct Scan<R> {
    /// The names in its first line.
    pub header: StringRecord,
    /// The rows that are whole and of which every field is what its column holds; none where a column is missing.
    pub rows: Vec<Numbered<R>>,
    /// Every fault, in the order of the file.
    pub faults: Vec<Fault>,
    /// As in [`Rows`].
    pub truncated: Option<u64>,
    file: String,
}

/// Reads a file's bytes. `must_have` says which columns must not be missing.
pub fn scan<R: Row>(file: &str, bytes: &[u8], must_have: impl Fn(&Column<R>) -> bool) -> Scan<R> {
    let whole = whole_records(bytes);
    let count = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let mut scan = Scan {
        header: StringRecord::new(),
        rows: Vec::new(),
        faults: Vec::new(),
        truncated: (whole < bytes.len()).then(|| 1 + count(&bytes[..whole])),
        file: file.to_owned(),
    };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(&bytes[..whole]);
    match reader.headers() {
        Ok(header) => scan.header = header.clone(),
        Err(error) => {
            scan.fault(1, None, sentence(&error));
            return scan;
        }
    }
    if let Some(line) = scan.truncated.filter(|_| swallows_rows(&bytes[whole..], scan.header.len())) {
        scan.truncated = None;
        scan.fault(
            line,
            None,
            "a quote is opened and never closed, so no row from here on can be read".to_owned(),
        );
    }
    let columns = R::columns();
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| scan.header.iter().position(|name| name == column.name)).collect();
    for (column, _) in
        columns.iter().zip(&places).filter(|(column, place)| place.is_none() && must_have(column))
    {
        scan.fault(1, Some(&column.name), "the column is missing".to_owned());
    }
    let is_complete = scan.faults.is_empty();
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return scan,
            Ok(true) => scan.row(&places, &record, is_complete),
            Err(error) => scan.fault(error.position().map_or(0, Position::line), None, sentence(&error)),
        }
    }
}

impl<R: Row> Scan<R> {
    fn row(&mut self, places: &[Option<usize>], record: &StringRecord, is_complete: bool) {
        let line = record.position().map_or(0, Position::line);
        if record.len() != self.header.len() {
            let (found, expected) = (record.len(), self.header.len());
            return self.fault(line, None, format!("{found} fields where the header has {expected}"));
        }
        let (mut row, mut is_whole) = (R::default(), is_complete);
        for (column, place) in R::columns().iter().zip(places) {
            let Some(place) = *place else { continue };
            if let Err(what) = (column.set)(&mut row, &record[place]) {
                self.fault(line, Some(&column.name), what);
                is_whole = false;
            }
        }
        if is_whole {
            self.rows.push(Numbered { line, row });
        }
    }

    fn fault(&mut self, line: u64, column: Option<&str>, what: String) {
        self.faults.push(Fault { file: self.file.clone(), line, column: column.map(str::to_owned), what });
    }
}

/// The length of the whole records, which end in a newline. The reader says where that is, for within quotes a newline
/// ends nothing: with another byte behind them, the last record that it finds is what is not whole, and that byte.
pub(super) fn whole_records(bytes: &[u8]) -> usize {
    let with_another = bytes.chain(&b"x"[..]);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(with_another);
    let (mut record, mut begin) = (ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).is_ok_and(|is_record| is_record) {
        begin = record.position().map_or(0, |at| at.byte() as usize);
    }
    let is_blank = bytes[begin..].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    if is_blank { bytes.len() } else { begin }
}

/// Whether what is not whole has rows behind a quote that nobody closed: it is no row that was cut off in the middle.
fn swallows_rows(rest: &[u8], fields: usize) -> bool {
    let behind = rest.iter().position(|&byte| byte == b'\n').map_or(&[][..], |end| &rest[end + 1..]);
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(behind);
    reader.into_byte_records().flatten().any(|record| record.len() == fields)
}

fn sentence(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::Utf8 { err, .. } => format!("not UTF-8 ({err})"),
        _ => error.to_string(),
    }
}

/// Rows as the text of a file: with their header.
pub fn text<R: Row>(rows: &[R]) -> Vec<u8> {
    [header::<R>(), lines(rows)].concat()
}

/// Puts rows in the place of whatever a run's file holds, so that a reader sees the old ones or the new ones.
///
/// # Errors
/// When the directory cannot be written; the file is as it was then.
pub fn replace<R: Recorded>(dir: &Path, rows: &[R]) -> io::Result<PathBuf> {
    let path = dir.join(R::FILE);
    file::replace(&path, &text(rows)).map(|()| path)
}

pub(super) fn header<R: Row>() -> Vec<u8> {
    csv_text(|writer| writer.write_record(R::columns().iter().map(|column| &column.name)))
}

pub(super) fn lines<R: Row>(rows: &[R]) -> Vec<u8> {
    csv_text(|writer| {
        rows.iter()
            .try_for_each(|row| writer.write_record(R::columns().iter().map(|column| (column.print)(row))))
    })
}

fn csv_text(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    write(&mut writer).expect("a Vec takes every byte");
    writer.into_inner().expect("a Vec takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_where_the_reader_ends_it() {
        for (text, whole) in [
            ("", 0),
            ("a,b", 0),
            ("a,b\n", 4),
            ("a,b\n1,2\n", 8),
            ("a,b\n1,2", 4),
            ("a,b\n1,\"x\ny", 4),
            ("a,b\n1,\"x\n", 4),
            ("a,b\n1,\"x\ny\"\n", 12),
            ("a,b\n1,\"x\ny\"\n2", 12),
            ("a,b\n1,\"x \"\"quoted\"\"\n", 4),
            ("a,b\r\n1,2\r\n", 10),
            ("a,b\n1,2\n\n", 9),
            ("a,b\n1,\u{fc}", 4),
        ] {
            assert_eq!(whole_records(text.as_bytes()), whole, "{text:?}");
        }
        assert_eq!(whole_records(b"a,b\n1,\xc3"), 4, "half a character");
    }

    #[test]
    fn a_quote_that_nobody_closes_takes_no_rows_away() {
        assert!(swallows_rows(b"1,\"x\n2,y\n3,z\n", 2));
        assert!(!swallows_rows(b"1,\"first line\nsecond\n", 2));
        assert!(!swallows_rows(b"1,x", 2));
    }
}
