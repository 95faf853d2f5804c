//! A run's directory: made before the first trial, appended to row by row, and resumed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::passes;
use crate::file;
use crate::output::hint;
use crate::record::appender::{Appender, Resumable};
use crate::record::{Manifest, ResumableFiles, Trial, TrialFiles, TrialRows};

/// Roughly what a trial's row and one stream's row take, bytes.
const ROW_BYTES: u64 = 1 << 10;

/// A run whose files rows are appended to.
pub(crate) struct RunDir {
    path: PathBuf,
    /// What is known of the run.
    pub manifest: Manifest,
    trials: Appender<Trial>,
    files: TrialFiles,
}

impl RunDir {
    /// Makes the directory, with its manifest and two empty tables, and points `latest` to it.
    ///
    /// # Errors
    /// When the results directory cannot be written, or has no room for the rows to come.
    pub(crate) fn create(results: &Path, mut manifest: Manifest, rows: u64) -> anyhow::Result<Self> {
        let advice =
            || format!("cannot write to {}; choose another directory with --results", results.display());
        std::fs::create_dir_all(results).with_context(advice)?;
        room_for(results, rows * ROW_BYTES)?;
        let stem = manifest.run_id.clone();
        let mut path = results.join(&stem);
        for number in 2.. {
            match std::fs::create_dir(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1000 => {
                    manifest.run_id = format!("{stem}-{number}");
                    path = results.join(&manifest.run_id);
                }
                Err(error) => return Err(error).with_context(advice),
            }
        }
        let made = Self::fill(&path, manifest).with_context(advice);
        if made.is_err() {
            // Half a run directory is of no use to anyone, and nothing has been measured yet.
            let _ = std::fs::remove_dir_all(&path);
        }
        let made = made?;
        point_latest(results, &made.manifest.run_id);
        Ok(made)
    }

    /// Makes a run's directory of this name within another's.
    pub(crate) fn inside(run: &Self, name: &str, manifest: Manifest) -> anyhow::Result<Self> {
        let path = run.path.join(name);
        std::fs::create_dir(&path)
            .and_then(|()| Self::fill(&path, manifest))
            .with_context(|| format!("cannot make {}", path.display()))
    }

    fn fill(path: &Path, manifest: Manifest) -> std::io::Result<Self> {
        manifest.write(&path.join("manifest.json"))?;
        Ok(Self {
            trials: Appender::create(path)?,
            files: TrialFiles::create(path)?,
            path: path.to_owned(),
            manifest,
        })
    }

    /// Opens a run to resume it, and reads its rows so far. Half a row at a file's end is cut off, and rows of
    /// streams whose trial has no row are taken away: the trial is run again.
    ///
    /// # Errors
    /// When the directory is not a run, or its rows cannot be read.
    pub(crate) fn resume(path: &Path) -> anyhow::Result<(Self, Vec<Trial>)> {
        ensure!(
            file::is_there(&path.join("manifest.json")),
            "{} is not a run: it has no manifest.json; give the directory that `copycost sweep` printed",
            path.display()
        );
        let mut manifest = Manifest::read(&path.join("manifest.json")).map_err(anyhow::Error::msg)?;
        manifest.resumed += 1;
        // All of it is read before the first byte is changed.
        let trials = Resumable::<Trial>::open(path)?;
        let files = ResumableFiles::open(path)?;
        passes::check(path)?;
        let (trials, rows) = trials.resume(|_| true)?;
        let known: HashSet<(&str, u32)> = rows.iter().map(|row| (row.cell.as_str(), row.rep)).collect();
        let files = files.resume(&known)?;
        Ok((Self { path: path.to_owned(), manifest, trials, files }, rows))
    }

    /// Appends a trial and what it left beside its row; all files hold whole rows only, whatever happens.
    pub(crate) fn append(&mut self, trial: &Trial, beside: &TrialRows) -> anyhow::Result<()> {
        // The trial's row last: it is the one that says that all is there.
        self.files
            .append(&self.path, beside)
            .and_then(|()| self.trials.append(std::slice::from_ref(trial)))
            .with_context(|| {
                format!(
                    "cannot append to {}; its rows so far are whole: free some space, then resume with `{}`",
                    self.trials.path().display(),
                    hint(&["sweep", "--resume", &self.path.to_string_lossy()])
                )
            })
    }

    /// Writes the manifest as it now stands.
    pub(crate) fn write_manifest(&self) -> anyhow::Result<()> {
        let path = self.path.join("manifest.json");
        self.manifest.write(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Where the run is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses to begin what the disk has no room for.
fn room_for(directory: &Path, bytes: u64) -> anyhow::Result<()> {
    let Ok(stat) = nix::sys::statvfs::statvfs(directory) else { return Ok(()) };
    let free = stat.blocks_available() * stat.fragment_size();
    if free < bytes {
        bail!(
            "{} has {} KiB free, and the rows of this sweep take up to {} KiB; free some, or choose another directory with --results",
            directory.display(),
            free >> 10,
            bytes >> 10
        );
    }
    Ok(())
}

/// Points `latest` to the newest run. A file system without symbolic links has none; that is not a failure.
fn point_latest(results: &Path, run_id: &str) {
    let _ = file::replace_by_link(&results.join("latest"), Path::new(run_id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::record::{Stream, csv_file};

    fn manifest() -> Manifest {
        Manifest {
            run_id: "20260101T000000Z-x".into(),
            schema_version: "1.0.0".into(),
            ..Manifest::default()
        }
    }

    fn rows(rep: u32) -> (Trial, TrialRows) {
        let cell = Cell { threads: 2, ..Cell::example("two-copy", 64) };
        let trial = Trial::new("x", &cell, rep, u64::from(rep), rep, "2026-01-01T00:00:00Z".into());
        let stream = |number| Stream { cell: cell.key(), rep, stream: number, ..Stream::default() };
        (trial, TrialRows { streams: vec![stream(0), stream(1)], ..TrialRows::default() })
    }

    #[test]
    fn a_second_run_of_the_same_second_gets_its_own_directory() {
        let results = tempfile::tempdir().unwrap();
        let first = RunDir::create(results.path(), manifest(), 1).unwrap();
        let second = RunDir::create(results.path(), manifest(), 1).unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(
            std::fs::read_link(results.path().join("latest")).unwrap(),
            Path::new(&second.manifest.run_id)
        );
    }

    #[test]
    fn half_a_row_and_streams_without_a_trial_are_gone_after_resuming() {
        let results = tempfile::tempdir().unwrap();
        let mut run = RunDir::create(results.path(), manifest(), 1).unwrap();
        for rep in 1..=2 {
            let (trial, streams) = rows(rep);
            run.append(&trial, &streams).unwrap();
        }
        let path = run.path().to_owned();
        drop(run);
        let trials = std::fs::read(path.join("trials.csv")).unwrap();
        std::fs::write(path.join("trials.csv"), &trials[..trials.len() - 5]).unwrap();

        let (mut run, rows_so_far) = RunDir::resume(&path).unwrap();
        assert_eq!(rows_so_far.len(), 1);
        let (trial, streams) = rows(2);
        run.append(&trial, &streams).unwrap();
        let streams = csv_file::read::<Stream>(&path).unwrap();
        assert_eq!((streams.rows.len(), streams.truncated), (4, None));
        assert_eq!(std::fs::read(path.join("trials.csv")).unwrap(), trials);
        assert_eq!(run.manifest.resumed, 1);
    }

    #[test]
    fn a_run_that_was_killed_before_its_tables_were_made_goes_on() {
        let results = tempfile::tempdir().unwrap();
        let path = RunDir::create(results.path(), manifest(), 1).unwrap().path().to_owned();
        std::fs::remove_file(path.join("streams.csv")).unwrap();
        std::fs::write(path.join("trials.csv"), "run_id,ce").unwrap();
        let (mut run, none) = RunDir::resume(&path).unwrap();
        assert!(none.is_empty());
        let (trial, streams) = rows(1);
        run.append(&trial, &streams).unwrap();
        drop(run);
        assert_eq!(RunDir::resume(&path).unwrap().1, [trial]);
    }

    #[test]
    fn two_sweeps_cannot_write_one_run() {
        let results = tempfile::tempdir().unwrap();
        let run = RunDir::create(results.path(), manifest(), 1).unwrap();
        let error = RunDir::resume(run.path()).err().unwrap();
        assert!(format!("{error:#}").contains("another sweep"), "{error:#}");
    }

    #[test]
    fn a_directory_that_is_no_run_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let error = RunDir::resume(empty.path()).err().unwrap();
        assert!(error.to_string().contains("is not a run"));
    }

    #[test]
    fn a_results_directory_that_cannot_be_made_is_said_with_the_flag_that_helps() {
        let results = tempfile::tempdir().unwrap();
        let file = results.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunDir::create(&file.join("results"), manifest(), 1).err().unwrap();
        assert!(format!("{error:#}").contains("--results"), "{error:#}");
        assert!(
            RunDir::create(results.path(), manifest(), u64::MAX >> 11)
                .err()
                .unwrap()
                .to_string()
                .contains("free")
        );
    }
}
