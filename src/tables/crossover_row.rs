//! Where one path starts to beat another: one line of `crossovers.csv`.

use super::cost_model::{self, CostModel};
use super::crossing::crossing;
use super::estimate::Estimate;
use super::metric::{Metric, THROUGHPUT};
use super::ratio_row::{Difference, RatioRow};
use super::sample::{PathSeries, SettingGroup};
use super::setting::Setting;
use crate::cell::words;
use crate::record::column::word_field;
use crate::record::row::row;
use crate::stats;

/// What the tested sizes say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrossoverVerdict {
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

words!(CrossoverVerdict:
    Wins = "wins", WinsBelow = "wins only below the largest size", Never = "never in the tested sizes",
    Indistinct = "not distinguishable", Unjudged = "not judged", Untested = "not tested",
);
word_field!(CrossoverVerdict);

row! {
    /// One path against another by one figure in the same setting, over all message sizes that both were tested at.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct CrossoverRow in "crossovers.csv" moves "working_set_bytes" after "largest_bytes" {
        /// What the cells have in common.
        setting: Setting as "",
        /// The path that may win.
        path: String,
        /// The path that it is compared with.
        over: String,
        /// The naive reading: the smallest tested size at which the median is the better one.
        first_win_bytes: Option<u64> in "B",
        /// The supported reading: the smallest tested size from which, at this and all larger ones, the path is
        /// faster, as `ratios.csv` has it.
        supported_win_bytes: Option<u64> in "B",
        /// What the tested sizes say.
        verdict: CrossoverVerdict,
        /// The path's cost model: what a message costs whatever its size.
        fixed_ns: Option<f64> in "ns",
        /// The path's cost model: what each KiB adds.
        per_kib_ns: Option<f64> in "ns/KiB",
        /// The other path's cost model: what a message costs whatever its size.
        over_fixed_ns: Option<f64> in "ns",
        /// The other path's cost model: what each KiB adds.
        over_per_kib_ns: Option<f64> in "ns/KiB",
        /// Size from which the cost model predicts that the path wins; empty where the lines do not cross at a
        /// positive size, the path loses beyond it, or a line misses its own points by more than their noise.
        predicted_bytes: Option<f64> in "B",
        /// Lower end of its 95 % interval; empty where every smaller size is as likely.
        predicted_low: Option<f64> in "B",
        /// Upper end of its 95 % interval; empty where every larger size is as likely.
        predicted_high: Option<f64> in "B",
        /// Number of sizes that both were tested at.
        sizes: u64,
        /// The smallest of them.
        smallest_bytes: Option<u64> in "B",
        /// The largest of them.
        largest_bytes: Option<u64> in "B",
        /// The figure that is compared, a column of `cells.csv`; empty in older tables, which have throughput alone.
        metric: String since "1.4.0",
        /// Size from which the path is the better one by that figure, read off the ratios at the tested sizes, between
        /// which they are taken to change evenly on logarithms. Empty where it is not at the largest size, or is at every
        /// size; an end is empty where the interval reaches beyond the tested sizes.
        crossing: Estimate in "B" since "1.5.0",
        /// The same by the sender's CPU time per KiB (`cpu_ns_per_kib`); empty beside delays.
        cpu_crossing: Estimate in "B" since "1.5.0",
    }
}

/// What the sender pays for a KiB.
const SENDER_CPU: &str = "cpu_ns_per_kib";

/// Every ordered pair of paths in every setting, by each figure that its cells are compared by. `models` are those of the
/// groups' series, `ratios` those of the same groups.
pub(super) fn crossovers(
    groups: &[SettingGroup],
    models: &[Vec<Option<CostModel>>],
    ratios: &[RatioRow],
) -> Vec<CrossoverRow> {
    let mut rows = Vec::new();
    for (group, models) in groups.iter().zip(models) {
        for metric in Metric::compared(&group.setting.workload()) {
            let here = |row: &&RatioRow| row.setting == group.setting && row.is_of(metric);
            let judged: Vec<&RatioRow> = ratios.iter().filter(here).collect();
            for (path, model) in group.series.iter().zip(models) {
                let others = group.series.iter().zip(models).filter(|(over, _)| over.path != path.path);
                for (over, over_model) in others {
                    let mut row = tested(metric, path, over, &judged);
                    row.setting = group.setting.clone();
                    row.predict(model.as_ref(), over_model.as_ref());
                    rows.push(row);
                }
            }
        }
    }
    rows
}

/// What the tested sizes say of one path over another.
fn tested(metric: &Metric, path: &PathSeries, over: &PathSeries, ratios: &[&RatioRow]) -> CrossoverRow {
    let of_pair: Vec<&RatioRow> =
        ratios.iter().copied().filter(|row| row.path == path.path && row.over == over.path).collect();
    let median = |series: &PathSeries, bytes: u64| {
        series.sizes.get(&bytes).and_then(|sample| stats::median(&metric.values(sample)))
    };
    let is_better = |row: &&&RatioRow| {
        let medians = median(path, row.message_bytes).zip(median(over, row.message_bytes));
        medians.is_some_and(|(one, other)| metric.is_better(one, other))
    };
    let cpu = super::metric(SENDER_CPU).filter(|_| metric.name == THROUGHPUT.name);
    let suffix = of_pair.iter().rev().take_while(|row| row.difference == Difference::Faster);
    CrossoverRow {
        path: path.path.to_owned(),
        over: over.path.to_owned(),
        first_win_bytes: of_pair.iter().find(is_better).map(|row| row.message_bytes),
        supported_win_bytes: suffix.last().map(|row| row.message_bytes),
        verdict: CrossoverVerdict::of(&of_pair.iter().map(|row| row.difference).collect::<Vec<_>>()),
        sizes: of_pair.len() as u64,
        smallest_bytes: of_pair.first().map(|row| row.message_bytes),
        largest_bytes: of_pair.last().map(|row| row.message_bytes),
        metric: metric.name.to_owned(),
        crossing: crossing(metric, path, over),
        cpu_crossing: cpu.map(|cpu| crossing(cpu, path, over)).unwrap_or_default(),
        ..CrossoverRow::default()
    }
}

impl CrossoverVerdict {
    /// What the differences say, from the smallest size to the largest.
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
        if let Some(found) = model.zip(over).and_then(|(model, over)| cost_model::crossing(model, over)) {
            self.predicted_bytes = Some(found.bytes);
            self.predicted_low = found.low;
            self.predicted_high = found.high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Difference::{Faster, Indistinct, Slower, Unjudged};
    use super::*;

    #[test]
    fn the_verdict_is_of_all_sizes_together() {
        let verdicts: [(&[Difference], CrossoverVerdict); 8] = [
            (&[Slower, Indistinct, Faster, Faster], CrossoverVerdict::Wins),
            (&[Faster, Faster, Indistinct], CrossoverVerdict::WinsBelow),
            (&[Faster, Slower], CrossoverVerdict::WinsBelow),
            (&[Slower, Indistinct], CrossoverVerdict::Never),
            (&[Slower, Unjudged], CrossoverVerdict::Never),
            (&[Indistinct, Indistinct], CrossoverVerdict::Indistinct),
            (&[Indistinct, Unjudged], CrossoverVerdict::Unjudged),
            (&[], CrossoverVerdict::Untested),
        ];
        for (differences, verdict) in verdicts {
            assert_eq!(CrossoverVerdict::of(differences), verdict, "{differences:?}");
        }
    }
}
