//! When the messages of a stream are due.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cell::Arrivals;

/// The times at which a stream's messages are due, one after the other.
pub(super) struct Schedule {
    /// Mean interval, nanoseconds.
    interval: f64,
    arrivals: Arrivals,
    random: ChaCha8Rng,
    next: f64,
}

impl Schedule {
    /// So many a second; begins when [`Schedule::begin`] says.
    pub(super) fn new(rate: f64, arrivals: Arrivals, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { interval: 1e9 / rate, arrivals, random, next: 0.0 }
    }

    /// Begins at this time, nanoseconds. The first message is due an interval later, or within one: streams that
    /// begin together do not send together.
    pub(super) fn begin(&mut self, now: u64) {
        self.next = now as f64 + self.interval * self.random.random::<f64>();
    }

    /// When the next message is due, nanoseconds.
    pub(super) fn due(&self) -> u64 {
        self.next as u64
    }

    /// Goes on to the message after it.
    pub(super) fn advance(&mut self) {
        self.next += match self.arrivals {
            Arrivals::Uniform => self.interval,
            // 1 - u is in (0, 1]: the logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.random.random::<f64>()).ln() * self.interval,
        };
    }

    /// Mean interval, nanoseconds.
    pub(super) fn interval(&self) -> u64 {
        self.interval as u64
    }

    /// How many more messages are due until this time, by the mean interval.
    pub(super) fn due_until(&self, now: u64) -> u64 {
        let left = now as f64 - self.next;
        if left < 0.0 { 0 } else { (left / self.interval) as u64 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals(arrivals: Arrivals, count: usize) -> Vec<f64> {
        let mut schedule = Schedule::new(1e6, arrivals, 7);
        schedule.begin(1_000_000_000);
        let mut last = schedule.next;
        (0..count)
            .map(|_| {
                schedule.advance();
                let interval = schedule.next - last;
                last = schedule.next;
                interval
            })
            .collect()
    }

    #[test]
    fn both_kinds_of_arrivals_keep_the_rate() {
        let uniform = intervals(Arrivals::Uniform, 1000);
        assert!(uniform.iter().all(|interval| (interval - 1000.0).abs() < 1e-3));
        let poisson = intervals(Arrivals::Poisson, 100_000);
        let mean = poisson.iter().sum::<f64>() / poisson.len() as f64;
        assert!((mean / 1000.0 - 1.0).abs() < 0.02, "{mean}");
        // Of an exponential distribution 1/e lie above the mean.
        let above = poisson.iter().filter(|&&interval| interval > 1000.0).count() as f64 / 100_000.0;
        assert!((above - (-1.0_f64).exp()).abs() < 0.01, "{above}");
    }

    #[test]
    fn what_is_due_and_was_not_sent_is_counted() {
        let mut schedule = Schedule::new(1000.0, Arrivals::Uniform, 1);
        schedule.begin(5_000_000_000);
        let first = schedule.due();
        assert!((5_000_000_000..=5_001_000_000).contains(&first));
        assert_eq!(schedule.due_until(first - 1), 0);
        assert_eq!(schedule.due_until(first + 3_500_000), 4);
    }
}
