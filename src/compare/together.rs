//! Two runs whose trials ran in the same blocks: ratios are taken within them, and all cells are judged at once.
//!
//! What slowed a block slowed both sides, so it cancels; the block is the sample. And as nothing else is left of a
//! difference but chance, the chance of many cells is corrected for: what a gate fires on is not an accident of their
//! number.

use std::collections::BTreeMap;

use super::change::{CellChange, GateOutcome, GroupChange};
use super::footing::Terms;
use super::judged::{Judged, Judgement, Observed};
use crate::stats;
use crate::tables::{Estimate, Sample};

/// Probability, corrected for their number, up to which a difference is called one.
const CALLED: f64 = 0.05;

/// A gate on a cell's change, which was taken within the blocks. Others that were busy on the host were so for both
/// sides, so no trial is too disturbed to gate.
pub(super) fn gate(change: &mut CellChange, terms: Terms) {
    change.gate = gated(&change.ratio, terms);
}

/// The change of several cells together, as pairs of base and new: of each block the median of its cells' ratios.
pub(super) fn group(change: &mut GroupChange, cells: &[(&Sample, &Sample)], terms: Terms) {
    let observed = |sample: &Sample| Observed::of(Some(sample), terms.measure);
    let cells: Vec<_> = cells.iter().map(|(base, new)| (observed(base), observed(new))).collect();
    let (ratio, p, blocks) = ratio_within(&cells);
    (change.ratio, change.p, change.base_blocks, change.new_blocks) = (ratio, p, blocks, blocks);
    change.judgement = Judgement::of(ratio.interval(), terms.measure.better);
    change.gate = gated(&ratio, terms);
}

fn gated(ratio: &Estimate, terms: Terms) -> GateOutcome {
    terms.limit.map_or(GateOutcome::None, |limit| GateOutcome::by(limit, ratio, terms.measure.better))
}

/// The ratio of cells within the blocks, as pairs of base and new, how likely one so large is by chance, and how many
/// blocks it rests on: those in which at least half of the cells have one.
pub(super) fn ratio_within(cells: &[(Observed, Observed)]) -> (Estimate, Option<f64>, usize) {
    let mut blocks: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (base, new) in cells {
        for (block, &value) in &new.by_block {
            let pair = base.by_block.get(block).filter(|&&other| value > 0.0 && other > 0.0);
            blocks.entry(*block).or_default().extend(pair.map(|other| value / other));
        }
    }
    let medians = blocks.into_values().filter(|ratios| 2 * ratios.len() >= cells.len());
    let pairs: Vec<(f64, f64)> =
        medians.filter_map(|ratios| stats::median(&ratios)).map(|ratio| (ratio, 1.0)).collect();
    match stats::paired_ratio(&pairs) {
        Some(found) => (Estimate::new(Some(found.ratio), found.interval), found.p, pairs.len()),
        None => (Estimate::default(), None, 0),
    }
}

/// What is judged with others at once.
pub(crate) trait Correctable {
    /// How likely it is by chance; absent where nothing is judged.
    fn p(&self) -> Option<f64>;
    /// No difference, after correction.
    fn take_back(&mut self);
}

impl Correctable for &mut Judged {
    fn p(&self) -> Option<f64> {
        self.p.filter(|_| self.ratio.interval().is_some())
    }

    fn take_back(&mut self) {
        self.judgement = self.judgement.uncorrected();
    }
}

macro_rules! correctable {
    ($($change:ty),*) => {$(
        impl Correctable for $change {
            fn p(&self) -> Option<f64> {
                self.p.filter(|_| self.ratio.interval().is_some())
            }

            fn take_back(&mut self) {
                self.judgement = self.judgement.uncorrected();
                if self.gate == GateOutcome::Beyond {
                    self.gate = GateOutcome::Passed;
                }
            }
        }
    )*};
}

correctable!(CellChange, GroupChange);

/// Corrects for the number of what is judged: what is no difference then is none, and fires no gate.
pub(crate) fn correct(changes: &mut [impl Correctable]) {
    let judged: Vec<usize> = (0..changes.len()).filter(|&place| changes[place].p().is_some()).collect();
    let chances: Vec<f64> = judged.iter().filter_map(|&place| changes[place].p()).collect();
    for (place, p) in judged.into_iter().zip(stats::benjamini_hochberg(&chances)) {
        if p > CALLED {
            changes[place].take_back();
        }
    }
}
