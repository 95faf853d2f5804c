//! What the two rank tests share: their null distributions, and the k-th of many averages or differences
//! without forming them all.

use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::CONFIDENCE;

/// The distribution of a rank statistic when nothing differs. It is symmetric on 0 to `largest`.
pub(super) enum Null {
    /// Probability of each value.
    Exact(Vec<f64>),
    /// The normal approximation, for samples where it is as good.
    Normal { mean: f64, deviation: f64 },
}

/// Sample sizes up to which the exact distribution is worth its cost.
const EXACT_UP_TO: usize = 50;

impl Null {
    /// Of Wilcoxon's signed-rank statistic of n differences: each rank counts or does not.
    pub(super) fn signed_rank(n: usize) -> Self {
        let largest = n * (n + 1) / 2;
        if n > EXACT_UP_TO {
            let n = n as f64;
            let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0;
            return Self::Normal { mean: largest as f64 / 2.0, deviation: variance.sqrt() };
        }
        let mut chance = vec![0.0; largest + 1];
        chance[0] = 1.0;
        for rank in 1..=n {
            for sum in (0..=rank * (rank + 1) / 2).rev() {
                let with = if sum >= rank { chance[sum - rank] } else { 0.0 };
                chance[sum] = f64::midpoint(chance[sum], with);
            }
        }
        Self::Exact(chance)
    }

    /// Of Mann and Whitney's U of two samples: the number of partitions, a Gaussian binomial coefficient,
    /// built factor by factor.
    pub(super) fn rank_sum(n: usize, m: usize) -> Self {
        if n + m > EXACT_UP_TO {
            let (n, m) = (n as f64, m as f64);
            let variance = n * m * (n + m + 1.0) / 12.0;
            return Self::Normal { mean: n * m / 2.0, deviation: variance.sqrt() };
        }
        let mut ways = vec![0.0; n * m + 1];
        ways[0] = 1.0;
        for i in 1..=n {
            for u in (m + i..ways.len()).rev() {
                ways[u] -= ways[u - m - i];
            }
            for u in i..ways.len() {
                ways[u] += ways[u - i];
            }
        }
        let all: f64 = ways.iter().sum();
        Self::Exact(ways.into_iter().map(|each| each / all).collect())
    }

    /// Probability of a value of at most `value`, both tails counted.
    pub(super) fn two_sided(&self, value: usize) -> f64 {
        let tail = match self {
            Self::Exact(chance) => chance.iter().take(value + 1).sum(),
            // Half a step: the normal stands for a distribution on whole numbers.
            Self::Normal { mean, deviation } => standard().cdf((value as f64 + 0.5 - mean) / deviation),
        };
        (2.0 * tail).min(1.0)
    }

    /// The largest k whose k-th smallest and k-th largest average or difference bound an interval of at least
    /// [`CONFIDENCE`]; absent where even the extremes do not reach it.
    pub(super) fn interval_rank(&self) -> Option<usize> {
        let tail = (1.0 - CONFIDENCE) / 2.0;
        let k = match self {
            Self::Exact(chance) => {
                let mut below = 0.0;
                chance
                    .iter()
                    .take_while(|&&each| {
                        below += each;
                        below <= tail
                    })
                    .count()
            }
            Self::Normal { mean, deviation } => {
                (mean + standard().inverse_cdf(tail) * deviation + 0.5).floor().max(0.0) as usize
            }
        };
        (k > 0).then_some(k)
    }
}

fn standard() -> Normal {
    Normal::new(0.0, 1.0).expect("one is a deviation")
}

/// The k-th smallest (k from 1) of a collection that can only be counted: `at_most(t)` is how many of its
/// values are at most t. All of them lie between `low` and `high`. Bisection, to the last bit.
pub(super) fn kth(k: usize, mut low: f64, mut high: f64, at_most: impl Fn(f64) -> usize) -> f64 {
    if at_most(low) >= k {
        return low;
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if at_most(middle) >= k { high = middle } else { low = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: `stats.wilcoxon(range(1, 11)).pvalue` is 2/1024; the 8 smallest of 1024 sums are 0 to 8 in
    /// the table of critical values for n = 10 at 0.05, and U up to 23 for two samples of ten.
    #[test]
    fn critical_values_are_those_of_the_tables() {
        let signed = Null::signed_rank(10);
        assert!((signed.two_sided(0) - 2.0 / 1024.0).abs() < 1e-15);
        assert_eq!(signed.interval_rank(), Some(9));
        assert_eq!(Null::signed_rank(5).interval_rank(), None);
        assert_eq!(Null::signed_rank(6).interval_rank(), Some(1));
        assert_eq!(Null::rank_sum(10, 10).interval_rank(), Some(24));
        assert_eq!(Null::rank_sum(3, 3).interval_rank(), None);
        assert!((Null::rank_sum(4, 4).two_sided(0) - 2.0 / 70.0).abs() < 1e-15);
    }

    #[test]
    fn the_approximation_meets_the_exact_distribution() {
        let Null::Exact(chance) = Null::signed_rank(50) else { panic!("50 is exact") };
        assert!((chance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let (n, mean) = (50.0_f64, 637.5);
        let approximation = Null::Normal { mean, deviation: (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt() };
        let exact = Null::Exact(chance);
        let (ours, theirs) = (exact.interval_rank().unwrap(), approximation.interval_rank().unwrap());
        assert!(ours.abs_diff(theirs) <= 1, "{ours} {theirs}");
    }

    #[test]
    fn the_kth_is_found_by_counting() {
        let values = [1.0, 2.0, 2.0, 5.0];
        let at_most = |t: f64| values.iter().filter(|&&value| value <= t).count();
        let found: Vec<f64> = (1..=4).map(|k| kth(k, 1.0, 5.0, at_most)).collect();
        assert_eq!(found, values);
    }
}
