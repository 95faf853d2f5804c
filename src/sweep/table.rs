//! The table at the end of a sweep: each cell's median throughput with its interval.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};

use crate::cell::Cell;
use crate::interface::UNPROVEN;
use crate::path;
use crate::record::latency::TrialDelays;
use crate::record::{Status, Trial};
use crate::tables::{Hosts, Instructions, Sample, is_beyond};
use crate::{stats, units};

/// One dimension of a cell as text.
type Dimension = fn(&Cell) -> String;

/// The table of these cells' rates, in their order.
pub(crate) fn of(cells: &[Cell], rows: &[Trial]) -> String {
    if rows.iter().all(|row| row.delays.response.p50_us.is_none()) {
        return lines(cells, rows, &["Gb/s", "95 % interval", "trials", ""], |_, trials| {
            figures(trials).into()
        });
    }
    let names = ["Gb/s", "95 % interval", "p50, us", "p99, us", "trials", ""];
    lines(cells, rows, &names, |_, trials| {
        let [throughput, interval, count, remark] = figures(trials);
        let delay = |of: fn(&TrialDelays) -> Option<f64>| {
            let values: Vec<f64> = trials.iter().filter_map(|trial| of(&trial.delays)).collect();
            stats::median(&values).map_or_else(|| "–".to_owned(), |us| format!("{us:.1}"))
        };
        let (p50, p99) = (delay(|all| all.response.p50_us), delay(|all| all.response.p99_us));
        vec![throughput, interval, p50, p99, count, remark]
    })
}

/// The table of these cells' instructions, in their order.
pub(crate) fn instructions(cells: &[Cell], rows: &[Trial]) -> String {
    let header = ["instructions per message", "per KiB", "sender's worker", "receiver's worker"];
    lines(cells, rows, &header, |cell, trials| {
        let found = Instructions::of(&Sample {
            cell: cell.clone(),
            trials: trials.to_vec(),
            hosts: Hosts::default(),
            widening: 1.0,
        });
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"));
        [found.each_message, found.each_kib, found.sender, found.receiver].map(number).into()
    })
}

/// A line for each cell: what distinguishes it from the others, and these figures.
fn lines(
    cells: &[Cell],
    rows: &[Trial],
    names: &[&str],
    figures: impl Fn(&Cell, &[&Trial]) -> Vec<String>,
) -> String {
    let mut by_cell: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for row in rows {
        by_cell.entry(row.cell.as_str()).or_default().push(row);
    }
    let varied = |of: Dimension| cells.iter().any(|cell| of(cell) != of(&cells[0]));
    let dimensions: Vec<(&str, Dimension)> = [
        ("workload", (|cell: &Cell| cell.workload.to_string()) as Dimension),
        ("wire", |cell: &Cell| cell.wire.to_string()),
        ("receive path", |cell: &Cell| cell.receive_path.clone()),
        ("payload", |cell: &Cell| cell.payload.to_string()),
        ("working set", |cell: &Cell| cell.working_set.map_or("hot".to_owned(), units::size)),
    ]
    .into_iter()
    .filter(|(_, of)| varied(*of))
    .collect();

    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header: Vec<String> = dimensions.iter().map(|(name, _)| (*name).to_owned()).collect();
    header.extend(["threads", "size", "path"].iter().chain(names).map(|name| (*name).to_owned()));
    table.set_header(header);
    for cell in cells {
        let trials = by_cell.get(cell.key().as_str()).cloned().unwrap_or_default();
        let mut line: Vec<String> = dimensions.iter().map(|(_, of)| of(cell)).collect();
        line.extend([cell.threads.to_string(), units::size(cell.message_bytes), cell.send_path.clone()]);
        line.extend(figures(cell, &trials));
        table.add_row(line);
    }
    let first = dimensions.len();
    // The last column of some tables has words, and no name.
    let figures_of_all = names.iter().filter(|name| !name.is_empty()).count();
    for numeric in [first, first + 1].into_iter().chain(first + 3..first + 3 + figures_of_all) {
        if let Some(column) = table.column_mut(numeric) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Throughput, interval, trials and remark of one cell.
fn figures(trials: &[&Trial]) -> [String; 4] {
    let ok: Vec<&&Trial> = trials.iter().filter(|trial| trial.status == Status::Ok).collect();
    let throughput: Vec<f64> = ok.iter().filter_map(|trial| trial.throughput_gbps).collect();
    let median = stats::median(&throughput).map_or_else(|| "–".to_owned(), |gbps| format!("{gbps:.2}"));
    let interval = stats::median_interval(&throughput)
        .map_or_else(String::new, |interval| format!("{:.2}–{:.2}", interval.low, interval.high));
    [median, interval, throughput.len().to_string(), remark(trials, &ok)]
}

/// What must be said next to the figure.
fn remark(trials: &[&Trial], ok: &[&&Trial]) -> String {
    let mut remarks = Vec::new();
    let sum = |of: fn(&Trial) -> Option<u64>| ok.iter().filter_map(|trial| of(trial)).sum::<u64>();
    let (completions, copied) = (sum(|trial| trial.zc.completions), sum(|trial| trial.zc.copied));
    let share = copied as f64 * 100.0 / completions as f64;
    if copied > 0 && trials.iter().any(|trial| !path::is_flag_proof(&trial.send_path)) {
        remarks.push(format!("{share:.1} % {UNPROVEN}"));
    } else if completions > 0 && copied == completions {
        remarks.push("deferred copy: every completion says COPIED".to_owned());
    } else if completions > 0 {
        remarks.push(format!("{share:.1} % of completions say COPIED"));
    }
    if is_beyond(ok.iter().map(|trial| **trial)) {
        remarks.push("beyond: the path does not hold this rate".to_owned());
    }
    let disturbed = ok.iter().filter(|trial| !trial.disturbed.is_empty()).count();
    if disturbed > 0 {
        remarks.push(format!("{disturbed} disturbed"));
    }
    if let Some(trial) = trials.iter().find(|trial| trial.status == Status::Unsupported) {
        remarks.push(format!("unsupported: {}", trial.reason));
    }
    let failed: Vec<_> = trials.iter().filter(|trial| trial.status == Status::Failed).collect();
    if let Some(trial) = failed.first() {
        remarks.push(format!("{} failed: {}", failed.len(), trial.reason));
    }
    remarks.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::record::stream::ZeroCopy;

    fn cells() -> Vec<Cell> {
        let grid = Grid::parse("name: x\npaths: [A1, A3]\nmessage_sizes: [64]\nthreads: [1]\n").unwrap();
        grid.cells(crate::cell::Wire::Veth)
    }

    fn trial(cell: &Cell, rep: u32, status: Status, gbps: f64, zc: ZeroCopy) -> Trial {
        let mut row = Trial::new("x", cell, rep, 1, 1, String::new());
        (row.status, row.zc) = (status, zc);
        row.throughput_gbps = (status == Status::Ok).then_some(gbps);
        row
    }

    #[test]
    fn a_deferred_copy_is_said_beside_its_figure() {
        let cells = cells();
        let copied = ZeroCopy { completions: Some(9), copied: Some(9), ..ZeroCopy::default() };
        let text = of(&cells, &[trial(&cells[1], 1, Status::Ok, 3.0, copied)]);
        let line = text.lines().find(|line| line.contains("zero-copy")).unwrap();
        assert!(line.contains("3.00") && line.contains("deferred copy"), "{text}");
    }

    #[test]
    fn cells_without_figures_keep_their_line_and_reason() {
        let cells = cells();
        let rows = [
            trial(&cells[0], 1, Status::Failed, 0.0, ZeroCopy::default()),
            trial(&cells[1], 1, Status::Unsupported, 0.0, ZeroCopy::default()),
        ];
        let text = of(&cells, &rows);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("1 failed") && text.contains("unsupported"), "{text}");
    }
}
