//! The x-ray's samples of a sweep's cells, taken between its blocks: a machine changes from one minute to the next, and
//! what is compared with the trials must have met the same of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Executor;
use super::pass::{Passed, pass};
use super::progress::{Progress, Step};
use crate::cell::Cell;
use crate::failure::Failure;
use crate::lab::{Lab, Measured, Trouble};
use crate::options::{Bound, TrialOptions};
use crate::xray::watch::Pass;

/// How long a cell is sampled at least: about 4500 samples a CPU.
pub(super) const SAMPLED: Duration = Duration::from_millis(1200);
/// The shortest and the longest window between two blocks.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_millis(500);
/// How long a cell must be sampled for sparse samples to be enough: about 1500 of them a CPU.
const SPARSE_FROM: Duration = Duration::from_secs(6);
/// For a second after its last event is closed the kernel keeps perf's hooks in the scheduler (`perf_sched_delayed`,
/// kernel/events/core.c). No trial begins before they are gone.
const REST: Duration = Duration::from_millis(1100);

/// What was sampled of each cell so far.
pub(crate) struct Samples {
    taken: HashMap<String, Result<Passed, Failure>>,
    window: Duration,
    kind: Pass,
}

impl Samples {
    /// None yet, for trials in at least so many blocks.
    pub(crate) fn new(blocks: u32, options: &TrialOptions) -> Self {
        let blocks = blocks.max(1);
        // As long as a trial, within bounds.
        let window = match options.bound {
            Bound::Duration(window) => window.clamp(SHORTEST, LONGEST),
            Bound::Messages(_) => SHORTEST,
        };
        let window = window.max(SAMPLED / blocks);
        let kind = if window * blocks >= SPARSE_FROM { Pass::Sparse } else { Pass::Samples };
        Self { taken: HashMap::new(), window, kind }
    }

    /// How long a cell is sampled after each block.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// Samples each cell for one window more.
    fn take(
        &mut self,
        lab: &mut Lab,
        cells: &[Cell],
        options: &TrialOptions,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        for cell in cells {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            progress.begin_xray(&cell.short());
            let before = self.taken.remove(&cell.key());
            let sum = match before {
                // What is unsupported stays so.
                Some(Err(failure @ Failure::Unsupported(_))) => Err(failure),
                before => match (before, pass(lab, cell, options, self.kind, self.window)?) {
                    (Some(Ok(mut sum)), Ok(more)) => {
                        sum.add(more);
                        Ok(sum)
                    }
                    // One that broke adds nothing to the others.
                    (Some(Ok(sum)), Err(_)) => Ok(sum),
                    (Some(Err(_)) | None, now) => now,
                },
            };
            self.taken.insert(cell.key(), sum);
            progress.end_xray(Step::Sample);
        }
        Ok(())
    }

    /// Takes a cell's samples out; absent where there are none, or the cell broke.
    pub(super) fn of(&mut self, cell: &Cell) -> Option<Passed> {
        self.taken.remove(&cell.key())?.ok()
    }
}

/// A lab whose cells are sampled after each block of trials.
pub(crate) struct SamplingLab<'a> {
    lab: &'a mut Lab,
    samples: &'a mut Samples,
    is_rested: bool,
}

impl<'a> SamplingLab<'a> {
    /// Nothing is sampled yet.
    pub(crate) fn new(lab: &'a mut Lab, samples: &'a mut Samples) -> Self {
        Self { lab, samples, is_rested: true }
    }
}

impl Executor for SamplingLab<'_> {
    fn run(&mut self, cell: &Cell, options: &TrialOptions) -> Result<Measured, Trouble> {
        if !std::mem::replace(&mut self.is_rested, true) {
            std::thread::sleep(REST);
        }
        self.lab.run(cell, options)
    }

    fn after_block(
        &mut self,
        cells: &[Cell],
        options: &TrialOptions,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        self.is_rested = false;
        self.samples.take(self.lab, cells, options, progress, stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;

    #[test]
    fn windows_are_as_long_as_trials_and_enough_together() {
        let of = |blocks, bound: &str| {
            let text = format!("name: x\npaths: [two-copy]\nmessage_sizes: [64]\nthreads: [1]\n{bound}\n");
            let samples = Samples::new(blocks, &Grid::parse(&text).unwrap().trial);
            (samples.window.as_millis(), samples.kind)
        };
        assert_eq!(of(5, "duration: 250ms"), (250, Pass::Samples));
        assert_eq!(of(2, "duration: 250ms"), (600, Pass::Samples));
        assert_eq!(of(24, "duration: 1s"), (500, Pass::Sparse));
        assert_eq!(of(24, "messages: 10"), (200, Pass::Samples));
        assert_eq!(of(0, "messages: 10"), (1200, Pass::Samples));
    }
}
