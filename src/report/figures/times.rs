//! Times in the unit that fits them: an axis by its range, a figure by itself.

use crate::plot::Axis;
use crate::prose::words;
use crate::tables::Estimate;

/// Units of time and their lengths in nanoseconds, from the shortest.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// An axis of values in `unit`, read in the unit of time that fits its range; `title` is told which that is. What is
/// no time stays in its unit.
pub(super) fn axis(axis: Axis, unit: &str, title: impl Fn(&str) -> String) -> Axis {
    let typical = axis.typical();
    axis_like(axis, typical, unit, title)
}

/// The same in the unit that fits another value, so that several axes are read alike.
pub(super) fn axis_like(axis: Axis, typical: f64, unit: &str, title: impl Fn(&str) -> String) -> Axis {
    let (factor, name) = fitting(unit, typical);
    let title = title(&name);
    // An axis may have round values of its own choice.
    if factor == 1.0 { Axis { title, ..axis } } else { Axis { title, ..axis.counting(factor) } }
}

/// A figure with its interval and the unit that fits it: `12.3 [11.9–12.8] µs`.
pub(super) fn told(figure: &Estimate, unit: &str) -> String {
    let (factor, name) = fitting(unit, figure.value.unwrap_or_default());
    let scaled = |value: Option<f64>| value.map(|value| value / factor);
    let figure = Estimate { value: scaled(figure.value), low: scaled(figure.low), high: scaled(figure.high) };
    format!("{} {name}", words::estimate(&figure))
}

/// The unit in which a value is at least one and has the fewest digits, and how many of its own unit that is. A unit may
/// be one per something: `ns/KiB`.
fn fitting(unit: &str, value: f64) -> (f64, String) {
    let (time, per) = unit.split_at(unit.find('/').unwrap_or(unit.len()));
    let time = if time == "us" { "µs" } else { time };
    let Some((_, own)) = UNITS.into_iter().find(|(name, _)| *name == time) else {
        return (1.0, unit.to_owned());
    };
    let fits = |(_, length): &(&str, f64)| value.abs() * own >= *length;
    let (name, length) = UNITS.into_iter().rev().find(fits).unwrap_or(UNITS[0]);
    (length / own, format!("{name}{per}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_times_is_read_in_the_unit_of_its_range() {
        let read = |unit: &str, values: [f64; 2]| {
            let axis = axis(Axis::values("", values), unit, |unit| format!("time ({unit})"));
            (axis.title, axis.ticks.last().map(|(_, label)| label.clone()).unwrap_or_default())
        };
        for (unit, values, title, last) in [
            ("ns", [100.0, 800.0], "time (ns)", "800"),
            ("ns", [9e3, 1e5], "time (µs)", "100"),
            ("µs", [900.0, 4000.0], "time (ms)", "4"),
            ("µs", [0.0, 0.4], "time (ns)", "400"),
            ("ns", [1e3, 1e6], "time (µs)", "1k"),
            ("µs", [50.0, 6e3], "time (ms)", "5"),
            ("us", [2e6, 4e6], "time (s)", "4"),
            ("ns/KiB", [0.0, 4e4], "time (µs/KiB)", "40"),
            ("loads", [0.0, 4e4], "time (loads)", "40k"),
            ("1/s", [0.0, 4e4], "time (1/s)", "40k"),
        ] {
            assert_eq!(read(unit, values), (title.to_owned(), last.to_owned()), "{unit} {values:?}");
        }
    }

    #[test]
    fn a_figure_has_the_unit_that_fits_it() {
        let estimate = Estimate { value: Some(123_456.0), low: Some(120_000.0), high: Some(130_000.0) };
        assert_eq!(told(&estimate, "ns"), "123 [120–130] µs");
        assert_eq!(told(&Estimate { value: Some(0.5), ..Estimate::default() }, "µs"), "500 ns");
        assert_eq!(told(&estimate, "Gb/s"), "123,456 [120,000–130,000] Gb/s");
    }
}
