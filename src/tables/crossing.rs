//! The size from which one path costs less than another, read off the ratios at the tested sizes.
//!
//! Between two tested sizes the ratio of the costs is taken to change evenly, both on logarithms. Its interval is the same
//! reading of the intervals: it holds the sizes at which the two cannot be told apart (the test turned over, as in Fieller's
//! method for a quotient). So it is as wide as the noise at the sizes around it and as their distance make it.

use super::estimate::Estimate;
use super::metric::{Better, Metric};
use super::paired::Paired;
use super::sample::{PathSeries, Sample};

/// Where a curve falls below 1 and stays there up to the largest size.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// It is below at every size.
    Below,
    /// It passes 1 there.
    At(f64),
    /// It is not below at the largest size.
    Never,
}

/// The size from which a path does better than another by a figure, with its interval. Absent where it does not at the
/// largest size, or does at every size; an end is absent where the interval reaches beyond the tested sizes.
pub(super) fn crossing(metric: &Metric, path: &PathSeries, over: &PathSeries) -> Estimate {
    let cost = |(bytes, sample): (&u64, &&Sample)| {
        let below = over.sizes.get(bytes)?;
        // The dearer the path, the larger the figure, or its inverse.
        let found = match metric.better {
            Better::Higher => Paired::of_metric(below, sample, metric),
            Better::Lower | Better::Neither => Paired::of_metric(sample, below, metric),
        };
        Some((*bytes, found.ratio))
    };
    of(&path.sizes.iter().filter_map(cost).collect::<Vec<_>>())
}

/// The same of the ratios of two costs by size, ascending.
fn of(ratios: &[(u64, Estimate)]) -> Estimate {
    let told: Vec<&(u64, Estimate)> = ratios.iter().filter(|(_, ratio)| ratio.value.is_some()).collect();
    let read = |end: fn(&Estimate) -> Option<f64>| {
        let curve = told.iter().map(|(bytes, ratio)| Some((*bytes as f64, end(ratio)?)));
        curve.collect::<Option<Vec<_>>>().map(|curve| reading(&curve))
    };
    let at = |reading| match reading {
        Some(Reading::At(bytes)) => Some(bytes),
        _ => None,
    };
    let Some(value) = at(read(|ratio| ratio.value)) else { return Estimate::default() };
    // The lower ends of the ratios fall below 1 first.
    Estimate { value: Some(value), low: at(read(|ratio| ratio.low)), high: at(read(|ratio| ratio.high)) }
}

fn reading(curve: &[(f64, f64)]) -> Reading {
    let Some(last) = curve.iter().rposition(|(_, ratio)| *ratio >= 1.0) else { return Reading::Below };
    let Some(&(above, cheap)) = curve.get(last + 1) else { return Reading::Never };
    let (below, dear) = curve[last];
    let (dear, cheap) = (dear.ln(), cheap.ln());
    let share = dear / (dear - cheap);
    Reading::At((below.ln() + share * (above.ln() - below.ln())).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratios(all: &[(u64, f64)], noise: f64) -> Vec<(u64, Estimate)> {
        let estimate = |ratio: f64| Estimate {
            value: Some(ratio),
            low: Some(ratio / (1.0 + noise)),
            high: Some(ratio * (1.0 + noise)),
        };
        all.iter().map(|&(bytes, ratio)| (bytes, estimate(ratio))).collect()
    }

    #[test]
    fn between_two_sizes_it_lies_where_the_line_passes_one() {
        let found = of(&ratios(&[(1024, 2.0), (4096, 0.5), (16384, 0.4)], 0.1));
        assert!((found.value.unwrap() - 2048.0).abs() < 1e-6, "{found:?}");
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        assert!(1024.0 < low && low < 2048.0 && 2048.0 < high && high < 4096.0, "{found:?}");
    }

    #[test]
    fn what_is_cheaper_everywhere_or_dearer_at_last_has_no_crossing() {
        assert_eq!(of(&ratios(&[(1024, 0.9), (4096, 0.5)], 0.01)), Estimate::default());
        assert_eq!(of(&ratios(&[(1024, 2.0), (4096, 0.5), (16384, 1.1)], 0.01)), Estimate::default());
        assert_eq!(of(&[]), Estimate::default());
    }

    #[test]
    fn an_end_beyond_the_tested_sizes_is_absent() {
        let found = of(&ratios(&[(1024, 1.05), (4096, 0.97)], 0.2));
        assert!(found.value.is_some());
        assert_eq!((found.low, found.high), (None, None));
        let alone = of(&[(1024, Estimate::new(Some(2.0), None)), (4096, Estimate::new(Some(0.5), None))]);
        assert!(alone.value.is_some() && alone.interval().is_none());
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_crossing(first in 1.01_f64..4.0, second in 0.2_f64..0.99, noise in 0.0_f64..0.5) {
            let found = of(&ratios(&[(1000, first), (8000, second)], noise));
            let value = found.value.unwrap();
            prop_assert!((1000.0..=8000.0).contains(&value));
            prop_assert!(found.low.is_none_or(|low| low <= value * 1.000_001));
            prop_assert!(found.high.is_none_or(|high| high >= value * 0.999_999));
        }
    }
}
