//! The cost model of a path: one line of `cost_model.csv`.

use super::cost_model::CostModel;
use super::estimate::{Estimate, estimate_columns};
use super::sample::Group;
use super::setting::{Setting, setting_columns};
use crate::record::Column;
use crate::record::column::column;

/// Time of a message in one stream as a straight line of its size: fixed + per KiB × size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostRow {
    /// What the path ran in.
    pub setting: Setting,
    /// The send path.
    pub path: String,
    /// Message sizes that the line is drawn through.
    pub sizes: u64,
    /// Blocks that hold all of them: what the intervals rest on.
    pub blocks: u64,
    /// The smallest size, bytes; below it the line is a guess.
    pub smallest_bytes: u64,
    /// The largest size, bytes; above it the line is a guess.
    pub largest_bytes: u64,
    /// What a message costs whatever its size, ns.
    pub fixed_ns: Estimate,
    /// What each KiB adds, ns.
    pub per_kib_ns: Estimate,
    /// Largest distance of a size's median time from the line, as a share of the line: where it is not small,
    /// the cost is no straight line of the size, and the model does not hold. Absent with two sizes.
    pub largest_error: Option<f64>,
    /// The size at which that is, bytes.
    pub largest_error_bytes: Option<u64>,
    /// The size whose median time the line misses furthest of those at which it lies outside the interval of the
    /// median, bytes: the model predicts no crossover then. Absent where it meets all.
    pub misses_bytes: Option<u64>,
}

/// The row of every path in every setting that has a model. `models` are those of the groups' series.
pub(super) fn cost_rows(groups: &[Group], models: &[Vec<Option<CostModel>>]) -> Vec<CostRow> {
    let mut rows = Vec::new();
    for (group, models) in groups.iter().zip(models) {
        for (series, model) in group.series.iter().zip(models) {
            let Some(model) = model else { continue };
            let (fixed_ns, per_kib_ns) = model.estimates();
            let worst = model.largest_error();
            rows.push(CostRow {
                setting: group.setting.clone(),
                path: series.path.to_owned(),
                sizes: model.sizes.len() as u64,
                blocks: model.blocks.len() as u64,
                smallest_bytes: model.sizes[0].0,
                largest_bytes: model.sizes[model.sizes.len() - 1].0,
                fixed_ns,
                per_kib_ns,
                largest_error: worst.map(|(error, _)| error),
                largest_error_bytes: worst.map(|(_, bytes)| bytes),
                misses_bytes: model.miss().map(|(_, bytes)| bytes),
            });
        }
    }
    rows
}

const SETTING: [Column<CostRow>; 5] = setting_columns!();
const HEAD: [Column<CostRow>; 5] = [
    column!("path", path, "the send path"),
    column!("sizes", sizes, "message sizes that the line is drawn through"),
    column!("blocks", blocks, "blocks that hold all of them"),
    column!("smallest_bytes", smallest_bytes, "the smallest size, bytes"),
    column!("largest_bytes", largest_bytes, "the largest size, bytes"),
];
const FIXED: [Column<CostRow>; 3] =
    estimate_columns!("fixed_ns", fixed_ns, "time of a message whatever its size, ns");
const PER_KIB: [Column<CostRow>; 3] =
    estimate_columns!("per_kib_ns", per_kib_ns, "time that each KiB adds, ns");
const TAIL: [Column<CostRow>; 3] = [
    column!("largest_error", largest_error, "largest distance of a size's median from the line, as a share"),
    column!("largest_error_bytes", largest_error_bytes, "the size at which that is, bytes"),
    column!(
        "misses_bytes",
        misses_bytes,
        "size that the line misses furthest beyond its noise, so that no crossover is predicted; empty: none",
        since "1.2.0"
    ),
];

/// The columns of `cost_model.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<CostRow>> {
    [&SETTING[..], &HEAD, &FIXED, &PER_KIB, &TAIL].concat()
}
