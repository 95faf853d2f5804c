//! A figure of one cell against that of another, block by block.

use std::collections::{BTreeMap, BTreeSet};

use super::estimate::Estimate;
use super::metric::Metric;
use super::sample::Sample;
use crate::record::Trial;
use crate::stats;

/// Share of the blocks that may be left out of a ratio because a figure is zero there. A zero has no logarithm, and
/// the blocks that hold one are the most extreme: a ratio without more of them is none.
pub const MOST_ZEROS: f64 = 0.1;

/// The ratio of a figure of two cells within the blocks, and what it rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paired {
    /// The ratio with its interval; absent where zeros took more than [`MOST_ZEROS`] of the blocks.
    pub ratio: Estimate,
    /// Probability of ratios at least this far from 1 if the two were alike.
    pub p: Option<f64>,
    /// Blocks that it rests on.
    pub blocks: u64,
    /// Blocks among the others in which both cells have the figure, and one of the two is zero.
    pub zeros: u64,
    /// Blocks in which one of the cells ran.
    pub of_blocks: u64,
}

impl Paired {
    /// The ratio of `above` over `below`.
    pub fn of(above: &Sample, below: &Sample, of: impl Fn(&Trial) -> Option<f64> + Copy) -> Self {
        let ran = above.trials.iter().chain(&below.trials).map(|trial| trial.block);
        let of_blocks = ran.collect::<BTreeSet<_>>().len() as u64;
        Self { of_blocks, ..Self::within(&above.by_block(of), &below.by_block(of)) }
    }

    /// The ratio of figures by block; of how many blocks, the figures alone do not tell.
    pub(crate) fn within(above: &BTreeMap<u32, f64>, below: &BTreeMap<u32, f64>) -> Self {
        let pairs: Vec<(f64, f64)> =
            above.iter().filter_map(|(block, value)| Some((*value, *below.get(block)?))).collect();
        let (whole, zero): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|(one, other)| *one > 0.0 && *other > 0.0);
        let told = Self { blocks: whole.len() as u64, zeros: zero.len() as u64, ..Self::default() };
        match stats::paired_ratio(&whole) {
            Some(found) if zero.len() as f64 <= MOST_ZEROS * pairs.len() as f64 => {
                Self { ratio: Estimate::new(Some(found.ratio), found.interval), p: found.p, ..told }
            }
            _ => told,
        }
    }

    /// The ratio of a figure of `derived.csv`; absent where one of the cells does not tell it.
    pub fn of_metric(above: &Sample, below: &Sample, metric: &Metric) -> Self {
        if metric.is_told(above) && metric.is_told(below) {
            Self::of(above, below, metric.of)
        } else {
            Self::default()
        }
    }

    /// Whether some blocks are not in the ratio.
    pub fn is_partial(&self) -> bool {
        self.blocks < self.of_blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::record::Status;
    use crate::tables::Hosts;

    /// Trials with so many context switches, one a block; a trial without a figure failed.
    fn trials(switches: &[Option<u64>]) -> Vec<Trial> {
        let trial = |(block, switches): (usize, &Option<u64>)| {
            let status = if switches.is_some() { Status::Ok } else { Status::Failed };
            let mut trial = Trial { block: block as u32 + 1, status, ..Trial::default() };
            trial.sender.context_switches = *switches;
            trial
        };
        switches.iter().enumerate().map(trial).collect()
    }

    fn ratio(above: &[Option<u64>], below: &[Option<u64>]) -> Paired {
        let (above, below) = (trials(above), trials(below));
        let cell = Cell::example("two-copy", 1024);
        let [above, below] = [&above, &below].map(|trials| Sample {
            cell: cell.clone(),
            trials: trials.iter().collect(),
            hosts: Hosts::default(),
            widening: 1.0,
        });
        Paired::of(&above, &below, |trial| trial.sender.context_switches.map(|count| count as f64))
    }

    #[test]
    fn a_ratio_that_would_rest_on_the_blocks_without_zeros_is_none() {
        let ten = [Some(10); 8];
        let mut with_zeros = ten;
        with_zeros[..2].fill(Some(0));
        let found = ratio(&ten, &with_zeros);
        assert_eq!(
            (found.ratio, found.p),
            (Estimate::default(), None),
            "the two extremes are missing from it"
        );
        assert_eq!((found.blocks, found.zeros, found.of_blocks), (6, 2, 8));
    }

    #[test]
    fn few_zeros_and_failures_are_counted_beside_the_ratio() {
        let mut above = [Some(20); 12];
        (above[0], above[1]) = (Some(0), None);
        let found = ratio(&above, &[Some(10); 12]);
        assert!((found.ratio.value.unwrap() - 2.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found.blocks, found.zeros, found.of_blocks, found.is_partial()), (10, 1, 12, true));
        assert!(!ratio(&[Some(1); 3], &[Some(1); 3]).is_partial());
    }
}
