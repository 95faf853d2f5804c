//! What the figures of one cell in two runs say of each other.

use std::collections::BTreeMap;

use super::footing::{Footing, SAME};
use crate::cell::words;
use crate::stats::{self, Interval};
use crate::tables::{Better, Estimate, Metric, Paired, Sample};

/// What can be said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judgement {
    /// The interval of the ratio lies on the better side of 1.
    Better,
    /// It lies on the worse side.
    Worse,
    /// It excludes 1, and among so many cells one that does is nothing rare: no difference after correction.
    Uncorrected,
    /// It holds 1: no difference was detected.
    Indistinct,
    /// There is no interval: one trial on a side, or a figure that is zero.
    Unjudged,
    /// The runs' figures are of different kinds.
    Incomparable,
    /// The base run has no figure of the cell.
    OnlyNew,
    /// The new run has no figure of the cell.
    OnlyBase,
    /// Neither run has one.
    Neither,
}

words!(Judgement:
    Better = "better", Worse = "worse", Uncorrected = "not after correction", Indistinct = "not distinguishable",
    Unjudged = "not judged", Incomparable = "not comparable", OnlyNew = "no figure in the base run", OnlyBase = "no figure in the new run",
    Neither = "no figure in either run",
);

impl Judgement {
    pub(super) fn of(interval: Option<Interval>, better: Better) -> Self {
        match (interval, better) {
            (None, _) => Self::Unjudged,
            (Some(ends), _) if ends.contains(1.0) => Self::Indistinct,
            (Some(ends), better) if (ends.low > 1.0) == (better == Better::Higher) => Self::Better,
            (Some(_), _) => Self::Worse,
        }
    }

    /// What is left of it where the correction for the number of judgements takes a difference back.
    pub(super) fn uncorrected(self) -> Self {
        if self.is_difference() { Self::Uncorrected } else { self }
    }

    /// Whether it says that something changed.
    pub fn is_difference(self) -> bool {
        matches!(self, Self::Better | Self::Worse)
    }
}

/// The figures of one cell in one run by one metric: all that a judgement rests on, without the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// One of each trial that went well and has it.
    pub values: Vec<f64>,
    /// By how much figures that follow one another are known less well than independent ones.
    pub widening: f64,
    pub(super) by_block: BTreeMap<u32, f64>,
}

impl Observed {
    /// What a cell has of a metric; nothing where the run does not know the cell.
    pub fn of(sample: Option<&Sample>, metric: &Metric) -> Self {
        Self {
            values: sample.map(|sample| metric.values(sample)).unwrap_or_default(),
            widening: sample.map_or(1.0, |sample| sample.widening),
            by_block: sample.map(|sample| metric.by_block(sample)).unwrap_or_default(),
        }
    }
}

/// The ratio of a cell's figures in two runs, and what can be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// New median over base median.
    pub ratio: Estimate,
    /// Two-sided probability of such a ratio if the runs were alike.
    pub p: Option<f64>,
    /// What can be said.
    pub judgement: Judgement,
}

impl Judged {
    /// What the new figures say beside those of the base.
    pub fn of(footing: Footing, better: Better, base: &Observed, new: &Observed) -> Self {
        let (ratio, p) = match footing {
            Footing::Blocks => {
                let found = Paired::within(&new.by_block, &base.by_block);
                (found.ratio, found.p)
            }
            _ => {
                // Each side's own, as the squares of what is not known of them add up.
                let widening = f64::midpoint(base.widening.powi(2), new.widening.powi(2)).sqrt();
                ratio_of(footing, &new.values, &base.values, widening)
            }
        };
        let judgement = match (base.values.is_empty(), new.values.is_empty()) {
            (false, false) if footing == Footing::Nothing => Judgement::Incomparable,
            (false, false) => Judgement::of(ratio.interval(), better),
            (true, false) => Judgement::OnlyNew,
            (false, true) => Judgement::OnlyBase,
            (true, true) => Judgement::Neither,
        };
        Self { ratio, p, judgement }
    }
}

/// The ratio of two medians with its interval, and how likely one so large is by chance.
///
/// Counted instructions have no chance in them: what remains is by how much two runs of the same thing differ.
/// `widening` is by how much figures that follow one another are known less well than independent ones.
pub(super) fn ratio_of(
    footing: Footing,
    new: &[f64],
    base: &[f64],
    widening: f64,
) -> (Estimate, Option<f64>) {
    match footing {
        // Sides that ran together are taken within their blocks afterwards.
        Footing::Time | Footing::Blocks => match stats::unpaired_ratio(new, base) {
            Some(found) => (
                Estimate::new(Some(found.ratio), found.interval).widened(widening),
                found.p.map(|p| stats::widened_probability(p, widening)),
            ),
            None => (Estimate::default(), None),
        },
        Footing::Instructions => {
            let base = stats::median(base).filter(|&base| base > 0.0);
            let ratio = stats::median(new).zip(base).map(|(new, base)| new / base);
            let interval =
                ratio.map(|ratio| Interval { low: ratio * (1.0 - SAME), high: ratio * (1.0 + SAME) });
            (Estimate::new(ratio, interval), None)
        }
        Footing::Nothing => (Estimate::default(), None),
    }
}
