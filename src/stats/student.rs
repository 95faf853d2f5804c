//! Student's t: the interval and the test for samples that are too small for ranks.
//!
//! With n trials no method that looks at ranks alone (order statistics, the sign test, the signed ranks, and
//! the percentile bootstrap, whose interval of a median is made of order statistics too) can be more certain
//! than 1 − 2^(1−n): 93.75 % for five trials, 75 % for three. Below that size an honest 95 % interval needs an
//! assumption. The one made here is that noise is normal, for figures that are positive after taking logarithms.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{CONFIDENCE, Interval};

/// The interval of the centre of a sample; absent with fewer than two values.
pub fn interval(values: &[f64]) -> Option<Interval> {
    let (mean, error) = mean_and_error(values)?;
    let reach = quantile(values.len() as f64 - 1.0) * error;
    Some(Interval { low: mean - reach, high: mean + reach })
}

/// The same on logarithms, for figures that are positive and whose noise is a share of them (rates, times,
/// ratios): its ends are positive too, and the interval of 1/x is the interval of x turned over.
/// Absent when a value is not positive.
pub fn interval_of_logs(values: &[f64]) -> Option<Interval> {
    interval(&logs(values)?).map(|ends| ends.map(f64::exp))
}

/// Natural logarithms; absent when a value is not positive.
pub(crate) fn logs(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|&value| (value > 0.0).then(|| value.ln())).collect()
}

/// Two-sided probability of a mean at least this far from zero, were the true one zero; 1 below two values.
pub(super) fn probability(values: &[f64]) -> f64 {
    mean_and_error(values).map_or(1.0, |(mean, error)| two_sided(mean, error, values.len() as f64 - 1.0))
}

/// The difference of two means; absent where a sample has fewer than two values.
pub(super) fn difference(above: &[f64], below: &[f64]) -> Option<f64> {
    Some(mean_and_error(above)?.0 - mean_and_error(below)?.0)
}

/// Welch's interval of the difference of two means: the samples may be noisy to different degrees.
pub(super) fn interval_of_difference(above: &[f64], below: &[f64]) -> Option<Interval> {
    let (difference, error, freedom) = welch(above, below)?;
    let reach = if error > 0.0 { quantile(freedom) * error } else { 0.0 };
    Some(Interval { low: difference - reach, high: difference + reach })
}

/// Two-sided probability of such a difference of means, were there none; 1 where it cannot be had.
pub(super) fn probability_of_difference(above: &[f64], below: &[f64]) -> f64 {
    welch(above, below).map_or(1.0, |(difference, error, freedom)| two_sided(difference, error, freedom))
}

/// The difference, its standard error and the degrees of freedom (Welch and Satterthwaite).
fn welch(above: &[f64], below: &[f64]) -> Option<(f64, f64, f64)> {
    let ((mean, error), (other, other_error)) = (mean_and_error(above)?, mean_and_error(below)?);
    let (one, two) = (error.powi(2), other_error.powi(2));
    let share = |part: f64, values: &[f64]| part.powi(2) / (values.len() as f64 - 1.0);
    let freedom = (one + two).powi(2) / (share(one, above) + share(two, below));
    Some((mean - other, (one + two).sqrt(), freedom))
}

fn two_sided(mean: f64, error: f64, freedom: f64) -> f64 {
    match (mean == 0.0, error > 0.0) {
        (_, true) => 2.0 * distribution(freedom).cdf(-(mean / error).abs()),
        (true, false) => 1.0,
        (false, false) => 0.0,
    }
}

fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, (variance / n).sqrt()))
}

fn quantile(freedom: f64) -> f64 {
    distribution(freedom).inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

fn distribution(freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are positive")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: `stats.t.interval(0.95, len(x)-1, np.mean(x), stats.sem(x))`.
    #[test]
    fn agrees_with_scipy() {
        let ends = interval(&[30.23, 31.85, 29.4, 33.44, 30.9]).unwrap();
        assert!(
            (ends.low - 29.229_979_277_755).abs() < 1e-9 && (ends.high - 33.098_020_722_245).abs() < 1e-9,
            "{ends:?}"
        );
    }

    /// scipy 1.17: `stats.ttest_1samp(x, 30).pvalue`.
    #[test]
    fn probabilities_agree_with_scipy() {
        let away: Vec<f64> = [30.23, 31.85, 29.4, 33.44, 30.9].iter().map(|value| value - 30.0).collect();
        assert!((probability(&away) - 0.170_037_995_166_251).abs() < 1e-9);
        assert_eq!(
            (probability(&[0.0, 0.0]), probability(&[1.0, 1.0]), probability(&[1.0])),
            (1.0, 0.0, 1.0)
        );
    }

    #[test]
    fn one_value_has_no_interval_and_logs_need_positive_values() {
        assert_eq!(interval(&[1.0]), None);
        assert_eq!(interval_of_logs(&[1.0, 0.0]), None);
        let ends = interval_of_logs(&[1.0, 100.0]).unwrap();
        assert!(ends.low > 0.0 && ends.contains(10.0));
    }
}
