//! When does one-copy, and when does sending without a copy, beat two-copy?

use super::{AnswerInputs, cannot_tell, over};
use crate::prose::block::{Block, Text};
use crate::prose::words;
use crate::study::{BASELINE, Condition, Subject};
use crate::tables::{CrossoverRow, CrossoverVerdict};

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    for (place, condition) in subject.streams() {
        if !condition.paths.iter().any(|path| path == BASELINE) {
            let why = format!("over {} it has no {BASELINE} cells to hold a path against", condition.words());
            blocks.push(cannot_tell(why));
            continue;
        }
        let mut points = Vec::new();
        for path in condition.paths.iter().filter(|path| *path != BASELINE) {
            points.push(point(subject, place, path));
        }
        if points.is_empty() {
            let why = format!("over {} it has no path but {BASELINE}", condition.words());
            blocks.push(cannot_tell(why));
            continue;
        }
        blocks.push(Block::says(format!(
            "{}Against {}:",
            over(subject, place),
            subject.name(place, BASELINE)
        )));
        blocks.push(Block::List(points));
    }
    if blocks.is_empty() {
        blocks.push(cannot_tell("none of its streams sent as fast as it could"));
    }
    if blocks.iter().any(|block| matches!(block, Block::List(_))) {
        blocks.push(Block::says(
            "A path counts as faster at a size only where the 95 % interval of the ratio within blocks lies above 1 and \
             stays there when all comparisons of the run are corrected for. The first size with a higher median, which \
             published work often takes for the crossover, is named beside it.",
        ));
    }
    blocks
}

/// One path: what holds at each number of threads, alike ones together.
fn point(subject: &Subject, place: usize, path: &str) -> Text {
    let condition = &subject.conditions[place];
    let mut clauses: Vec<(String, Vec<u32>)> = Vec::new();
    for &threads in &condition.threads {
        let clause = match subject.crossover(&condition.setting(threads), path, BASELINE) {
            Some(row) => clause(row, condition),
            None => "not tested".to_owned(),
        };
        match clauses.iter_mut().find(|(words, _)| *words == clause) {
            Some((_, alike)) => alike.push(threads),
            None => clauses.push((clause, vec![threads])),
        }
    }
    let parts: Vec<String> =
        clauses.into_iter().map(|(clause, alike)| format!("{}, {clause}", with(&alike))).collect();
    Text::default().strong(subject.name(place, path)).and(format!(": {}.", parts.join("; ")))
}

fn with(threads: &[u32]) -> String {
    let names: Vec<String> = threads.iter().map(u32::to_string).collect();
    let noun = if threads == [1] { "thread" } else { "threads" };
    format!("with {} {noun}", words::list(&names))
}

fn clause(row: &CrossoverRow, condition: &Condition) -> String {
    let tested = match (row.smallest_bytes, row.largest_bytes) {
        (Some(smallest), Some(largest)) if smallest == largest => {
            format!("at {}, the only tested size", words::bytes(smallest))
        }
        (Some(smallest), Some(largest)) => {
            format!("from {} to {}", words::bytes(smallest), words::bytes(largest))
        }
        _ => format!("in the {} sizes of the grid", condition.sizes.len()),
    };
    let mut text = match row.verdict {
        CrossoverVerdict::Wins => {
            let from = row.supported_win_bytes.map(words::bytes).unwrap_or_default();
            let all = row.supported_win_bytes.is_some() && row.supported_win_bytes == row.smallest_bytes;
            if all {
                format!("faster at every tested size, {tested}")
            } else {
                format!("faster from {from} on")
            }
        }
        CrossoverVerdict::WinsBelow => "faster at some tested size, but not at the largest".to_owned(),
        CrossoverVerdict::Never => format!("never faster {tested}"),
        CrossoverVerdict::Indistinct => format!("not distinguishable {tested}"),
        CrossoverVerdict::Unjudged => format!("not judged {tested}, since no interval can be given"),
        CrossoverVerdict::Untested => return "no size has a trial of both that went well".to_owned(),
    };
    if row.first_win_bytes != row.supported_win_bytes
        && let Some(first) = row.first_win_bytes
    {
        text += &format!(" (its median is first the higher at {})", words::bytes(first));
    }
    if row.predicted_bytes.is_some() {
        let beyond = row.predicted_bytes > row.largest_bytes.map(|bytes| bytes as f64);
        let beyond = if beyond { ", beyond the tested sizes" } else { "" };
        text += &format!("; the cost model puts the crossover at {}{beyond}", words::predicted(row));
    }
    text
}
