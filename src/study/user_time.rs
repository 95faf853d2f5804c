//! Time in user space of two senders: from the x-ray where both cells have one, whose samples come some thousand times
//! a second, else from the kernel's ticks.

use crate::cell::Side;
use crate::prose::block::TableField;
use crate::prose::words;
use crate::stats::Interval;
use crate::study::Subject;
use crate::tables::{DerivedRow, Estimate, LEAST_TICKS, metric};

/// Two cells' times in user space, for a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UserTime {
    /// The first cell's, ns per KiB.
    pub(super) own: TableField,
    /// The other's.
    pub(super) other: TableField,
    /// The first over the other's.
    pub(super) ratio: TableField,
    /// Where they come from.
    pub(super) source: &'static str,
}

impl UserTime {
    /// Of two cells.
    pub(super) fn of(subject: &Subject, own: &DerivedRow, other: &DerivedRow) -> Self {
        let sampled = |row: &DerivedRow| subject.run.xray.user_time(&row.cell.cell, Side::Sender);
        if let (Some(own), Some(other)) = (sampled(own), sampled(other)) {
            let number = |(value, _): (f64, f64)| TableField::number(words::number(value), value);
            let ratio = of_samples(own, other);
            return Self {
                own: number(own),
                other: number(other),
                ratio: TableField::number(words::times(&ratio), ratio.value),
                source: "x-ray",
            };
        }
        let metric = metric("user_ns_per_kib").expect("a column of derived.csv");
        let figure = |row: &DerivedRow| {
            let figure = (metric.at)(row);
            TableField::number(words::estimate(&figure), figure.value)
        };
        let ratio = subject.paired_metric(&own.cell, &other.cell, metric);
        Self {
            own: figure(own),
            other: figure(other),
            ratio: TableField::number(words::paired(&ratio), ratio.ratio.value),
            source: "ticks",
        }
    }
}

/// The ratio of two sampled times, with the interval that their numbers of samples leave; absent where either rests
/// on fewer than [`LEAST_TICKS`].
fn of_samples((own, samples): (f64, f64), (other, others): (f64, f64)) -> Estimate {
    if samples < LEAST_TICKS || others < LEAST_TICKS {
        return Estimate::default();
    }
    let (ratio, error) = (own / other, 1.96 * (1.0 / samples + 1.0 / others).sqrt());
    let ends = Interval { low: ratio * (-error).exp(), high: ratio * error.exp() };
    Estimate { value: Some(ratio), low: Some(ends.low), high: Some(ends.high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_samples_leave_a_wide_interval_and_fewer_none() {
        let found = of_samples((20.0, 400.0), (2.0, 40.0));
        assert!((found.value.unwrap() - 10.0).abs() < 1e-12, "{found:?}");
        // One standard error is sqrt(1/400 + 1/40), a sixth.
        assert!(
            (7.0..7.5).contains(&found.low.unwrap()) && (13.0..14.0).contains(&found.high.unwrap()),
            "{found:?}"
        );
        assert_eq!(of_samples((20.0, 400.0), (0.4, 8.0)), Estimate::default());
    }
}
