//! A figure of a cell with what is known of its error.

use crate::record::Column;
use crate::record::column::Columns;
use crate::stats::{Interval, median_and_interval};

/// Ratio of the ends of an interval beyond which it says nothing of a ratio.
const WIDE: f64 = 10.0;
/// What is said in place of such an interval.
pub const TOO_FEW_TRIALS: &str = "too few trials to tell";

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
    /// The estimate from one figure per trial.
    pub fn of(values: &[f64]) -> Self {
        let (median, interval) = median_and_interval(values);
        Self::new(median, interval)
    }

    pub(crate) fn new(value: Option<f64>, interval: Option<Interval>) -> Self {
        Self { value, low: interval.map(|ends| ends.low), high: interval.map(|ends| ends.high) }
    }

    /// The same with arms that are longer by this factor, on logarithms; where an end is zero, as they are.
    #[must_use]
    pub(crate) fn widened(self, factor: f64) -> Self {
        let Some(value) = self.value.filter(|_| factor > 1.0) else { return self };
        let stretch = |end: f64| {
            if value > 0.0 && end > 0.0 {
                value * (end / value).powf(factor)
            } else {
                value + (end - value) * factor
            }
        };
        // What cannot be below zero is not said to be.
        let low = self.low.map(|low| if low >= 0.0 { stretch(low).max(0.0) } else { stretch(low) });
        Self { low, high: self.high.map(stretch), ..self }
    }

    /// Whether the interval of a ratio is so wide that it says nothing: its ends differ by more than a factor of ten.
    pub fn is_wide(&self) -> bool {
        self.interval().is_some_and(|ends| ends.high > WIDE * ends.low)
    }

    /// The interval, where there is one.
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval { low: self.low?, high: self.high? })
    }
}

/// Three columns: `name`, `name_low` and `name_high`.
impl Columns for Estimate {
    fn of_field(
        name: &str,
        about: &'static str,
        unit: &'static str,
        since: Option<&'static str>,
    ) -> Vec<Column<Self>> {
        let column = |suffix: &str,
                      about,
                      part: fn(&Self) -> &Option<f64>,
                      part_mut: fn(&mut Self) -> &mut Option<f64>| {
            let columns = Option::of_field(&format!("{name}{suffix}"), about, unit, since);
            columns.into_iter().map(move |column| column.within("", part, part_mut))
        };
        column("", about, |all| &all.value, |all| &mut all.value)
            .chain(column("_low", "Lower end of its 95 % interval.", |all| &all.low, |all| &mut all.low))
            .chain(column("_high", "Upper end of its 95 % interval.", |all| &all.high, |all| &mut all.high))
            .collect()
    }
}
