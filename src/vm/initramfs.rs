//! The guest's whole file tree, as the archive that the kernel unpacks (initramfs, in the format `newc`): this
//! program as `/init`, modules, and the files that the command reads.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cpio::newc::{Builder, ModeFileType, trailer};

/// Most bytes of files that are carried along: the guest's memory holds them.
const MOST_CARRIED: u64 = 1 << 30;

/// An archive in the making.
pub(super) struct Initramfs {
    bytes: Vec<u8>,
    /// What is in it already.
    paths: BTreeSet<PathBuf>,
    number: u32,
    carried: u64,
}

impl Initramfs {
    /// An archive with the directories and devices that a program needs before anything is mounted.
    pub(super) fn new() -> Result<Self> {
        let mut archive =
            Self { bytes: Vec::new(), paths: BTreeSet::from(["/".into()]), number: 0, carried: 0 };
        for directory in ["/dev", "/proc", "/sys", "/tmp", "/run", "/root"] {
            archive.directory(Path::new(directory))?;
        }
        // Linux opens the console for /init, and Rust's runtime looks for /dev/null.
        archive.device("/dev/console", (5, 1))?;
        archive.device("/dev/null", (1, 3))?;
        Ok(archive)
    }

    /// The archive's bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        Ok(trailer(self.bytes)?)
    }

    /// Adds a directory, and those above it.
    pub(super) fn directory(&mut self, path: &Path) -> Result<()> {
        if self.paths.contains(path) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(parent)?;
        }
        self.entry(path, |entry| entry.mode(0o755).set_mode_file_type(ModeFileType::Directory), &[])
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
        self.above(path)?;
        self.entry(path, |entry| entry.mode(mode).set_mode_file_type(ModeFileType::Regular), bytes)
    }

    fn link(&mut self, path: &Path, to: &Path) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        self.above(path)?;
        let mode = |entry: Builder| entry.mode(0o777).set_mode_file_type(ModeFileType::Symlink);
        self.entry(path, mode, to.as_os_str().as_bytes())
    }

    fn device(&mut self, path: &str, (major, minor): (u32, u32)) -> Result<()> {
        let mode = |entry: Builder| {
            entry.mode(0o666).set_mode_file_type(ModeFileType::Char).rdev_major(major).rdev_minor(minor)
        };
        self.entry(Path::new(path), mode, &[])
    }

    fn above(&mut self, path: &Path) -> Result<()> {
        path.parent().map_or(Ok(()), |parent| self.directory(parent))
    }

    /// Adds what is at a place of the host at the same place: a file, a link with what it leads to, or a
    /// directory with all that is in it.
    pub(super) fn carry(&mut self, path: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let cannot = || format!("cannot carry {} into the machine", path.display());
        let meta = path.symlink_metadata().with_context(cannot)?;
        if self.paths.contains(path) && !meta.is_dir() {
            return Ok(());
        }
        if meta.is_symlink() {
            let to = std::fs::read_link(path).with_context(cannot)?;
            self.link(path, &to)?;
            // A link that leads nowhere leads nowhere in the guest.
            let target = lexically(&path.parent().unwrap_or(path).join(to));
            return if target.exists() { self.carry(&target) } else { Ok(()) };
        }
        if meta.is_dir() {
            self.directory(path)?;
            for entry in std::fs::read_dir(path).with_context(cannot)? {
                self.carry(&entry.with_context(cannot)?.path())?;
            }
            return Ok(());
        }
        ensure!(
            meta.is_file(),
            "{} is not a file, directory or link, so it cannot be carried into the machine",
            path.display()
        );
        self.carried += meta.len();
        ensure!(
            self.carried <= MOST_CARRIED,
            "the files that the command names are more than {} MiB together; name a smaller directory",
            MOST_CARRIED >> 20
        );
        let bytes = std::fs::read(path).with_context(cannot)?;
        self.file(path, meta.permissions().mode() & 0o777, &bytes)
    }

    fn entry(&mut self, path: &Path, kind: impl FnOnce(Builder) -> Builder, bytes: &[u8]) -> Result<()> {
        let name = path.strip_prefix("/").unwrap_or(path).to_str();
        let name = name.with_context(|| format!("{} is not valid UTF-8", path.display()))?;
        let size = u32::try_from(bytes.len()).with_context(|| format!("{} is too large", path.display()))?;
        self.number += 1;
        let mut entry = kind(Builder::new(name).ino(self.number).nlink(1)).write(&mut self.bytes, size);
        entry.write_all(bytes)?;
        entry.finish()?;
        self.paths.insert(path.to_owned());
        Ok(())
    }
}

/// A path without `.` and `..`, by its text alone.
pub(super) fn lexically(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Names and contents of an archive.
    fn unpack(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let (mut rest, mut all) = (bytes, Vec::new());
        loop {
            let mut reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return all;
            }
            let (name, mut content) = (reader.entry().name().to_owned(), Vec::new());
            reader.read_to_end(&mut content).unwrap();
            all.push((name, content));
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn a_carried_tree_is_at_its_place_with_what_its_links_lead_to() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("run")).unwrap();
        std::fs::write(root.join("run/trials.csv"), "rows").unwrap();
        std::os::unix::fs::symlink("run", root.join("latest")).unwrap();
        let mut archive = Initramfs::new().unwrap();
        archive.carry(&root.join("latest")).unwrap();
        archive.carry(&root.join("run")).unwrap();
        let all = unpack(&archive.finish().unwrap());
        let there = |path: &Path| path.strip_prefix("/").unwrap().to_str().unwrap().to_owned();
        let find = |path: PathBuf| all.iter().filter(|(name, _)| *name == there(&path)).collect::<Vec<_>>();
        assert_eq!(find(root.join("latest"))[0].1, b"run");
        assert_eq!(find(root.join("run/trials.csv"))[0].1, b"rows");
        assert_eq!(find(root.join("run/trials.csv")).len(), 1, "carried twice");
        assert!(all.iter().any(|(name, _)| name == "dev/null"));
    }

    #[test]
    fn a_path_is_cleaned_by_its_text() {
        assert_eq!(lexically(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
