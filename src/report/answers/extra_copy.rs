//! From which message size is the two-copy path's extra copy visible?

use super::{Evidence, cannot_tell, over};
use crate::report::block::{Block, Field, Table, Text};
use crate::report::subject::{BASELINE, Subject};
use crate::report::words;
use crate::tables::{CostRow, Difference, metric};

/// Paths without the copy in user space, and what else sets them apart from two-copy.
const WITHOUT: [(&str, &str); 2] = [
    (
        "plain-send",
        "one contiguous buffer and the same system call, so the gather into a buffer is all that differs",
    ),
    (
        "one-copy",
        "an iovec of eight entries in place of the gather, so the kernel's work for the iovec differs too",
    ),
];

pub(super) fn answer(evidence: &Evidence) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    let mut why = "it has no two-copy cells".to_owned();
    for (place, condition) in subject.conditions.iter().enumerate() {
        if !condition.paths.iter().any(|path| path == BASELINE) {
            continue;
        }
        why = "it has neither plain-send nor one-copy cells to hold two-copy against".to_owned();
        for (path, differs) in WITHOUT {
            if condition.paths.iter().any(|one| one == path) {
                blocks.extend(against(subject, place, path, differs));
            }
        }
    }
    if blocks.is_empty() { vec![cannot_tell(why)] } else { blocks }
}

fn against(subject: &Subject, place: usize, path: &str, differs: &str) -> Vec<Block> {
    let condition = &subject.conditions[place];
    let mut points = Vec::new();
    for &threads in &condition.threads {
        points.extend(visible(subject, place, path, threads));
    }
    let (throughput, user) = (format!("#throughput over {path}'s"), format!("#user time over {path}'s"));
    let mut table = Table::new(
        format!(
            "two-copy against {path}: throughput, and the sender's user time, in which the extra copy runs."
        ),
        &["#size", "#threads", &throughput, "verdict", &user],
    );
    for &size in &condition.sizes {
        for &threads in &condition.threads {
            let Some(row) = subject.ratio(&condition.setting(threads), size, BASELINE, path) else {
                continue;
            };
            let cell = |path| subject.measured(place, path, size, threads).map(|row| &row.cell);
            let user = metric("user_ns_per_kib").and_then(|metric| {
                cell(BASELINE).zip(cell(path)).map(|(own, other)| subject.paired(own, other, metric.of))
            });
            let user = user.unwrap_or_default();
            table.push(vec![
                Field::number(words::bytes(size), size as f64),
                Field::number(threads.to_string(), f64::from(threads)),
                Field::number(words::times(&row.ratio), row.ratio.value),
                row.difference.to_string().into(),
                Field::number(words::times(&user), user.value),
            ]);
        }
    }
    let opening = Text::from(over(subject, place)).and("Against ").strong(path).and(format!(" ({differs}):"));
    let mut blocks = vec![Block::Paragraph(opening), Block::List(points)];
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    blocks
}

/// At one number of threads: the size from which two-copy is slower, and what the cost models say of a KiB.
fn visible(subject: &Subject, place: usize, path: &str, threads: u32) -> Option<Text> {
    let condition = &subject.conditions[place];
    let setting = condition.setting(threads);
    let judged: Vec<(u64, Difference)> = condition
        .sizes
        .iter()
        .filter_map(|&size| Some((size, subject.ratio(&setting, size, BASELINE, path)?.difference)))
        .collect();
    let (smallest, largest) = (judged.first()?.0, judged.last()?.0);
    let steady = judged.iter().rev().take_while(|(_, difference)| *difference == Difference::Slower).last();
    let slower: Vec<String> = judged
        .iter()
        .filter(|(_, one)| *one == Difference::Slower)
        .map(|(size, _)| words::bytes(*size))
        .collect();
    let faster: Vec<String> = judged
        .iter()
        .filter(|(_, one)| *one == Difference::Faster)
        .map(|(size, _)| words::bytes(*size))
        .collect();
    let unjudged = judged.iter().all(|(_, one)| *one == Difference::Unjudged);
    let mut words = match steady {
        Some((size, _)) => format!("two-copy is slower from {} on", words::bytes(*size)),
        None if unjudged => "no interval can be given, so nothing shows beyond chance".to_owned(),
        None if slower.is_empty() => {
            format!(
                "two-copy is not slower at any tested size from {} to {}",
                words::bytes(smallest),
                words::bytes(largest)
            )
        }
        None => format!("two-copy is slower at {}, but not at the largest size", words::list(&slower)),
    };
    if !faster.is_empty() {
        words += &format!(", and faster at {}", words::list(&faster));
    }
    words += &a_kib(subject, &setting, path).unwrap_or_default();
    Some(Text::from(format!("With {}, {words}.", words::threads(threads))))
}

fn a_kib(subject: &Subject, setting: &crate::tables::Setting, path: &str) -> Option<String> {
    let row = |path: &str| -> Option<&CostRow> {
        subject.tables.cost_model.iter().find(|row| row.setting == *setting && row.path == path)
    };
    let (own, other) = (row(BASELINE)?, row(path)?);
    Some(format!(
        "; by the cost models a KiB takes two-copy {} ns and {path} {} ns, and a message of no size {} ns and {} ns",
        words::estimate(&own.per_kib_ns),
        words::estimate(&other.per_kib_ns),
        words::estimate(&own.fixed_ns),
        words::estimate(&other.fixed_ns)
    ))
}
