//! What must hold of the tables made from the trials, where they are there.

use std::collections::HashMap;
use std::path::Path;

use super::table::{self, Row};
use super::violation::{Findings, Violation};
use crate::record::{Column, Status, Trial};
use crate::stats;
use crate::tables::{CellRow, columns};

/// Tables are made again with any later version, whatever the run's own is: they may lack what came after the first.
const FIRST: &str = "1.0.0";

/// Checks the tables that are there, and gives the names of their files with the number of whole rows.
pub(super) fn check(
    dir: &Path,
    trials: &[Row<Trial>],
    found: &mut Vec<Violation>,
) -> Vec<(&'static str, usize)> {
    let mut checked = Vec::new();
    let mut count = |file, rows: Option<usize>| checked.extend(rows.map(|rows| (file, rows)));
    let cells = rows(dir, "cells.csv", &columns::cells(), found);
    if let Some(cells) = &cells {
        against_trials(cells, trials, &mut Findings { file: "cells.csv", found });
    }
    count("cells.csv", cells.map(|rows| rows.len()));
    count("derived.csv", rows(dir, "derived.csv", &columns::derived(), found).map(|rows| rows.len()));
    count("ratios.csv", rows(dir, "ratios.csv", &columns::ratios(), found).map(|rows| rows.len()));
    count(
        "cost_model.csv",
        rows(dir, "cost_model.csv", &columns::cost_model(), found).map(|rows| rows.len()),
    );
    count(
        "crossovers.csv",
        rows(dir, "crossovers.csv", &columns::crossovers(), found).map(|rows| rows.len()),
    );
    count("noise.csv", rows(dir, "noise.csv", &columns::noise(), found).map(|rows| rows.len()));
    count("account.csv", rows(dir, "account.csv", &columns::account(), found).map(|rows| rows.len()));
    checked
}

/// The rows of a table; absent where there is no such file.
pub(super) fn rows<R: Default>(
    dir: &Path,
    file: &'static str,
    columns: &[Column<R>],
    found: &mut Vec<Violation>,
) -> Option<Vec<Row<R>>> {
    let path = dir.join(file);
    let mut findings = Findings { file, found };
    if !path.exists() {
        return None;
    }
    table::rows(&path, columns, FIRST, &mut findings).map_err(|error| findings.file(error.to_string())).ok()
}

/// A cell's median is that of its trials: a table that is older than the last trial is told from a fresh one.
fn against_trials(cells: &[Row<CellRow>], trials: &[Row<Trial>], findings: &mut Findings) {
    let mut of_cell: HashMap<&str, Vec<f64>> = HashMap::new();
    for Row { row, .. } in trials {
        let values = of_cell.entry(&row.cell).or_default();
        values.extend(row.throughput_gbps.filter(|_| row.status == Status::Ok));
    }
    for Row { line, row } in cells {
        let values = of_cell.get(row.cell.as_str()).map(Vec::as_slice).unwrap_or_default();
        findings.must(row.trials == values.len() as u64, *line, "trials", || {
            format!(
                "{} where trials.csv has {} that went well; make the report again",
                row.trials,
                values.len()
            )
        });
        let median = stats::median(values);
        let agrees = match (row.throughput_gbps, median) {
            (Some(one), Some(other)) => (one / other - 1.0).abs() < 1e-6,
            (one, other) => one.is_none() && other.is_none(),
        };
        findings.must(agrees, *line, "throughput_gbps", || {
            "it is not the median of the trials; make the report again".to_owned()
        });
        let ends = [row.throughput_low, row.throughput_gbps, row.throughput_high];
        let ordered = ends.iter().flatten().zip(ends.iter().flatten().skip(1)).all(|(one, next)| one <= next);
        findings
            .must(ordered, *line, "throughput_low", || "the interval does not hold the median".to_owned());
    }
}
