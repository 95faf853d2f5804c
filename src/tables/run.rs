//! A run's directory, read.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::xray::XrayRows;
use crate::file;
use crate::record::histogram_log::{HistogramLog, StreamDelays};
use crate::record::latency::DelayKind;
use crate::record::row::row;
use crate::record::{Manifest, Recorded, Trial, csv_file};

/// What is read of a run. Rows are there only where they are whole.
#[derive(Debug)]
pub struct Run {
    /// The directory that it was read from.
    pub dir: PathBuf,
    /// What `manifest.json` says.
    pub manifest: Manifest,
    /// Every whole row of `trials.csv`.
    pub trials: Vec<Trial>,
    /// The throughput of each stream, from `streams.csv`; empty when that file is absent or broken.
    pub streams: Vec<StreamRate>,
    /// The response times of each stream, from `latency.hlog`; empty where none were measured, or that file is broken.
    pub delays: Vec<StreamDelays>,
    /// What its x-ray found.
    pub xray: XrayRows,
    /// What was left out of the files, a sentence each, for people.
    pub left_out: Vec<String>,
}

row! {
    /// What a report needs of a stream's row. The whole row is [`crate::record::Stream`]; of a long sweep a
    /// report would hold hundreds of megabytes of them.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct StreamRate in "streams.csv" {
        /// Position of the trial in the sweep.
        order: u64,
        /// Number of the stream, from 0.
        stream: u32,
        /// Its throughput.
        throughput_gbps: Option<f64> in "Gb/s",
    }
}

/// Why a run could not be read: one sentence that names the file and, where one is to blame, line and column.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct RunError(String);

impl Run {
    /// What it is called: its id, or its directory where it has none.
    pub fn name(&self) -> String {
        let id = &self.manifest.run_id;
        if id.is_empty() { self.dir.display().to_string() } else { id.clone() }
    }

    /// Reads a run's directory. A last row that was cut off is left out and said so; so is a broken
    /// `streams.csv`, which only adds to what `trials.csv` has.
    ///
    /// # Errors
    /// A directory that is not a run, a manifest of a newer major version, a trials file that lacks a column,
    /// holds a field that is not what its column holds, or has no whole row while there is no x-ray either.
    pub fn load(dir: &Path) -> Result<Self, RunError> {
        let manifest_file = dir.join("manifest.json");
        if !file::is_there(&manifest_file) {
            return Err(RunError(format!(
                "{} is not a run: it has no manifest.json; give the directory that `copycost sweep` printed",
                dir.display()
            )));
        }
        let manifest = Manifest::read(&manifest_file).map_err(RunError)?;
        let mut left_out = Vec::new();

        // The two files of a long sweep are hundreds of megabytes; each takes a core.
        let (trials, streams) = std::thread::scope(|scope| {
            let streams = scope.spawn(|| csv_file::read::<StreamRate>(dir));
            let trials = csv_file::read::<Trial>(dir);
            (trials, streams.join().expect("the reader does not panic"))
        });
        let trials = trials.map_err(|error| RunError(error.to_string()))?;
        left_out.extend(trials.cut_off(dir));
        let xray = XrayRows::load(dir, &mut left_out);
        if trials.rows.is_empty() && xray.is_empty() {
            return Err(RunError(format!(
                "{}: no whole row; the sweep recorded no trial, so there is nothing to report",
                dir.join(Trial::FILE).display()
            )));
        }

        let streams = match streams {
            Ok(streams) => {
                left_out.extend(streams.cut_off(dir));
                streams.rows
            }
            Err(error) => {
                left_out.push(format!("{error}; what single streams did is left out"));
                Vec::new()
            }
        };
        let mut delays = HistogramLog::read(dir).unwrap_or_else(|error| {
            left_out.push(format!("{error}; distributions of delays are left out"));
            Vec::new()
        });
        delays.retain(|one| one.kind == DelayKind::Response);
        Ok(Self { dir: dir.to_owned(), manifest, trials: trials.rows, streams, delays, xray, left_out })
    }
}
