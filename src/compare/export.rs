//! A comparison for programs, and the new run's figures in the formats of two services that keep histories.

use serde_json::{Map, Value, json};

use super::change::{CellChange, GateOutcome, GroupChange};
use super::comparison::Comparison;
use super::footing::Footing;
use crate::cell::Cell;
use crate::tables::{Better, CellRow, DELAYS, Estimate, METRICS, Metric, Run, samples};

/// Everything, as one object; what is absent is null.
pub(crate) fn json(comparison: &Comparison) -> String {
    let environment: Vec<Value> = comparison
        .environment
        .iter()
        .map(|one| json!({ "what": one.what, "base": one.base, "new": one.new }))
        .collect();
    pretty(&json!({
        "base": comparison.base,
        "new": comparison.new,
        "footing": match comparison.footing {
            Footing::Time => "time",
            Footing::Blocks => "blocks",
            Footing::Instructions => "instructions",
            Footing::Nothing => "none",
        },
        "unlike": comparison.unlike,
        "measure": comparison.measures.first().map(measure),
        "measures": comparison.measures.iter().map(measure).collect::<Vec<_>>(),
        "max_regression": comparison.limit,
        "regressions": comparison.regressions(),
        "groups": comparison.groups.iter().map(group).collect::<Vec<_>>(),
        "cells": comparison.cells.iter().map(cell).collect::<Vec<_>>(),
        "environment": environment,
        "drift": comparison.drift,
        "left_out": comparison.left_out,
    }))
}

fn measure(measure: &&'static Metric) -> Value {
    json!({ "name": measure.name, "unit": measure.unit })
}

fn cell(cell: &CellChange) -> Value {
    json!({
        "cell": cell.cell,
        "measure": cell.measure.name,
        "base": cell.base_row.as_ref().map(|row| side(row, &cell.base)),
        "new": cell.new_row.as_ref().map(|row| side(row, &cell.new)),
        "ratio": estimate(&cell.ratio),
        "p": cell.p,
        "judgement": cell.judgement.word(),
        "beyond_limit": cell.gate == GateOutcome::Beyond,
        "gate": cell.gate.word(),
    })
}

fn side(row: &CellRow, figure: &Estimate) -> Value {
    json!({
        "trials": row.trials, "failed": row.failed, "unsupported": row.unsupported,
        "reason": row.reason, "flags": flags(row), "figure": estimate(figure),
    })
}

fn group(group: &GroupChange) -> Value {
    json!({
        "group": group.group.to_string(),
        "measure": group.measure.name,
        "cells": group.cells,
        "base_blocks": group.base_blocks,
        "new_blocks": group.new_blocks,
        "ratio": estimate(&group.ratio),
        "p": group.p,
        "judgement": group.judgement.word(),
        "beyond_limit": group.gate == GateOutcome::Beyond,
        "gate": group.gate.word(),
    })
}

pub(crate) fn estimate(estimate: &Estimate) -> Value {
    json!({ "value": estimate.value, "low": estimate.low, "high": estimate.high })
}

fn flags(row: &CellRow) -> Vec<&'static str> {
    row.flags.0.iter().map(|flag| flag.word()).collect()
}

/// The figures that histories are kept of: of streams, and of cells whose answers or rate set the pace.
const THROUGHPUT: &str = "throughput_gbps";
const KEPT: [&str; 4] = [THROUGHPUT, "mean_recv_us", "cpu_ns_per_kib", "receiver_cpu_ns_per_kib"];
const KEPT_OF_DELAYS: [&str; 4] =
    ["response_p50_us", "response_p99_us", "cpu_ns_per_kib", "receiver_cpu_ns_per_kib"];

fn kept(cell: &Cell) -> impl Iterator<Item = &'static Metric> {
    let names = if cell.workload.is_stream() { KEPT } else { KEPT_OF_DELAYS };
    METRICS.iter().chain(DELAYS).filter(move |metric| names.contains(&metric.name))
}

/// Bencher Metric Format: name → measure → value, `lower_value`, `upper_value` (bencher.dev, "Bencher Metric
/// Format"). A cell without a figure is left out: the format has no word for absent.
pub(crate) fn bencher(run: &Run) -> String {
    let metric = |estimate: &Estimate| {
        let mut metric = Map::new();
        metric.insert("value".to_owned(), json!(estimate.value?));
        if let Some(ends) = estimate.interval() {
            metric.insert("lower_value".to_owned(), json!(ends.low));
            metric.insert("upper_value".to_owned(), json!(ends.high));
        }
        Some(Value::Object(metric))
    };
    let mut benchmarks = Map::new();
    for sample in samples(run) {
        let mut measures = Map::new();
        for kept in kept(&sample.cell) {
            let value = metric(&kept.estimate(&sample));
            measures.extend(value.map(|value| (kept.name.to_owned(), value)));
        }
        if !measures.is_empty() {
            benchmarks.insert(sample.cell.key(), Value::Object(measures));
        }
    }
    pretty(&Value::Object(benchmarks))
}

/// The custom formats of github-action-benchmark: a list of name, unit, value, range and extra. One file holds
/// figures of one direction, so there is one for those that should rise and one for those that should fall.
pub(crate) fn github_action(run: &Run, better: Better) -> String {
    let mut entries = Vec::new();
    for sample in samples(run) {
        let row = CellRow::of(&sample);
        let mut entry = |what: &str, unit: &str, estimate: Estimate| {
            let Some(value) = estimate.value else { return };
            let mut entry = json!({
                "name": format!("{} {what}", row.cell),
                "unit": unit,
                "value": value,
                "extra": format!("trials: {}\nflags: {}", row.trials, row.flags),
            });
            if let Some(ends) = estimate.interval() {
                entry["range"] = json!(format!("{:.4} to {:.4}", ends.low, ends.high));
            }
            entries.push(entry);
        };
        for metric in kept(&sample.cell).filter(|metric| metric.better == better) {
            // Histories go by the entry's name, and know this one without its unit.
            let what = if metric.name == THROUGHPUT { "throughput" } else { metric.name };
            entry(what, metric.unit, metric.estimate(&sample));
        }
    }
    pretty(&Value::Array(entries))
}

pub(crate) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("text, numbers and lists have a JSON form")
}
