//! What a message costs: time in one stream = fixed + per byte × size.
//!
//! The line is drawn through the median times of the sizes, weighing relative errors (see
//! [`crate::stats::line`]). Its intervals come from the blocks: each block that holds every size is an experiment
//! of its own and gives a line of its own, and the interval is that of the median over the blocks' lines.
//! Where two lines cross, the interval is that of the sizes at which the blocks cannot tell the two paths apart
//! (Fieller's way): a ratio of two noisy differences has no sensible interval of its own.

use std::collections::BTreeMap;

use super::estimate::Estimate;
use super::sample::{PathSeries, SettingGroup};
use crate::stats::{self, DataPoint, Interval, Line, theil_sen};

/// A path's cost model in one setting.
pub(super) struct CostModel {
    /// Each size in bytes and its median time, ns, from the smallest.
    pub(super) sizes: Vec<(u64, f64)>,
    /// The interval of each of these medians; absent with one block.
    intervals: Vec<Option<Interval>>,
    /// The line through them: ns, and ns per byte.
    pub(super) line: Line,
    /// The line of each block that holds every size.
    pub(super) blocks: BTreeMap<u32, Line>,
}

impl CostModel {
    /// The model of each path of a setting: none where answers or a rate set the pace, whose times are no costs.
    pub(super) fn of_group(group: &SettingGroup) -> Vec<Option<Self>> {
        let is_stream = group.setting.workload().is_stream();
        group.series.iter().map(|series| Self::of(series).filter(|_| is_stream)).collect()
    }

    /// The model of a path; absent with fewer than two sizes.
    fn of(series: &PathSeries) -> Option<Self> {
        let by_size: Vec<(u64, BTreeMap<u32, f64>)> = series
            .sizes
            .iter()
            .map(|(&bytes, sample)| (bytes, sample.by_block(|trial| trial.mean_recv_us.map(|us| us * 1e3))))
            .filter(|(_, blocks)| !blocks.is_empty())
            .collect();
        let middle = |blocks: &BTreeMap<u32, f64>| {
            stats::median(&blocks.values().copied().collect::<Vec<_>>()).filter(|&time| time > 0.0)
        };
        let sizes: Vec<(u64, f64)> =
            by_size.iter().map(|(bytes, blocks)| Some((*bytes, middle(blocks)?))).collect::<Option<_>>()?;
        let fit = |times: &[f64]| {
            let points = sizes.iter().zip(times);
            let points: Vec<DataPoint> =
                points.map(|(&(bytes, error), &y)| DataPoint { x: bytes as f64, y, error }).collect();
            theil_sen(&points)
        };
        let line = fit(&sizes.iter().map(|&(_, time)| time).collect::<Vec<_>>())?;
        let blocks = by_size[0]
            .1
            .keys()
            .filter_map(|block| {
                let times: Option<Vec<f64>> =
                    by_size.iter().map(|(_, times)| times.get(block).copied()).collect();
                Some((*block, fit(&times?)?))
            })
            .collect();
        let interval =
            |times: &BTreeMap<u32, f64>| stats::median_interval(&times.values().copied().collect::<Vec<_>>());
        let intervals = by_size.iter().map(|(_, times)| interval(times)).collect();
        Some(Self { sizes, intervals, line, blocks })
    }

    /// The fixed part in ns and the part per KiB in ns, with their intervals.
    pub(super) fn estimates(&self) -> (Estimate, Estimate) {
        let estimate = |value: f64, of: fn(&Line) -> f64| {
            let blocks: Vec<f64> = self.blocks.values().map(of).collect();
            let interval = stats::median_interval_of_estimates(&blocks);
            Estimate::new(Some(value), interval.map(|ends| ends.holding(value)))
        };
        let per_kib = |line: &Line| line.slope * 1024.0;
        (
            estimate(self.line.intercept, |line| line.intercept),
            estimate(per_kib(&self.line), |line| line.slope * 1024.0),
        )
    }

    /// The largest distance of a size's median from the line, as a share of the median, and the size; absent
    /// with two sizes, through which a line always goes.
    pub(super) fn largest_error(&self) -> Option<(f64, u64)> {
        self.errors().map(|(error, bytes, _)| (error, bytes)).reduce(larger)
    }

    /// The largest distance among those sizes that the line misses by more than their noise: it lies further from their
    /// median than [`MISS`] times the interval does. Such a cost is not linear in the size. Absent where the line
    /// meets all.
    pub(super) fn miss(&self) -> Option<(f64, u64)> {
        let missed = self.errors().filter(|(.., outside)| *outside);
        missed.map(|(error, bytes, _)| (error, bytes)).reduce(larger)
    }

    /// Distance of each size's median from the line as a share of it, the size, and whether that is beyond the
    /// median's noise. None with two sizes, through which a line always goes.
    fn errors(&self) -> impl Iterator<Item = (f64, u64, bool)> + '_ {
        let judged = if self.sizes.len() < 3 { 0 } else { self.sizes.len() };
        self.sizes.iter().zip(&self.intervals).take(judged).map(|(&(bytes, time), interval)| {
            let expected = self.line.at(bytes as f64);
            let reach = interval.map(|ends| if expected > time { ends.high - time } else { time - ends.low });
            let missed = reach.is_some_and(|reach| (expected - time).abs() > MISS * reach);
            ((expected / time - 1.0).abs(), bytes, missed)
        })
    }
}

/// How many times as far as the interval of a median reaches its line may lie: among ten sizes one lies outside its
/// interval by chance in four runs of ten, and this far outside in one of twenty.
const MISS: f64 = 1.5;

fn larger(one: (f64, u64), other: (f64, u64)) -> (f64, u64) {
    if other.0 > one.0 { other } else { one }
}

/// Where the model has one path overtake another.
pub(super) struct Crossing {
    pub(super) bytes: f64,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
}

/// Sizes between which a crossing is looked for.
const SMALLEST: f64 = 1.0;
const LARGEST: f64 = (1_u64 << 30) as f64;

/// The size from which `path` is the faster by its model; absent where the lines do not cross between one byte
/// and one GiB, where it is `over` that wins beyond it, where the blocks cannot tell the two apart at any size, or where a
/// line misses its own points by more than their noise: where such lines cross says nothing of where the costs do.
pub(super) fn crossing(path: &CostModel, over: &CostModel) -> Option<Crossing> {
    let bytes = (path.line.intercept - over.line.intercept) / (over.line.slope - path.line.slope);
    let holds = path.miss().is_none() && over.miss().is_none();
    if !holds || over.line.slope <= path.line.slope || !(SMALLEST..=LARGEST).contains(&bytes) {
        return None;
    }
    let pairs: Vec<(Line, Line)> = path
        .blocks
        .iter()
        .filter_map(|(block, &line)| over.blocks.get(block).map(|&other| (line, other)))
        .collect();
    let difference = |size: f64| -> Option<Interval> {
        let differences: Vec<f64> = pairs.iter().map(|(path, over)| path.at(size) - over.at(size)).collect();
        stats::median_interval_of_estimates(&differences)
    };
    let undecided = |size: f64| difference(size).is_some_and(|ends| ends.contains(0.0));
    if difference(bytes).is_none() {
        return Some(Crossing { bytes, low: None, high: None });
    }
    let low = end_of(bytes, 1.0 / STEP, SMALLEST, &undecided);
    let high = end_of(bytes, STEP, LARGEST, &undecided);
    // Where the blocks cannot tell the two paths apart at any size, no size is likelier than another.
    (low.is_some() || high.is_some()).then_some(Crossing { bytes, low, high })
}

/// Factor between the sizes at which the end of an interval is looked for.
const STEP: f64 = 1.25;

/// The last size from `start` on, going in steps, at which the blocks are undecided; absent where they are up to
/// the limit.
fn end_of(start: f64, step: f64, limit: f64, undecided: &impl Fn(f64) -> bool) -> Option<f64> {
    let beyond = |size: f64| if step > 1.0 { size > limit } else { size < limit };
    let mut inside = start;
    let mut outside = start * step;
    while undecided(outside) {
        inside = outside;
        outside *= step;
        if beyond(outside) {
            return None;
        }
    }
    for _ in 0..30 {
        let middle = (inside * outside).sqrt();
        if undecided(middle) { inside = middle } else { outside = middle }
    }
    Some(inside)
}
