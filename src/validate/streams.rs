//! What must hold of the rows of `streams.csv`, and between them and their trials.

use std::collections::HashMap;

use super::findings::Findings;
use super::trials::zero_copy;
use crate::record::csv_file::Numbered;
use crate::record::{BoundKind, Received, Status, Stream, Trial, sum_of};
use crate::units;

/// How far sums of rounded figures may lie apart, as a share.
const ROUNDING: f64 = 1e-6;

pub(super) fn check(rows: &[Numbered<Stream>], trials: &[Numbered<Trial>], findings: &mut Findings) {
    let by_order: HashMap<u64, &Numbered<Trial>> =
        trials.iter().map(|trial| (trial.row.order, trial)).collect();
    let mut of_trial: HashMap<u64, Vec<&Stream>> = HashMap::new();
    for Numbered { line, row } in rows {
        let Some(trial) = by_order.get(&row.order) else {
            findings.at(*line, Some("order"), format!("trials.csv has no trial of order {}", row.order));
            continue;
        };
        belongs(*line, row, &trial.row, findings);
        let others = of_trial.entry(row.order).or_default();
        findings.must(others.iter().all(|other| other.stream != row.stream), *line, "stream", || {
            format!("stream {} of the trial has a row already", row.stream)
        });
        others.push(row);
        throughput(*line, row, findings);
        zero_copy(*line, &row.zc, trial.row.status, findings);
    }
    for Numbered { line, row } in trials.iter().filter(|trial| trial.row.status == Status::Ok) {
        let streams = of_trial.get(&row.order).map(Vec::as_slice).unwrap_or_default();
        let (found, expected) = (streams.len(), all_streams(row) as usize);
        if found == expected {
            let measured: Vec<&Stream> =
                streams.iter().copied().filter(|stream| stream.stream < row.threads).collect();
            let all: Option<u64> = sum_of(streams.iter().map(|stream| stream.bytes));
            sums(*line, row, &measured, all, findings);
        } else {
            findings.file(format!(
                "{found} rows for the trial in line {line} of trials.csv, which has {expected} streams"
            ));
        }
    }
}

fn belongs(line: u64, row: &Stream, trial: &Trial, findings: &mut Findings) {
    findings.must(row.cell == trial.cell, line, "cell", || {
        format!("`{}` where the trial of that order is of `{}`", row.cell, trial.cell)
    });
    findings
        .must(row.rep == trial.rep, line, "rep", || format!("{} where the trial has {}", row.rep, trial.rep));
    findings.must(row.run_id == trial.run_id, line, "run_id", || {
        format!("`{}` where the trial has `{}`", row.run_id, trial.run_id)
    });
    let streams = all_streams(trial);
    findings.must(row.stream < streams, line, "stream", || {
        format!("{} where the trial has {streams} streams, from 0", row.stream)
    });
}

/// How many streams a trial has, with those in the background.
fn all_streams(trial: &Trial) -> u32 {
    trial.threads.saturating_add(trial.to_cell().workload.background)
}

/// Throughput is bytes over window: those that all streams have in common, or the receiver's own in files that do not
/// have them yet.
fn throughput(line: u64, row: &Stream, findings: &mut Findings) {
    let (bytes, window, what) = match row.window_s {
        Some(window) => (row.bytes, Some(window), "bytes over window_s"),
        None => (row.receiver.bytes, row.receiver.window_s, "receiver_bytes over receiver_window_s"),
    };
    if let (Some(gbps), Some(bytes), Some(window)) = (row.throughput_gbps, bytes, window) {
        let expected = units::gbps(bytes, window);
        findings.must(is_near(gbps, expected), line, "throughput_gbps", || {
            format!("{gbps} where {what} is {expected:.9}")
        });
    }
}

/// A trial's figures are those of its streams together.
fn sums(line: u64, trial: &Trial, streams: &[&Stream], all: Option<u64>, findings: &mut Findings) {
    let count = |of: fn(&Stream) -> Option<u64>| -> Option<f64> {
        streams.iter().map(|stream| Some(of(stream)? as f64)).sum()
    };
    let number = |value: Option<u64>| value.map(|value| value as f64);
    let rate = rate(trial, streams, all.or(trial.bytes));
    let sums = [
        ("throughput_gbps", trial.throughput_gbps, rate),
        ("bytes", number(trial.bytes), count(|stream| stream.bytes.or(stream.receiver.bytes))),
        ("sender_bytes", number(trial.sender.bytes), count(|stream| stream.sender.bytes)),
        ("total_bytes", number(trial.total_bytes), count(|stream| stream.total_bytes)),
        ("zc_sends", number(trial.zc.sends), count(|stream| stream.zc.sends)),
        ("zc_completions", number(trial.zc.completions), count(|stream| stream.zc.completions)),
        ("zc_copied", number(trial.zc.copied), count(|stream| stream.zc.copied)),
        (
            "receiver_mapped_bytes",
            number(trial.receive_usage.mapped_bytes),
            count(|stream| stream.receive_usage.mapped_bytes),
        ),
        (
            "receiver_copied_bytes",
            number(trial.receive_usage.copied_bytes),
            count(|stream| stream.receive_usage.copied_bytes),
        ),
        ("retransmits", number(trial.retransmits), count(|stream| stream.retransmits)),
    ];
    for (column, whole, sum) in sums {
        if !agree(whole, sum) {
            let said = |value: Option<f64>| value.map_or("absent".to_owned(), |value| value.to_string());
            findings.file(format!(
                "{column} adds up to {} over the streams of the trial in line {line} of trials.csv, where it is {}",
                said(sum),
                said(whole)
            ));
        }
    }
}

/// What a trial's throughput should be.
fn rate(trial: &Trial, streams: &[&Stream], all: Option<u64>) -> Option<f64> {
    let summed: Option<f64> = streams.iter().map(|stream| stream.throughput_gbps).sum();
    let of_all = trial.bytes.zip(trial.window_s).map(|(bytes, window)| units::gbps(bytes, window));
    let came = trial.wire_bytes.zip(trial.wire_packets).map(|(bytes, packets)| Received { bytes, packets });
    let bounded = came.zip(trial.bytes.zip(all)).map(|(came, (bytes, all))| came.bound_part(bytes, all));
    let bounded = bounded.zip(trial.window_s).map(|(bytes, window)| units::gbps(bytes, window));
    let one_of = |rates: &[Option<f64>]| {
        let told = rates.iter().copied().find(|&rate| agree(trial.throughput_gbps, rate));
        told.unwrap_or(rates[0])
    };
    match trial.bound {
        // The streams ran at different times, and the trial's rate is all bytes over the time of all.
        Some(BoundKind::Messages) => of_all,
        // No more than the interface brought, where it counts without delay; a card may count late.
        Some(BoundKind::Duration) => one_of(&[of_all, bounded]),
        // Files of older versions do not tell what bound the window.
        None => one_of(&[summed, of_all, bounded]),
    }
}

fn agree(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => is_near(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(other.abs())
}
