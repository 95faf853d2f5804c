//! A run's files: read where they are, and replaced as a whole, so that a reader sees the old one or the new one and
//! never half of one.
//!
//! A directory that somebody else made may hold anything under these names. No link in it is followed, by which another
//! file would be read or written, and no pipe or device is waited for. The directory itself may be reached by a link: that
//! is who named it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

/// Whether there is something of this name, be it a link that leads nowhere.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Reads a file.
///
/// # Errors
/// When it is not there, cannot be read, or is no file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, File::options().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file that is there.
///
/// # Errors
/// When it is not there, cannot be opened so, or is no file.
pub(crate) fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    // A pipe would be waited for until somebody writes to it.
    let opened = how.custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path);
    match opened.and_then(|file| Ok((file.metadata()?.is_file(), file))) {
        Ok((true, file)) => Ok(file),
        Ok((false, _)) => Err(refusal(path).unwrap_or(ErrorKind::InvalidInput.into())),
        Err(error) => Err(refusal(path).unwrap_or(error)),
    }
}

/// Makes a directory, or takes one that is there.
///
/// # Errors
/// When it cannot be made, or something else has its name, such as a link to a directory.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let is_directory = path.symlink_metadata()?.is_dir();
            if is_directory { Ok(()) } else { Err(refusal(path).unwrap_or(error)) }
        }
        other => other,
    }
}

/// Why what has this name is not taken; none for a file.
fn refusal(path: &Path) -> Option<io::Error> {
    let kind = path.symlink_metadata().ok()?.file_type();
    let what = match () {
        () if kind.is_symlink() => "it is a symbolic link, and none is followed here",
        () if kind.is_dir() => "it is a directory",
        () if kind.is_file() => return None,
        () => "it is a pipe, a socket or a device",
    };
    Some(io::Error::new(
        ErrorKind::InvalidInput,
        format!("{what}; put a file of its own there, or remove it"),
    ))
}

/// Writes a file beside the old one, waits until the disk has it, and puts it in its place. A link of that name is
/// replaced, and not followed.
///
/// # Errors
/// When the directory cannot be written; the old file is as it was then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |beside| {
        // Exclusively: a link that somebody has just put there is not followed either.
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
    make(&beside).and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        let _ = fs::remove_file(&beside);
        match error.kind() {
            ErrorKind::StorageFull => {
                io::Error::new(error.kind(), format!("{error}; free some space and try again"))
            }
            _ => error,
        }
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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

    #[test]
    fn nothing_is_written_through_a_link() {
        let scratch = tempfile::tempdir().unwrap();
        let (precious, file) = (scratch.path().join("precious"), scratch.path().join("file.csv"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &file).unwrap();
        symlink(&precious, beside(&file)).unwrap();
        replace(&file, b"rows").unwrap();
        assert_eq!(
            (read(&file).unwrap(), read(&precious).unwrap()),
            (b"rows".to_vec(), b"precious".to_vec())
        );
        assert!(!is_there(&beside(&file)));
        fs::create_dir(scratch.path().join("real")).unwrap();
        let plots = scratch.path().join("plots");
        symlink(scratch.path().join("real"), &plots).unwrap();
        assert!(make_directory(&plots).unwrap_err().to_string().contains("is a symbolic link"));
        fs::remove_file(&plots).unwrap();
        assert!(make_directory(&plots).is_ok() && make_directory(&plots).is_ok());
    }

    #[test]
    fn what_is_no_file_is_refused_in_a_sentence_and_not_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        symlink("nowhere", at("link")).unwrap();
        for (name, what) in [
            ("pipe", "a pipe"),
            ("socket", "a socket"),
            ("directory", "a directory"),
            ("link", "a symbolic link"),
        ] {
            for how in [
                File::options().read(true),
                File::options().read(true).append(true),
                File::options().append(true),
            ] {
                let refused = open(&at(name), how).unwrap_err().to_string();
                assert!(refused.contains(what) && refused.contains("put a file"), "{name}: {refused}");
            }
            assert!(is_there(&at(name)));
        }
        assert_eq!(read(&at("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!is_there(&at("none")));
    }
}
