//! The files of rows in a run's directory: read, appended to row by row, and replaced as a whole.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord};

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

/// Reads every whole row of a run's file. A last line without its newline was cut off in the middle: it is
/// left out and reported in [`Rows::truncated`].
///
/// # Errors
/// The first fault: a file that cannot be read, a header that lacks a column of the first version, or a field that is
/// not what its column holds.
pub fn read<R: Recorded>(dir: &Path) -> Result<Rows<R>, Fault> {
    let path = dir.join(R::FILE);
    let file = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| {
        let what = error.to_string();
        Fault { file: file.clone(), line: 0, column: None, what }
    })?;
    let scan = scan(&file, &bytes, |column| column.since.is_none());
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
    let whole = whole_lines(bytes);
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
            Ok(true) => scan.row(&columns, &places, &record, is_complete),
            Err(error) => scan.fault(error.position().map_or(0, Position::line), None, sentence(&error)),
        }
    }
}

impl<R: Row> Scan<R> {
    fn row(
        &mut self,
        columns: &[Column<R>],
        places: &[Option<usize>],
        record: &StringRecord,
        is_complete: bool,
    ) {
        let line = record.position().map_or(0, Position::line);
        if record.len() != self.header.len() {
            let (found, expected) = (record.len(), self.header.len());
            return self.fault(line, None, format!("{found} fields where the header has {expected}"));
        }
        let (mut row, mut is_whole) = (R::default(), is_complete);
        for (column, place) in columns.iter().zip(places) {
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

/// The length of what ends in a newline.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)
}

fn sentence(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::Utf8 { err, .. } => format!("not UTF-8 ({err})"),
        _ => error.to_string(),
    }
}

/// Rows as the text of a file: with their header.
pub fn text<R: Row>(rows: &[R]) -> Vec<u8> {
    let columns = R::columns();
    [header(&columns), lines(&columns, rows)].concat()
}

/// Puts rows in the place of whatever a run's file holds, so that a reader sees the old ones or the new ones.
///
/// # Errors
/// When the directory cannot be written; the file is as it was then.
pub fn replace<R: Recorded>(dir: &Path, rows: &[R]) -> io::Result<PathBuf> {
    let path = dir.join(R::FILE);
    file::replace(&path, &text(rows)).map(|()| path)
}

fn header<R>(columns: &[Column<R>]) -> Vec<u8> {
    csv_text(|writer| writer.write_record(columns.iter().map(|column| &column.name)))
}

fn lines<R>(columns: &[Column<R>], rows: &[R]) -> Vec<u8> {
    csv_text(|writer| {
        rows.iter().try_for_each(|row| writer.write_record(columns.iter().map(|column| (column.print)(row))))
    })
}

fn csv_text(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    write(&mut writer).expect("a Vec takes every byte");
    writer.into_inner().expect("a Vec takes every byte")
}

/// A file of rows that is appended to, each row whole and flushed to the kernel before the next.
pub struct Appender<R> {
    file: File,
    path: PathBuf,
    columns: Vec<Column<R>>,
}

impl<R: Recorded> Appender<R> {
    /// Makes a run's file with its header.
    pub fn create(dir: &Path) -> io::Result<Self> {
        let path = dir.join(R::FILE);
        let file = File::options().append(true).create_new(true).open(&path)?;
        lock(&file)?;
        Self { file, path, columns: R::columns() }.begin()
    }

    /// Opens a file to append to it, and cuts off a half row that a killed run left at its end; one that it did
    /// not come to make is made.
    ///
    /// # Errors
    /// When the file cannot be opened for writing, has other columns, or another process appends to it.
    pub fn resume(dir: &Path) -> io::Result<Self> {
        let path = dir.join(R::FILE);
        let mut file = File::options().read(true).append(true).create(true).open(&path)?;
        lock(&file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = whole_lines(&bytes);
        let appender = Self { file, path, columns: R::columns() };
        if whole > 0 && !bytes.starts_with(&header(&appender.columns)) {
            return Err(io::Error::other(
                "its columns are those of another version of copycost; resume with that version, or start a new run",
            ));
        }
        appender.file.set_len(whole as u64)?;
        if whole == 0 { appender.begin() } else { Ok(appender) }
    }

    /// Writes the header.
    fn begin(mut self) -> io::Result<Self> {
        self.file.write_all(&header(&self.columns))?;
        Ok(self)
    }

    /// Appends rows in one write. When it fails, the file is cut back to what it was: never half a row.
    ///
    /// # Errors
    /// When the kernel does not take the row (a full disk).
    pub fn append(&mut self, rows: &[R]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        self.file.write_all(&lines(&self.columns, rows)).inspect_err(|_| {
            // The first error is the one to report; a file that cannot be cut is repaired on resume.
            let _ = self.file.set_len(before);
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Keeps a second sweep away from the file, for as long as this process has it open.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another sweep writes it; wait for its end")),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
