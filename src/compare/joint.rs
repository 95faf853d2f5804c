//! The figures of several cells together: what moves a whole path by a few per cent is lost in the noise of each of its
//! cells and plain in all of them.

use std::collections::BTreeMap;

use super::footing::Footing;
use super::judged::{Judged, Judgement, Observed, ratio_of};
use super::together::ratio_within;
use crate::stats;
use crate::tables::{Better, Estimate};

/// The figures of several cells in two runs, by block: the block is the sample, as all its cells share what slowed it.
pub(super) struct Joint {
    /// Of each block of the base run the median over the cells of figure over the cell's median in the base run.
    pub(super) base: Vec<f64>,
    /// The same of the new run.
    pub(super) new: Vec<f64>,
    /// The cells' medians in the base run.
    centres: Vec<f64>,
    /// By how much blocks that follow one another are known less well than independent ones.
    widening: f64,
}

impl Joint {
    /// Of cells that both runs have the figure of, as pairs of base and new; absent where a median is not positive.
    pub(super) fn of(cells: &[(Observed, Observed)]) -> Option<Self> {
        // Each cell's figures as shares of its own median in the base run, so that cells can stand for each other.
        let centre = |base: &Observed| stats::median(&base.values).filter(|&centre| centre > 0.0);
        let centres: Vec<f64> = cells.iter().map(|(base, _)| centre(base)).collect::<Option<_>>()?;
        let joint = Self { base: Vec::new(), new: Vec::new(), centres, widening: 1.0 }.of_part(cells);
        let rows = [joint.base, joint.new];
        let widening = stats::common_correlation(&rows).map_or(1.0, stats::widening);
        let [base, new] = rows;
        Some(Self { base, new, widening, ..joint })
    }

    /// The same cells with a part of their trials.
    pub(super) fn of_part(&self, cells: &[(Observed, Observed)]) -> Self {
        let blocks = |side: fn(&(Observed, Observed)) -> &Observed| {
            let figures: Vec<_> = cells.iter().map(|pair| &side(pair).by_block).collect();
            block_medians(&figures, &self.centres)
        };
        let (base, new) = (blocks(|pair| &pair.0), blocks(|pair| &pair.1));
        Self { base, new, centres: self.centres.clone(), widening: self.widening }
    }

    /// New over base, and how likely such a ratio is if the runs were alike.
    pub(super) fn ratio(&self, footing: Footing) -> (Estimate, Option<f64>) {
        ratio_of(footing, &self.new, &self.base, self.widening)
    }
}

/// What several cells say together, as pairs of base and new; absent where they say nothing.
pub(crate) fn judge_together(
    footing: Footing,
    better: Better,
    cells: &[(Observed, Observed)],
) -> Option<Judged> {
    let (ratio, p) = match footing {
        Footing::Blocks => {
            let (ratio, p, _) = ratio_within(cells);
            (ratio, p)
        }
        _ => Joint::of(cells)?.ratio(footing),
    };
    ratio.value?;
    Some(Judged { ratio, p, judgement: Judgement::of(ratio.interval(), better) })
}

/// For each block the median over the cells of figure over centre, where at least half of the cells have one.
fn block_medians(cells: &[&BTreeMap<u32, f64>], centres: &[f64]) -> Vec<f64> {
    let mut blocks: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (figures, centre) in cells.iter().zip(centres) {
        for (&block, figure) in *figures {
            blocks.entry(block).or_default().push(figure / centre);
        }
    }
    blocks
        .into_values()
        .filter(|shares| 2 * shares.len() >= cells.len())
        .filter_map(|shares| stats::median(&shares))
        .collect()
}
