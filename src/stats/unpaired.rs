//! The ratio of two samples that share no blocks: the same cell in two runs.
//!
//! The test is Mann and Whitney's on logarithms, the interval is the test turned over and the estimate is its
//! centre (Hodges and Lehmann, 1963). It assumes that both samples are noisy in the same way, nothing of how; an outlier costs it little.

use super::interval::Interval;
use super::median::{median, sorted};
use super::rank::{Null, kth};
use super::ratio::Ratio;
use super::student;

/// How much larger the figures of one sample are than those of another, with its interval and its probability;
/// absent where a sample is empty or a figure is not positive.
///
/// Estimate and interval are of one method: the median of all ratios of two with the ranks turned over; where the
/// samples are too small for ranks to reach 95 % (three and three), the ratio of the geometric means with Welch's
/// interval on logarithms, see [`student`]. With one value on either side it is the ratio of the medians, without
/// an interval.
pub fn unpaired_ratio(above: &[f64], below: &[f64]) -> Option<Ratio> {
    let ratio = median(above)? / median(below)?;
    let (above, below) = (sorted(&student::logs(above)?), sorted(&student::logs(below)?));
    if above.len() < 2 || below.len() < 2 {
        return Some(Ratio { ratio, interval: None, p: None });
    }
    let null = Null::rank_sum(above.len(), below.len());
    let (difference, interval) = match null.interval_rank() {
        Some(k) => (median_of_differences(&above, &below), Some(of_differences(&above, &below, k))),
        None => (student::difference(&above, &below)?, student::interval_of_difference(&above, &below)),
    };
    let interval = interval.map(|ends| ends.map(f64::exp));
    Some(Ratio { ratio: difference.exp(), interval, p: Some(probability(&above, &below, &null)) })
}

/// The median of all differences of the sorted samples.
fn median_of_differences(above: &[f64], below: &[f64]) -> f64 {
    let all = above.len() * below.len();
    let (low, high) = (above[0] - below[below.len() - 1], above[above.len() - 1] - below[0]);
    let at = |k| kth(k, low, high, |t| differences_at_most(above, below, t));
    if all % 2 == 1 { at(all / 2 + 1) } else { f64::midpoint(at(all / 2), at(all / 2 + 1)) }
}

/// The interval between the k-th smallest and the k-th largest difference of the sorted samples.
fn of_differences(above: &[f64], below: &[f64], k: usize) -> Interval {
    let all = above.len() * below.len();
    let at_most = |t: f64| differences_at_most(above, below, t);
    let low = above[0] - below[below.len() - 1];
    let high = above[above.len() - 1] - below[0];
    Interval { low: kth(k, low, high, at_most), high: kth(all + 1 - k, low, high, at_most) }
}

/// How many differences are at most t: as the first grows, fewer of the second are large enough.
fn differences_at_most(above: &[f64], below: &[f64], t: f64) -> usize {
    let mut too_small = 0;
    above
        .iter()
        .map(|value| {
            while too_small < below.len() && value - below[too_small] > t {
                too_small += 1;
            }
            below.len() - too_small
        })
        .sum()
}

/// The rank-sum probability; where the samples do not overlap at all, Student's t may go below the smallest
/// that ranks can give, as in [`super::paired`].
fn probability(above: &[f64], below: &[f64], null: &Null) -> f64 {
    let all = above.len() * below.len();
    let negative_or_zero = differences_at_most(above, below, 0.0);
    let negative = differences_at_most(above, below, -f64::MIN_POSITIVE);
    let smaller = negative_or_zero.min(all - negative);
    let by_ranks = null.two_sided(smaller);
    if smaller == 0 { by_ranks.min(student::probability_of_difference(above, below)) } else { by_ranks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: [f64; 10] = [30.2, 31.5, 31.9, 30.8, 33.9, 30.1, 29.5, 32.2, 32.8, 31.1];
    const NEW: [f64; 9] = [28.9, 30.0, 29.9, 31.2, 28.1, 30.5, 24.0, 29.2, 30.9];

    /// scipy 1.17 and numpy 2.4: `stats.mannwhitneyu(log(new), log(base), method="exact").pvalue`, and the median,
    /// the 21st smallest and the 21st largest of the 90 differences, which R's `wilcox.test(conf.int=TRUE)` takes as well.
    #[test]
    fn agrees_with_scipy() {
        let found = unpaired_ratio(&NEW, &BASE).unwrap();
        let ends = found.interval.unwrap();
        assert!((found.ratio - 0.944_635_584_988_199).abs() < 1e-9, "{found:?}");
        assert!(
            (ends.low - 0.892_063_492_063_492).abs() < 1e-9
                && (ends.high - 0.990_066_225_165_563).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.p.unwrap() - 0.010_132_282_578_103).abs() < 1e-12, "{found:?}");
    }

    /// scipy 1.17: `stats.ttest_ind(log(new[:3]), log(base[:3]), equal_var=False).confidence_interval(0.95)`.
    #[test]
    fn three_and_three_are_welch_s() {
        let found = unpaired_ratio(&NEW[..3], &BASE[..3]).unwrap();
        let ends = found.interval.unwrap();
        assert!(
            (ends.low - 0.894_503_909_569_294).abs() < 1e-9
                && (ends.high - 1.006_481_571_877_331).abs() < 1e-9,
            "{found:?}"
        );
    }

    #[test]
    fn one_trial_on_a_side_gives_no_interval() {
        let found = unpaired_ratio(&[2.0], &BASE).unwrap();
        assert_eq!((found.interval, found.p), (None, None));
        assert_eq!(unpaired_ratio(&[], &BASE), None);
        assert_eq!(unpaired_ratio(&[0.0, 1.0], &BASE), None);
    }

    proptest! {
        #[test]
        fn scaling_one_sample_scales_the_ratio(
            above in prop::collection::vec(1.0_f64..1e3, 2..20),
            below in prop::collection::vec(1.0_f64..1e3, 2..20),
            factor in 0.1_f64..10.0,
        ) {
            let scaled: Vec<f64> = above.iter().map(|value| value * factor).collect();
            let (one, other) = (unpaired_ratio(&above, &below).unwrap(), unpaired_ratio(&scaled, &below).unwrap());
            prop_assert!(one.interval.unwrap().contains(one.ratio));
            prop_assert!((other.ratio / one.ratio / factor - 1.0).abs() < 1e-9);
            prop_assert!((other.interval.unwrap().low / one.interval.unwrap().low / factor - 1.0).abs() < 1e-9);
        }

        #[test]
        fn counting_differences_counts_them(
            above in prop::collection::vec(-5_i32..5, 1..15), below in prop::collection::vec(-5_i32..5, 1..15),
            t in -9_i32..9,
        ) {
            let floats = |values: &[i32]| sorted(&values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            let (above, below) = (floats(&above), floats(&below));
            let brute = above.iter().flat_map(|a| below.iter().map(move |b| a - b)).filter(|&d| d <= f64::from(t));
            prop_assert_eq!(differences_at_most(&above, &below, f64::from(t)), brute.count());
        }
    }
}
