//! What must hold of the tables made from the trials, where they are there.

use std::collections::HashMap;
use std::path::Path;

use super::findings::Findings;
use super::table;
use crate::file;
use crate::record::csv_file::Numbered;
use crate::record::{Fault, Recorded, Status, Trial};
use crate::stats;
use crate::tables::{AccountRow, CellRow, CostRow, CrossoverRow, DerivedRow, NoiseRow, RatioRow};

/// Tables are made again with any later version, whatever the run's own is: they may lack what came after the first.
const FIRST: &str = "1.0.0";

/// Checks the tables that are there, and gives the names of their files with the number of whole rows.
pub(super) fn check(
    dir: &Path,
    trials: &[Numbered<Trial>],
    found: &mut Vec<Fault>,
) -> Vec<(&'static str, usize)> {
    let mut checked = Vec::new();
    if let Some(cells) = rows::<CellRow>(dir, found) {
        against_trials(&cells, trials, &mut Findings { file: CellRow::FILE, found });
        checked.push((CellRow::FILE, cells.len()));
    }
    checked.extend(count::<DerivedRow>(dir, found));
    checked.extend(count::<RatioRow>(dir, found));
    checked.extend(count::<CostRow>(dir, found));
    checked.extend(count::<CrossoverRow>(dir, found));
    checked.extend(count::<NoiseRow>(dir, found));
    checked.extend(count::<AccountRow>(dir, found));
    checked
}

/// A table of which its columns say all.
fn count<R: Recorded>(dir: &Path, found: &mut Vec<Fault>) -> Option<(&'static str, usize)> {
    rows::<R>(dir, found).map(|rows| (R::FILE, rows.len()))
}

/// The rows of a table; absent where there is no such file.
pub(super) fn rows<R: Recorded>(dir: &Path, found: &mut Vec<Fault>) -> Option<Vec<Numbered<R>>> {
    let mut findings = Findings { file: R::FILE, found };
    if !file::is_there(&dir.join(R::FILE)) {
        return None;
    }
    table::rows(dir, FIRST, &mut findings).map_err(|error| findings.file(error.to_string())).ok()
}

/// A cell's median is that of its trials: a table that is older than the last trial is distinguished from a fresh one.
fn against_trials(cells: &[Numbered<CellRow>], trials: &[Numbered<Trial>], findings: &mut Findings) {
    let mut of_cell: HashMap<&str, Vec<f64>> = HashMap::new();
    for Numbered { row, .. } in trials {
        let values = of_cell.entry(&row.cell).or_default();
        values.extend(row.throughput_gbps.filter(|_| row.status == Status::Ok));
    }
    for Numbered { line, row } in cells {
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
