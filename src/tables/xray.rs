//! What the x-ray of a run found, as read from its files.

use std::path::Path;

use crate::cell::Side;
use crate::file;
use crate::record::{
    Attribution, Copies, FoldedLog, FoldedStack, Recorded, Roofline, Way, category::Category, csv_file,
};

/// The x-ray's files of a run; empty where the run had none.
#[derive(Clone, Debug, Default)]
pub struct XrayRows {
    /// Every row of `xray.csv`: CPU time by category.
    pub costs: Vec<Attribution>,
    /// Every row of `copies.csv`: copies per payload byte with their evidence, a cell's rows together.
    pub copies: Vec<Copies>,
    /// Every row of `roofline.csv`: what no path can beat.
    pub bounds: Vec<Roofline>,
    /// Every row of `way.csv`: the stages of messages, a cell's rows together.
    pub ways: Vec<Way>,
    /// Every line of `xray.folded`: call chains with their samples, a cell's together.
    pub stacks: Vec<FoldedStack>,
}

impl XrayRows {
    /// Reads the files that are there. What cannot be read, and a last row that was cut off, is left out and
    /// said so in `left_out`.
    pub(super) fn load(dir: &Path, left_out: &mut Vec<String>) -> Self {
        Self {
            costs: rows(dir, left_out),
            copies: rows(dir, left_out),
            bounds: rows(dir, left_out),
            ways: rows(dir, left_out),
            stacks: FoldedLog::read(dir).unwrap_or_else(|error| {
                left_out.push(format!("{error}; flame graphs are left out"));
                Vec::new()
            }),
        }
    }

    /// Whether the run had no x-ray, or none that came to a result.
    pub fn is_empty(&self) -> bool {
        self.costs.is_empty() && self.copies.is_empty()
    }

    /// The rows of `copies.csv`, a cell's together.
    pub fn cells(&self) -> impl Iterator<Item = &[Copies]> {
        self.copies.chunk_by(|one, next| one.cell == next.cell)
    }

    /// CPU time of the workers of one end of a cell in user space for each KiB, ns, and the samples that it rests on;
    /// absent where the cell was not sampled.
    pub fn user_time(&self, cell: &str, side: Side) -> Option<(f64, f64)> {
        let rows = self.costs.iter().filter(|row| row.cell == cell && row.side == side);
        let parts = rows.filter_map(|row| {
            let (user, all) = (row.user_ns_per_kib?, row.ns_per_kib?);
            let samples = if all > 0.0 { row.samples as f64 * user / all } else { 0.0 };
            Some((user, samples))
        });
        parts.reduce(|one, other| (one.0 + other.0, one.1 + other.1))
    }

    /// The smallest share of an end's samples that fell into a named category; absent without samples.
    pub fn least_attributed(&self) -> Option<f64> {
        let unnamed = self.costs.iter().filter(|row| row.category == Category::Unattributed);
        unnamed.map(|row| 1.0 - row.share).reduce(f64::min)
    }
}

fn rows<R: Recorded>(dir: &Path, left_out: &mut Vec<String>) -> Vec<R> {
    if !file::is_there(&dir.join(R::FILE)) {
        return Vec::new();
    }
    match csv_file::read(dir) {
        Ok(rows) => {
            left_out.extend(rows.cut_off(dir));
            rows.rows
        }
        Err(error) => {
            left_out.push(format!("{error}; what this file holds of the x-ray is left out"));
            Vec::new()
        }
    }
}
