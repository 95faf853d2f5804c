//! From which message size is the two-copy path's extra copy visible?

use super::{AnswerInputs, cannot_tell, over};
use crate::interface::KernelInterface;
use crate::path::{self, Entry};
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::user_time::UserTime;
use crate::study::{BASELINE, Subject};
use crate::tables::{CostRow, Difference, RatioRow};

/// Paths that differ from the baseline in the copy in user space, and perhaps in more.
fn without_the_copy() -> impl Iterator<Item = &'static Entry> {
    let copies =
        |entry: &&Entry| (entry.promise.user, entry.promise.kernel) == (0, path::BASELINE.promise.kernel);
    path::REGISTRY.iter().filter(copies)
}

/// What else sets a path apart from the baseline.
fn differs(interface: KernelInterface) -> &'static str {
    match interface {
        KernelInterface::SEND => {
            "one contiguous buffer and the same system call, so the gather into a buffer is all that differs"
        }
        KernelInterface::SENDMSG => {
            "an iovec of eight entries in place of the gather, so the kernel's work for the iovec differs too"
        }
        _ => "another interface of the kernel, so its work differs too",
    }
}

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    let mut why = "it has no two-copy cells".to_owned();
    for (place, condition) in subject.streams() {
        if !condition.paths.iter().any(|path| path == BASELINE) {
            continue;
        }
        let names: Vec<&str> = without_the_copy().map(|entry| entry.name).collect();
        why = format!("it has neither {} cells to hold {BASELINE} against", names.join(" nor "));
        for Entry { name, interface, .. } in without_the_copy() {
            if condition.paths.iter().any(|one| one == name) {
                blocks.extend(against(subject, place, name, differs(*interface)));
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
        &["#size", "#threads", &throughput, "verdict", &user, "user time by"],
    );
    for &size in &condition.sizes {
        for &threads in &condition.threads {
            let Some(row) = subject.ratio(&condition.setting(threads), size, BASELINE, path) else {
                continue;
            };
            let cell = |path| subject.measured(place, path, size, threads);
            let user = cell(BASELINE).zip(cell(path)).map(|(own, other)| UserTime::of(subject, own, other));
            let (user, source) = user.map(|user| (user.ratio, user.source)).unwrap_or_default();
            table.push(vec![
                TableField::number(words::bytes(size), size as f64),
                TableField::number(threads.to_string(), f64::from(threads)),
                TableField::number(words::times(&row.ratio), row.ratio.value),
                row.difference.to_string().into(),
                user,
                source.into(),
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

/// At one number of threads: the size from which two-copy is slower, and what the cost models say per KiB.
fn visible(subject: &Subject, place: usize, path: &str, threads: u32) -> Option<Text> {
    let condition = &subject.conditions[place];
    let setting = condition.setting(threads);
    let judged: Vec<&RatioRow> =
        condition.sizes.iter().filter_map(|&size| subject.ratio(&setting, size, BASELINE, path)).collect();
    let mut words = from_which_size(&judged)?;
    words += &per_kib(subject, &setting, path).unwrap_or_default();
    Some(Text::from(format!("With {}, {words}.", words::threads(threads))))
}

/// From which size on the ratios of two-copy over another path, by size, show that it is slower.
fn from_which_size(judged: &[&RatioRow]) -> Option<String> {
    let (smallest, largest) = (judged.first()?.message_bytes, judged.last()?.message_bytes);
    let named = |difference: Difference| -> Vec<String> {
        let those = judged.iter().filter(|row| row.difference == difference);
        those.map(|row| words::bytes(row.message_bytes)).collect()
    };
    let steady = judged.iter().rev().take_while(|row| row.difference == Difference::Slower).last();
    let (slower, faster) = (named(Difference::Slower), named(Difference::Faster));
    let mut words = match steady {
        Some(row) => format!("two-copy is slower from {} on", words::bytes(row.message_bytes)),
        None if judged.iter().all(|row| row.difference == Difference::Unjudged) => {
            "no interval can be given, so nothing shows beyond chance".to_owned()
        }
        None if slower.is_empty() => {
            let sizes = format!("from {} to {}", words::bytes(smallest), words::bytes(largest));
            format!("at no tested size {sizes} was two-copy found slower{}", room(judged))
        }
        None => {
            format!("two-copy is slower at {}, but not found so at the largest size", words::list(&slower))
        }
    };
    if !faster.is_empty() {
        words += &format!(", and faster at {}", words::list(&faster));
    }
    Some(words)
}

/// How much slower it may be all the same: what was not detected is not absent.
fn room(judged: &[&RatioRow]) -> String {
    let lowest = judged.iter().filter_map(|row| row.ratio.low).reduce(f64::min);
    match lowest.filter(|&low| low < 1.0) {
        Some(low) => format!(", which leaves room for up to {}", words::percent(1.0 - low)),
        None => String::new(),
    }
}

fn per_kib(subject: &Subject, setting: &crate::tables::Setting, path: &str) -> Option<String> {
    let row = |path: &str| -> Option<&CostRow> {
        subject.tables.cost_model.iter().find(|row| row.setting == *setting && row.path == path)
    };
    let (own, other) = (row(BASELINE)?, row(path)?);
    // What a line that misses its points has for a slope is nobody's cost.
    if own.misses_bytes.or(other.misses_bytes).is_some() {
        return None;
    }
    Some(format!(
        "; by the cost models two-copy takes {} ns per KiB and {path} {} ns, and a message of no size {} ns and {} ns",
        words::estimate(&own.per_kib_ns),
        words::estimate(&other.per_kib_ns),
        words::estimate(&own.fixed_ns),
        words::estimate(&other.fixed_ns)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Estimate;

    fn row(message_bytes: u64, difference: Difference, low: f64) -> RatioRow {
        let ratio = Estimate { value: Some(low + 0.1), low: Some(low), high: Some(low + 0.2) };
        RatioRow { message_bytes, difference, ratio, ..RatioRow::default() }
    }

    #[test]
    fn what_was_not_detected_is_not_called_absent() {
        let rows = [row(64, Difference::Indistinct, 0.88), row(1024, Difference::Uncorrected, 0.75)];
        assert_eq!(
            from_which_size(&rows.iter().collect::<Vec<_>>()).unwrap(),
            "at no tested size from 64 B to 1 KiB was two-copy found slower, which leaves room for up to 25 %"
        );
        let rows = [row(64, Difference::Faster, 1.1), row(1024, Difference::Slower, 0.7)];
        assert_eq!(
            from_which_size(&rows.iter().collect::<Vec<_>>()).unwrap(),
            "two-copy is slower from 1 KiB on, and faster at 64 B"
        );
        assert_eq!(from_which_size(&[]), None);
    }
}
