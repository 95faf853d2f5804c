//! Files and links that are replaced as a whole: a reader sees the old one or the new one, and never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside the old one, waits until the disk has it, and puts it in its place. A link of that name is
/// replaced, and not followed.
///
/// # Errors
/// When the directory cannot be written; the old file is as it was then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |beside| {
        let mut file = File::create_new(beside)?;
        file.write_all(bytes)?;
        file.sync_data()
    })
}

/// Makes a symbolic link, in the place of whatever file or link has its name.
///
/// # Errors
/// When the directory cannot be written, or the file system has no such links.
pub(crate) fn replace_by_link(path: &Path, to: &Path) -> io::Result<()> {
    put(path, |beside| std::os::unix::fs::symlink(to, beside))
}

fn put(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path);
    // A killed process may have left one.
    let _ = fs::remove_file(&beside);
    make(&beside).and_then(|()| fs::rename(&beside, path)).inspect_err(|_| drop(fs::remove_file(&beside)))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_whole_and_nothing_is_left_beside_it() {
        let scratch = tempfile::tempdir().unwrap();
        let (file, link) = (scratch.path().join("file.csv"), scratch.path().join("latest"));
        fs::write(beside(&file), "of a killed process").unwrap();
        for text in ["old and long", "new"] {
            replace(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            replace_by_link(&link, Path::new(text)).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(text));
        }
        replace(&link, b"no link").unwrap();
        assert!(link.symlink_metadata().unwrap().is_file());
        assert!(replace(&scratch.path().join("none/file"), b"").is_err());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_replaced_is_as_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("file.csv");
        fs::create_dir(&directory).unwrap();
        assert!(replace(&directory, b"rows").is_err());
        assert!(directory.is_dir() && !beside(&directory).exists());
    }
}
