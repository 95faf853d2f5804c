//! `copycost history DIR`: each cell over the runs of a results directory, with its noise, and what changed from one run
//! to the next.
//!
//! A figure is judged as [`crate::compare`] judges two runs, against that of the last run before it that has the cell and
//! took it by the same clock: a directory holds runs of several grids, and another grid in between hides no change. As a
//! page makes hundreds of such judgements, all of them are corrected for their number together. A run whose grid says that
//! it is no measurement is shown, and nothing is judged by it.
//!
//! ```text
//! results/*  ->  PastRun (what is kept of a run)  ->  Track (a cell over the runs)  ->  History
//!                                                        -> page, table for a terminal, JSON
//! ```

mod charts;
pub(crate) mod export;
mod facts;
pub(crate) mod page;
mod past_run;
mod path_step;
mod reading;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod track;

pub use past_run::{PastFigure, PastRun};
pub use path_step::PathStep;
pub use track::{Change, Track, TrackPoint};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::compare::EnvironmentChange;
use crate::record::Manifest;

/// The runs of a directory, and each cell over them.
#[derive(Clone, Debug)]
pub struct History {
    /// The directory that holds the runs.
    pub dir: PathBuf,
    /// Its runs, by when they started.
    pub runs: Vec<PastRun>,
    /// Each cell by each metric that it is compared by, in the order of the newest run's grid.
    pub tracks: Vec<Track>,
    /// All cells of each path together, run by run from the oldest.
    pub paths: Vec<PathStep>,
    /// Directories in it that are no run.
    pub strangers: usize,
    /// Runs that could not be read, a sentence each.
    pub unreadable: Vec<String>,
    /// What differs between two runs beside their figures: of each run and the one before it, and of each step.
    differences: BTreeMap<(usize, usize), Vec<EnvironmentChange>>,
}

/// From a figure to the next one of the same cell, and what is said of the two.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The cell over the runs.
    pub track: &'a Track,
    /// The cell in the run before.
    pub before: &'a TrackPoint,
    /// The cell in the run that is judged.
    pub point: &'a TrackPoint,
    /// What is said of it.
    pub change: &'a Change,
}

impl Step<'_> {
    /// Whether the figure changed by more than the noise.
    pub fn is_difference(&self) -> bool {
        self.change.judged.judgement.is_difference()
    }
}

impl History {
    /// Every step, run by run from the oldest.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut all: Vec<_> = self.tracks.iter().flat_map(Track::steps).collect();
        all.sort_by_key(|step| step.point.run);
        all
    }

    /// Names of the metrics that cells are compared by.
    pub(crate) fn measures(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for track in &self.tracks {
            if !names.contains(&track.measure.name) {
                names.push(track.measure.name);
            }
        }
        names
    }

    /// What differs between two runs beside their figures, in few words.
    pub(crate) fn differences(&self, before: usize, run: usize) -> &[EnvironmentChange] {
        self.differences.get(&(before, run)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Looks for them once: a page shows them at every figure.
    fn find_differences(&mut self) {
        let steps = self.tracks.iter().flat_map(Track::steps).map(|step| (step.before.run, step.point.run));
        let paths = self.paths.iter().map(|step| (step.before, step.run));
        let pairs: BTreeSet<(usize, usize)> =
            (1..self.runs.len()).map(|run| (run - 1, run)).chain(steps).chain(paths).collect();
        let between = |(before, run)| facts::differences(self.manifest(before), self.manifest(run));
        self.differences = pairs.into_iter().map(|pair| (pair, between(pair))).collect();
    }

    /// Whether a run was made on another host or under another kernel than the one before it.
    pub(crate) fn is_on_another_machine(&self, run: usize) -> bool {
        run > 0 && facts::is_another_machine(self.manifest(run - 1), self.manifest(run))
    }

    fn manifest(&self, run: usize) -> &Manifest {
        &self.runs[run].manifest
    }
}

/// A run's number as it is shown, from 1.
pub(crate) fn number(run: usize) -> String {
    (run + 1).to_string()
}
