//! A directory that is gone when it is not needed any more.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// An empty directory of this program's own, removed with all that is in it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let template = std::env::temp_dir().join("copycost-XXXXXX");
        nix::unistd::mkdtemp(&template).map(Self).with_context(|| {
            format!("cannot make {}; set TMPDIR to a directory that can be written", template.display())
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
