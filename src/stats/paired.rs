//! Ratios and differences within blocks: what one path does against another when both ran in the same minute.
//!
//! Each block gives one ratio, in which what slowed the whole block cancels. The test is Wilcoxon's signed
//! ranks on their logarithms, the interval is the test turned over and the estimate is its centre (Hodges and
//! Lehmann, 1963): under "no difference" a log ratio is symmetric by construction, whatever the noise looks like,
//! which is all that the test assumes. At the noise seen here it needs two thirds of the trials that an interval
//! of the plain median needs.

use super::interval::Interval;
use super::median::{median, sorted};
use super::rank::{Null, kth};
use super::ratio::Ratio;
use super::student;

/// How much larger one thing is than another, block by block, with its interval and its probability; absent
/// without a pair. Figures must be positive; a pair with one that is not does not count, and the caller says so.
///
/// From six pairs on estimate and interval are Hodges and Lehmann's on logarithms. With fewer, ranks cannot reach
/// 95 %, and both are Student's t on logarithms, see [`student`].
pub fn paired_ratio(pairs: &[(f64, f64)]) -> Option<Ratio> {
    let logs: Vec<f64> = pairs
        .iter()
        .filter(|(above, below)| *above > 0.0 && *below > 0.0)
        .map(|(above, below)| (above / below).ln())
        .collect();
    let logs = sorted(&logs);
    let (centre, interval) = centre_and_interval(&logs)?;
    let p = (logs.len() > 1).then(|| probability(&logs, &Null::signed_rank(logs.len())));
    Some(Ratio { ratio: centre.exp(), interval: interval.map(|ends| ends.map(f64::exp)), p })
}

/// By how much one thing exceeds another on average, block by block, with Student's interval: means add up to the mean
/// of the sum, which medians do not. Absent without a pair; with one pair there is no interval.
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<(f64, Option<Interval>)> {
    let differences: Vec<f64> = pairs.iter().map(|(above, below)| above - below).collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    (!differences.is_empty()).then(|| (mean, student::interval(&differences)))
}

/// The centre of a symmetric sample and its interval, both of one method: the median of all averages of two with
/// the ranks turned over, or the mean with Student's t where ranks cannot reach 95 %.
fn centre_and_interval(sorted: &[f64]) -> Option<(f64, Option<Interval>)> {
    let middle = median(sorted)?;
    if sorted.len() < 2 {
        return Some((middle, None));
    }
    Some(match Null::signed_rank(sorted.len()).interval_rank() {
        Some(k) => (median_of_averages(sorted), Some(of_averages(sorted, k))),
        None => (sorted.iter().sum::<f64>() / sorted.len() as f64, student::interval(sorted)),
    })
}

/// The median of all averages of two of the sorted values (each with itself too).
fn median_of_averages(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    let all = n * (n + 1) / 2;
    let at = |k| kth(k, sorted[0], sorted[n - 1], |t| averages_at_most(sorted, t));
    if all % 2 == 1 { at(all / 2 + 1) } else { f64::midpoint(at(all / 2), at(all / 2 + 1)) }
}

/// The interval between the k-th smallest and the k-th largest average of two of the sorted values (each with
/// itself too).
fn of_averages(sorted: &[f64], k: usize) -> Interval {
    let n = sorted.len();
    let all = n * (n + 1) / 2;
    let at_most = |t: f64| averages_at_most(sorted, t);
    let (low, high) = (sorted[0], sorted[n - 1]);
    Interval { low: kth(k, low, high, at_most), high: kth(all + 1 - k, low, high, at_most) }
}

/// How many averages of two are at most t: as the first of the two grows, the last that fits shrinks.
fn averages_at_most(sorted: &[f64], t: f64) -> usize {
    let mut count = 0;
    let mut end = sorted.len();
    for (first, value) in sorted.iter().enumerate() {
        while end > first && f64::midpoint(*value, sorted[end - 1]) > t {
            end -= 1;
        }
        if end <= first {
            break;
        }
        count += end - first;
    }
    count
}

/// The signed-rank probability. Where all blocks agree it cannot fall below 2^(1−n), however far the ratios lie
/// from 1, so that a correction for many comparisons would reject nothing; there Student's t may go further.
/// Under "no difference" blocks agree with exactly that probability, so the combination stays honest.
fn probability(logs: &[f64], null: &Null) -> f64 {
    let all = logs.len() * (logs.len() + 1) / 2;
    let negative_or_zero = averages_at_most(logs, 0.0);
    let negative = averages_at_most(logs, -f64::MIN_POSITIVE);
    // Averages of exactly zero count for neither side.
    let smaller = negative_or_zero.min(all - negative);
    let by_ranks = null.two_sided(smaller);
    if smaller == 0 { by_ranks.min(student::probability(logs)) } else { by_ranks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAIRS: [(f64, f64); 10] = [
        (33.1, 30.2),
        (34.0, 31.5),
        (32.2, 31.9),
        (35.5, 30.8),
        (33.3, 33.9),
        (34.4, 30.1),
        (31.9, 29.5),
        (36.0, 32.2),
        (33.7, 32.8),
        (34.9, 31.1),
    ];

    /// scipy 1.17 and numpy 2.4: `stats.wilcoxon(log(a/b), method="exact").pvalue`, and the median, the ninth
    /// smallest and the ninth largest of the 55 averages `(d[i]+d[j])/2, i<=j`, which R's
    /// `wilcox.test(conf.int=TRUE)` takes as well.
    #[test]
    fn agrees_with_scipy() {
        let found = paired_ratio(&PAIRS).unwrap();
        let ends = found.interval.unwrap();
        assert!((found.ratio - 1.081_355_932_203_39).abs() < 1e-9, "{found:?}");
        assert!(
            (ends.low - 1.037_606_761_315_19).abs() < 1e-9 && (ends.high - 1.122_186_495_176_85).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.p.unwrap() - 0.005_859_375).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn few_pairs_claim_little() {
        assert_eq!(paired_ratio(&[]), None);
        assert_eq!(paired_ratio(&[(0.0, 1.0)]), None);
        let one = paired_ratio(&[(2.0, 1.0)]).unwrap();
        assert!((one.ratio - 2.0).abs() < 1e-12 && one.interval.is_none() && one.p.is_none(), "{one:?}");
        let three = paired_ratio(&[(1.1, 1.0), (1.2, 1.0), (1.3, 1.0)]).unwrap();
        assert!(three.p.unwrap() > 0.03 && three.interval.unwrap().high > 1.4, "{three:?}");
    }

    /// Both ends lie as far from the estimate, as a t interval's on logarithms do: the two are of one method.
    #[test]
    fn of_few_pairs_estimate_and_interval_are_both_student_s() {
        let found = paired_ratio(&[(1.0, 1.0), (1.0, 1.0), (4.0, 1.0)]).unwrap();
        let ends = found.interval.unwrap();
        assert!((found.ratio - 4.0_f64.powf(1.0 / 3.0)).abs() < 1e-12, "{found:?}");
        assert!((ends.low * ends.high - found.ratio.powi(2)).abs() < 1e-9, "{found:?}");
    }

    /// 1, 2, 3, 4, 5 and 10 have the mean 25/6 and the standard error 1.3017; Student's t of 5 degrees is 2.5706.
    #[test]
    fn differences_are_paired_on_their_own_scale() {
        let pairs = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0].map(|above| (above, 0.0));
        let (mean, interval) = paired_difference(&pairs).unwrap();
        let ends = interval.unwrap();
        assert!((mean - 25.0 / 6.0).abs() < 1e-12, "{mean}");
        assert!((ends.low - 0.8205).abs() < 1e-3 && (ends.high - 7.5128).abs() < 1e-3, "{ends:?}");
        assert_eq!(paired_difference(&pairs[..1]), Some((1.0, None)));
        assert_eq!(paired_difference(&[]), None);
    }

    #[test]
    fn agreeing_blocks_with_a_large_ratio_survive_a_correction() {
        let pairs: Vec<(f64, f64)> = PAIRS[..5].iter().map(|(a, b)| (a * 1.3, *b)).collect();
        let found = paired_ratio(&pairs).unwrap();
        assert!(found.p.unwrap() < 0.002, "{found:?}");
    }

    proptest! {
        #[test]
        fn turned_over_it_is_the_reciprocal(
            pairs in prop::collection::vec((1.0_f64..1e3, 1.0_f64..1e3), 2..30),
        ) {
            let over: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            let (one, other) = (paired_ratio(&pairs).unwrap(), paired_ratio(&over).unwrap());
            let (ends, turned) = (one.interval.unwrap(), other.interval.unwrap());
            prop_assert!(ends.contains(one.ratio));
            prop_assert!((one.p.unwrap() - other.p.unwrap()).abs() < 1e-9);
            // The median of an even number is an arithmetic mean and may differ by a hair when turned over.
            prop_assert!(ends.low * turned.high > 0.99 && ends.low * turned.high < 1.01 || pairs.len() < 6);
        }

        #[test]
        fn counting_averages_counts_them(values in prop::collection::vec(-5_i32..5, 1..20), t in -5_i32..5) {
            let values = sorted(&values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            let t = f64::from(t) + 0.25;
            let brute = (0..values.len())
                .flat_map(|i| (i..values.len()).map(move |j| (i, j)))
                .filter(|&(i, j)| f64::midpoint(values[i], values[j]) <= t)
                .count();
            prop_assert_eq!(averages_at_most(&values, t), brute);
        }
    }
}
