//! Whether what was measured in a row follows itself: a machine that is slow for a while is slow for several trials.
//!
//! The test is Bartels' (1982), von Neumann's ratio on ranks: the squared differences of neighbours over the squared
//! distances from the mean. It asks nothing of the shape of the noise, and an outlier is but one rank.

use statrs::distribution::{ContinuousCDF, Normal};

/// Values from which the test is made: below, its normal approximation is poor.
pub const ENOUGH: usize = 10;

/// The most that neighbours are taken to be correlated by: beyond, a few values say nothing of how far it goes.
const MOST: f64 = 0.9;

/// How neighbours in a row resemble each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Autocorrelation {
    /// Rank correlation of each value with the next: 0 where the order says nothing.
    pub correlation: f64,
    /// Probability of a correlation at least so large if the order were chance.
    pub p: f64,
}

/// The resemblance of neighbours in a row; absent below [`ENOUGH`] values, or where all are one.
pub fn drift(values: &[f64]) -> Option<Autocorrelation> {
    if values.len() < ENOUGH {
        return None;
    }
    let (neighbours, all) = squares(values);
    if all <= 0.0 {
        return None;
    }
    let (n, ratio) = (values.len() as f64, neighbours / all);
    let variance =
        4.0 * (n - 2.0) * (5.0 * n * n - 2.0 * n - 9.0) / (5.0 * n * (n + 1.0) * (n - 1.0).powi(2));
    let normal = Normal::new(2.0, variance.sqrt()).expect("a variance is positive");
    Some(Autocorrelation { correlation: 1.0 - ratio / 2.0, p: normal.cdf(ratio) })
}

/// Values of a row from which it tells how it follows itself.
const ROW: usize = 5;

/// The rank correlation of each value with the next over several rows that share nothing but how they follow
/// themselves; absent where there are fewer than [`ENOUGH`] values in rows of five or more.
pub fn common_correlation(rows: &[Vec<f64>]) -> Option<f64> {
    let (mut neighbours, mut all, mut count) = (0.0, 0.0, 0);
    for row in rows.iter().filter(|row| row.len() >= ROW) {
        let found = squares(row);
        neighbours += found.0;
        all += found.1;
        count += row.len();
    }
    (count >= ENOUGH && all > 0.0).then(|| 1.0 - neighbours / all / 2.0)
}

/// By how much the interval of a row's middle is too narrow where neighbours are so correlated: √((1+r)/(1−r)), the
/// design effect of a row in which each value carries a share r of the last one on. 1 where they are not, or where
/// they repel each other.
pub fn widening(correlation: f64) -> f64 {
    let r = correlation.clamp(0.0, MOST);
    ((1.0 + r) / (1.0 - r)).sqrt()
}

/// A probability that was had as if the values were independent, as a normal's whose deviation is this much larger.
pub fn widened_probability(p: f64, widening: f64) -> f64 {
    let normal = Normal::new(0.0, 1.0).expect("one is a deviation");
    2.0 * normal.cdf(normal.inverse_cdf((p / 2.0).clamp(f64::MIN_POSITIVE, 0.5)) / widening)
}

/// The sums of squares of the ranks: of neighbours' differences, and of distances from the mean.
fn squares(values: &[f64]) -> (f64, f64) {
    let ranks = ranks(values);
    let mean = (values.len() as f64 + 1.0) / 2.0;
    let neighbours = ranks.windows(2).map(|pair| (pair[0] - pair[1]).powi(2)).sum();
    (neighbours, ranks.iter().map(|rank| (rank - mean).powi(2)).sum())
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    for tied in order.chunk_by(|&one, &other| values[one].total_cmp(&values[other]).is_eq()) {
        let shared = (2 * begin + tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&place| ranks[place] = shared);
        begin += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_ratio_is_that_of_the_definition() {
        let values = [528.0, 348.0, 264.0, 20.0, -167.0, 575.0, 410.0, -4.0, 430.0, -122.0];
        // Ranks 9 6 5 4 1 10 7 3 8 2: neighbours' squares 9+1+1+9+81+9+16+25+36 = 187, all 82.5.
        let found = drift(&values).unwrap();
        assert!((found.correlation - (1.0 - 187.0 / 82.5 / 2.0)).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn ties_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(drift(&[1.0; 20]), None);
        assert_eq!(drift(&[1.0, 2.0]), None);
    }

    /// A row in which each value carries a share of the last one on.
    fn row(random: &mut ChaCha8Rng, share: f64, count: usize) -> Vec<f64> {
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let mut last = normal() / (1.0 - share * share).sqrt();
        let next = |last: &mut f64, noise: f64| {
            *last = share * *last + noise;
            *last
        };
        (0..count).map(|_| next(&mut last, normal())).collect()
    }

    #[test]
    fn chance_is_called_drift_as_often_as_said_and_drift_is_found() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut found = |share, count| {
            let is_found = |_: &usize| drift(&row(&mut random, share, count)).unwrap().p < 0.05;
            (0..1000).filter(is_found).count()
        };
        for count in [10, 40, 200] {
            assert!((30..75).contains(&found(0.0, count)), "{count} values");
        }
        assert!(found(0.5, 60) > 950);
    }

    /// The share of intervals that hold the truth where neighbours are correlated by a half, from many short rows.
    #[test]
    fn widened_intervals_hold_what_plain_ones_miss() {
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let (mut plain, mut wide) = (0, 0);
        for _ in 0..500 {
            let rows: Vec<Vec<f64>> = (0..6).map(|_| row(&mut random, 0.5, 12)).collect();
            let factor = widening(common_correlation(&rows).unwrap());
            for values in &rows {
                let (middle, ends) =
                    (crate::stats::median(values).unwrap(), crate::stats::median_interval(values).unwrap());
                plain += usize::from(ends.contains(0.0));
                let low = middle - factor * (middle - ends.low);
                wide += usize::from(low <= 0.0 && 0.0 <= middle + factor * (ends.high - middle));
            }
        }
        println!("plain {plain}, widened {wide} of 3000");
        assert!(plain < 2500 && wide > 2650, "plain {plain}, widened {wide} of 3000");
    }

    #[test]
    fn a_probability_is_widened_towards_one() {
        assert!((widened_probability(0.01, 1.0) - 0.01).abs() < 1e-12);
        // Normal: 2.576 / 1.5 = 1.717.
        assert!((widened_probability(0.01, 1.5) - 0.0859).abs() < 1e-3);
        assert!((widened_probability(1.0, 2.0) - 1.0).abs() < 1e-12);
    }
}
