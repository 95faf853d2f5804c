//! Where one path starts to beat another: one line of `crossovers.csv`.

use super::cost_model::{CostModel, crossing};
use super::ratio_row::{Difference, RatioRow};
use super::sample::{Group, Series};
use super::setting::{Setting, setting_columns};
use crate::cell::words;
use crate::record::Column;
use crate::record::column::{column, word_field};
use crate::stats;

/// What the tested sizes say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Faster at every tested size from `supported_win_bytes` on.
    Wins,
    /// Faster at some tested size, but not at the largest.
    WinsBelow,
    /// Faster at no tested size, and slower at one at least.
    Never,
    /// At no tested size is either faster.
    Indistinct,
    /// No size shows a difference, and at some there is no interval to judge by.
    #[default]
    Unjudged,
    /// No size has a trial of both that went well.
    Untested,
}

words!(Verdict:
    Wins = "wins", WinsBelow = "wins only below the largest size", Never = "never in the tested sizes",
    Indistinct = "not distinguishable", Unjudged = "not judged", Untested = "not tested",
);
word_field!(Verdict);

/// One path against another in the same setting, over all message sizes that both were tested at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossoverRow {
    /// What the cells have in common.
    pub setting: Setting,
    /// The path that may win.
    pub path: String,
    /// The path that it is held against.
    pub over: String,
    /// The naive reading: the smallest tested size at which the median throughput is the higher one.
    pub first_win_bytes: Option<u64>,
    /// The supported reading: the smallest tested size from which, at this and all larger ones, the path is
    /// [`super::Difference::Faster`].
    pub supported_win_bytes: Option<u64>,
    /// What the tested sizes say.
    pub verdict: Verdict,
    /// The path's cost model: what a message costs whatever its size, ns.
    pub fixed_ns: Option<f64>,
    /// The path's cost model: what each KiB adds, ns.
    pub per_kib_ns: Option<f64>,
    /// The other path's cost model: what a message costs whatever its size, ns.
    pub over_fixed_ns: Option<f64>,
    /// The other path's cost model: what each KiB adds, ns.
    pub over_per_kib_ns: Option<f64>,
    /// Size from which the cost model predicts that the path wins; absent where the lines do not cross at a
    /// positive size, the path loses beyond it, or a line misses its own points by more than their noise.
    pub predicted_bytes: Option<f64>,
    /// Lower end of its 95 % interval; absent where every smaller size is as likely.
    pub predicted_low: Option<f64>,
    /// Upper end of its 95 % interval; absent where every larger size is as likely.
    pub predicted_high: Option<f64>,
    /// Number of tested sizes.
    pub sizes: u64,
    /// The smallest of them, bytes.
    pub smallest_bytes: Option<u64>,
    /// The largest of them, bytes.
    pub largest_bytes: Option<u64>,
}

/// Every ordered pair of paths in every setting. `models` are those of the groups' series, `ratios` those of the
/// same groups.
pub(super) fn crossovers(
    groups: &[Group],
    models: &[Vec<Option<CostModel>>],
    ratios: &[RatioRow],
) -> Vec<CrossoverRow> {
    let mut rows = Vec::new();
    for (group, models) in groups.iter().zip(models) {
        let of_group: Vec<&RatioRow> = ratios.iter().filter(|row| row.setting == group.setting).collect();
        for (path, model) in group.series.iter().zip(models) {
            for (over, over_model) in
                group.series.iter().zip(models).filter(|(over, _)| over.path != path.path)
            {
                let mut row = tested(path, over, &of_group);
                row.setting = group.setting.clone();
                row.predict(model.as_ref(), over_model.as_ref());
                rows.push(row);
            }
        }
    }
    rows
}

/// What the tested sizes say of one path over another.
fn tested(path: &Series, over: &Series, ratios: &[&RatioRow]) -> CrossoverRow {
    let of_pair: Vec<&RatioRow> =
        ratios.iter().copied().filter(|row| row.path == path.path && row.over == over.path).collect();
    let median = |series: &Series, bytes: u64| {
        series
            .sizes
            .get(&bytes)
            .and_then(|sample| stats::median(&sample.values(|trial| trial.throughput_gbps)))
    };
    let higher = |row: &&&RatioRow| median(path, row.message_bytes) > median(over, row.message_bytes);
    let suffix = of_pair.iter().rev().take_while(|row| row.difference == Difference::Faster);
    CrossoverRow {
        path: path.path.to_owned(),
        over: over.path.to_owned(),
        first_win_bytes: of_pair.iter().find(higher).map(|row| row.message_bytes),
        supported_win_bytes: suffix.last().map(|row| row.message_bytes),
        verdict: Verdict::of(&of_pair.iter().map(|row| row.difference).collect::<Vec<_>>()),
        sizes: of_pair.len() as u64,
        smallest_bytes: of_pair.first().map(|row| row.message_bytes),
        largest_bytes: of_pair.last().map(|row| row.message_bytes),
        ..CrossoverRow::default()
    }
}

impl Verdict {
    /// What the differences say, from the smallest size to the largest.
    #[must_use]
    pub fn of(differences: &[Difference]) -> Self {
        let any = |kind| differences.contains(&kind);
        match differences.last() {
            None => Self::Untested,
            Some(Difference::Faster) => Self::Wins,
            _ if any(Difference::Faster) => Self::WinsBelow,
            _ if any(Difference::Slower) => Self::Never,
            _ if any(Difference::Unjudged) => Self::Unjudged,
            _ => Self::Indistinct,
        }
    }
}

impl CrossoverRow {
    /// Fills in what the cost models say.
    fn predict(&mut self, model: Option<&CostModel>, over: Option<&CostModel>) {
        let cost =
            |model: Option<&CostModel>| model.map(|model| (model.line.intercept, model.line.slope * 1024.0));
        (self.fixed_ns, self.per_kib_ns) = cost(model).unzip();
        (self.over_fixed_ns, self.over_per_kib_ns) = cost(over).unzip();
        if let Some(found) = model.zip(over).and_then(|(model, over)| crossing(model, over)) {
            self.predicted_bytes = Some(found.bytes);
            self.predicted_low = found.low;
            self.predicted_high = found.high;
        }
    }
}

const SETTING: [Column<CrossoverRow>; 5] = setting_columns!();
const BODY: [Column<CrossoverRow>; 15] = [
    column!("path", path, "the path that may win"),
    column!("over", over, "the path that it is held against"),
    column!("first_win_bytes", first_win_bytes, "smallest tested size with the higher median (naive), bytes"),
    column!(
        "supported_win_bytes",
        supported_win_bytes,
        "smallest tested size from which it is faster at this and all larger ones, bytes"
    ),
    column!("verdict", verdict, "what the tested sizes say"),
    column!("fixed_ns", fixed_ns, "cost model: time of a message whatever its size, ns"),
    column!("per_kib_ns", per_kib_ns, "cost model: time that each KiB adds, ns"),
    column!("over_fixed_ns", over_fixed_ns, "the other path's, ns"),
    column!("over_per_kib_ns", over_per_kib_ns, "the other path's, ns"),
    column!("predicted_bytes", predicted_bytes, "size from which the cost model has it win, bytes"),
    column!("predicted_low", predicted_low, "lower end of its 95 % interval; empty: open"),
    column!("predicted_high", predicted_high, "upper end of its 95 % interval; empty: open"),
    column!("sizes", sizes, "number of sizes that both were tested at"),
    column!("smallest_bytes", smallest_bytes, "the smallest of them, bytes"),
    column!("largest_bytes", largest_bytes, "the largest of them, bytes"),
];

/// The columns of `crossovers.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<CrossoverRow>> {
    // The setting's columns stand as the row's others do: wire to threads first, the working set last.
    let (words, working_set) = SETTING.split_at(4);
    [words, &BODY, working_set].concat()
}

#[cfg(test)]
mod tests {
    use super::Difference::{Faster, Indistinct, Slower, Unjudged};
    use super::*;

    #[test]
    fn the_verdict_is_of_all_sizes_together() {
        let verdicts: [(&[Difference], Verdict); 8] = [
            (&[Slower, Indistinct, Faster, Faster], Verdict::Wins),
            (&[Faster, Faster, Indistinct], Verdict::WinsBelow),
            (&[Faster, Slower], Verdict::WinsBelow),
            (&[Slower, Indistinct], Verdict::Never),
            (&[Slower, Unjudged], Verdict::Never),
            (&[Indistinct, Indistinct], Verdict::Indistinct),
            (&[Indistinct, Unjudged], Verdict::Unjudged),
            (&[], Verdict::Untested),
        ];
        for (differences, verdict) in verdicts {
            assert_eq!(Verdict::of(differences), verdict, "{differences:?}");
        }
    }
}
