//! What a history keeps of a run: how it was made, and the figures of its cells.

use crate::cell::Cell;
use crate::compare::{Observed, usual_measures};
use crate::output::harmless;
use crate::record::Manifest;
use crate::tables::{CellRow, Estimate, Flags, Metric, Run, samples};

/// A run of a history.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its directory's name, as a part of a line.
    pub name: String,
    /// What its manifest says.
    pub manifest: Manifest,
    /// What was left out of its files, a sentence each.
    pub left_out: Vec<String>,
}

/// One cell in one run, by one metric.
#[derive(Clone, Debug)]
pub struct PastFigure {
    /// The cell.
    pub cell: Cell,
    /// What it is compared by.
    pub measure: &'static Metric,
    /// The median over its trials with its interval, as `cells.csv` has it; absent where no trial has the figure.
    pub estimate: Estimate,
    /// What it is judged by.
    pub observed: Observed,
    /// Trials that went well.
    pub trials: u64,
    /// What to know before believing it.
    pub flags: Flags,
    /// Why the first trial that did not go well broke or could not run; empty where all went well.
    pub reason: String,
}

impl PastRun {
    /// What is kept of a run, and its cells in the order of its grid: by one metric; by none given, by those that they are
    /// compared by.
    pub(super) fn of(name: String, run: Run, asked: Option<&'static Metric>) -> (Self, Vec<PastFigure>) {
        let mut figures = Vec::new();
        for sample in samples(&run) {
            let row = CellRow::of(&sample);
            let usual = || usual_measures().filter(|metric| metric.compares(&sample.cell.workload));
            let measures: Vec<_> = asked.map_or_else(|| usual().collect(), |asked| vec![asked]);
            figures.extend(measures.into_iter().map(|measure| PastFigure {
                cell: sample.cell.clone(),
                measure,
                estimate: measure.estimate(&sample),
                observed: Observed::of(Some(&sample), measure),
                trials: row.trials,
                flags: row.flags.clone(),
                reason: row.reason.clone(),
            }));
        }
        let left_out = run.left_out.iter().map(|words| harmless(words)).collect();
        (Self { name, manifest: run.manifest, left_out }, figures)
    }

    /// When it started, for an order: what is no time stands first.
    pub(super) fn start(&self) -> Option<jiff::Timestamp> {
        self.manifest.started_at.parse().ok()
    }
}
