//! The noise of a simulated run.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far trials of the same thing lie apart. Widths are standard deviations of logarithms: 0.03 is 3 %.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// Width within a block; each cell draws its own between these two.
    pub within: (f64, f64),
    /// Width from block to block: it moves all cells of a block together.
    pub block: f64,
    /// Share of trials that are far off.
    pub outliers: f64,
    /// How much longer those take: 0.3 is 30 %.
    pub outlier_delay: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self { within: (0.02, 0.05), block: 0.015, outliers: 0.02, outlier_delay: 0.3 }
    }
}

impl Noise {
    /// No noise at all: figures are the cost model's own.
    pub const NONE: Self = Self { within: (0.0, 0.0), block: 0.0, outliers: 0.0, outlier_delay: 0.0 };
}

/// A seeded source of draws.
pub(super) struct Source(ChaCha8Rng);

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.0.random::<f64>() < share
    }

    /// A factor whose logarithm is normal with this width (Box and Muller).
    pub(super) fn log_normal(&mut self, width: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt();
        (width * radius * (std::f64::consts::TAU * self.0.random::<f64>()).cos()).exp()
    }

    /// What a trial's time is multiplied by.
    pub(super) fn trial_factor(&mut self, noise: &Noise, within: f64) -> f64 {
        let far_off = if self.chance(noise.outliers) { 1.0 + noise.outlier_delay } else { 1.0 };
        self.log_normal(within) * far_off
    }

    /// A count near a mean.
    pub(super) fn count(&mut self, mean: f64) -> u64 {
        (mean * self.log_normal(0.2)).round() as u64
    }

    /// Fisher and Yates.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.0.random_range(0..=last));
        }
    }
}
