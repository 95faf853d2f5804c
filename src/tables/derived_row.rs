//! A cell's derived figures: one line of `derived.csv`.

use super::cell_row::{CellRow, cell_columns, limit_column};
use super::figures::{self, Figures};
use super::sample::Sample;
use crate::record::Column;
use crate::record::column::column;

/// One cell's figures a byte, a message and a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DerivedRow {
    /// The cell, as in `cells.csv`.
    pub cell: CellRow,
    /// Its figures.
    pub figures: Figures,
}

impl DerivedRow {
    /// The row of a cell's trials.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { cell: CellRow::of(sample), figures: Figures::of(sample) }
    }
}

const CELL: [Column<DerivedRow>; 19] = cell_columns!(cell.);

/// The columns of `derived.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<DerivedRow>> {
    [CELL.to_vec(), figures::columns(), vec![limit_column!(cell.)]].concat()
}
