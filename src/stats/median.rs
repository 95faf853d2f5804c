//! The median of a sample and its interval.
//!
//! The interval is made of order statistics: the sign test turned over, with the ends interpolated between
//! neighbours so that the confidence is 95 % rather than the next step above it (Hettmansperger and Sheather,
//! "Confidence intervals based on interpolated order statistics", 1986). It assumes nothing of the shape of
//! the noise. A percentile bootstrap of a median is made of order statistics as well and comes to the same
//! ends in large samples, but in small ones it picks them wrongly: for seven trials it takes the second
//! smallest and the second largest, which hold the median only 87.5 % of the time.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::interval::{CONFIDENCE, Interval};
use super::student;

/// Fewest values with which order statistics reach [`CONFIDENCE`].
pub const FEWEST_FOR_ORDER_STATISTICS: usize = 6;

/// The median; of an even number of values the mean of the middle two. Absent for an empty sample.
pub fn median(values: &[f64]) -> Option<f64> {
    median_of_sorted(&sorted(values))
}

/// The 95 % interval of the median of figures that are measured: rates, times, counts.
///
/// From six values on it is made of order statistics. With two to five it is Student's t on logarithms, see
/// [`student`]; on the values themselves where one is zero, cut off there. With one value there is none.
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    if values.len() >= FEWEST_FOR_ORDER_STATISTICS {
        return Some(of_order_statistics(&sorted(values)));
    }
    let ends = student::interval_of_logs(values).or_else(|| {
        let least = if values.iter().all(|&value| value >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
        student::interval(values).map(|ends| ends.map(|end| end.max(least)))
    })?;
    Some(ends.holding(median(values)?))
}

/// The median and its interval, for one sort of the values.
pub fn median_and_interval(values: &[f64]) -> (Option<f64>, Option<Interval>) {
    if values.len() < FEWEST_FOR_ORDER_STATISTICS {
        return (median(values), median_interval(values));
    }
    let sorted = sorted(values);
    (median_of_sorted(&sorted), Some(of_order_statistics(&sorted)))
}

/// The same for estimates that may have either sign or lie close to zero (the intercept of a line, the
/// difference of two times), where a logarithm means nothing.
pub fn median_interval_of_estimates(values: &[f64]) -> Option<Interval> {
    if values.len() >= FEWEST_FOR_ORDER_STATISTICS {
        return Some(of_order_statistics(&sorted(values)));
    }
    Some(student::interval(values)?.holding(median(values)?))
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

pub(crate) fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The interval between the k-th smallest and the k-th largest, moved inwards by the share of the step to the
/// next pair that the confidence allows.
fn of_order_statistics(sorted: &[f64]) -> Interval {
    let n = sorted.len();
    let half = Binomial::new(0.5, n as u64).expect("one half is a probability");
    // Confidence of the interval between the k-th smallest and the k-th largest, k from 1.
    let confidence = |k: usize| 1.0 - 2.0 * half.cdf(k as u64 - 1);
    let (mut k, mut beyond) = (1, n / 2 + 1);
    while beyond - k > 1 {
        let middle = k.midpoint(beyond);
        if confidence(middle) >= CONFIDENCE { k = middle } else { beyond = middle }
    }
    let step = (confidence(k) - CONFIDENCE) / (confidence(k) - confidence(k + 1));
    let inwards = (n - k) as f64 * step / (k as f64 + (n as f64 - 2.0 * k as f64) * step);
    let between = |outer: f64, inner: f64| outer + (inner - outer) * inwards;
    Interval { low: between(sorted[k - 1], sorted[k]), high: between(sorted[n - k], sorted[n - k - 1]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEN: [f64; 10] = [30.23, 33.44, 33.34, 31.94, 31.85, 27.83, 33.26, 32.35, 31.88, 29.37];

    fn close(ends: Interval, low: f64, high: f64) -> bool {
        (ends.low - low).abs() < 1e-9 && (ends.high - high).abs() < 1e-9
    }

    /// The formula of the paper evaluated with numpy 2.4 and scipy 1.17 (`stats.binom.cdf`). The conservative
    /// interval of `scipy.stats.quantile_test(TEN, p=0.5)`, 29.37 to 33.34, holds it as it must.
    #[test]
    fn agrees_with_scipy() {
        assert!(close(median_interval(&TEN).unwrap(), 29.935_585_585_585_6, 33.287_387_387_387_4));
        assert!(close(median_interval(&TEN[..7]).unwrap(), 29.59, 33.366_666_666_666_7));
        assert!(close(median_interval(&TEN[..6]).unwrap(), 28.687_142_857_142_9, 33.404_285_714_285_7));
    }

    #[test]
    fn small_samples_say_how_little_they_know() {
        assert_eq!(median(&[]), None);
        assert_eq!(median_interval(&[]), None);
        assert_eq!(median_interval(&[3.0]), None);
        let two = median_interval(&[99.0, 101.0]).unwrap();
        assert!(two.low < 90.0 && two.high > 110.0, "two trials cannot know the median to 10 %: {two:?}");
        let none = median_interval(&[0.0, 0.0, 3.0]).unwrap();
        assert!(none.low == 0.0 && none.high > 3.0, "a count is never below zero: {none:?}");
    }

    #[test]
    fn an_estimate_may_be_negative() {
        let ends = median_interval_of_estimates(&[-3.0, 1.0, 2.0]).unwrap();
        assert!(ends.low < -3.0 && ends.contains(0.0), "{ends:?}");
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median_and_ignores_order(
            values in prop::collection::vec(0.1_f64..1e6, 2..60), shift in 0_usize..60,
        ) {
            let ends = median_interval(&values).unwrap();
            prop_assert!(ends.contains(median(&values).unwrap()));
            let mut turned = values.clone();
            turned.rotate_left(shift % values.len());
            // Summing in another order may change the last bits of a t interval.
            let again = median_interval(&turned).unwrap();
            prop_assert!((again.low / ends.low - 1.0).abs() < 1e-9 && (again.high / ends.high - 1.0).abs() < 1e-9);
        }

        #[test]
        fn half_of_the_values_lie_on_either_side(values in prop::collection::vec(-1e6_f64..1e6, 1..60)) {
            let middle = median(&values).unwrap();
            prop_assert!(values.iter().filter(|&&value| value <= middle).count() * 2 >= values.len());
            prop_assert!(values.iter().filter(|&&value| value >= middle).count() * 2 >= values.len());
        }
    }
}
