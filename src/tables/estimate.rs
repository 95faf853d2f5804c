//! A figure of a cell with what is known of its error.

use crate::stats::{Interval, median_and_interval};

/// The median over a cell's trials of a figure of each trial, and the 95 % interval of that median.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The median; absent where no trial has the figure.
    pub value: Option<f64>,
    /// Lower end of the interval; absent with one trial.
    pub low: Option<f64>,
    /// Upper end of the interval; absent with one trial.
    pub high: Option<f64>,
}

impl Estimate {
    /// The estimate from one figure a trial.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let (median, interval) = median_and_interval(values);
        Self::new(median, interval)
    }

    pub(crate) fn new(value: Option<f64>, interval: Option<Interval>) -> Self {
        Self { value, low: interval.map(|ends| ends.low), high: interval.map(|ends| ends.high) }
    }

    /// The interval, where there is one.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval { low: self.low?, high: self.high? })
    }
}

/// The three columns of an estimate: `name`, `name_low`, `name_high`.
macro_rules! estimate_columns {
    ($name:expr, $($place:ident).+, $about:expr) => {
        [
            $crate::record::column::column!($name, $($place).+.value, $about),
            $crate::record::column::column!(
                concat!($name, "_low"), $($place).+.low, "lower end of its 95 % interval"
            ),
            $crate::record::column::column!(
                concat!($name, "_high"), $($place).+.high, "upper end of its 95 % interval"
            ),
        ]
    };
}
pub(crate) use estimate_columns;
