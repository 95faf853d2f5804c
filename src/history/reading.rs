//! The runs of a directory, read one after the other: of each only what a history keeps stays in memory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::History;
use super::past_run::PastRun;
use super::path_step::path_steps;
use super::track::tracks;
use crate::file;
use crate::output::harmless;
use crate::tables::{Metric, Run};

impl History {
    /// Reads every run in a directory. Symbolic links are passed over, as `latest` is one.
    ///
    /// # Errors
    /// A directory that cannot be read, is a run itself, or holds fewer than two runs that can be read.
    pub fn read(dir: &Path, measure: Option<&'static Metric>) -> Result<Self> {
        ensure!(
            !file::is_there(&dir.join("manifest.json")),
            "{} is one run; give the directory that holds it and others, such as results",
            dir.display()
        );
        let (mut runs, mut strangers, mut unreadable) = (Vec::new(), 0, Vec::new());
        let entries = std::fs::read_dir(dir).with_context(|| {
            format!("cannot read {}; give a directory that holds runs, such as results", dir.display())
        })?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", dir.display()))?;
            // Of the entry itself: a link is none.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if !file::is_there(&path.join("manifest.json")) {
                strangers += 1;
                continue;
            }
            match Run::load(&path) {
                Ok(run) => {
                    let name = harmless(&entry.file_name().to_string_lossy());
                    runs.push(PastRun::of(name, run, measure));
                }
                Err(error) => unreadable.push(error.to_string()),
            }
        }
        runs.sort_by_key(|(run, _)| (run.start(), run.name.clone()));
        unreadable.sort();
        let (runs, figures): (Vec<PastRun>, Vec<_>) = runs.into_iter().unzip();
        let tracks = tracks(&runs, figures);
        let dir = dir.to_owned();
        let paths = path_steps(&runs, &tracks);
        let mut history =
            Self { dir, runs, tracks, paths, strangers, unreadable, differences: BTreeMap::new() };
        history.find_differences();
        Ok(history)
    }
}
