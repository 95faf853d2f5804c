//! A confidence interval.

/// The confidence that every interval of the program has.
pub const CONFIDENCE: f64 = 0.95;

/// A two-sided interval of confidence [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound, inclusive.
    pub low: f64,
    /// The upper bound, inclusive.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies in it, the ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The interval, made to hold a value. A point estimate and an interval that come from two methods may
    /// part by a hair; an interval that excludes its own estimate would only confuse.
    #[must_use]
    pub fn holding(self, value: f64) -> Self {
        Self { low: self.low.min(value), high: self.high.max(value) }
    }

    /// The longer of its two arms as a share of the centre: what "known to ±2 %" means.
    pub fn relative_half_width(&self, centre: f64) -> f64 {
        (self.high - centre).max(centre - self.low) / centre.abs()
    }

    /// Both ends through an increasing function.
    #[must_use]
    pub(crate) fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self { low: function(self.low), high: function(self.high) }
    }
}
