//! Reading and appending CSV files of rows; an error names the file, the line and the column.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::column::Column;

/// Why a file of rows could not be read.
#[derive(Debug)]
pub struct ReadError {
    /// The file.
    pub file: PathBuf,
    /// Line in it, from 1; 0 when it could not be opened.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// What is wrong, as a clause.
    pub what: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if self.line > 0 {
            write!(out, ", line {}", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(out, ", column {column}")?;
        }
        write!(out, ": {}", self.what)
    }
}

impl std::error::Error for ReadError {}

/// What a file of rows held.
#[derive(Debug)]
pub struct Rows<R> {
    /// The whole rows.
    pub rows: Vec<R>,
    /// The last line's number, when it was cut off in the middle (a killed sweep, a full disk).
    pub truncated: Option<u64>,
}

impl<R> Rows<R> {
    /// What to say of a last row that was cut off.
    #[must_use]
    pub fn cut_off(&self, file: &Path) -> Option<String> {
        let line = self.truncated?;
        Some(format!("{}, line {line}: the row is cut off in the middle and left out", file.display()))
    }
}

/// Reads every whole row of a file. A last line without its newline was cut off in the middle: it is
/// left out and reported in [`Rows::truncated`].
///
/// # Errors
/// A file that cannot be read, a header that lacks a column of the first version, or a field that is not what its column holds.
pub fn read<R: Default>(path: &Path, columns: &[Column<R>]) -> Result<Rows<R>, ReadError> {
    let fail = |line, column: Option<&str>, what: String| ReadError {
        file: path.to_owned(),
        line,
        column: column.map(str::to_owned),
        what,
    };
    let bytes = std::fs::read(path).map_err(|error| fail(0, None, error.to_string()))?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let truncated =
        (whole < bytes.len()).then(|| 1 + bytes[..whole].iter().filter(|&&b| b == b'\n').count() as u64);

    let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[..whole]);
    let header = reader.headers().map_err(|error| fail(1, None, error.to_string()))?.clone();
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        match header.iter().position(|name| name == column.name) {
            Some(place) => places.push(Some(place)),
            None if column.since.is_some() => places.push(None),
            None => return Err(fail(1, Some(column.name), "the column is missing".to_owned())),
        }
    }

    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(Rows { rows, truncated }),
            Ok(true) => {}
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                return Err(fail(line, None, sentence(&error)));
            }
        }
        let mut row = R::default();
        for (column, place) in columns.iter().zip(&places) {
            let Some(place) = *place else { continue };
            let field = record.get(place).unwrap_or_default();
            (column.set)(&mut row, field).map_err(|what| {
                let line = record.position().map_or(0, csv::Position::line);
                fail(line, Some(column.name), what)
            })?;
        }
        rows.push(row);
    }
}

fn sentence(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => format!("not UTF-8 ({err})"),
        _ => error.to_string(),
    }
}

/// A file of rows that is appended to, each row whole and flushed to the kernel before the next.
pub struct Appender<R: 'static> {
    file: File,
    path: PathBuf,
    columns: Vec<Column<R>>,
}

impl<R> Appender<R> {
    /// Makes a new file with its header.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path, columns: Vec<Column<R>>) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        lock(&file)?;
        Self { file, path: path.to_owned(), columns }.begin()
    }

    /// Opens a file to go on with, and cuts off a half row that a killed run left at its end; one that it did
    /// not come to make is made.
    ///
    /// # Errors
    /// When the file cannot be opened for writing, has other columns, or another process appends to it.
    pub fn resume(path: &Path, columns: Vec<Column<R>>) -> io::Result<Self> {
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        lock(&file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let appender = Self { file, path: path.to_owned(), columns };
        if whole > 0 && !bytes.starts_with(&appender.header()) {
            return Err(io::Error::other(
                "its columns are those of another version of copycost; go on with that version, or begin a new run",
            ));
        }
        appender.file.set_len(whole as u64)?;
        if whole == 0 { appender.begin() } else { Ok(appender) }
    }

    /// Writes the header.
    fn begin(mut self) -> io::Result<Self> {
        let header = self.header();
        self.file.write_all(&header)?;
        Ok(self)
    }

    fn header(&self) -> Vec<u8> {
        line(&self.columns.iter().map(|column| column.name.to_owned()).collect::<Vec<_>>())
    }

    /// Appends rows in one write. When it fails, the file is cut back to what it was: never half a row.
    ///
    /// # Errors
    /// When the kernel does not take the row (a full disk).
    pub fn append(&mut self, rows: &[R]) -> io::Result<()> {
        let mut text = Vec::new();
        for row in rows {
            let fields: Vec<_> = self.columns.iter().map(|column| (column.print)(row)).collect();
            text.extend(line(&fields));
        }
        let before = self.file.metadata()?.len();
        self.file.write_all(&text).inspect_err(|_| {
            // The first error is the one to report; a file that cannot be cut is repaired on resume.
            let _ = self.file.set_len(before);
        })
    }

    /// Where the file is.
    #[must_use]
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

fn line(fields: &[String]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields).expect("a Vec takes every byte");
    writer.into_inner().expect("a Vec takes every byte")
}
