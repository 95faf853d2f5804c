//! Two paths at one message size: one line of `ratios.csv`.

use super::estimate::{Estimate, estimate_columns};
use super::sample::{Group, Sample};
use super::setting::{Setting, setting_columns};
use crate::cell::words;
use crate::record::column::{column, word_field};
use crate::record::{Column, Trial};
use crate::stats::{self, Interval};

/// What can be said of one path against another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// The interval of the ratio lies above 1, and stays there when all comparisons of the run are corrected for.
    Faster,
    /// It lies below 1 in the same way.
    Slower,
    /// Neither: no difference was detected, which does not say that there is none.
    Indistinct,
    /// Fewer than two blocks hold both cells: there is no interval to judge by.
    #[default]
    Unjudged,
}

words!(Difference:
    Faster = "faster", Slower = "slower", Indistinct = "not distinguishable", Unjudged = "not judged",
);
word_field!(Difference);

/// The throughput of one path over another's in the same setting, at one message size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatioRow {
    /// What the two cells have in common.
    pub setting: Setting,
    /// Size of one message, bytes.
    pub message_bytes: u64,
    /// The path above the line.
    pub path: String,
    /// The path below it.
    pub over: String,
    /// Blocks in which both cells went well.
    pub blocks: u64,
    /// Median over the blocks of the ratio of throughputs, and its 95 % interval. Without a common block the
    /// ratio of the cells' medians.
    pub ratio: Estimate,
    /// Probability of ratios at least this far from 1 if the paths were alike.
    pub p: Option<f64>,
    /// The same, corrected for the number of comparisons in the run (Benjamini and Hochberg).
    pub p_adjusted: Option<f64>,
    /// What can be said.
    pub difference: Difference,
}

/// Corrected probability up to which a difference is called one.
pub const SIGNIFICANCE: f64 = 0.05;

/// The ratios of every pair of paths at every size that both ran at, each pair in both directions.
pub(super) fn ratios(groups: &[Group]) -> Vec<RatioRow> {
    let mut rows = Vec::new();
    for group in groups {
        for (place, one) in group.series.iter().enumerate() {
            for other in &group.series[place + 1..] {
                for (&message_bytes, sample) in &one.sizes {
                    let row = other.sizes.get(&message_bytes).and_then(|below| compare(sample, below));
                    rows.extend(row.map(|row| RatioRow {
                        setting: group.setting.clone(),
                        message_bytes,
                        path: one.path.to_owned(),
                        over: other.path.to_owned(),
                        ..row
                    }));
                }
            }
        }
    }
    judge(&mut rows);
    rows.into_iter().flat_map(|row| [row.clone(), row.turned()]).collect()
}

/// The ratio of two cells; absent where one has no trial that went well.
fn compare(above: &Sample, below: &Sample) -> Option<RatioRow> {
    let throughput = |trial: &Trial| trial.throughput_gbps;
    let (above_blocks, below_blocks) = (above.by_block(throughput), below.by_block(throughput));
    let pairs: Vec<(f64, f64)> = above_blocks
        .iter()
        .filter_map(|(block, &above)| below_blocks.get(block).map(|&below| (above, below)))
        .collect();
    let row = RatioRow { blocks: pairs.len() as u64, ..RatioRow::default() };
    Some(match stats::median_ratio(&pairs) {
        Some(found) => {
            RatioRow { ratio: Estimate::new(Some(found.ratio), found.interval), p: found.p, ..row }
        }
        None => {
            let medians = [above, below].map(|sample| stats::median(&sample.values(throughput)));
            RatioRow { ratio: Estimate::new(Some(medians[0]? / medians[1]?), None), ..row }
        }
    })
}

/// Corrects all probabilities of the run together and says what can be said.
fn judge(rows: &mut [RatioRow]) {
    let probabilities: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let mut corrected = stats::benjamini_hochberg(&probabilities).into_iter();
    for row in rows.iter_mut().filter(|row| row.p.is_some()) {
        row.p_adjusted = corrected.next();
        let certain = row.p_adjusted.is_some_and(|p| p <= SIGNIFICANCE);
        row.difference = match row.ratio.interval() {
            Some(ends) if certain && ends.low > 1.0 => Difference::Faster,
            Some(ends) if certain && ends.high < 1.0 => Difference::Slower,
            Some(_) => Difference::Indistinct,
            None => Difference::Unjudged,
        };
    }
}

impl RatioRow {
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

const SETTING: [Column<RatioRow>; 5] = setting_columns!();
const PATHS: [Column<RatioRow>; 4] = [
    column!("message_bytes", message_bytes, "size of a message, bytes"),
    column!("path", path, "the path above the line"),
    column!("over", over, "the path below it"),
    column!("blocks", blocks, "blocks in which both cells went well"),
];
const RATIO: [Column<RatioRow>; 3] =
    estimate_columns!("ratio", ratio, "median over blocks of the ratio of throughputs");
const JUDGEMENT: [Column<RatioRow>; 3] = [
    column!("p", p, "probability of such ratios if the paths were alike (signed ranks; t where too few)"),
    column!("p_adjusted", p_adjusted, "the same, corrected for all comparisons of the run"),
    column!("difference", difference, "faster, slower, not distinguishable or not judged"),
];

/// The columns of `ratios.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<RatioRow>> {
    [&SETTING[..], &PATHS, &RATIO, &JUDGEMENT].concat()
}
