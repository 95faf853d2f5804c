//! What a trial leaves beside its own row, and the files that keep it. All of them are written before the trial's row,
//! which says that everything is there; what a killed run wrote for a trial without a row goes when it is resumed.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::appender::{Appender, Resumable};
use super::csv_file;
use super::fault::Fault;
use super::histogram_log::{HistogramLog, StreamDelays};
use super::{Latency, Recorded, Stream, Trial};
use crate::file;

/// What a trial leaves beside its own row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialRows {
    /// A row for each stream.
    pub streams: Vec<Stream>,
    /// A row for each kind of delay that was measured.
    pub latency: Vec<Latency>,
    /// The histograms that those are made of.
    pub histograms: Vec<StreamDelays>,
}

/// The trials that have a row, by cell and number.
type TrialKeys<'a> = HashSet<(&'a str, u32)>;

impl TrialRows {
    /// Makes them those of this trial.
    pub fn assign(&mut self, trial: &Trial) {
        for row in &mut self.streams {
            row.run_id.clone_from(&trial.run_id);
            row.cell.clone_from(&trial.cell);
            (row.rep, row.order) = (trial.rep, trial.order);
        }
        for row in &mut self.latency {
            row.run_id.clone_from(&trial.run_id);
            row.cell.clone_from(&trial.cell);
            (row.rep, row.order) = (trial.rep, trial.order);
        }
        for row in &mut self.histograms {
            row.assign(trial);
        }
    }

    /// Reads all that a run has.
    ///
    /// # Errors
    /// The first fault of a file.
    pub fn read(dir: &Path) -> Result<Self, Fault> {
        Ok(Self {
            streams: csv_file::read(dir)?.rows,
            latency: read_if_any(dir)?,
            histograms: HistogramLog::read(dir)?,
        })
    }
}

/// Reads a file that only some runs have.
///
/// # Errors
/// As [`csv_file::read`], but none where the file is missing.
pub fn read_if_any<R: Recorded>(dir: &Path) -> Result<Vec<R>, Fault> {
    if file::is_there(&dir.join(R::FILE)) { Ok(csv_file::read(dir)?.rows) } else { Ok(Vec::new()) }
}

/// The files of a run that is to be resumed: read, and not yet changed.
pub struct ResumableFiles {
    streams: Resumable<Stream>,
    latency: Option<Resumable<Latency>>,
    dir: PathBuf,
}

impl ResumableFiles {
    /// Opens and reads those of a run.
    ///
    /// # Errors
    /// When one cannot be opened for writing, has other columns or a row that cannot be read, or another process appends
    /// to it.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let has_latency = file::is_there(&dir.join(Latency::FILE));
        HistogramLog::read(dir)?;
        Ok(Self {
            streams: Resumable::open(dir)?,
            latency: has_latency.then(|| Resumable::open(dir)).transpose()?,
            dir: dir.to_owned(),
        })
    }

    /// Takes away what belongs to no known trial.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn resume(self, known: &TrialKeys) -> anyhow::Result<TrialFiles> {
        let Self { streams, latency, dir } = self;
        let latency = latency.map(|rows| rows.resume(|row| known.contains(&(row.cell.as_str(), row.rep))));
        Ok(TrialFiles {
            streams: streams.resume(|row| known.contains(&(row.cell.as_str(), row.rep)))?.0,
            latency: latency.transpose()?.map(|(rows, _)| rows),
            histograms: HistogramLog::resume(&dir, known)?,
        })
    }
}

/// The files that they are appended to. Those that not every run has are made when the first row comes.
pub struct TrialFiles {
    streams: Appender<Stream>,
    latency: Option<Appender<Latency>>,
    histograms: Option<HistogramLog>,
}

impl TrialFiles {
    /// Makes those that every run has.
    ///
    /// # Errors
    /// When they exist or cannot be written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self { streams: Appender::create(dir)?, latency: None, histograms: None })
    }

    /// Appends what a trial left.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&mut self, dir: &Path, rows: &TrialRows) -> io::Result<()> {
        self.streams.append(&rows.streams)?;
        if !rows.latency.is_empty() {
            made(&mut self.latency, || Appender::create(dir))?.append(&rows.latency)?;
        }
        if !rows.histograms.is_empty() {
            made(&mut self.histograms, || HistogramLog::create(dir))?.append(&rows.histograms)?;
        }
        Ok(())
    }
}

fn made<T>(file: &mut Option<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&mut T> {
    match file {
        Some(made) => Ok(made),
        none => Ok(none.insert(make()?)),
    }
}
