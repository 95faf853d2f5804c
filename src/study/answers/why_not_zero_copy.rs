//! Why does sending without a copy not always give the best throughput?

use super::{AnswerInputs, cannot_tell, over};
use crate::cell::Side;
use crate::interface::{Completions, FlagProof};
use crate::path;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::record::category::Category;
use crate::study::user_time::UserTime;
use crate::study::{Subject, interfaces};
use crate::tables::{DerivedRow, Difference, metric};

/// What is set beside the baseline's: column of `derived.csv`, name and unit.
const BESIDE: [(&str, &str); 5] = [
    ("system_ns_per_kib", "sender's system time, ns/KiB"),
    ("host_softirq_ns_per_kib", "host's softirq time, ns/KiB"),
    ("host_busy_ns_per_kib", "host's busy time, ns/KiB"),
    ("context_switches_per_gib", "sender's context switches per GiB"),
    ("page_faults_per_gib", "sender's page faults per GiB"),
];

/// What the two ways of sending differ in: copies, and what goes with pages sent in place of copies.
const SPENT: [Category; 8] = [
    Category::GatherCopy,
    Category::KernelCopy,
    Category::DeferredCopy,
    Category::BelowTcpCopy,
    Category::UnknownCopy,
    Category::PagePinning,
    Category::Allocation,
    Category::Completion,
];

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    for (place, condition) in subject.streams() {
        for path in &condition.paths {
            let sums = Sums::of(subject, place, path);
            if sums.sends > 0 {
                blocks.extend(of_path(subject, place, path, &sums));
            }
        }
    }
    if blocks.is_empty() {
        blocks.push(cannot_tell(format!("no trial that went well sent with {}", interfaces::names([]))));
    } else {
        let mut text = Text::default().strong("What this run cannot tell");
        if subject.run.xray.costs.is_empty() {
            text = text
                .and(": how much each of these adds. They were measured beside each other and none was varied alone. ")
                .and("What pinning pages costs shows only in an x-ray, a separate pass (")
                .code("copycost xray")
                .and(").");
        } else {
            text = text.and(
                ": what throughput each of these costs. The x-ray adds up CPU time, and its passes are not the timed \
                 trials.",
            );
        }
        blocks.push(Block::Paragraph(text));
    }
    blocks
}

/// Sends without a copy of a path in a condition.
#[derive(Default)]
struct Sums {
    sends: u64,
    completions: u64,
    copied: u64,
    unreported: u64,
    enobufs: u64,
}

impl Sums {
    fn of(subject: &Subject, place: usize, path: &str) -> Self {
        let condition = &subject.conditions[place];
        let mut sums = Self::default();
        for &size in &condition.sizes {
            let rows =
                condition.threads.iter().filter_map(|&count| subject.measured(place, path, size, count));
            for trial in rows.flat_map(|row| subject.trials(&row.cell)) {
                let zc = &trial.zc;
                for (sum, count) in [
                    (&mut sums.sends, zc.sends),
                    (&mut sums.completions, zc.completions),
                    (&mut sums.copied, zc.copied),
                    (&mut sums.unreported, zc.unreported),
                    (&mut sums.enobufs, zc.enobufs),
                ] {
                    *sum = sum.saturating_add(count.unwrap_or_default());
                }
            }
        }
        sums
    }
}

fn of_path(subject: &Subject, place: usize, path: &str, sums: &Sums) -> Vec<Block> {
    let name = subject.name(place, path);
    let told = path::find(path).ok().and_then(|entry| entry.interface.completions);
    let mut points = vec![completions(&name, sums, told)];
    if sums.enobufs > 0 {
        points.push(Text::default().strong("Locked memory").and(format!(
            ": {} sends were refused with ENOBUFS and made again, one for every {} that went through.",
            words::count(sums.enobufs),
            words::number(sums.sends as f64 / sums.enobufs as f64)
        )));
    }
    let mut blocks = Vec::new();
    let opening = opening(subject, place, path, &name);
    let condition = &subject.conditions[place];
    let size = condition.largest();
    let baseline = subject.baseline(place).filter(|baseline| *baseline != path);
    let mut table = Table::new(
        format!("{} beside {} at {}.", name, baseline.unwrap_or("nothing"), words::bytes(size)),
        &["#threads", "figure", "#its", "#baseline's", "#ratio within blocks"],
    );
    if let Some(baseline) = baseline {
        for &threads in &condition.threads {
            let row = |path| subject.measured(place, path, size, threads);
            if let (Some(own), Some(other)) = (row(path), row(baseline)) {
                user_time(subject, &mut table, own, other);
                BESIDE.iter().for_each(|figure| beside(subject, &mut table, own, other, figure));
            }
        }
        points.extend(differences(subject, place, path, baseline));
    }
    points.extend(xray(subject, place, path, baseline));
    blocks.push(Block::Paragraph(opening));
    blocks.push(Block::List(points));
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    blocks
}

/// Where the x-ray saw the CPU time of the two senders go, at the largest size and the fewest threads.
fn xray(subject: &Subject, place: usize, path: &str, baseline: Option<&str>) -> Option<Text> {
    let condition = &subject.conditions[place];
    let (size, threads) = (condition.largest(), *condition.threads.first()?);
    let spent = |path: &str| {
        let costs = subject.costs(&subject.row(place, path, size, threads)?.cell.cell, Side::Sender);
        let mut parts: Vec<(f64, &str)> = costs
            .iter()
            .filter(|cost| SPENT.contains(&cost.category))
            .filter_map(|cost| Some((cost.busy_ns_per_kib()?, words::category(cost.category))))
            .filter(|(ns, _)| *ns > 0.0)
            .collect();
        parts.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let all: f64 = costs.iter().filter_map(|cost| cost.busy_ns_per_kib()).sum();
        let names: Vec<String> =
            parts.iter().map(|(ns, name)| format!("{name} {}", words::number(*ns))).collect();
        (all > 0.0 && !names.is_empty()).then(|| (words::list(&names), words::number(all)))
    };
    let (own, all) = spent(path)?;
    let mut text = Text::default().strong("X-ray").and(format!(
        ": of {all} ns of CPU time per KiB at the sender, at {} with {}: {own}.",
        words::bytes(size),
        words::threads(threads)
    ));
    if let Some((other, all)) = baseline.and_then(spent) {
        text = text.and(format!(" {} spent {other}, of {all} ns.", baseline.unwrap_or_default()));
    }
    Some(text)
}

/// Whether the premise holds in this run at all.
fn opening(subject: &Subject, place: usize, path: &str, name: &str) -> Text {
    let condition = &subject.conditions[place];
    let size = condition.largest();
    let mut text = Text::from(over(subject, place)).strong(name);
    let Some(baseline) = subject.baseline(place).filter(|baseline| *baseline != path) else {
        return text.and(" ran alone, so it cannot be compared with another path.");
    };
    let mut parts = Vec::new();
    for &threads in &condition.threads {
        if let Some(row) = subject.ratio(&condition.setting(threads), size, path, baseline) {
            parts.push((
                row.difference,
                format!("{} with {}", words::judged(row, baseline), words::threads(threads)),
            ));
        }
    }
    if parts.is_empty() {
        return text.and(format!(" and {baseline} have no size at which both went well."));
    }
    let faster = parts.iter().all(|(difference, _)| *difference == Difference::Faster);
    let clauses: Vec<String> = parts.into_iter().map(|(_, clause)| clause).collect();
    text = text.and(format!(" was {} at {}.", clauses.join(", "), words::bytes(size)));
    if faster {
        text.and(" So here the question does not arise at this size.")
    } else {
        text.and(" What the run holds on it:")
    }
}

/// What the completions say; `told` is what is known of those of the path.
fn completions(name: &str, sums: &Sums, told: Option<Completions>) -> Text {
    let text = Text::default().strong("Completions");
    let sends = words::count(sums.sends);
    let reaped = if sums.completions == sums.sends {
        format!(": all {sends} calls were reported complete")
    } else {
        format!(
            ": of {sends} calls {} were reported complete, and {} were not by the drain's deadline",
            words::count(sums.completions),
            words::count(sums.unreported)
        )
    };
    if sums.completions == 0 {
        return text.and(format!("{reaped}. So nothing proves what happened to the bytes of {name}."));
    }
    let share = sums.copied as f64 / sums.completions as f64;
    let text = text.and(format!("{reaped}. {} of the completed ones are flagged ", words::percent(share)));
    let text = match told {
        Some(told) => text.code(told.copied_flag),
        None => text.and("as copied"),
    };
    if sums.copied > 0 && told.is_some_and(|told| told.proof == FlagProof::WhereUnset) {
        return text
            .and(": on io_uring that proves nothing, because the kernel sets it too for calls that share a packet with others ")
            .and("(io_uring/notif.c, read in Linux 6.12). Whether anything was copied, only the samples of an x-ray tell.");
    }
    if sums.copied == sums.completions {
        return text
            .and(": no copy was saved at the sender, it was deferred. The kernel's source shows where: for data that is ")
            .and("delivered on the same host, ")
            .code("skb_orphan_frags_rx")
            .and(" calls ")
            .code("skb_copy_ubufs")
            .and(" (include/linux/skbuff.h and net/core/skbuff.c, read in Linux 6.12).");
    }
    if sums.copied == 0 {
        return text.and(told.map_or(".".to_owned(), |told| format!(". {}", told.none_flagged)));
    }
    let more = told.map(|told| format!("; {}", told.some_flagged)).unwrap_or_default();
    text.and(format!(", so part of the bytes was copied after all{more}."))
}

/// Time in user space, where ticks or the x-ray tell it of both.
fn user_time(subject: &Subject, table: &mut Table, own: &DerivedRow, other: &DerivedRow) {
    let found = UserTime::of(subject, own, other);
    if found.own.order.is_some() && found.other.order.is_some() {
        table.push(vec![
            TableField::number(own.cell.threads.to_string(), f64::from(own.cell.threads)),
            format!("sender's user time, ns/KiB (by {})", found.source).into(),
            found.own,
            found.other,
            found.ratio,
        ]);
    }
}

fn beside(
    subject: &Subject,
    table: &mut Table,
    own: &DerivedRow,
    other: &DerivedRow,
    (column, name): &(&str, &str),
) {
    let metric = metric(column).expect("a column of derived.csv");
    let (mine, theirs) = ((metric.at)(own), (metric.at)(other));
    if mine.value.is_none() || theirs.value.is_none() {
        return;
    }
    let ratio = subject.paired_metric(&own.cell, &other.cell, metric);
    let number = |text: String, value: Option<f64>| TableField::number(text, value);
    table.push(vec![
        number(own.cell.threads.to_string(), Some(f64::from(own.cell.threads))),
        (*name).into(),
        number(words::estimate(&mine), mine.value),
        number(words::estimate(&theirs), theirs.value),
        number(words::paired(&ratio), ratio.ratio.value),
    ]);
}

/// What is to be known of softirq time.
const UNCHARGED: &str = "Softirq is charged to no thread: where the deferred copy runs in it, it shows in the host's time \
                         and not in the sender's.";

/// Which costs differ from the baseline's, by intervals, at the largest size.
fn differences(subject: &Subject, place: usize, path: &str, baseline: &str) -> Vec<Text> {
    let condition = &subject.conditions[place];
    let size = condition.largest();
    let judged = [
        ("Context switches", "context switches of the sender per GiB", "context_switches_per_gib", None),
        ("Time in the kernel", "system time of the sender per KiB", "system_ns_per_kib", None),
        ("Softirq", "softirq time of the host per KiB", "host_softirq_ns_per_kib", Some(UNCHARGED)),
    ];
    let mut points = Vec::new();
    for (label, what, column, remark) in judged {
        let metric = metric(column).expect("a column of derived.csv");
        let mut parts = Vec::new();
        for &threads in &condition.threads {
            let row = |path| subject.measured(place, path, size, threads);
            let Some((own, other)) = row(path).zip(row(baseline)) else { continue };
            let found = subject.paired_metric(&own.cell, &other.cell, metric);
            let told = words::paired(&found);
            let words = match found.ratio.interval() {
                _ if found.ratio.value.is_none() => continue,
                None => format!("{told} without an interval"),
                Some(ends) if ends.contains(1.0) => format!("no difference detected ({told})"),
                Some(_) => told,
            };
            parts.push(format!("{words} with {}", words::threads(threads)));
        }
        if !parts.is_empty() {
            let text =
                format!(": {what} against {baseline}, at {}: {}.", words::bytes(size), parts.join(", "));
            points.push(Text::default().strong(label).and(text));
            points.extend(remark.map(Text::from));
        }
    }
    points
}
