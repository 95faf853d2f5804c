//! Results come home: changes that the guest reports of its files are made to the host's.
//!
//! The guest is a program of another kernel's making: nothing that it says reaches a path outside the directories
//! that were handed to it, nor follows a link out of them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::frame::Change;
use crate::file;

/// The directories that the guest may write to.
#[derive(Debug)]
pub(crate) struct Home(pub(crate) Vec<PathBuf>);

impl Home {
    /// Applies what the guest reports.
    ///
    /// # Errors
    /// When the path is none of the guest's, or cannot be written.
    pub(crate) fn apply(&self, path: &Path, change: &Change, bytes: &[u8]) -> Result<()> {
        let is_plain = path.components().skip(1).all(|part| matches!(part, Component::Normal(_)));
        ensure!(
            path.is_absolute() && is_plain && self.0.iter().any(|root| path.starts_with(root)),
            "the machine wrote to {}, which is not one of its directories",
            path.display()
        );
        self.refuse_links_above(path)?;
        apply(path, change, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A link between a root and the path would lead out of the root.
    fn refuse_links_above(&self, path: &Path) -> Result<()> {
        let above = path.ancestors().skip(1).take_while(|above| !self.0.iter().any(|root| root == above));
        for above in above {
            let is_link = above.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
            ensure!(!is_link, "{} is a link, and the machine does not write through links", above.display());
        }
        Ok(())
    }
}

fn apply(path: &Path, change: &Change, bytes: &[u8]) -> io::Result<()> {
    match change {
        Change::Directory => match fs::create_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        },
        Change::Link(to) => file::replace_by_link(path, to),
        Change::Whole => file::replace(path, bytes),
        Change::Grown { from } => {
            let mut file = file::open(path, File::options().append(true))?;
            if file.metadata()?.len() != *from {
                return Err(io::Error::other("it has changed here while the machine ran"));
            }
            file.write_all(bytes)
        }
        Change::Gone => match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // A directory that the guest removed is empty here too, or it is not the guest's alone.
            Err(_) if path.is_dir() => fs::remove_dir(path),
            other => other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_grow_are_replaced_and_go_as_the_guest_tells() {
        let root = tempfile::tempdir().unwrap();
        let home = Home(vec![root.path().to_owned()]);
        let run = root.path().join("run");
        let rows = run.join("trials.csv");
        home.apply(&run, &Change::Directory, b"").unwrap();
        home.apply(&rows, &Change::Whole, b"header\n").unwrap();
        home.apply(&rows, &Change::Grown { from: 7 }, b"row\n").unwrap();
        assert_eq!(fs::read(&rows).unwrap(), b"header\nrow\n");
        home.apply(&rows, &Change::Whole, b"new\n").unwrap();
        assert_eq!(fs::read(&rows).unwrap(), b"new\n");
        home.apply(&root.path().join("latest"), &Change::Link("run".into()), b"").unwrap();
        assert_eq!(fs::read_link(root.path().join("latest")).unwrap(), Path::new("run"));
        home.apply(&rows, &Change::Gone, b"").unwrap();
        home.apply(&run, &Change::Gone, b"").unwrap();
        assert!(!run.exists());
    }

    #[test]
    fn nothing_outside_the_guests_directories_is_touched() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let home = Home(vec![root.path().to_owned()]);
        std::os::unix::fs::symlink(other.path(), root.path().join("out")).unwrap();
        for path in [
            other.path().join("file"),
            root.path().join("../file"),
            root.path().join("out/file"),
            PathBuf::from("file"),
        ] {
            assert!(home.apply(&path, &Change::Whole, b"x").is_err(), "{}", path.display());
        }
        let file = root.path().join("file");
        std::os::unix::fs::symlink(other.path().join("target"), &file).unwrap();
        assert!(home.apply(&file, &Change::Grown { from: 0 }, b"x").is_err());
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_changed_here_is_not_appended_to() {
        let root = tempfile::tempdir().unwrap();
        let home = Home(vec![root.path().to_owned()]);
        let file = root.path().join("trials.csv");
        fs::write(&file, "other").unwrap();
        let error = home.apply(&file, &Change::Grown { from: 2 }, b"row").unwrap_err();
        assert!(format!("{error:#}").contains("has changed here"), "{error:#}");
    }
}
