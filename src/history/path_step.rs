//! All cells of a send path together, from one run to the next.

use super::past_run::PastRun;
use super::track::Track;
use crate::compare::{Footing, Judged, Observed, correct, judge_together};
use crate::record::manifest::Basis;
use crate::tables::Metric;

/// The cells of a path in a run beside the same cells in an earlier one.
#[derive(Clone, Debug)]
pub struct PathStep {
    /// The send path.
    pub path: String,
    /// What its cells are compared by.
    pub measure: &'static Metric,
    /// The earlier run's place in the history.
    pub before: usize,
    /// The place of the run that is judged.
    pub run: usize,
    /// Cells that both runs have the figure of.
    pub cells: usize,
    /// What can be said.
    pub judged: Judged,
}

/// The tracks that are judged together.
struct PathTracks<'a> {
    path: &'a str,
    measure: &'static Metric,
    basis: Basis,
    tracks: Vec<&'a Track>,
}

/// Every path over the runs, run by run from the oldest. Each run is held against the last one before it that has two of
/// the path's cells at least, for one alone is judged by itself.
pub(super) fn path_steps(runs: &[PastRun], tracks: &[Track]) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = of_paths(tracks).iter().flat_map(|path| path.steps(runs)).collect();
    steps.sort_by_key(|step| step.run);
    correct(&mut steps.iter_mut().map(|step| &mut step.judged).collect::<Vec<_>>());
    steps
}

fn of_paths(tracks: &[Track]) -> Vec<PathTracks<'_>> {
    let mut found: Vec<PathTracks<'_>> = Vec::new();
    for track in tracks {
        let Track { cell, measure, basis, .. } = track;
        let is_own = |one: &&mut PathTracks<'_>| {
            one.path == cell.send_path && one.measure.name == measure.name && one.basis == *basis
        };
        match found.iter_mut().find(is_own) {
            Some(own) => own.tracks.push(track),
            None => {
                found.push(PathTracks { path: &cell.send_path, measure, basis: *basis, tracks: vec![track] })
            }
        }
    }
    found
}

impl PathTracks<'_> {
    fn steps(&self, runs: &[PastRun]) -> Vec<PathStep> {
        let of_run =
            |run: &usize| runs[*run].manifest.is_measurement() && runs[*run].manifest.basis() == self.basis;
        let judged: Vec<usize> = (0..runs.len()).filter(of_run).collect();
        let step = |(place, &run): (usize, &usize)| {
            judged[..place]
                .iter()
                .rev()
                .find_map(|&before| {
                    let cells = self.in_both(before, run);
                    (cells.len() > 1).then_some((before, cells))
                })
                .and_then(|(before, cells)| self.step(runs, (before, run), &cells))
        };
        judged.iter().enumerate().filter_map(step).collect()
    }

    fn step(
        &self,
        runs: &[PastRun],
        (before, run): (usize, usize),
        cells: &[(Observed, Observed)],
    ) -> Option<PathStep> {
        let footing = Footing::of(&runs[before].manifest, &runs[run].manifest);
        let judged = judge_together(footing, self.measure.better, cells)?;
        let path = self.path.to_owned();
        Some(PathStep { path, measure: self.measure, before, run, cells: cells.len(), judged })
    }

    /// The cells that both runs have the figure of.
    fn in_both(&self, before: usize, run: usize) -> Vec<(Observed, Observed)> {
        let both = |track: &&Track| {
            let (base, new) = (track.observed(before)?, track.observed(run)?);
            Some((base.clone(), new.clone()))
        };
        self.tracks.iter().filter_map(both).collect()
    }
}
