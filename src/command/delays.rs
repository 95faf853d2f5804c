//! The delays of a trial for reading.

use comfy_table::{CellAlignment, Table, presets};

use crate::record::Latency;
use crate::record::latency::{ClockKind, DelayKind};

/// A line for each kind of delay; empty where none was measured.
pub(super) fn table(rows: &[Latency]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let shares = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"];
    table.set_header(["delay, us", "messages"].iter().chain(&shares).copied());
    for row in rows.iter().filter(|row| row.count > 0) {
        let part = row.percentiles;
        let figures = [
            row.min_us,
            part.p50_us,
            part.p90_us,
            part.p99_us,
            part.p999_us,
            part.p9999_us,
            row.max_us,
            row.mean_us,
        ];
        let told = figures.map(|figure| figure.map_or_else(|| "–".to_owned(), |us| format!("{us:.1}")));
        table.add_row([name(row.kind).to_owned(), row.count.to_string()].into_iter().chain(told));
    }
    for index in 1..=shares.len() + 1 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{}\n", table.trim_fmt());
    let bounded = rows.iter().find(|row| row.clock == Some(ClockKind::RoundTrip));
    if let Some(bound) = bounded.and_then(|row| row.clock_bound_us) {
        text += &format!(
            "The two ends have no common clock: of at least half of the messages the one-way delay lies between 0 and \
             {bound:.1} us.\n"
        );
    }
    let within = rows.iter().find(|row| row.clock == Some(ClockKind::Synchronised));
    if let Some(bound) = within.and_then(|row| row.clock_bound_us) {
        text += &format!("One-way and back: within {bound:.1} us, as the two clocks are said to agree.\n");
    }
    text
}

fn name(kind: DelayKind) -> &'static str {
    match kind {
        DelayKind::Response => "response",
        DelayKind::OneWay => "one way",
        DelayKind::WayBack => "way back",
        DelayKind::Call => "send call",
        DelayKind::Lent => "buffer lent",
        DelayKind::Lateness => "sent late by",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Delays;

    #[test]
    fn what_was_not_measured_has_a_dash_and_no_line() {
        let mut delays = Delays::new(1);
        (1..=100).for_each(|number| delays.record(number * 1000));
        let text = table(&[delays.row(DelayKind::Response)]);
        assert!(text.contains("response") && !text.contains("one way"), "{text}");
        assert!(text.contains("50.0") && text.contains('–'), "p99 has one message above it: {text}");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn two_clocks_are_said() {
        let row = Latency {
            kind: DelayKind::OneWay,
            clock: Some(ClockKind::RoundTrip),
            clock_bound_us: Some(31.5),
            ..Latency::default()
        };
        assert!(table(&[row]).contains("between 0 and 31.5 us"));
    }
}
