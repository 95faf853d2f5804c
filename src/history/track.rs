//! One cell over the runs of a history, and what changed from one run to the next.

use std::collections::HashMap;

use super::Step;
use super::past_run::{PastFigure, PastRun};
use crate::cell::Cell;
use crate::compare::{Footing, Judged, Observed, correct};
use crate::record::manifest::Basis;
use crate::tables::Metric;

/// A cell over the runs that took their figures by one clock.
#[derive(Clone, Debug)]
pub struct Track {
    /// The cell.
    pub cell: Cell,
    /// What it is compared by.
    pub measure: &'static Metric,
    /// What the runs' times are times of: figures of another clock are another track.
    pub basis: Basis,
    /// The runs that have the cell, by when they started.
    pub points: Vec<TrackPoint>,
}

/// A cell in one run.
#[derive(Clone, Debug)]
pub struct TrackPoint {
    /// The run's place in the history.
    pub run: usize,
    /// Its figure.
    pub figure: PastFigure,
    /// What it says beside the run before; absent where there is none to compare it with.
    pub change: Option<Change>,
}

/// A figure beside that of an earlier run.
#[derive(Clone, Debug)]
pub struct Change {
    /// The earlier run's place among the track's points.
    pub before: usize,
    /// What can be said.
    pub judged: Judged,
}

impl Track {
    /// Every judgement of it.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.points.iter().filter_map(|point| {
            let change = point.change.as_ref()?;
            Some(Step { track: self, before: &self.points[change.before], point, change })
        })
    }

    /// What a run has of it; absent where it has no figure.
    pub(super) fn observed(&self, run: usize) -> Option<&Observed> {
        let point = self.points.iter().find(|point| point.run == run)?;
        point.figure.estimate.value.map(|_| &point.figure.observed)
    }

    /// Whether a figure of it changed.
    pub(super) fn has_changed(&self) -> bool {
        self.steps().any(|step| step.change.judged.judgement.is_difference())
    }

    /// Whether a run has a figure of it at all.
    fn is_measured(&self) -> bool {
        self.points.iter().any(|point| point.figure.estimate.value.is_some())
    }

    /// Judges each figure against the last one before it that can be compared.
    fn judge(&mut self, runs: &[PastRun]) {
        let mut before: Option<usize> = None;
        for place in 0..self.points.len() {
            let TrackPoint { run, figure, .. } = &self.points[place];
            let new = &runs[*run].manifest;
            if figure.estimate.value.is_none() || !new.is_measurement() {
                continue;
            }
            let change = before.map(|before| {
                let base = &self.points[before];
                let footing = Footing::of(&runs[base.run].manifest, new);
                let better = self.measure.better;
                let judged = Judged::of(footing, better, &base.figure.observed, &figure.observed);
                Change { before, judged }
            });
            self.points[place].change = change;
            before = Some(place);
        }
    }
}

/// Every cell over the runs, those of the newest first, and judged; `figures` are those of each run.
pub(super) fn tracks(runs: &[PastRun], figures: Vec<Vec<PastFigure>>) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    let mut places = HashMap::new();
    for (run, figures) in figures.into_iter().enumerate().rev() {
        let basis = runs[run].manifest.basis();
        for figure in figures {
            let PastFigure { cell, measure, .. } = &figure;
            let place = *places.entry((cell.clone(), measure.name, basis)).or_insert(tracks.len());
            if place == tracks.len() {
                tracks.push(Track { cell: cell.clone(), measure, basis, points: Vec::new() });
            }
            tracks[place].points.push(TrackPoint { run, figure, change: None });
        }
    }
    tracks.retain(Track::is_measured);
    for track in &mut tracks {
        track.points.reverse();
        track.judge(runs);
    }
    let points = tracks.iter_mut().flat_map(|track| &mut track.points);
    let judged = points.filter_map(|point| point.change.as_mut()).map(|change| &mut change.judged);
    correct(&mut judged.collect::<Vec<_>>());
    tracks
}
