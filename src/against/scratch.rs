//! A directory that is gone when it is not needed any more.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::fcntl::{Flock, FlockArg};

const PREFIX: &str = "copycost-";
/// Older than this, a directory that nobody holds was left by a program that was killed, and is not about to be held.
const LEFT: Duration = Duration::from_secs(60);

/// An empty directory of this program's own, removed with all that is in it. It is locked (flock(2)) while it is in use.
pub(super) struct Scratch {
    path: PathBuf,
    _held: Flock<File>,
}

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let parent = std::env::temp_dir();
        remove_left(&parent);
        let template = parent.join(format!("{PREFIX}XXXXXX"));
        let cannot =
            || format!("cannot make {}; set TMPDIR to a directory that can be written", template.display());
        let path = nix::unistd::mkdtemp(&template).with_context(cannot)?;
        let held = hold(&path).with_context(cannot)?;
        Ok(Self { path, _held: held })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Locks a directory; fails where another process has.
fn hold(path: &Path) -> std::io::Result<Flock<File>> {
    Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Removes what killed programs of this user left.
fn remove_left(parent: &Path) {
    let is_left = |path: &Path| {
        let age =
            path.symlink_metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        age.is_some_and(|age| age > LEFT) && path.is_dir() && hold(path).is_ok()
    };
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let is_ours = random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_ours && is_left(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::{UtimensatFlags, utimensat};
    use nix::sys::time::TimeSpec;

    use super::*;

    #[test]
    fn what_a_killed_program_left_is_removed_and_what_is_held_or_new_or_anothers_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let old = TimeSpec::new(1_000_000_000, 0);
        let make = |name: &str, is_old: bool| {
            let path = parent.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("file"), "").unwrap();
            if is_old {
                utimensat(nix::fcntl::AT_FDCWD, &path, &old, &old, UtimensatFlags::FollowSymlink).unwrap();
            }
            path
        };
        let left = make("copycost-aB3dE6", true);
        let others =
            [make("copycost-results", true), make("copycost-lab-12", true), make("copycost-aaaaaa", false)];
        let held = make("copycost-bbbbbb", true);
        let lock = hold(&held).unwrap();
        remove_left(parent.path());
        assert!(!left.exists() && held.exists() && others.iter().all(|path| path.exists()));
        drop(lock);
        remove_left(parent.path());
        assert!(!held.exists());
    }
}
