//! The ratio of two samples, with its interval and the probability of chance.

use super::interval::Interval;

/// How much larger one thing is than another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The estimate: the first sample over the second.
    pub ratio: f64,
    /// Its 95 % interval; absent where the samples are too small for one.
    pub interval: Option<Interval>,
    /// Two-sided probability of a ratio at least this far from 1 if the two were alike.
    pub p: Option<f64>,
}
