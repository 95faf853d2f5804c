//! What a lab writes down before it borrows interfaces, so that they are restored whatever becomes of it.
//!
//! A journal is a file that its lab holds locked. The kernel unlocks it when the lab's process ends, however that
//! happens: a journal that is there and not locked is one that somebody has to deal with.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fsync, mkdir, open, openat, unlinkat};
use serde::{Deserialize, Serialize};

use super::saved::Saved;

/// Largest journal: two interfaces with all their routes.
const LARGEST: u64 = 16 << 20;

/// What stands in a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JournalEntry {
    /// The process that borrowed the interfaces.
    pub(super) pid: u32,
    /// The boot that it was in.
    pub(super) boot_id: Option<String>,
    /// The network namespace that the interfaces belong to, by its inode.
    pub(super) home: u64,
    pub(super) devices: Vec<Saved>,
}

/// A journal that this process holds.
#[derive(Debug)]
pub(super) struct Journal {
    directory: Directory,
    name: String,
    /// Locked as long as it is open.
    _file: File,
}

impl Journal {
    /// Writes one, and returns when the disk has it.
    pub(super) fn write(directory: Directory, entry: &JournalEntry) -> Result<Self> {
        let name = format!("interfaces-{}-{:x}.json", entry.pid, entry.home);
        // One that a process of the same number left was dealt with before, or belongs to an earlier boot.
        let _ = unlinkat(&directory.file, &name, AtFlags::empty());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let write = || {
            let mut file = File::from(openat(&directory.file, &name, flags, Mode::RUSR | Mode::WUSR)?);
            flock(&file, FlockOperation::LockExclusive)?;
            file.write_all(&serde_json::to_vec(entry)?)?;
            file.sync_all()?;
            fsync(&directory.file)?;
            io::Result::Ok(file)
        };
        let file = write().with_context(|| {
            format!("cannot write down what is borrowed in {}, so nothing was", directory.path.display())
        })?;
        Ok(Self { name, _file: file, directory })
    }

    /// Takes it away: everything is restored.
    pub(super) fn remove(self) {
        // Left behind it is only read again, and finds everything as it was.
        let _ = unlinkat(&self.directory.file, &self.name, AtFlags::empty());
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.path.join(&self.name)
    }
}

/// Where journals are. Nobody else may write there.
#[derive(Debug)]
pub(super) struct Directory {
    file: File,
    path: PathBuf,
}

impl Directory {
    /// `/run/copycost`, or a place below the user's own runtime directory.
    fn place() -> Option<PathBuf> {
        if nix::unistd::geteuid().is_root() {
            return Some("/run/copycost".into());
        }
        std::env::var_os("XDG_RUNTIME_DIR").map(|runtime| PathBuf::from(runtime).join("copycost"))
    }

    /// Opens it, and makes it where it is not there.
    pub(super) fn make() -> Result<Self> {
        let path = Self::place().context("XDG_RUNTIME_DIR is not set: there is no place for a journal")?;
        match mkdir(&path, Mode::RWXU) {
            Err(error) if error != rustix::io::Errno::EXIST => {
                return Err(error).with_context(|| format!("cannot make {}", path.display()));
            }
            _ => {}
        }
        Self::open(path)
    }

    /// Opens it where it is there.
    pub(super) fn existing() -> Option<Self> {
        Self::open(Self::place()?).ok()
    }

    fn open(path: PathBuf) -> Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let file = File::from(
            open(&path, flags, Mode::empty())
                .with_context(|| format!("cannot open the directory {}", path.display()))?,
        );
        let about = file.metadata()?;
        ensure!(
            about.uid() == nix::unistd::geteuid().as_raw() && about.mode() & 0o022 == 0,
            "{} belongs to another user or may be written by others; remove it",
            path.display()
        );
        Ok(Self { file, path })
    }

    /// Waits until no other lab is at work on interfaces; the answer is let go of when that is over.
    pub(super) fn lock(&self) -> Result<File> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let lock = File::from(openat(&self.file, ".", flags, Mode::empty())?);
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(lock)
    }

    /// Every journal, and those whose lab is gone held by this process from now on.
    pub(super) fn journals(&self) -> Result<Vec<(JournalEntry, Option<Journal>)>> {
        let mut found = Vec::new();
        for item in Dir::read_from(&self.file)? {
            let name = item?.file_name().to_string_lossy().into_owned();
            if !name.starts_with("interfaces-") {
                continue;
            }
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::RDONLY | OFlags::CLOEXEC;
            let Ok(file) = openat(&self.file, &name, flags, Mode::empty()) else { continue };
            let file = File::from(file);
            let is_left = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            let mut text = String::new();
            let read = (&file).take(LARGEST).read_to_string(&mut text);
            match read.ok().and_then(|_| serde_json::from_str(&text).ok()) {
                Some(entry) => {
                    let directory = Self { file: self.file.try_clone()?, path: self.path.clone() };
                    let journal = Journal { directory, name, _file: file };
                    found.push((entry, is_left.then_some(journal)));
                }
                // Cut off in mid-writing: nothing was moved yet.
                None if is_left => drop(unlinkat(&self.file, &name, AtFlags::empty())),
                None => {}
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn entry(pid: u32) -> JournalEntry {
        JournalEntry { pid, boot_id: None, home: 7, devices: Vec::new() }
    }

    fn open(path: &std::path::Path) -> Result<Directory> {
        Directory::open(path.to_owned())
    }

    #[test]
    fn a_journal_is_left_over_when_its_lab_is_gone() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = open(scratch.path()).unwrap();
        let journal = Journal::write(open(scratch.path()).unwrap(), &entry(1)).unwrap();
        assert_eq!(std::fs::metadata(journal.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let of = |directory: &Directory| -> Vec<(u32, bool)> {
            let all = directory.journals().unwrap();
            all.into_iter().map(|(entry, left)| (entry.pid, left.is_some())).collect()
        };
        assert_eq!(of(&directory), [(1, false)]);
        let Journal { _file: file, .. } = journal;
        drop(file);
        // A child that another test has just forked holds the lock as well, until it has become another program.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let left = loop {
            let (entry, journal) = directory.journals().unwrap().pop().unwrap();
            if let Some(journal) = journal {
                assert_eq!(entry.pid, 1);
                break journal;
            }
            assert!(std::time::Instant::now() < deadline, "nobody holds the lock, and it is not to be had");
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        left.remove();
        assert_eq!(of(&directory), []);
    }

    #[test]
    fn what_was_cut_off_in_mid_writing_is_taken_away() {
        let scratch = tempfile::tempdir().unwrap();
        let half = scratch.path().join("interfaces-1-7.json");
        std::fs::write(&half, "{\"pid\": 1, \"bo").unwrap();
        assert!(open(scratch.path()).unwrap().journals().unwrap().is_empty());
        assert!(!half.exists());
    }

    #[test]
    fn links_and_places_that_others_may_write_to_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let real = scratch.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = scratch.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(open(&link).is_err(), "a link was followed");
        // A journal that is a link is neither read nor written through.
        let victim = scratch.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        symlink(&victim, real.join("interfaces-1-7.json")).unwrap();
        assert!(open(&real).unwrap().journals().unwrap().is_empty());
        Journal::write(open(&real).unwrap(), &entry(1)).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");

        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open(&real).unwrap_err().to_string().contains("may be written by others"));
    }
}
