//! Numbers as a reader takes them in: three digits that count, an interval in brackets.

mod names;

pub(crate) use names::{bound, category, held_back};

use crate::cell::{Cell, Rate};
use crate::stats::Interval;
use crate::tables::{CrossoverRow, Difference, Estimate, Paired, RatioRow, TOO_FEW_TRIALS};
use crate::units;

/// A number with three significant digits, whole from a hundred on, thousands apart: `0.0512`, `30.2`, `4,682`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 {
        return grouped(value);
    }
    let decimals = match size {
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ if size > 0.0 => (2.0 - size.log10().floor()).min(9.0) as usize,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole count, thousands apart.
pub(crate) fn count(value: u64) -> String {
    grouped(value as f64)
}

/// An interval: `[29.9–33.3]`.
pub(crate) fn interval(ends: Interval) -> String {
    let dash = if ends.low < 0.0 || ends.high < 0.0 { " to " } else { "–" };
    format!("[{}{dash}{}]", number(ends.low), number(ends.high))
}

/// A figure with its interval, where it has one: `30.2 [29.9–33.3]`; `–` where it is absent.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    match (estimate.value, estimate.interval()) {
        (Some(value), Some(ends)) => format!("{} {}", number(value), interval(ends)),
        (Some(value), None) => number(value),
        (None, _) => "–".to_owned(),
    }
}

/// A share as a percentage: `100 %`, `0.4 %`. Never 100 % of what is less, nor 0 % of what is more.
pub(crate) fn percent(share: f64) -> String {
    let text = match share * 100.0 {
        value if value > 99.0 && value < 100.0 => format!("{:.2}", value.min(99.99)),
        value if value.abs() >= 9.95 || value == 0.0 => format!("{value:.0}"),
        value if value.abs() >= 0.095 => format!("{value:.1}"),
        value => number(value),
    };
    format!("{text} %")
}

/// A ratio of rates as what it means: `19 % slower [14–23 %]`, `1.80 times as fast [1.70–1.90]`.
pub(crate) fn ratio(ratio: &Estimate) -> String {
    if ratio.is_wide() {
        return TOO_FEW_TRIALS.to_owned();
    }
    let (words, _, ends) = ratio_parts(ratio);
    format!("{words}{ends}")
}

/// The same against a named other: `19 % slower than two-copy [14–23 %]`.
pub(crate) fn ratio_to(ratio: &Estimate, other: &str) -> String {
    if ratio.is_wide() {
        return format!("{TOO_FEW_TRIALS} against {other}");
    }
    let (words, joint, ends) = ratio_parts(ratio);
    format!("{words} {joint} {other}{ends}")
}

fn ratio_parts(ratio: &Estimate) -> (String, &'static str, String) {
    let Some(value) = ratio.value else { return ("not measured".to_owned(), "against", String::new()) };
    // A percentage of less that runs beyond 100 %, or of more beyond a doubling, is a ratio that nobody can read.
    let far = ratio.interval().is_some_and(|ends| ends.high >= 2.0 || (value >= 1.0 && ends.low <= 0.5));
    if value >= 1.5 || far {
        let ends = ratio.interval().map(|ends| format!(" {}", interval(ends))).unwrap_or_default();
        return (format!("{} times as fast", number(value)), "as", ends);
    }
    let (word, sign) = if value < 1.0 { ("slower", -1.0) } else { ("faster", 1.0) };
    // One decimal where whole per cents would hide the difference.
    let fine = (value - 1.0).abs() < 0.0095;
    let change = |value: f64| {
        let text = if fine {
            format!("{:.1}", (value - 1.0) * sign * 100.0)
        } else {
            format!("{:.0}", (value - 1.0) * sign * 100.0)
        };
        if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text }
    };
    let ends = ratio.interval().map(|ends| {
        let (one, other) = (change(ends.low), change(ends.high));
        let (from, to) = if sign < 0.0 { (other, one) } else { (one, other) };
        let dash = if from.starts_with('-') || to.starts_with('-') { " to " } else { "–" };
        format!(" [{from}{dash}{to} %]")
    });
    (format!("{} % {word}", change(value)), "than", ends.unwrap_or_default())
}

/// What can be said of one path against another, named: the ratio where there is a difference, and plainly none
/// where none was detected.
pub(crate) fn judged(row: &RatioRow, other: &str) -> String {
    let wide = row.ratio.is_wide();
    let text = match row.difference {
        Difference::Faster | Difference::Slower if wide => {
            format!("{} than {other} ({TOO_FEW_TRIALS} by how much)", row.difference)
        }
        Difference::Faster | Difference::Slower => ratio_to(&row.ratio, other),
        Difference::Indistinct => format!("not distinguishable from {other} ({})", ratio(&row.ratio)),
        _ if wide => format!("not distinguishable from {other} ({TOO_FEW_TRIALS})"),
        Difference::Uncorrected => format!(
            "{} by itself, but not after correction for {}",
            ratio_to(&row.ratio, other),
            plural(row.comparisons.unwrap_or_default(), "comparison")
        ),
        Difference::WithinFloor => format!(
            "{}, which is within the noise floor of {}",
            ratio_to(&row.ratio, other),
            row.floor.map(percent).unwrap_or_default()
        ),
        Difference::Unjudged => format!("{}, without an interval to judge by", ratio_to(&row.ratio, other)),
    };
    let part = (row.blocks < row.of_blocks).then(|| blocks(row.blocks, row.of_blocks));
    text + &part.unwrap_or_default()
}

/// The noise floor that a comparison is judged against, and whose it is; absent without a control.
pub(crate) fn floor(row: &RatioRow) -> Option<String> {
    let floor = percent(row.floor?);
    let cell = row.floor_cell.parse::<Cell>().ok()?;
    let own = cell.message_bytes == row.message_bytes
        && cell.threads == row.setting.threads
        && [&row.path, &row.over].contains(&&cell.send_path);
    let whose = if own {
        format!("{} against itself", cell.send_path)
    } else {
        format!(
            "of the nearest control, {} at {} with {}",
            cell.send_path,
            bytes(cell.message_bytes),
            threads(cell.threads)
        )
    };
    Some(format!("noise floor of {floor} ({whose})"))
}

/// ` (6 of 8 blocks)`.
fn blocks(part: u64, all: u64) -> String {
    format!(" ({} of {} blocks)", count(part), count(all))
}

/// A ratio of costs or counts: `3.20 times [2.90–3.50]`.
pub(crate) fn times(ratio: &Estimate) -> String {
    match (ratio.value, ratio.interval()) {
        _ if ratio.is_wide() => TOO_FEW_TRIALS.to_owned(),
        (Some(value), Some(ends)) => format!("{} times {}", number(value), interval(ends)),
        (Some(value), None) => format!("{} times", number(value)),
        (None, _) => "–".to_owned(),
    }
}

/// The same of a ratio within blocks, with the blocks that it rests on where those are not all; where zeros took too
/// many, that alone.
pub(crate) fn paired(paired: &Paired) -> String {
    match paired.ratio.value {
        Some(_) if paired.is_partial() => {
            format!("{}{}", times(&paired.ratio), blocks(paired.blocks, paired.of_blocks))
        }
        None if paired.zeros > 0 => format!("– (zero in {} of {} blocks)", paired.zeros, paired.of_blocks),
        _ => times(&paired.ratio),
    }
}

/// A size that was computed, not chosen: `18.3 KiB`.
pub(crate) fn computed_bytes(bytes: f64) -> String {
    match bytes {
        b if b >= 1024.0 * 1024.0 => format!("{} MiB", number(b / 1024.0 / 1024.0)),
        b if b >= 1024.0 => format!("{} KiB", number(b / 1024.0)),
        b => format!("{} B", number(b)),
    }
}

/// The model's crossing.
pub(crate) fn predicted(row: &CrossoverRow) -> String {
    crossing(&Estimate { value: row.predicted_bytes, low: row.predicted_low, high: row.predicted_high })
}

/// A crossing that is no tested size: `18.3 KiB [12.1 KiB – 25.0 KiB]`, an open end where the interval has none.
pub(crate) fn crossing(at: &Estimate) -> String {
    let Some(bytes) = at.value else { return "–".to_owned() };
    let text = computed_bytes(bytes);
    match (at.low, at.high) {
        (None, None) => text,
        (Some(low), Some(high)) => {
            format!("{text} [{} – {}]", computed_bytes(low), computed_bytes(high))
        }
        (Some(low), None) => format!("{text} [{} or more]", computed_bytes(low)),
        (None, Some(high)) => format!("{text} [{} or less]", computed_bytes(high)),
    }
}

/// A message size in a sentence: `64 B`, `16 KiB`.
pub(crate) fn bytes(size: u64) -> String {
    let text = units::size(size);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (number, unit) = text.split_at(digits);
    format!("{number} {}", if unit.is_empty() { "B" } else { unit })
}

/// A rate on an axis or in a sentence: `50 %`, `1,000/s`.
pub(crate) fn rate(rate: Rate) -> String {
    match rate {
        Rate::Percent(percent) => format!("{percent} %"),
        Rate::PerSecond(messages) => format!("{}/s", count(messages)),
    }
}

/// `1 thread`, `4 threads`.
pub(crate) fn threads(count: u32) -> String {
    plural(u64::from(count), "thread")
}

/// `1 trial`, `1,000 trials`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`; of many the first few and how many more.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    const MOST: usize = 6;
    let text = |items: &[T]| items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match items {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] if items.len() <= MOST => format!("{} and {}", text(head), last.as_ref()),
        many => format!("{} and {} more", text(&many[..MOST - 1]), many.len() - MOST + 1),
    }
}

/// The first letter as a capital, for a sentence that starts with a clause.
pub(crate) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Setting;

    fn of(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value: Some(value), low: Some(low), high: Some(high) }
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (0.05123, "0.0512"),
            (0.9996, "1.00"),
            (1.777, "1.78"),
            (30.23, "30.2"),
            (99.96, "100"),
            (4682.4, "4,682"),
            (37454.0, "37,454"),
            (1_234_567.0, "1,234,567"),
            (-12.34, "-12.3"),
            (1e-14, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.99999), "99.99 %");
        assert_eq!(percent(0.1934), "19 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.0004), "0.0400 %");
    }

    #[test]
    fn a_ratio_says_what_it_means() {
        assert_eq!(ratio(&of(0.81, 0.77, 0.86)), "19 % slower [14–23 %]");
        assert_eq!(ratio(&of(1.05, 1.01, 1.09)), "5 % faster [1–9 %]");
        assert_eq!(ratio(&of(0.15, 0.1, 0.2)), "85 % slower [80–90 %]");
        assert_eq!(times(&of(2.0, 0.01, 50.0)), "too few trials to tell");
        assert_eq!(interval(Interval { low: -1.0, high: 2.0 }), "[-1.00 to 2.00]");
        assert_eq!(ratio(&of(0.99, 0.95, 1.03)), "1 % slower [-3 to 5 %]");
        assert_eq!(ratio(&of(1.8, 1.7, 1.9)), "1.80 times as fast [1.70–1.90]");
        assert_eq!(ratio(&of(0.8, 0.05, 13.4)), "too few trials to tell");
        assert_eq!(ratio_to(&of(0.8, 0.05, 13.4), "two-copy"), "too few trials to tell against two-copy");
        // As percentages they would be 81 % slower [-50 to 90 %] and 20 % faster [-60 to 70 %].
        assert_eq!(ratio(&of(0.19, 0.16, 0.25)), "81 % slower [75–84 %]");
        assert_eq!(ratio(&of(0.81, 0.4, 2.2)), "0.810 times as fast [0.400–2.20]");
        assert_eq!(ratio_to(&of(1.2, 0.4, 1.7), "two-copy"), "1.20 times as fast as two-copy [0.400–1.70]");
        assert_eq!(ratio(&Estimate { value: Some(0.9), ..Estimate::default() }), "10 % slower");
        assert_eq!(ratio(&of(0.998, 0.99, 1.004)), "0.2 % slower [-0.4 to 1.0 %]");
        assert_eq!(ratio_to(&of(0.81, 0.77, 0.86), "two-copy"), "19 % slower than two-copy [14–23 %]");
        assert_eq!(ratio_to(&of(1.8, 1.7, 1.9), "two-copy"), "1.80 times as fast as two-copy [1.70–1.90]");
        assert_eq!(ratio(&Estimate::default()), "not measured");
    }

    #[test]
    fn what_is_judged_says_what_it_was_judged_by() {
        let row = RatioRow {
            path: "splice".into(),
            over: "two-copy".into(),
            message_bytes: 65536,
            setting: Setting { threads: 1, ..Setting::default() },
            blocks: 8,
            of_blocks: 8,
            ratio: of(0.6, 0.44, 0.83),
            comparisons: Some(36),
            floor: Some(0.1),
            floor_cell: "veth/two-copy/recv/static/65536B/t1".into(),
            ..RatioRow::default()
        };
        let said = |difference, row: &RatioRow| judged(&RatioRow { difference, ..row.clone() }, "two-copy");
        assert_eq!(
            said(Difference::Uncorrected, &row),
            "40 % slower than two-copy [17–56 %] by itself, but not after correction for 36 comparisons"
        );
        assert_eq!(said(Difference::Slower, &row), "40 % slower than two-copy [17–56 %]");
        let small = RatioRow { ratio: of(1.05, 1.02, 1.08), blocks: 7, ..row.clone() };
        assert_eq!(
            said(Difference::WithinFloor, &small),
            "5 % faster than two-copy [2–8 %], which is within the noise floor of 10 % (7 of 8 blocks)"
        );
        let wide = RatioRow { ratio: of(4.0, 2.0, 30.0), ..row.clone() };
        assert_eq!(
            said(Difference::Faster, &wide),
            "faster than two-copy (too few trials to tell by how much)"
        );
        for difference in [Difference::Indistinct, Difference::Uncorrected] {
            assert_eq!(said(difference, &wide), "not distinguishable from two-copy (too few trials to tell)");
        }
        let far = RatioRow { message_bytes: 64, ..row };
        assert_eq!(
            floor(&far).unwrap(),
            "noise floor of 10 % (of the nearest control, two-copy at 64 KiB with 1 thread)"
        );
    }

    #[test]
    fn a_ratio_of_some_blocks_says_of_how_many() {
        let all = Paired { ratio: of(2.0, 1.9, 2.1), blocks: 8, of_blocks: 8, ..Paired::default() };
        assert_eq!(paired(&all), "2.00 times [1.90–2.10]");
        assert_eq!(paired(&Paired { blocks: 7, zeros: 1, ..all }), "2.00 times [1.90–2.10] (7 of 8 blocks)");
        let none = Paired { ratio: Estimate::default(), blocks: 6, zeros: 2, ..all };
        assert_eq!(paired(&none), "– (zero in 2 of 8 blocks)");
        assert_eq!(paired(&Paired::default()), "–");
    }

    #[test]
    fn lists_end() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d", "e", "f", "g", "h"]), "a, b, c, d, e and 3 more");
        assert_eq!(list::<&str>(&[]), "none");
    }
}
