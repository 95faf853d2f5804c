//! A cell's derived figures: one line of `derived.csv`.

use super::cell_row::CellRow;
use super::figures::Figures;
use super::sample::Sample;
use crate::record::row::row;

row! {
    /// One cell's figures per byte, per message and per second: the median over its trials, and the 95 % interval of
    /// that median.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DerivedRow in "derived.csv" {
        /// The cell, as in `cells.csv`.
        cell: CellRow as "",
        /// Its figures.
        figures: Figures as "",
    }
}

impl DerivedRow {
    /// The row of a cell's trials.
    pub fn of(sample: &Sample) -> Self {
        Self { cell: CellRow::of(sample), figures: Figures::of(sample) }
    }
}
