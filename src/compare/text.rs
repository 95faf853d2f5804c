//! A comparison for people: a table for a terminal, and the same as Markdown.

use std::fmt::Write;

use comfy_table::{Table, presets};

use super::change::GateOutcome;
use super::comparison::Comparison;
use super::footing::{Footing, SAME};
use super::judged::Judgement;
use crate::output::harmless;
use crate::tables::{CellRow, Estimate, Metric, TOO_FEW_TRIALS};

/// For a terminal.
pub(crate) fn table(comparison: &Comparison) -> String {
    let mut out = format!("{} against {}\n", comparison.new, comparison.base);
    for sentence in &comparison.unlike {
        let _ = write!(out, "\n{sentence}\n");
    }
    for (header, rows) in tables(comparison) {
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
            let [what, base, new] = [&one.what, &one.base, &one.new].map(|text| harmless(text));
            let _ = write!(out, "\n  {what}: {base} -> {new}");
        }
    }
    out
}

/// As Markdown, for a comment on a change.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("### `{}` against `{}`\n", comparison.new, comparison.base);
    for sentence in &comparison.unlike {
        let _ = write!(out, "\n{sentence}\n");
    }
    for (header, rows) in tables(comparison) {
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
            let [what, base, new] = [&one.what, &one.base, &one.new].map(|text| harmless(text));
            let _ = writeln!(out, "- {what}: `{base}` → `{new}`");
        }
    }
    out
}

const COLUMNS: usize = 7;

type Fields = [String; COLUMNS];

/// The tables and their headers: by each metric cells together, then each cell.
pub(crate) fn tables(comparison: &Comparison) -> impl Iterator<Item = (Fields, Vec<Fields>)> + '_ {
    comparison.measures.iter().flat_map(|measure| {
        let together = (group_header(comparison, measure), groups(comparison, measure));
        [together, (header(comparison, measure), cells(comparison, measure))]
    })
}

/// The header of the intervals: where nothing is left to chance they are as wide as two runs of the same thing.
fn interval_header(comparison: &Comparison) -> &'static str {
    if comparison.footing == Footing::Instructions { "within" } else { "95 % interval" }
}

fn group_header(comparison: &Comparison, measure: &Metric) -> Fields {
    let of = match comparison.measures[..] {
        [_] => "cells together".to_owned(),
        _ => format!("cells together by {}", measure.name),
    };
    [&of, "cells", "blocks", "change", interval_header(comparison), "judgement", ""].map(str::to_owned)
}

fn header(comparison: &Comparison, measure: &Metric) -> Fields {
    let figure = |run: &str| format!("{run} {}", measure.unit);
    let of = match comparison.measures[..] {
        [_] => "cell".to_owned(),
        _ => format!("cell by {}", measure.name),
    };
    [&of, &figure("base"), &figure("new"), "change", interval_header(comparison), "judgement", "remarks"]
        .map(str::to_owned)
}

fn line(fields: &Fields) -> String {
    format!("| {} |\n", fields.each_ref().map(|field| field.replace('|', "\\|")).join(" | "))
}

fn groups(comparison: &Comparison, measure: &Metric) -> Vec<Fields> {
    let row = |group: &super::GroupChange| {
        [
            group.group.to_string(),
            group.cells.to_string(),
            format!("{} and {}", group.base_blocks, group.new_blocks),
            change(&group.ratio),
            interval(&group.ratio),
            judgement(group.judgement, group.gate),
            String::new(),
        ]
    };
    comparison.groups.iter().filter(|group| group.measure.name == measure.name).map(row).collect()
}

fn cells(comparison: &Comparison, measure: &Metric) -> Vec<Fields> {
    let figure = |estimate: &Estimate, row: &Option<CellRow>| match (estimate.value, row) {
        (Some(value), _) => significant(value),
        (None, None) => "not in the run".to_owned(),
        (None, Some(row)) if !row.reason.is_empty() => harmless(&row.reason),
        (None, Some(_)) => "absent".to_owned(),
    };
    let row = |cell: &super::CellChange| {
        [
            cell.cell.clone(),
            figure(&cell.base, &cell.base_row),
            figure(&cell.new, &cell.new_row),
            change(&cell.ratio),
            interval(&cell.ratio),
            judgement(cell.judgement, cell.gate),
            cell.remarks(),
        ]
    };
    comparison.cells.iter().filter(|cell| cell.measure.name == measure.name).map(row).collect()
}

fn judgement(judgement: Judgement, gate: GateOutcome) -> String {
    match gate {
        GateOutcome::None | GateOutcome::Passed => judgement.to_string(),
        GateOutcome::Beyond | GateOutcome::Disturbed | GateOutcome::Unjudged => {
            format!("{judgement}, {gate}")
        }
    }
}

fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    // Only counted instructions tell such small changes apart.
    if change.abs() < 0.5 { format!("{change:+.2} %") } else { format!("{change:+.1} %") }
}

/// By how many per cent the figure differs; empty where there is no ratio.
pub(crate) fn change(ratio: &Estimate) -> String {
    ratio.value.map(percent).unwrap_or_default()
}

/// Its interval in per cent; empty where there is none.
pub(crate) fn interval(ratio: &Estimate) -> String {
    if ratio.is_wide() {
        return TOO_FEW_TRIALS.to_owned();
    }
    ratio
        .interval()
        .map(|ends| format!("{} to {}", percent(ends.low), percent(ends.high)))
        .unwrap_or_default()
}

/// Four significant digits, which no noise here deserves more of.
pub(crate) fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 3 - value.abs().log10().floor() as i32 };
    format!("{value:.*}", digits.clamp(0, 9) as usize)
}

/// What the tables do not say by themselves.
pub(crate) fn sentences(comparison: &Comparison) -> Vec<String> {
    let count = |judgement| comparison.count(judgement);
    let judged = [Judgement::Better, Judgement::Worse, Judgement::Uncorrected, Judgement::Indistinct]
        .map(count)
        .iter()
        .sum::<usize>();
    let measures: Vec<&str> = comparison.measures.iter().map(|measure| measure.name).collect();
    let what = if measures.len() > 1 { "figures of cells" } else { "cells" };
    let verdicts = format!(
        "{judged} {what} judged by {}: {} worse, {} better, {} not distinguishable",
        measures.join(", "),
        count(Judgement::Worse),
        count(Judgement::Better),
        count(Judgement::Indistinct) + count(Judgement::Uncorrected),
    );
    let mut sentences = match comparison.footing {
        Footing::Nothing => Vec::new(),
        Footing::Time => vec![format!(
            "{verdicts}; one in twenty of cells that are alike, here {:.1}, may be called different by chance.",
            judged as f64 / 20.0
        )],
        Footing::Blocks => vec![blocks_sentence(&verdicts, judged, count(Judgement::Uncorrected))],
        Footing::Instructions => vec![format!(
            "{verdicts}. Instructions were counted, so a difference of more than {} % is not chance.",
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
        // Of 7 % a binary fraction holds 7.000000000000001.
        let limit = (limit * 1e5).round() / 1e3;
        sentences.push(if regressions.is_empty() {
            format!("No interval lies wholly beyond a regression of {limit} %.")
        } else {
            format!("Regressions beyond {limit} %: {}.", regressions.join(", "))
        });
        let disturbed = comparison.gated(GateOutcome::Disturbed);
        if !disturbed.is_empty() {
            sentences.push(format!(
                "Not gated, because others were busy on a host or queues were not settled, and too few undisturbed \
                 trials are left: {}. `sweep --against` compares both sides in the same blocks.",
                disturbed.join(", ")
            ));
        }
    }
    sentences.extend(comparison.drift.iter().cloned());
    sentences.extend(comparison.left_out.iter().map(|left| format!("Left out: {left}.")));
    sentences
}

/// What two sides of one comparison rest on.
fn blocks_sentence(verdicts: &str, judged: usize, uncorrected: usize) -> String {
    let rest = match uncorrected {
        0 => format!("and corrected for {judged} cells."),
        1 => format!("and corrected for {judged} cells: 1 would differ by itself."),
        many => format!("and corrected for {judged} cells: {many} would differ by themselves."),
    };
    format!("{verdicts}. Both sides ran in the same blocks; ratios are taken within them, {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_wider_than_a_factor_of_ten_is_no_interval() {
        let of = |low, high| Estimate { value: Some(1.0), low: Some(low), high: Some(high) };
        assert_eq!(interval(&of(0.9, 1.1)), "-10.0 % to +10.0 %");
        assert_eq!(interval(&of(0.2, 5.0)), "too few trials to tell");
    }

    #[test]
    fn figures_have_four_digits() {
        let printed = [0.0, 0.123_456, 12.345_67, 123_456.7].map(significant);
        assert_eq!(printed, ["0", "0.1235", "12.35", "123457"]);
    }
}
