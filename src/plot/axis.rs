//! An axis: its range, its ticks, and where a value lies on it.

/// Above this ratio of the largest to the smallest value an axis is logarithmic.
const WIDE: f64 = 30.0;
/// Ticks that a linear axis has at most.
const MOST_TICKS: f64 = 6.0;
/// Decades that a logarithmic axis has at most. What lies further below its upper end is drawn at its lower one.
const MOST_DECADES: i32 = 24;
/// The number furthest from zero that an axis can end at, and the one nearest to it: the square of either is a number,
/// so that no arithmetic on an axis leaves them.
const FURTHEST: f64 = 1e150;
const NEAREST: f64 = 1e-150;
/// The shortest linear axis, as a share of where its upper end is: many more numbers lie on it than it has ticks.
const SHORTEST: f64 = 1e-9;

/// One axis of a panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// What is on it, with its unit.
    pub title: String,
    /// Whether it is logarithmic.
    pub log: bool,
    /// Value at its lower end.
    pub low: f64,
    /// Value at its upper end.
    pub high: f64,
    /// Values and labels of its ticks, ascending.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis of values from zero up, or logarithmic where they differ by more than a factor of 30 and none is zero.
    /// Values that are not numbers do not count.
    pub(crate) fn values(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            least = least.min(value);
            most = most.max(value);
        }
        if least > 0.0 && most / least > WIDE {
            return Self::logarithmic(title, least, most);
        }
        let low = if least < 0.0 { least * 1.05 } else { 0.0 };
        let high = if most > 0.0 { most * 1.05 } else { 1.0 };
        Self::linear(title, low, high)
    }

    /// A linear axis with round ticks.
    pub(crate) fn linear(title: &str, low: f64, high: f64) -> Self {
        let (low, high) = (bounded(low), bounded(high));
        let high = high.max(low + low.abs().max(NEAREST) * SHORTEST);
        Self { title: title.to_owned(), log: false, low, high, ticks: ticks(false, low, high) }
    }

    /// A logarithmic axis that holds two positive values, with ticks at the powers of ten, and between them
    /// where there are few.
    pub(crate) fn logarithmic(title: &str, least: f64, most: f64) -> Self {
        let most = bounded(most).max(NEAREST);
        let least = least.max(most * 10_f64.powi(-MOST_DECADES)).min(most);
        let (low, high) = (least / 1.2, most * 1.2);
        Self { title: title.to_owned(), log: true, low, high, ticks: ticks(true, low, high) }
    }

    /// The axis with ticks in another unit, of which one is `factor` of its own: what lies on it stays where it is.
    pub(crate) fn counting(self, factor: f64) -> Self {
        let ticks = ticks(self.log, self.low / factor, self.high / factor);
        Self { ticks: ticks.into_iter().map(|(value, label)| (value * factor, label)).collect(), ..self }
    }

    /// A value that says in which unit the axis is read: its upper end, or on one of many decades the hundredfold of its
    /// lower end, so that no tick has more than two digits behind the point.
    pub(crate) fn typical(&self) -> f64 {
        if self.log { self.high.min(self.low * 100.0) } else { self.high.abs().max(self.low.abs()) }
    }

    /// An axis of named places: 0, 1, 2, …
    pub(crate) fn names(title: &str, names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(place, name)| (place as f64, name.clone())).collect();
        Self { title: title.to_owned(), log: false, low: -0.5, high: names.len() as f64 - 0.5, ticks }
    }

    /// A logarithmic axis of values that were chosen, ascending, with labels for at most `room` of them.
    pub(crate) fn choices(title: &str, choices: &[(f64, String)], room: usize) -> Self {
        let values = || choices.iter().map(|(value, _)| bounded(*value).max(1.0));
        let low = values().reduce(f64::min).unwrap_or(1.0);
        let high = values().reduce(f64::max).unwrap_or(1.0);
        let margin = if high > low { (high / low).powf(0.05) } else { 2.0 };
        let every = choices.len().div_ceil(room);
        // Counted from the largest, which readers look for first.
        let mut ticks: Vec<_> = choices.iter().rev().step_by(every.max(1)).cloned().collect();
        ticks.reverse();
        Self { title: title.to_owned(), log: true, low: low / margin, high: high * margin, ticks }
    }

    /// Whether a value can be drawn: a logarithmic axis has no place for one below zero.
    pub(crate) fn takes(&self, value: f64) -> bool {
        !value.is_nan() && (!self.log || value >= 0.0)
    }

    /// Where a value lies between the ends, from 0 to 1. One outside is held at the end: an interval that leaves the
    /// axis is cut there.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let value = value.max(self.low).min(self.high);
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// A number that is one, and no further from zero than an axis reaches.
fn bounded(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-FURTHEST, FURTHEST) }
}

/// Round values between two, with their labels.
fn ticks(log: bool, low: f64, high: f64) -> Vec<(f64, String)> {
    let labelled = |value| (value, tick(value));
    if log {
        powers(low, high).map(labelled).collect()
    } else {
        round_values(low, high).map(labelled).collect()
    }
}

/// The powers of ten between two positive values, and values between them where there are few.
fn powers(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let decades = (high / low).log10().round().max(1.0) as usize;
    let within: &[f64] = match decades {
        1 | 2 => &[1.0, 2.0, 5.0],
        3 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let every = decades.div_ceil(7) as i32;
    (low.log10().floor() as i32..=high.log10().ceil() as i32)
        .filter(move |decade| decade.rem_euclid(every) == 0)
        .flat_map(move |decade| within.iter().map(move |digit| digit * 10_f64.powi(decade)))
        .filter(move |value| (low..=high).contains(value))
}

/// The multiples of 1, 2 or 5 times a power of ten between two values, as many as make [`MOST_TICKS`] at most.
fn round_values(low: f64, high: f64) -> impl Iterator<Item = f64> {
    // What is a multiple but for rounding is one.
    let ends = move |step: f64| ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let few = |&step: &f64| ends(step).1 - ends(step).0 < MOST_TICKS;
    let power = 10_f64.powf(((high - low) / MOST_TICKS).log10().floor());
    let step = [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(few).unwrap_or(10.0 * power);
    let (first, last) = ends(step);
    (0..=(last - first).clamp(0.0, MOST_TICKS) as u32).map(move |n| (first + f64::from(n)) * step)
}

/// A tick's value in few characters: `0.05`, `20`, `1k`, `2.5M`; `1e-9` where that takes many.
fn tick(value: f64) -> String {
    if value != 0.0 && !(1e-6..1e15).contains(&value.abs()) {
        let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
        return format!("{rounded:e}");
    }
    const UNITS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (unit, name) in UNITS {
        if value.abs() >= unit * 0.9999 {
            return format!("{}{name}", trimmed(value / unit));
        }
    }
    trimmed(value)
}

/// Four significant digits at most, without trailing zeros or a negative zero.
fn trimmed(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::any_number;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn close_values_start_at_zero_and_far_ones_are_logarithmic() {
        let near = Axis::values("Gb/s", [20.0, 40.0]);
        assert!(!near.log && near.low == 0.0);
        assert_eq!(labels(&near), ["0", "10", "20", "30", "40"]);
        let far = Axis::values("Gb/s", [0.1, 70.0]);
        assert!(far.log);
        assert_eq!(labels(&far), ["0.1", "0.3", "1", "3", "10", "30"]);
        assert!(!Axis::values("switches", [0.0, 70.0]).log, "zero has no logarithm");
    }

    #[test]
    fn linear_ticks_are_round_and_at_most_six() {
        for (low, high, ticks) in [
            (0.0, 1.0, &["0", "0.2", "0.4", "0.6", "0.8", "1"][..]),
            (0.0, 11_000.0, &["0", "2k", "4k", "6k", "8k", "10k"]),
            (0.0, 5.0, &["0", "1", "2", "3", "4", "5"]),
            (0.93, 1.07, &["0.95", "1", "1.05"]),
            (-2.1, 4.2, &["-2", "0", "2", "4"]),
            (0.0, 0.3, &["0", "0.1", "0.2", "0.3"]),
        ] {
            assert_eq!(labels(&Axis::linear("", low, high)), ticks, "{low} to {high}");
        }
    }

    #[test]
    fn a_logarithmic_axis_has_the_same_room_for_each_decade() {
        let axis = Axis::logarithmic("", 1.2, 1e4 / 1.2);
        for (value, share) in [(1.0, 0.0), (10.0, 0.25), (100.0, 0.5), (1e4, 1.0)] {
            assert!((axis.share(value) - share).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn another_unit_changes_the_ticks_and_moves_nothing() {
        let axis = Axis::linear("time", 0.0, 220_000.0);
        let counting = axis.clone().counting(1e3);
        assert_eq!(labels(&counting), ["0", "50", "100", "150", "200"]);
        assert_eq!((counting.low, counting.high, counting.ticks[1].0), (axis.low, axis.high, 50_000.0));
        let axis = Axis::logarithmic("time", 1e3, 1e6).counting(1e3);
        assert_eq!(labels(&axis), ["1", "3", "10", "30", "100", "300", "1k"]);
        assert!((axis.typical() / 83_333.0 - 1.0).abs() < 1e-3, "{}", axis.typical());
        assert!((Axis::logarithmic("time", 1e3, 4e4).typical() / 4.8e4 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn many_choices_keep_the_largest_label() {
        let choices: Vec<_> = (6..=22).map(|power| (2_f64.powi(power), format!("2^{power}"))).collect();
        let axis = Axis::choices("", &choices, 8);
        assert!(axis.ticks.len() <= 8);
        assert_eq!(axis.ticks.last().unwrap().1, "2^22");
    }

    #[test]
    fn no_value_leaves_the_axis_and_nothing_breaks_it() {
        let axis = Axis::values("x", [1.0, 1000.0]);
        assert_eq!((axis.share(1e9), axis.share(0.0), axis.share(f64::NAN)), (1.0, 0.0, 0.0));
        assert!(axis.takes(0.0) && !axis.takes(-1.0) && !axis.takes(f64::NAN));
        for empty in [
            Axis::values("x", []),
            Axis::choices("x", &[], 8),
            Axis::values("x", [0.0]),
            Axis::values("x", [f64::NAN]),
        ] {
            assert!(empty.high > empty.low && (0.0..=1.0).contains(&empty.share(1.0)), "{empty:?}");
        }
    }

    #[test]
    fn ticks_are_short() {
        for (value, text) in [
            (0.05, "0.05"),
            (1000.0, "1k"),
            (2.5e6, "2.5M"),
            (0.0, "0"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (1e300, "1e300"),
            (-2.5e-9, "-2.5e-9"),
        ] {
            assert_eq!(tick(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_axis_is_finite_short_and_has_few_ticks(values in prop::collection::vec(any_number(), 0..5)) {
            let at = |place: usize| values.get(place).copied().unwrap_or_default();
            let choices: Vec<_> = values.iter().map(|&value| (value, String::new())).collect();
            let most_values = 3 * MOST_DECADES as usize;
            for (axis, most) in [
                (Axis::values("", values.iter().copied()), most_values),
                (Axis::linear("", at(0), at(1)), 7),
                (Axis::logarithmic("", at(0), at(1)), most_values),
                (Axis::choices("", &choices, 3), 3),
                (Axis::values("", values.iter().copied()).counting(1e3), most_values),
            ] {
                let width = axis.high - axis.low;
                prop_assert!(axis.low.is_finite() && width > 0.0 && width.is_finite(), "{axis:?}");
                prop_assert!(axis.ticks.len() <= most, "{} ticks: {axis:?}", axis.ticks.len());
                prop_assert!(axis.ticks.iter().all(|(_, label)| label.len() < 12), "{axis:?}");
                let places = axis.ticks.iter().map(|tick| tick.0).chain(values.iter().copied());
                for place in places.filter(|&place| axis.takes(place)) {
                    prop_assert!((0.0..=1.0).contains(&axis.share(place)), "{place} on {axis:?}");
                }
            }
        }
    }
}
