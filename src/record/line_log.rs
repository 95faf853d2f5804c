//! A file of lines that is appended to, and read again: what a run's files that are no tables have in common.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::fault::Fault;
use crate::file;

/// A file of lines, to append to.
pub(super) struct LineLog {
    file: File,
}

impl LineLog {
    /// Makes it, with what stands above its lines.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub(super) fn create(path: &Path, header: &str) -> io::Result<Self> {
        let mut file = File::options().append(true).create_new(true).open(path)?;
        file.write_all(header.as_bytes())?;
        Ok(Self { file })
    }

    /// Puts this text in the place of a file that is there, and opens that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn replace(path: &Path, text: &str) -> io::Result<Self> {
        file::replace(path, text.as_bytes())?;
        Ok(Self { file: file::open(path, File::options().append(true))? })
    }

    /// Appends lines in one write; when it fails, the file is cut back to what it was.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        self.file.write_all(lines.as_bytes()).inspect_err(|_| {
            // The first error is the one to report; a file that cannot be cut is repaired on resume.
            let _ = self.file.set_len(before);
        })
    }
}

/// Reads every whole line of a file, each by `parse`, which is not asked about those that tell nothing; none where the
/// file is missing.
///
/// # Errors
/// When the file cannot be read, or of the first line that `parse` does not know: it is not `what`.
pub(super) fn read<T>(
    path: &Path,
    tells: impl Fn(&str) -> bool,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Vec<T>, Fault> {
    if !file::is_there(path) {
        return Ok(Vec::new());
    }
    let fault =
        |line: u64, what: String| Fault { file: path.display().to_string(), line, column: None, what };
    let bytes = file::read(path).map_err(|error| fault(0, error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| fault(0, format!("not UTF-8 ({error})")))?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let lines = (1..).zip(whole.lines()).filter(|(_, line)| tells(line));
    lines.map(|(number, line)| parse(line).ok_or_else(|| fault(number, format!("not {what}")))).collect()
}
