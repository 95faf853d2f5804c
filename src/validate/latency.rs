//! What must hold of `latency.csv` and `latency.hlog`, and between them and their trials.

use std::collections::HashMap;
use std::path::Path;

use super::findings::Findings;
use super::table;
use crate::file;
use crate::histogram::Delays;
use crate::record::csv_file::Numbered;
use crate::record::histogram_log::{self, HistogramLog};
use crate::record::latency::DelayKind;
use crate::record::{Fault, Latency, Recorded, Status, Trial};

/// Which delays of which trial: cell, number and kind.
type Of<'a> = (&'a str, u32, DelayKind);

/// Checks the two files where they are there, and gives their names with the number of whole rows.
pub(super) fn check(
    dir: &Path,
    schema: &str,
    trials: &[Numbered<Trial>],
    found: &mut Vec<Fault>,
) -> Vec<(&'static str, usize)> {
    if !file::is_there(&dir.join(Latency::FILE)) {
        return Vec::new();
    }
    let mut findings = Findings { file: Latency::FILE, found };
    let rows: Vec<Numbered<Latency>> = match table::rows(dir, schema, &mut findings) {
        Ok(rows) => rows,
        Err(error) => {
            findings.file(error.to_string());
            return Vec::new();
        }
    };
    against_trials(&rows, trials, &mut findings);
    let mut checked = vec![(Latency::FILE, rows.len())];
    let mut findings = Findings { file: histogram_log::FILE, found };
    match HistogramLog::read(dir) {
        Ok(log) => {
            let mut counts: HashMap<Of, u64> = HashMap::new();
            for line in &log {
                match Delays::decode(&line.histogram) {
                    Ok(delays) => {
                        let count = counts.entry((&line.cell, line.rep, line.kind)).or_default();
                        *count = count.saturating_add(delays.count());
                    }
                    Err(what) => findings.file(format!("{}#{}, {}: {what}", line.cell, line.rep, line.kind)),
                }
            }
            against_log(&rows, &counts, &mut findings);
            checked.push((histogram_log::FILE, log.len()));
        }
        Err(fault) => findings.found.push(fault),
    }
    checked
}

fn against_trials(rows: &[Numbered<Latency>], trials: &[Numbered<Trial>], findings: &mut Findings) {
    let by_order: HashMap<u64, &Trial> = trials.iter().map(|trial| (trial.row.order, &trial.row)).collect();
    let mut seen: HashMap<Of, u64> = HashMap::new();
    for Numbered { line, row } in rows {
        let Some(trial) = by_order.get(&row.order) else {
            findings.at(*line, Some("order"), format!("trials.csv has no trial of order {}", row.order));
            continue;
        };
        let is_of_it = (&row.cell, row.rep, &row.run_id) == (&trial.cell, trial.rep, &trial.run_id);
        findings.must(is_of_it && trial.status == Status::Ok, *line, "cell", || {
            format!("the trial of order {} is another one, or did not go well", row.order)
        });
        if let Some(first) = seen.insert((&row.cell, row.rep, row.kind), *line) {
            findings.at(*line, Some("kind"), format!("the trial's {} is in line {first} already", row.kind));
        }
        distribution(*line, row, findings);
    }
}

/// The percentiles rise, and each that is told has messages above it.
fn distribution(line: u64, row: &Latency, findings: &mut Findings) {
    let of = row.percentiles;
    let shares = [
        ("p50_us", of.p50_us, row.above_p50),
        ("p90_us", of.p90_us, row.above_p90),
        ("p99_us", of.p99_us, row.above_p99),
        ("p999_us", of.p999_us, row.above_p999),
        ("p9999_us", of.p9999_us, row.above_p9999),
    ];
    let mut last = row.min_us;
    for (column, value, above) in shares {
        let Some(value) = value else { continue };
        findings.must(last.is_none_or(|last| value >= last), line, column, || {
            "less than the percentile below it".to_owned()
        });
        findings.must(above >= crate::histogram::LEAST_ABOVE, line, column, || {
            format!("told with {above} messages above it")
        });
        last = Some(value);
    }
    findings.must(last.zip(row.max_us).is_none_or(|(last, max)| max >= last), line, "max_us", || {
        "less than a percentile".to_owned()
    });
}

/// Each row has as many messages as its streams' histograms together.
fn against_log(rows: &[Numbered<Latency>], counts: &HashMap<Of, u64>, findings: &mut Findings) {
    for Numbered { line, row } in rows {
        let logged = counts.get(&(row.cell.as_str(), row.rep, row.kind)).copied().unwrap_or_default();
        if logged != row.count {
            findings.file(format!(
                "{logged} messages for line {line} of {}, which has {}",
                Latency::FILE,
                row.count
            ));
        }
    }
}
