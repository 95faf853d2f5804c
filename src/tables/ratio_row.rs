//! Two paths at one message size by one figure: one line of `ratios.csv`.

use super::estimate::Estimate;
use super::metric::Metric;
use super::noise_row::NoiseRow;
use super::paired::Paired;
use super::sample::{Sample, SettingGroup};
use super::setting::Setting;
use crate::cell::words;
use crate::record::column::word_field;
use crate::record::row::row;
use crate::stats::{self, Interval};

/// What can be said of one path against another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// The interval of the ratio lies on the better side of 1, above it for throughput and below it for delays, and stays
    /// there when all comparisons of the run by the same figure are corrected for.
    Faster,
    /// It lies on the worse side in the same way.
    Slower,
    /// Neither: no difference was detected, which does not say that there is none.
    Indistinct,
    /// The interval by itself leaves 1 out, and does not once all comparisons of the run are corrected for.
    Uncorrected,
    /// The ratio is no further from 1 than that of a cell to itself.
    WithinFloor,
    /// Fewer than two blocks hold both cells: there is no interval to judge by.
    #[default]
    Unjudged,
}

words!(Difference:
    Faster = "faster", Slower = "slower", Indistinct = "not distinguishable",
    Uncorrected = "not after correction", WithinFloor = "within the noise floor", Unjudged = "not judged",
);
word_field!(Difference);

row! {
    /// A figure of one path over another's in the same setting, at one message size: throughput, or a delay.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct RatioRow in "ratios.csv" {
        /// What the two cells have in common.
        setting: Setting as "",
        /// Size of one message.
        message_bytes: u64 in "B",
        /// The path above the line.
        path: String,
        /// The path below it.
        over: String,
        /// Blocks in which both cells went well.
        blocks: u64,
        /// Ratio of the figures within the blocks (Hodges and Lehmann). Without a common block the ratio of the cells'
        /// medians.
        ratio: Estimate,
        /// Probability of ratios at least this far from 1 if the paths were alike (signed ranks; t where there are too
        /// few).
        p: Option<f64>,
        /// The same, corrected for the number of comparisons in the run by this figure (Benjamini and Hochberg).
        p_adjusted: Option<f64>,
        /// What can be said.
        difference: Difference,
        /// Blocks in which one of the cells ran: what `blocks` is a part of.
        of_blocks: u64 since "1.2.0",
        /// Comparisons of the run by this figure that were corrected for; empty where this one is not among them.
        comparisons: Option<u64> since "1.2.0",
        /// How far the ratio of a cell to itself reaches from 1: a smaller difference is not called one. Empty without
        /// a control.
        floor: Option<f64> since "1.2.0",
        /// The cell that it was found in: one of the two where that ran twice in each block, else the nearest that did.
        floor_cell: String since "1.2.0",
        /// The figure that is compared, a column of `cells.csv`; empty in older tables, which have throughput alone.
        metric: String since "1.4.0",
    }
}

/// Corrected probability up to which a difference is called one.
pub const SIGNIFICANCE: f64 = 0.05;

/// The ratios of every pair of paths at every size that both ran at, by each figure that such cells are compared by, each
/// pair in both directions.
pub(super) fn ratios(groups: &[SettingGroup], noise: &[NoiseRow]) -> Vec<RatioRow> {
    let of_metric = |metric: &Metric| {
        let those = groups.iter().filter(|group| metric.compares(&group.setting.workload()));
        let mut rows: Vec<RatioRow> = those.flat_map(|group| of_group(group, metric, noise)).collect();
        judge(&mut rows, metric);
        rows
    };
    let rows = Metric::comparing().flat_map(of_metric);
    rows.flat_map(|row| [row.clone(), row.turned()]).collect()
}

/// The ratios of one figure in one setting, not judged yet.
fn of_group(group: &SettingGroup, metric: &Metric, noise: &[NoiseRow]) -> Vec<RatioRow> {
    let mut rows = Vec::new();
    for (place, one) in group.series.iter().enumerate() {
        for other in &group.series[place + 1..] {
            for (&message_bytes, sample) in &one.sizes {
                let below = other.sizes.get(&message_bytes);
                let Some(row) = below.and_then(|below| compare(metric, sample, below, noise)) else {
                    continue;
                };
                let (path, over) = (one.path.to_owned(), other.path.to_owned());
                rows.push(RatioRow { setting: group.setting.clone(), message_bytes, path, over, ..row });
            }
        }
    }
    rows
}

/// The ratio of two cells; absent where one has no trial that went well.
fn compare(metric: &Metric, above: &Sample, below: &Sample, noise: &[NoiseRow]) -> Option<RatioRow> {
    let found = Paired::of_metric(above, below, metric);
    let nearest = NoiseRow::nearest(noise, metric, [&above.cell, &below.cell]);
    let ratio = match found.ratio.value {
        Some(_) => found.ratio,
        None => {
            let medians = [above, below].map(|sample| stats::median(&metric.values(sample)));
            Estimate::new(Some(medians[0]? / medians[1]?), None)
        }
    };
    Some(RatioRow {
        blocks: found.blocks,
        of_blocks: found.of_blocks,
        ratio,
        p: found.p,
        floor: nearest.and_then(|row| row.floor),
        floor_cell: nearest.map(|row| row.cell.clone()).unwrap_or_default(),
        metric: metric.name.to_owned(),
        ..RatioRow::default()
    })
}

/// Corrects all probabilities of the run by one figure together and says what can be said. What is said of throughput
/// does not depend on whether delays were measured too.
fn judge(rows: &mut [RatioRow], metric: &Metric) {
    let probabilities: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let mut corrected = stats::benjamini_hochberg(&probabilities).into_iter();
    for row in rows.iter_mut().filter(|row| row.p.is_some()) {
        row.p_adjusted = corrected.next();
        row.comparisons = Some(probabilities.len() as u64);
        let certain = row.p_adjusted.is_some_and(|p| p <= SIGNIFICANCE);
        row.difference = match row.ratio.interval() {
            None => Difference::Unjudged,
            Some(ends) if ends.contains(1.0) => Difference::Indistinct,
            Some(_) if !certain => Difference::Uncorrected,
            Some(_) if row.is_within_floor() => Difference::WithinFloor,
            Some(ends) if metric.is_better(ends.low, 1.0) => Difference::Faster,
            Some(_) => Difference::Slower,
        };
    }
}

impl RatioRow {
    /// Whether it compares this figure.
    pub fn is_of(&self, metric: &Metric) -> bool {
        self.metric == metric.name
    }

    /// Whether a cell against itself goes as far: up by the floor, or down by as many times.
    fn is_within_floor(&self) -> bool {
        self.floor.zip(self.ratio.value).is_some_and(|(floor, ratio)| ratio.max(1.0 / ratio) <= 1.0 + floor)
    }

    /// The same comparison with the other path above the line.
    fn turned(&self) -> Self {
        let interval =
            self.ratio.interval().map(|ends| Interval { low: 1.0 / ends.high, high: 1.0 / ends.low });
        Self {
            path: self.over.clone(),
            over: self.path.clone(),
            ratio: Estimate::new(self.ratio.value.map(|ratio| 1.0 / ratio), interval),
            difference: match self.difference {
                Difference::Faster => Difference::Slower,
                Difference::Slower => Difference::Faster,
                same => same,
            },
            ..self.clone()
        }
    }
}
