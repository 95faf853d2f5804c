//! A file of rows that is appended to, each row whole and flushed to the kernel before the next.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::csv_file::{self, header, lines, scan, whole_records};
use super::row::Recorded;
use crate::file;

/// A file of rows that is appended to.
pub struct Appender<R> {
    file: File,
    path: PathBuf,
    rows: PhantomData<fn(&R)>,
}

/// A file that is to be appended to: opened, locked and read, and not yet changed.
pub struct Resumable<R> {
    /// None where a killed run did not come to make it.
    file: Option<File>,
    dir: PathBuf,
    /// Bytes of the whole rows and their header.
    whole: u64,
    /// Every whole row.
    pub rows: Vec<R>,
}

impl<R: Recorded> Appender<R> {
    /// Makes a run's file with its header.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        let path = dir.join(R::FILE);
        let file = File::options().append(true).create_new(true).open(&path)?;
        lock(&file)?;
        Self { file, path, rows: PhantomData }.begin()
    }

    /// Writes the header.
    fn begin(mut self) -> io::Result<Self> {
        self.file.write_all(&header::<R>())?;
        Ok(self)
    }

    /// Appends rows in one write. When it fails, the file is cut back to what it was: never half a row.
    ///
    /// # Errors
    /// When the kernel does not take the row (a full disk).
    pub fn append(&mut self, rows: &[R]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        self.file.write_all(&lines(rows)).inspect_err(|_| {
            // The first error is the one to report; a file that cannot be cut is repaired on resume.
            let _ = self.file.set_len(before);
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl<R: Recorded> Resumable<R> {
    /// Opens a run's file and reads it.
    ///
    /// # Errors
    /// When it is no file, cannot be opened for writing, has other columns or a row that cannot be read, or another
    /// process appends to it.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(R::FILE);
        let place = || path.display().to_string();
        let mut file = match file::open(&path, File::options().read(true).append(true)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { file: None, dir: dir.to_owned(), whole: 0, rows: Vec::new() });
            }
            opened => opened.with_context(place)?,
        };
        lock(&file).with_context(place)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(place)?;
        let (whole, header) = (whole_records(&bytes), header::<R>());
        let is_ours = if whole > 0 { bytes.starts_with(&header) } else { header.starts_with(&bytes) };
        ensure!(
            is_ours,
            "{}: its columns are those of another version of copycost; resume with that version, or start a new run",
            place()
        );
        let mut rows = Vec::new();
        if whole > 0 {
            let scan = scan::<R>(&place(), &bytes, |_| true);
            if let Some(fault) = scan.faults.into_iter().next() {
                return Err(fault.into());
            }
            rows = scan.rows.into_iter().map(|found| found.row).collect();
        }
        Ok(Self { file: Some(file), dir: dir.to_owned(), whole: whole as u64, rows })
    }

    /// Cuts off half a row that a killed run left at the end, and takes away the rows that are not to be kept; a file
    /// that is not there is made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn resume(self, keep: impl Fn(&R) -> bool) -> Result<(Appender<R>, Vec<R>)> {
        let Self { file, dir, whole, mut rows } = self;
        let path = dir.join(R::FILE);
        let place = || path.display().to_string();
        let Some(mut file) = file else { return Ok((Appender::create(&dir).with_context(place)?, rows)) };
        let all = rows.len();
        rows.retain(keep);
        if rows.len() < all {
            csv_file::replace(&dir, &rows).with_context(place)?;
            file = file::open(&path, File::options().append(true)).with_context(place)?;
            lock(&file).with_context(place)?;
        } else {
            file.set_len(whole).with_context(place)?;
        }
        let appender = Appender { file, path: path.clone(), rows: PhantomData };
        Ok((if whole > 0 { appender } else { appender.begin().with_context(place)? }, rows))
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
