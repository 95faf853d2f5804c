//! The host as the manifest records it, and its CPUs: which there are, and what they spend their time on.
//!
//! Facts come from `/proc`, `/sys` and uname(2). One that cannot be read is absent.

mod binary;
mod cgroup;
mod cpu;
mod facts;
mod load;
mod memory;
pub(crate) mod policy;
mod process;
mod sched;
mod softirq;
mod swiotlb;
mod times;

pub(crate) use binary::binary_sha256;
pub(crate) use cpu::{all_online, pin_order};
pub(crate) use facts::read;
pub(crate) use load::{Load, LoadReading};
pub(crate) use memory::{Available, available as available_memory};
pub(crate) use sched::run_delay_s;
pub(crate) use softirq::is_charged as is_softirq_charged;
pub(crate) use times::{CpuTimes, cpu_times};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where `/proc` and `/sys` are: `/`, or a directory of samples in a test.
#[derive(Clone, Debug)]
struct Root(PathBuf);

impl Root {
    fn system() -> Self {
        Self("/".into())
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// A file's text without the white space around it; absent when it cannot be read or holds nothing.
    fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = std::fs::read_to_string(self.path(path)).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The value after `key:` in a file of such lines.
    fn field(&self, path: &str, key: &str) -> Option<String> {
        self.text(path)?.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    }

    /// Every readable file of a directory: name → text.
    fn files(&self, directory: &str) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(self.path(directory)).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Some((name, self.text(entry.path())?))
            })
            .collect()
    }
}

#[cfg(test)]
mod sample {
    use super::Root;

    /// A root with these files.
    pub(super) fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root(dir.path().to_owned());
        (dir, root)
    }
}
