//! What must hold of the rows of `trials.csv`, beyond their columns.

use std::collections::HashMap;

use super::findings::Findings;
use crate::cell::Wire;
use crate::record::csv_file::Numbered;
use crate::record::{End, Manifest, Status, Trial, stream::ZeroCopy};

pub(super) fn check(rows: &[Numbered<Trial>], manifest: &Manifest, findings: &mut Findings) {
    let mut reps: HashMap<(&str, u32), u64> = HashMap::new();
    let mut orders: HashMap<u64, u64> = HashMap::new();
    for Numbered { line, row } in rows {
        identity(*line, row, manifest, findings);
        if let Some(first) = reps.insert((&row.cell, row.rep), *line) {
            findings.at(
                *line,
                Some("rep"),
                format!("trial {} of the cell is in line {first} already", row.rep),
            );
        }
        if let Some(first) = orders.insert(row.order, *line) {
            findings.at(*line, Some("order"), format!("{} is the order of line {first} already", row.order));
        }
        outcome(*line, row, findings);
        for (prefix, end) in [("sender_", &row.sender), ("receiver_", &row.receiver)] {
            check_end(*line, prefix, end, findings);
        }
        zero_copy(*line, &row.zc, row.status, findings);
    }
}

fn identity(line: u64, row: &Trial, manifest: &Manifest, findings: &mut Findings) {
    findings.must(row.run_id == manifest.run_id, line, "run_id", || {
        format!("`{}` where the manifest has `{}`", row.run_id, manifest.run_id)
    });
    let key = row.to_cell().key();
    findings.must(row.cell == key, line, "cell", || {
        format!("`{}` where the row's own columns make `{key}`", row.cell)
    });
    findings.must(manifest.cells.contains(&row.cell), line, "cell", || {
        format!("`{}` is not among the cells of the manifest", row.cell)
    });
    for (column, number) in
        [("rep", u64::from(row.rep)), ("order", row.order), ("block", u64::from(row.block))]
    {
        findings.must(number > 0, line, column, || "it counts from 1".to_owned());
    }
    findings.must(row.started_at.parse::<jiff::Timestamp>().is_ok(), line, "started_at", || {
        format!("`{}` is not a time in RFC 3339", row.started_at)
    });
}

/// A trial that went well has its figures and no reason; any other has a reason and no throughput.
fn outcome(line: u64, row: &Trial, findings: &mut Findings) {
    if row.status != Status::Ok {
        findings.must(!row.reason.is_empty(), line, "reason", || {
            format!("the trial is {} and does not say why", row.status)
        });
        findings.must(row.throughput_gbps.is_none(), line, "throughput_gbps", || {
            format!("the trial is {} and has a throughput", row.status)
        });
        return;
    }
    findings.must(row.reason.is_empty(), line, "reason", || "the trial is ok and has a reason".to_owned());
    let figures = [
        ("window_s", row.window_s),
        ("bytes", row.bytes.map(|bytes| bytes as f64)),
        ("throughput_gbps", row.throughput_gbps),
        ("sender_window_s", row.sender.window_s),
        ("sender_bytes", row.sender.bytes.map(|bytes| bytes as f64)),
        ("total_bytes", row.total_bytes.map(|bytes| bytes as f64)),
    ];
    // Where nobody reads, no message is received.
    let received = (row.wire != Wire::Sink).then_some(("mean_recv_us", row.mean_recv_us));
    for (column, figure) in figures.into_iter().chain(received) {
        findings.must(figure.is_some_and(|figure| figure > 0.0), line, column, || match figure {
            None => "the trial is ok and the figure is absent".to_owned(),
            Some(figure) => format!("the trial is ok and the figure is {figure}"),
        });
    }
    let host = [
        ("host_busy_s", row.host_busy_s),
        ("host_softirq_s", row.host_softirq_s),
        ("host_steal_s", row.host_steal_s),
    ];
    for (column, seconds) in host {
        findings.must(seconds.is_none_or(|seconds| seconds >= 0.0), line, column, || {
            "a time below zero".to_owned()
        });
    }
}

fn check_end(line: u64, prefix: &str, end: &End, findings: &mut Findings) {
    let times = [
        ("window_s", end.window_s),
        ("user_s", end.user_s),
        ("system_s", end.system_s),
        ("task_clock_s", end.task_clock_s),
    ];
    for (name, seconds) in times {
        findings.must(seconds.is_none_or(|seconds| seconds >= 0.0), line, &format!("{prefix}{name}"), || {
            "a time below zero".to_owned()
        });
    }
    let running = end.counter_running;
    findings.must(
        running.is_none_or(|share| share > 0.0 && share <= 1.0),
        line,
        &format!("{prefix}counter_running"),
        || "a share that is not above 0 and up to 1; a counter that never ran is absent".to_owned(),
    );
    let (all, voluntary) = (end.context_switches, end.voluntary_switches);
    // The two come from two sources that are read one after the other, so one may be a few ahead.
    let is_plausible = all.zip(voluntary).is_none_or(|(all, voluntary)| voluntary <= all.saturating_add(64));
    findings.must(is_plausible, line, &format!("{prefix}voluntary_switches"), || {
        "more than all context switches".to_owned()
    });
}

pub(super) fn zero_copy(line: u64, zc: &ZeroCopy, status: Status, findings: &mut Findings) {
    let most = |column: &str, part: Option<u64>, whole: Option<u64>, of: &str, findings: &mut Findings| {
        let holds = part.zip(whole).is_none_or(|(part, whole)| part <= whole);
        findings.must(holds, line, column, || format!("more than {of}"));
    };
    most("zc_copied", zc.copied, zc.completions, "zc_completions", findings);
    most("zc_completions", zc.completions, zc.sends, "zc_sends", findings);
    let counts = [zc.sends, zc.completions, zc.copied, zc.unreported];
    let present = counts.iter().flatten().count();
    findings.must(present == 0 || present == counts.len(), line, "zc_sends", || {
        "some of zc_sends, zc_completions, zc_copied and zc_unreported are absent and some are not".to_owned()
    });
    if let (Status::Ok, [Some(sends), Some(completions), _, Some(unreported)]) = (status, counts) {
        findings.must(completions.checked_add(unreported) == Some(sends), line, "zc_unreported", || {
            format!("{completions} completions and {unreported} unreported do not make {sends} sends")
        });
    }
}
