//! The cost model of a path: one line of `cost_model.csv`.

use super::cost_model::CostModel;
use super::estimate::Estimate;
use super::sample::SettingGroup;
use super::setting::Setting;
use crate::record::row::row;

row! {
    /// Time of a message in one stream as a linear function of its size: fixed + per KiB × size.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct CostRow in "cost_model.csv" {
        /// What the path ran in.
        setting: Setting as "",
        /// The send path.
        path: String,
        /// Message sizes that the line is drawn through.
        sizes: u64,
        /// Blocks that hold all of them: what the intervals rest on.
        blocks: u64,
        /// The smallest size; below it the line is a guess.
        smallest_bytes: u64 in "B",
        /// The largest size; above it the line is a guess.
        largest_bytes: u64 in "B",
        /// What a message costs whatever its size.
        fixed_ns: Estimate in "ns",
        /// What each KiB adds.
        per_kib_ns: Estimate in "ns/KiB",
        /// Largest distance of a size's median time from the line, as a share of the line: where it is not small,
        /// the cost is not linear in the size, and the model does not hold. Empty with two sizes.
        largest_error: Option<f64>,
        /// The size at which that is.
        largest_error_bytes: Option<u64> in "B",
        /// The size whose median time the line misses furthest of those at which it lies outside the interval of the
        /// median: the model predicts no crossover then. Empty where it meets all.
        misses_bytes: Option<u64> in "B" since "1.2.0",
    }
}

/// How far a median time may lie from its line where nothing is known of its noise, as a share.
pub const MOST_ERROR: f64 = 0.2;

impl CostRow {
    /// How far the line misses its points at most, as a share, where it does: by more than their noise, or by so much
    /// that the cost is not linear in the size.
    pub fn miss(&self) -> Option<f64> {
        self.largest_error.filter(|&error| self.misses_bytes.is_some() || error > MOST_ERROR)
    }
}

/// The row of every path in every setting that has a model. `models` are those of the groups' series.
pub(super) fn cost_rows(groups: &[SettingGroup], models: &[Vec<Option<CostModel>>]) -> Vec<CostRow> {
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
