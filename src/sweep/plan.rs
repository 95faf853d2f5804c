//! The order of trials: randomised complete blocks.
//!
//! A block is one trial of every cell that still runs, shuffled. The order of block *b* depends on the seed
//! and on *b* alone, and which cells still run depends on the rows of earlier blocks alone: so a resumed
//! sweep continues exactly as the unbroken one would have.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::cell::{Cell, Rate};
use crate::grid::Repetitions;
use crate::record::{Status, Trial};
use crate::stats;

/// What became of one cell so far.
#[derive(Clone, Debug, Default)]
struct History {
    /// Trials of each block, any status.
    blocks: HashMap<u32, u32>,
    /// Trials so far.
    trials: u32,
    /// Throughput of the trials that ended well.
    throughput: Vec<f64>,
    /// Response time, else throughput, of the trials that ended well, with their blocks.
    figures: Vec<(u32, f64)>,
    /// The first block in which the cell was found to be unsupported.
    unsupported: Option<u32>,
}

/// Which trials are to be run, and which have been.
#[derive(Debug)]
pub(crate) struct Plan {
    cells: Vec<Cell>,
    times: Vec<u32>,
    places: HashMap<String, usize>,
    repetitions: Repetitions,
    seed: u64,
    history: Vec<History>,
    done: u64,
}

/// One trial to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Which cell, by its place in the grid.
    pub place: usize,
    /// Which block of the sweep the trial belongs to, from 1.
    pub block: u32,
    /// Number of the trial within its cell, from 1.
    pub rep: u32,
    /// Position in the sweep, from 1.
    pub order: u64,
}

impl Plan {
    /// A plan with nothing run yet. `times` says how often each cell runs in a block.
    pub(crate) fn new(cells: Vec<Cell>, times: Vec<u32>, repetitions: Repetitions, seed: u64) -> Self {
        let places = cells.iter().enumerate().map(|(place, cell)| (cell.key(), place)).collect();
        let history = vec![History::default(); cells.len()];
        Self { cells, times, places, repetitions, seed, history, done: 0 }
    }

    /// The cells in the order of the grid; [`Next::place`] is an index into them.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Notes a row. Rows of cells that the plan does not have are ignored.
    pub(crate) fn note(&mut self, row: &Trial) {
        let Some(&place) = self.places.get(&row.cell) else { return };
        let history = &mut self.history[place];
        *history.blocks.entry(row.block).or_default() += 1;
        history.trials += 1;
        history.throughput.extend(row.throughput_gbps.filter(|_| row.status == Status::Ok));
        // Where a rate is given, the throughput says nothing of how steady the cell is.
        match (row.status, row.delays.response.p50_us.or(row.throughput_gbps)) {
            (Status::Ok, Some(figure)) => history.figures.push((row.block, figure)),
            (Status::Unsupported, _) => history.unsupported = history.unsupported.or(Some(row.block)),
            _ => {}
        }
        self.done = self.done.max(row.order);
    }

    /// Whether a cell takes part in a block, by what earlier blocks have shown.
    fn runs_in(&self, place: usize, block: u32) -> bool {
        let history = &self.history[place];
        if block > self.repetitions.max || history.unsupported.is_some_and(|found| found < block) {
            return false;
        }
        let Some(until) = self.repetitions.until else { return true };
        if block <= self.repetitions.min {
            return true;
        }
        let earlier = history.figures.iter().filter(|(in_block, _)| *in_block < block);
        let values: Vec<f64> = earlier.map(|&(_, value)| value).collect();
        !is_precise(&values, until)
    }

    /// The next trial; none when the sweep is complete.
    pub(crate) fn next(&self) -> Option<Next> {
        for block in 1..=self.repetitions.max {
            let mut order: Vec<usize> = (0..self.cells.len())
                .flat_map(|place| std::iter::repeat_n(place, self.times[place] as usize))
                .collect();
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(u64::from(block));
            order.shuffle(&mut random);
            // A share of a cell's throughput takes its trial as a stream before.
            order.sort_by_key(|&place| matches!(self.cells[place].workload.rate, Some(Rate::Percent(_))));
            let mut seen: HashMap<usize, u32> = HashMap::new();
            for place in order {
                let history = &self.history[place];
                let turn = seen.entry(place).or_default();
                *turn += 1;
                let ran = history.blocks.get(&block).copied().unwrap_or(0);
                if *turn > ran && self.runs_in(place, block) && history.unsupported.is_none() {
                    return Some(Next {
                        place,
                        block,
                        rep: history.trials + 1,
                        order: self.done.saturating_add(1),
                    });
                }
            }
        }
        None
    }

    /// Trials still to be run, at most.
    pub(crate) fn remaining(&self) -> u64 {
        let mut remaining = 0;
        for (place, history) in self.history.iter().enumerate() {
            if history.unsupported.is_some() {
                continue;
            }
            for block in 1..=self.repetitions.max {
                let ran = history.blocks.get(&block).copied().unwrap_or(0);
                if self.runs_in(place, block) {
                    remaining += u64::from(self.times[place].saturating_sub(ran));
                }
            }
        }
        remaining
    }

    /// Median throughput of a cell so far, Gb/s.
    pub(crate) fn so_far(&self, place: usize) -> Option<f64> {
        let values = &self.history[place].throughput;
        stats::median(values)
    }
}

/// Whether half the width of the median's interval is at most this share of the median.
fn is_precise(values: &[f64], until: f64) -> bool {
    match (stats::median(values), stats::median_interval(values)) {
        (Some(median), Some(interval)) if median > 0.0 => {
            (interval.high - interval.low) / 2.0 <= until * median
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Wire;
    use crate::grid::Grid;
    use std::collections::BTreeMap;

    fn plan(repetitions: &str, extra: &str) -> Plan {
        let grid = Grid::parse(&format!(
            "name: x\npaths: [A1, A2, A3]\nmessage_sizes: [64, 1KiB]\nthreads: [1]\nrepetitions: {repetitions}\n{extra}\n"
        ))
        .unwrap();
        let cells = grid.cells(Wire::Veth);
        let times = cells.iter().map(|cell| grid.times_per_block(cell)).collect();
        Plan::new(cells, times, grid.repetitions, 42)
    }

    fn row(plan: &Plan, next: &Next, status: Status, throughput: f64) -> Trial {
        let cell = &plan.cells()[next.place];
        Trial {
            status,
            throughput_gbps: (status == Status::Ok).then_some(throughput),
            ..Trial::new("run", cell, next.rep, next.order, next.block, String::new())
        }
    }

    fn run(plan: &mut Plan, mut outcome: impl FnMut(&Next) -> (Status, f64)) -> Vec<Next> {
        let mut ran = Vec::new();
        while let Some(next) = plan.next() {
            let (status, throughput) = outcome(&next);
            plan.note(&row(plan, &next, status, throughput));
            ran.push(next);
            assert!(ran.len() < 10_000, "the plan never ends");
        }
        ran
    }

    #[test]
    fn every_block_has_every_cell_once_and_another_order() {
        let mut plan = plan("3", "");
        assert_eq!(plan.remaining(), 18);
        let ran = run(&mut plan, |_| (Status::Ok, 1.0));
        assert_eq!((ran.len(), plan.remaining()), (18, 0));
        let blocks: Vec<Vec<usize>> =
            ran.chunks(6).map(|block| block.iter().map(|next| next.place).collect()).collect();
        for block in &blocks {
            let mut sorted = block.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
        }
        assert!(blocks[0] != blocks[1] || blocks[1] != blocks[2]);
        assert_eq!(ran.iter().map(|next| next.order).collect::<Vec<_>>(), (1..=18).collect::<Vec<_>>());
    }

    #[test]
    fn a_sweep_that_is_resumed_anywhere_goes_on_as_the_unbroken_one() {
        let whole = run(&mut plan("{min: 2, max: 6, until: 5%}", ""), |next| {
            (Status::Ok, 10.0 + (next.place as f64) * (next.rep % 2) as f64)
        });
        for cut in 0..whole.len() {
            let mut resumed = plan("{min: 2, max: 6, until: 5%}", "");
            for next in &whole[..cut] {
                let throughput = 10.0 + (next.place as f64) * (next.rep % 2) as f64;
                resumed.note(&row(&resumed, next, Status::Ok, throughput));
            }
            let rest =
                run(&mut resumed, |next| (Status::Ok, 10.0 + (next.place as f64) * (next.rep % 2) as f64));
            assert_eq!(rest, whole[cut..], "resumed after {cut}");
        }
    }

    #[test]
    fn a_steady_cell_stops_early_and_a_noisy_one_goes_on() {
        let mut noise = 0.0;
        let ran = run(&mut plan("{min: 3, max: 9, until: 2%}", ""), |next| {
            noise += 1.0;
            (
                Status::Ok,
                if next.place == 0 { 10.0 + f64::from(next.rep % 3) * 4.0 } else { 10.0 + noise * 1e-6 },
            )
        });
        let mut trials = BTreeMap::new();
        ran.iter().for_each(|next| *trials.entry(next.place).or_insert(0) += 1);
        assert_eq!(trials[&0], 9);
        assert_eq!(trials[&1], 3);
    }

    #[test]
    fn an_unsupported_cell_is_one_row_and_failures_are_not_repeated() {
        let ran = run(&mut plan("4", ""), |next| match next.place {
            2 => (Status::Unsupported, 0.0),
            3 => (Status::Failed, 0.0),
            _ => (Status::Ok, 1.0),
        });
        assert_eq!(ran.iter().filter(|next| next.place == 2).count(), 1);
        assert_eq!(ran.iter().filter(|next| next.place == 3).count(), 4);
    }

    #[test]
    fn a_control_cell_runs_twice_in_each_block() {
        let ran = run(&mut plan("2", "control: A2"), |_| (Status::Ok, 1.0));
        assert_eq!(ran.len(), 16);
        assert_eq!(ran.iter().filter(|next| next.place == 1 && next.block == 1).count(), 2);
    }
}
