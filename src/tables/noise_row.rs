//! The noise floor: one line of `noise.csv`, one cell that ran against itself.

use super::estimate::{Estimate, estimate_columns};
use super::sample::Sample;
use crate::record::Column;
use crate::record::column::column;
use crate::stats;

/// A cell that ran twice in every block (A against A). Whatever differs between the two is noise, so a
/// difference between two paths that is smaller than this says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoiseRow {
    /// The cell's key.
    pub cell: String,
    /// Blocks in which it ran twice and went well both times.
    pub blocks: u64,
    /// Median over the blocks of its second trial's throughput over its first's, and the 95 % interval.
    pub ratio: Estimate,
    /// The larger distance from 1 that the interval reaches: the smallest difference that a pair of paths, tested
    /// in as many blocks, must exceed. Absent with one block.
    pub floor: Option<f64>,
}

impl NoiseRow {
    /// The noise floor from a cell; absent where the cell is no control.
    #[must_use]
    pub fn of(sample: &Sample) -> Option<Self> {
        let trials: Vec<_> = sample.ok().collect();
        let mut pairs = Vec::new();
        let mut last_block = None;
        for pair in trials.windows(2) {
            // Of three trials in a block the first two count.
            if pair[0].block == pair[1].block && last_block != Some(pair[0].block) {
                last_block = Some(pair[0].block);
                pairs.extend(pair[1].throughput_gbps.zip(pair[0].throughput_gbps));
            }
        }
        let found = stats::median_ratio(&pairs)?;
        Some(Self {
            cell: sample.cell.key(),
            blocks: pairs.len() as u64,
            ratio: Estimate::new(Some(found.ratio), found.interval),
            floor: found.interval.map(|ends| ends.relative_half_width(1.0)),
        })
    }
}

const HEAD: [Column<NoiseRow>; 2] = [
    column!("cell", cell, "key of the cell that ran twice a block"),
    column!("blocks", blocks, "blocks in which it ran twice"),
];
const RATIO: [Column<NoiseRow>; 3] =
    estimate_columns!("ratio", ratio, "median over blocks of its second trial's throughput over its first's");
const FLOOR: [Column<NoiseRow>; 1] =
    [column!("floor", floor, "larger distance of the interval from 1; smaller differences say nothing")];

/// The columns of `noise.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<NoiseRow>> {
    [&HEAD[..], &RATIO, &FLOOR].concat()
}
