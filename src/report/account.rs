//! What each path saves against the baseline, and where the x-ray saw it.

use super::tabular::{self, SURROUNDINGS};
use crate::prose::block::{Block, Table, TableField};
use crate::prose::words;
use crate::record::column::Field as _;
use crate::stats::Interval;
use crate::study::Subject;
use crate::tables::{AccountRow, Estimate, RatioRow, TOO_FEW_TRIALS};

/// The account of a comparison as a sentence; absent where the run has no x-ray of both cells.
pub(super) fn sentence(subject: &Subject, row: &RatioRow) -> Option<String> {
    let found = subject.tables.account.iter().find(|one| {
        one.setting == row.setting
            && (one.message_bytes, &one.path, &one.over) == (row.message_bytes, &row.path, &row.over)
    })?;
    Some(words_of(found))
}

fn words_of(row: &AccountRow) -> String {
    let saved = row.saved_ns_per_kib.value.unwrap_or_default();
    // Of a loss the parts are told as losses too.
    let (verb, sign) = if saved < 0.0 { ("takes longer", -1.0) } else { ("saves", 1.0) };
    let part = |value: f64| words::number(sign * value);
    let largest = row.other_work.0.iter().take(MOST_NAMED);
    let named: Vec<String> =
        largest.map(|(category, time)| format!("{} {}", words::category(*category), part(*time))).collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", words::list(&named)) };
    let mut parts = vec![format!("{} in copies", part(row.copies_ns_per_kib))];
    parts.push(format!("{} in other work{named}", part(row.other_ns_per_kib)));
    if row.waiting_ns_per_kib.abs() >= 0.05 {
        parts.push(format!("{} in waiting", part(row.waiting_ns_per_kib)));
    }
    let interval = row.saved_ns_per_kib.interval().map(|ends| {
        let (low, high) = (sign * ends.low, sign * ends.high);
        let ends = Interval { low: low.min(high), high: low.max(high) };
        let told = Estimate { value: Some(saved), low: Some(ends.low), high: Some(ends.high) };
        if ends.low > 0.0 && told.is_wide() {
            format!(" ({TOO_FEW_TRIALS})")
        } else {
            format!(" {}", words::interval(ends))
        }
    });
    let floor = row.floor_ns_per_kib.map(words::number);
    let rest = match (row.closes, floor) {
        (Some(true), Some(floor)) => format!(", within the {floor} ns by which a cell differs from itself"),
        (_, Some(floor)) => {
            format!(
                ", more than the {floor} ns by which a cell differs from itself: this account does not close"
            )
        }
        _ => String::new(),
    };
    format!(
        "Of the {} ns{} that it {verb} per KiB, the x-ray finds {}; {} are unexplained{rest}.",
        words::number(saved.abs()),
        interval.unwrap_or_default(),
        words::list(&parts),
        part(row.unexplained_ns_per_kib),
    )
}

/// Categories of other work that a sentence names; the table has all.
const MOST_NAMED: usize = 3;

/// The section on the account; nothing where the run had no x-ray of two cells that were compared.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let mut table = Table::new(
        "Time per KiB that a path saves against the baseline, ns, all streams together; what it loses is negative. Saved: \
         timed trials, within the blocks. Copies (± two standard errors of the samples), other work and waiting: the \
         x-ray of the sender's CPUs, as if being sampled took no time. Unexplained: the rest; the account closes where that is no more \
         than the floor, which is how far the nearest control cell differs from itself, as a share of the longer of the two \
         times.",
        &tabular::columns(&[
            "path",
            "over",
            "#size",
            "#threads",
            "#baseline's time",
            "#saved",
            "#copies",
            "#other work",
            "#waiting",
            "#unexplained",
            "#floor",
            "closes",
            "other work by category",
        ]),
    );
    for (place, condition) in subject.streams() {
        let Some(baseline) = subject.baseline(place) else { continue };
        let rows = subject.tables.account.iter().filter(|row| row.over == baseline);
        for row in rows.filter(|row| condition.setting(row.setting.threads) == row.setting) {
            let number = |value: f64| TableField::number(words::number(value), value);
            let mut fields = tabular::surroundings(&row.setting);
            fields.extend([subject.name(place, &row.path).into(), subject.name(place, &row.over).into()]);
            fields.extend([tabular::size(row.message_bytes), tabular::threads(row.setting.threads)]);
            fields.push(number(row.over_ns_per_kib));
            fields
                .push(TableField::number(words::estimate(&row.saved_ns_per_kib), row.saved_ns_per_kib.value));
            let error = words::number(row.copies_error_ns_per_kib);
            let copies = format!("{} ± {error}", words::number(row.copies_ns_per_kib));
            fields.push(TableField::number(copies, row.copies_ns_per_kib));
            fields.extend(
                [row.other_ns_per_kib, row.waiting_ns_per_kib, row.unexplained_ns_per_kib].map(number),
            );
            let floor = row.floor_ns_per_kib.map_or_else(|| "–".to_owned(), words::number);
            fields.push(TableField::number(floor, row.floor_ns_per_kib));
            let closes = row.closes.map_or("–", |closes| if closes { "yes" } else { "no" });
            fields.extend([closes.into(), row.other_work.print().into()]);
            table.push(fields);
        }
    }
    if table.rows.is_empty() {
        return Vec::new();
    }
    let table = table.without_constant(&SURROUNDINGS).without_constant(&["over"]);
    vec![Block::section("Account"), Block::Table(table)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::category::Category;
    use crate::tables::WorkByCategory;

    #[test]
    fn a_saving_and_a_loss_are_told_in_their_own_sign() {
        let row = AccountRow {
            saved_ns_per_kib: Estimate { value: Some(36.0), low: Some(11.0), high: Some(50.0) },
            copies_ns_per_kib: 23.5,
            other_ns_per_kib: -1.5,
            other_work: WorkByCategory(vec![(Category::Allocation, -2.3), (Category::Locking, 0.8)]),
            unexplained_ns_per_kib: 14.0,
            floor_ns_per_kib: Some(17.9),
            closes: Some(true),
            ..AccountRow::default()
        };
        assert_eq!(
            words_of(&row),
            "Of the 36.0 ns [11.0–50.0] that it saves per KiB, the x-ray finds 23.5 in copies and -1.50 in other work \
             (buffer and page allocation -2.30 and locking 0.800); 14.0 are unexplained, within the 17.9 ns by which a \
             cell differs from itself."
        );
        let loss = AccountRow {
            saved_ns_per_kib: Estimate { value: Some(-52.0), low: Some(-100.0), high: Some(-30.0) },
            copies_ns_per_kib: -4.0,
            other_ns_per_kib: -72.0,
            unexplained_ns_per_kib: 24.0,
            floor_ns_per_kib: Some(17.9),
            closes: Some(false),
            ..AccountRow::default()
        };
        assert_eq!(
            words_of(&loss),
            "Of the 52.0 ns [30.0–100] that it takes longer per KiB, the x-ray finds 4.00 in copies and 72.0 in other \
             work; -24.0 are unexplained, more than the 17.9 ns by which a cell differs from itself: this account does \
             not close."
        );
    }
}
