//! Ratios within blocks: what one path does against another when both ran in the same minute.
//!
//! Each block gives one ratio, in which what slowed the whole block cancels. The test is Wilcoxon's signed
//! ranks on their logarithms, the interval is the test turned over (Hodges and Lehmann, 1963): under "no
//! difference" a log ratio is symmetric by construction, whatever the noise looks like, which is all that the
//! test assumes. At the noise seen here it needs two thirds of the trials that an interval of the plain median
//! needs.

use super::interval::Interval;
use super::median::{median, sorted};
use super::rank::{Null, kth};
use super::ratio::Ratio;
use super::student;

/// The median over pairs of `above / below`, its interval and its probability; absent without a pair.
/// Figures must be positive; a pair with one that is not is no pair.
///
/// With fewer than six pairs ranks cannot reach 95 %, and the interval is Student's t on logarithms, see
/// [`student`].
#[must_use]
pub fn median_ratio(pairs: &[(f64, f64)]) -> Option<Ratio> {
    let ratios: Vec<f64> = pairs
        .iter()
        .filter(|(above, below)| *above > 0.0 && *below > 0.0)
        .map(|(above, below)| above / below)
        .collect();
    let ratio = median(&ratios)?;
    let logs = sorted(&student::logs(&ratios)?);
    if logs.len() < 2 {
        return Some(Ratio { ratio, interval: None, p: None });
    }
    let null = Null::signed_rank(logs.len());
    let interval = match null.interval_rank() {
        Some(k) => Some(of_averages(&logs, k)),
        None => student::interval(&logs),
    };
    let interval = interval.map(|ends| ends.map(f64::exp).holding(ratio));
    Some(Ratio { ratio, interval, p: Some(probability(&logs, &null)) })
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

    /// scipy 1.17 and numpy 2.4: `stats.wilcoxon(log(a/b), method="exact").pvalue`, and the ninth smallest and
    /// largest of the 55 averages `(d[i]+d[j])/2, i<=j`, which R's `wilcox.test(conf.int=TRUE)` takes as well.
    #[test]
    fn agrees_with_scipy() {
        let found = median_ratio(&PAIRS).unwrap();
        let ends = found.interval.unwrap();
        assert!((found.ratio - 1.088_691_211_134_81).abs() < 1e-9, "{found:?}");
        assert!(
            (ends.low - 1.037_606_761_315_19).abs() < 1e-9 && (ends.high - 1.122_186_495_176_85).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.p.unwrap() - 0.005_859_375).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn few_pairs_claim_little() {
        assert_eq!(median_ratio(&[]), None);
        assert_eq!(median_ratio(&[(0.0, 1.0)]), None);
        let one = median_ratio(&[(2.0, 1.0)]).unwrap();
        assert_eq!((one.ratio, one.interval, one.p), (2.0, None, None));
        let three = median_ratio(&[(1.1, 1.0), (1.2, 1.0), (1.3, 1.0)]).unwrap();
        assert!(three.p.unwrap() > 0.03 && three.interval.unwrap().high > 1.4, "{three:?}");
    }

    #[test]
    fn agreeing_blocks_with_a_large_ratio_survive_a_correction() {
        let pairs: Vec<(f64, f64)> = PAIRS[..5].iter().map(|(a, b)| (a * 1.3, *b)).collect();
        let found = median_ratio(&pairs).unwrap();
        assert!(found.p.unwrap() < 0.002, "{found:?}");
    }

    proptest! {
        #[test]
        fn turned_over_it_is_the_reciprocal(
            pairs in prop::collection::vec((1.0_f64..1e3, 1.0_f64..1e3), 2..30),
        ) {
            let over: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            let (one, other) = (median_ratio(&pairs).unwrap(), median_ratio(&over).unwrap());
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
