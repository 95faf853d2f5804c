//! The sweep: a grid's trials in randomised blocks, every row flushed before the next trial starts.

mod card;
pub(crate) mod expected;
mod facts;
mod pass;
pub(crate) mod passes;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod run_dir;
pub(crate) mod samples;
pub(crate) mod table;
mod way;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cell::{Cell, Rate};
use crate::failure::Failure;
use crate::lab::{Lab, Measured, Trouble};
use crate::options::TrialOptions;
use crate::record::{Status, Trial, TrialRows};
use crate::stats;
pub(crate) use facts::manifest;
use plan::Plan;
use progress::Progress;
use run_dir::RunDir;

/// What runs one trial: a lab, or a test's stand-in.
pub(crate) trait Executor {
    /// Runs one trial of a cell.
    fn run(&mut self, cell: &Cell, options: &TrialOptions) -> Result<Measured, Trouble>;

    /// What is to be done after each block of these cells.
    ///
    /// # Errors
    /// When no further trial can run.
    fn after_block(
        &mut self,
        _cells: &[Cell],
        _options: &TrialOptions,
        _progress: &mut Progress,
        _stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        Ok(())
    }
}

impl Executor for Lab {
    fn run(&mut self, cell: &Cell, options: &TrialOptions) -> Result<Measured, Trouble> {
        self.run(cell, options)
    }
}

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every trial has its row.
    Complete,
    /// A signal came; the row in hand was finished.
    Interrupted,
    /// An agent is gone; why.
    Broken(String),
}

impl Ended {
    /// The word for the manifest.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Broken(_) => "broken",
        }
    }
}

/// Runs what the plan still has, and appends each row to the run.
///
/// # Errors
/// When a row cannot be written; the rows before it are whole.
pub(crate) fn run(
    executor: &mut dyn Executor,
    plan: &mut Plan,
    options: &TrialOptions,
    run: &mut RunDir,
    rows: &mut Vec<Trial>,
    progress: &mut Progress,
    stop: &AtomicBool,
) -> anyhow::Result<Ended> {
    let mut block = None;
    loop {
        let next = plan.next();
        let is_over = block.is_some_and(|block| next.as_ref().is_none_or(|next| next.block != block));
        if is_over {
            let options = TrialOptions { capacities: capacities(plan.cells(), rows), ..options.clone() };
            if let Err(Trouble::Lost(why)) = executor.after_block(plan.cells(), &options, progress, stop) {
                return Ok(Ended::Broken(why));
            }
        }
        let Some(next) = next else { return Ok(Ended::Complete) };
        if stop.load(Ordering::Relaxed) {
            return Ok(Ended::Interrupted);
        }
        block = Some(next.block);
        let cell = plan.cells()[next.place].clone();
        progress.begin(&cell, plan.so_far(next.place));
        let started_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let run_id = &run.manifest.run_id;
        let mut row = Trial::new(run_id, &cell, next.rep, next.order, next.block, started_at);
        row.bound = Some(options.bound.kind());
        let mut beside = TrialRows::default();
        let mut lost = None;
        let capacities = capacities(std::slice::from_ref(&cell), rows);
        match executor.run(&cell, &TrialOptions { capacities, ..options.clone() }) {
            Ok(measured) => beside = measured.fill(&mut row),
            Err(Trouble::Trial(Failure::Unsupported(why))) => {
                (row.status, row.reason) = (Status::Unsupported, why);
            }
            Err(Trouble::Trial(Failure::Failed(why))) => (row.status, row.reason) = (Status::Failed, why),
            Err(Trouble::Lost(why)) => {
                (row.status, row.reason) = (Status::Failed, why.clone());
                lost = Some(why);
            }
        }
        run.append(&row, &beside)?;
        plan.note(&row);
        progress.end(&row, plan.remaining());
        rows.push(row);
        if let Some(why) = lost {
            return Ok(Ended::Broken(why));
        }
    }
}

/// Messages a second that each stream of these cells moves as fast as it can, in the median of the trials so far, for
/// the cells whose rate is a share of it.
pub(crate) fn capacities(cells: &[Cell], rows: &[Trial]) -> BTreeMap<String, f64> {
    let shares = cells.iter().filter(|cell| matches!(cell.workload.rate, Some(Rate::Percent(_))));
    let capacity = |stream: Cell| {
        let key = stream.key();
        let of_cell = rows.iter().filter(|row| row.cell == key && row.status == Status::Ok);
        let rates: Vec<f64> = of_cell.filter_map(|row| row.throughput_gbps).collect();
        let bytes = f64::from(stream.threads) * stream.message_bytes as f64;
        stats::median(&rates).map(|gbps| (key, gbps * 1e9 / 8.0 / bytes))
    };
    shares.map(Cell::as_stream).filter_map(capacity).collect()
}

#[cfg(test)]
mod tests;
