//! A comparison for programs, and the new run's figures in the formats of two services that keep histories.

use serde_json::{Map, Value, json};

use super::change::GateOutcome;
use super::comparison::Comparison;
use super::footing::Footing;
use crate::tables::{Better, CellRow, Estimate, METRICS, Metric, Run, samples};

/// Everything, as one object; what is absent is null.
pub(crate) fn json(comparison: &Comparison) -> String {
    let cells: Vec<Value> = comparison
        .cells
        .iter()
        .map(|cell| {
            let side = |row: &Option<CellRow>, figure: &Estimate| {
                row.as_ref().map(|row| {
                    json!({
                        "trials": row.trials, "failed": row.failed, "unsupported": row.unsupported,
                        "reason": row.reason, "flags": flags(row), "figure": estimate(figure),
                    })
                })
            };
            json!({
                "cell": cell.cell,
                "base": side(&cell.base_row, &cell.base),
                "new": side(&cell.new_row, &cell.new),
                "ratio": estimate(&cell.ratio),
                "p": cell.p,
                "judgement": cell.judgement.word(),
                "beyond_limit": cell.gate == GateOutcome::Beyond, "gate": cell.gate.word(),
            })
        })
        .collect();
    let groups: Vec<Value> = comparison
        .groups
        .iter()
        .map(|group| {
            json!({
                "group": group.group.to_string(), "cells": group.cells,
                "base_blocks": group.base_blocks, "new_blocks": group.new_blocks,
                "ratio": estimate(&group.ratio), "p": group.p,
                "judgement": group.judgement.word(), "beyond_limit": group.gate == GateOutcome::Beyond, "gate": group.gate.word(),
            })
        })
        .collect();
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
        "measure": { "name": comparison.measure.name, "unit": comparison.measure.unit },
        "max_regression": comparison.limit,
        "regressions": comparison.regressions(),
        "groups": groups,
        "cells": cells,
        "environment": environment,
        "drift": comparison.drift,
        "left_out": comparison.left_out,
    }))
}

fn estimate(estimate: &Estimate) -> Value {
    json!({ "value": estimate.value, "low": estimate.low, "high": estimate.high })
}

fn flags(row: &CellRow) -> Vec<&'static str> {
    row.flags.0.iter().map(|flag| flag.word()).collect()
}

/// The figures that histories are kept of.
const KEPT: [&str; 4] = ["throughput_gbps", "mean_recv_us", "cpu_ns_per_kib", "receiver_cpu_ns_per_kib"];

fn kept() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(|metric| KEPT.contains(&metric.name))
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
        for kept in kept() {
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
        for metric in kept().filter(|metric| metric.better == better) {
            // The unit has an entry of its own.
            let what = metric.name.strip_suffix("_gbps").unwrap_or(metric.name);
            entry(what, metric.unit, metric.estimate(&sample));
        }
    }
    pretty(&Value::Array(entries))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("text, numbers and lists have a JSON form")
}
