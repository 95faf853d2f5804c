//! A comparison for people: a table for a terminal, and the same as Markdown.

use std::fmt::Write;

use comfy_table::{Table, presets};

use super::change::Judgement;
use super::comparison::Comparison;
use super::footing::{Footing, SAME};
use crate::tables::{CellRow, Estimate};

/// For a terminal.
pub(super) fn table(comparison: &Comparison) -> String {
    let mut out = format!("{} against {}\n", comparison.new, comparison.base);
    for sentence in &comparison.unlike {
        let _ = write!(out, "\n{sentence}\n");
    }
    for (header, rows) in
        [(group_header(comparison), groups(comparison)), (header(comparison), cells(comparison))]
    {
        if !rows.is_empty() {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(header);
            table.add_rows(rows);
            let _ = write!(out, "\n{}\n", table.trim_fmt());
        }
    }
    for sentence in sentences(comparison) {
        let _ = write!(out, "\n{sentence}");
    }
    if !comparison.environment.is_empty() {
        out.push_str("\n\nThe environments differ:");
        for one in &comparison.environment {
            let _ = write!(out, "\n  {}: {} -> {}", one.what, one.base, one.new);
        }
    }
    out
}

/// As Markdown, for a comment on a change.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("### `{}` against `{}`\n", comparison.new, comparison.base);
    for sentence in &comparison.unlike {
        let _ = write!(out, "\n{sentence}\n");
    }
    for (header, rows) in
        [(group_header(comparison), groups(comparison)), (header(comparison), cells(comparison))]
    {
        if !rows.is_empty() {
            let _ = write!(out, "\n{}{}", line(&header), line(&["---"; COLUMNS].map(str::to_owned)));
            rows.iter().for_each(|row| out.push_str(&line(row)));
        }
    }
    for sentence in sentences(comparison) {
        let _ = write!(out, "\n{sentence}\n");
    }
    if !comparison.environment.is_empty() {
        out.push_str("\nThe environments differ:\n\n");
        for one in &comparison.environment {
            let _ = writeln!(out, "- {}: `{}` → `{}`", one.what, one.base, one.new);
        }
    }
    out
}

const COLUMNS: usize = 7;

/// The header of the intervals: where nothing is left to chance they are as wide as two runs of the same thing.
fn interval_header(comparison: &Comparison) -> &'static str {
    if comparison.footing == Footing::Instructions { "within" } else { "95 % interval" }
}

fn group_header(comparison: &Comparison) -> [String; COLUMNS] {
    ["cells together", "cells", "blocks", "change", interval_header(comparison), "judgement", ""]
        .map(str::to_owned)
}

fn header(comparison: &Comparison) -> [String; COLUMNS] {
    let unit = comparison.measure.unit;
    let figure = |run: &str| format!("{run} {unit}");
    ["cell", &figure("base"), &figure("new"), "change", interval_header(comparison), "judgement", "remarks"]
        .map(str::to_owned)
}

fn line(fields: &[String; COLUMNS]) -> String {
    format!("| {} |\n", fields.each_ref().map(|field| field.replace('|', "\\|")).join(" | "))
}

fn groups(comparison: &Comparison) -> Vec<[String; COLUMNS]> {
    let row = |group: &super::GroupChange| {
        [
            group.group.to_string(),
            group.cells.to_string(),
            format!("{} and {}", group.base_blocks, group.new_blocks),
            change(&group.ratio),
            interval(&group.ratio),
            judgement(group.judgement, group.beyond_limit),
            String::new(),
        ]
    };
    comparison.groups.iter().map(row).collect()
}

fn cells(comparison: &Comparison) -> Vec<[String; COLUMNS]> {
    let figure = |estimate: &Estimate, row: &Option<CellRow>| match (estimate.value, row) {
        (Some(value), _) => significant(value),
        (None, None) => "not in the run".to_owned(),
        (None, Some(row)) if !row.reason.is_empty() => row.reason.clone(),
        (None, Some(_)) => "absent".to_owned(),
    };
    let row = |cell: &super::CellChange| {
        [
            cell.cell.clone(),
            figure(&cell.base, &cell.base_row),
            figure(&cell.new, &cell.new_row),
            change(&cell.ratio),
            interval(&cell.ratio),
            judgement(cell.judgement, cell.beyond_limit),
            cell.remarks(),
        ]
    };
    comparison.cells.iter().map(row).collect()
}

fn judgement(judgement: Judgement, beyond_limit: bool) -> String {
    if beyond_limit { format!("{judgement}, beyond the limit") } else { judgement.to_string() }
}

fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    // Only counted instructions tell such small changes apart.
    if change.abs() < 0.5 { format!("{change:+.2} %") } else { format!("{change:+.1} %") }
}

fn change(ratio: &Estimate) -> String {
    ratio.value.map(percent).unwrap_or_default()
}

fn interval(ratio: &Estimate) -> String {
    ratio
        .interval()
        .map(|ends| format!("{} to {}", percent(ends.low), percent(ends.high)))
        .unwrap_or_default()
}

/// Four significant digits, which no noise here deserves more of.
fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 3 - value.abs().log10().floor() as i32 };
    format!("{value:.*}", digits.clamp(0, 9) as usize)
}

/// What the tables do not say by themselves.
fn sentences(comparison: &Comparison) -> Vec<String> {
    let count = |judgement| comparison.count(judgement);
    let judged =
        [Judgement::Better, Judgement::Worse, Judgement::Indistinct].map(count).iter().sum::<usize>();
    let verdicts = format!(
        "{judged} cells judged by {}: {} worse, {} better, {} not distinguishable",
        comparison.measure.name,
        count(Judgement::Worse),
        count(Judgement::Better),
        count(Judgement::Indistinct),
    );
    let mut sentences = match comparison.footing {
        Footing::Nothing => Vec::new(),
        Footing::Time => vec![format!(
            "{verdicts}; one in twenty of cells that are alike, here {:.1}, may be called different by chance.",
            judged as f64 / 20.0
        )],
        Footing::Instructions => vec![format!(
            "{verdicts}. Instructions were counted, so a difference of more than {} % is no chance.",
            SAME * 100.0
        )],
    };
    if count(Judgement::Unjudged) > 0 {
        sentences.push(format!(
            "{} cells have no interval and were not judged: it takes two trials on either side.",
            count(Judgement::Unjudged)
        ));
    }
    let missing =
        [Judgement::OnlyNew, Judgement::OnlyBase, Judgement::Neither].map(count).iter().sum::<usize>();
    if missing > 0 {
        sentences.push(format!("{missing} cells lack the figure in one of the runs or in both."));
    }
    if let Some(limit) = comparison.limit {
        let regressions = comparison.regressions();
        let limit = limit * 100.0;
        sentences.push(if regressions.is_empty() {
            format!("No interval lies wholly beyond a regression of {limit} %.")
        } else {
            format!("Regressions beyond {limit} %: {}.", regressions.join(", "))
        });
    }
    sentences.extend(comparison.left_out.iter().map(|left| format!("Left out: {left}.")));
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        let printed = [0.0, 0.123_456, 12.345_67, 123_456.7].map(significant);
        assert_eq!(printed, ["0", "0.1235", "12.35", "123457"]);
    }
}
