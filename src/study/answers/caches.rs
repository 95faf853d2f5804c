//! Which cache level shows the largest reduction in misses, and between which paths?

use super::{AnswerInputs, cannot_tell, over};
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::Subject;
use crate::tables::{Estimate, Metric, Paired, metric};

/// Levels: column of `derived.csv`, counter, name.
const LEVELS: [(&str, &str, &str); 2] = [
    ("l1d_misses_per_gib", "l1d_load_misses", "L1 data cache"),
    ("llc_misses_per_gib", "llc_load_misses", "last level"),
];

/// Misses of one path against another's, at one level and point of the grid.
struct Reduction<'a> {
    level: &'static str,
    path: &'a str,
    size: u64,
    threads: u32,
    /// Loads per GiB of the path and of the baseline.
    misses: (Estimate, Estimate),
    /// The path's over the baseline's, within blocks.
    ratio: Paired,
}

impl Reduction<'_> {
    /// Loads per GiB that the path misses less, where that is more than chance.
    fn saved(&self) -> Option<f64> {
        let certain = self.ratio.ratio.interval().is_some_and(|ends| ends.high < 1.0);
        certain.then(|| Some(self.misses.1.value? - self.misses.0.value?)).flatten()
    }
}

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    let mut blocks = Vec::new();
    for (place, _) in subject.streams() {
        blocks.extend(of_condition(subject, place));
    }
    if blocks.is_empty() {
        blocks.push(cannot_tell(subject.why_no_counter(&LEVELS.map(|(_, counter, _)| counter))));
        blocks.push(Block::says(
            "Branch misses and page faults stand in derived.csv as proxies where they were counted; neither measures a \
             cache, so nothing is concluded from them here.",
        ));
    }
    blocks
}

fn of_condition(subject: &Subject, place: usize) -> Vec<Block> {
    let Some(baseline) = subject.baseline(place) else { return Vec::new() };
    let mut all = Vec::new();
    for (column, _, level) in LEVELS {
        let metric = metric(column).expect("a column of derived.csv");
        for path in subject.rivals(place) {
            all.extend(reductions(subject, place, metric, level, path, baseline));
        }
    }
    if all.is_empty() {
        return Vec::new();
    }
    let name = subject.name(place, baseline);
    let mut blocks = vec![Block::Paragraph(largest(subject, place, &all, &name))];
    let mut table = Table::new(
        format!("Load misses per GiB at the sender against {name}'s."),
        &["level", "path", "#size", "#threads", "#its misses", "#baseline's", "#ratio within blocks"],
    );
    for one in &all {
        table.push(vec![
            one.level.into(),
            subject.name(place, one.path).into(),
            TableField::number(words::bytes(one.size), one.size as f64),
            TableField::number(one.threads.to_string(), f64::from(one.threads)),
            TableField::number(words::estimate(&one.misses.0), one.misses.0.value),
            TableField::number(words::estimate(&one.misses.1), one.misses.1.value),
            TableField::number(words::paired(&one.ratio), one.ratio.ratio.value),
        ]);
    }
    blocks.push(Block::Table(table));
    blocks
}

fn reductions<'a>(
    subject: &Subject,
    place: usize,
    metric: &Metric,
    level: &'static str,
    path: &'a str,
    baseline: &str,
) -> Vec<Reduction<'a>> {
    let condition = &subject.conditions[place];
    let mut found = Vec::new();
    for &size in &condition.sizes {
        for &threads in &condition.threads {
            let row = |path| subject.measured(place, path, size, threads);
            let Some((own, other)) = row(path).zip(row(baseline)) else { continue };
            let misses = ((metric.at)(own), (metric.at)(other));
            let ratio = subject.paired_metric(&own.cell, &other.cell, metric);
            if ratio.ratio.value.is_some() || ratio.zeros > 0 {
                found.push(Reduction { level, path, size, threads, misses, ratio });
            }
        }
    }
    found
}

/// The largest reduction in loads and the largest in proportion: they need not be the same.
fn largest(subject: &Subject, place: usize, all: &[Reduction], baseline: &str) -> Text {
    let certain: Vec<(&Reduction, f64)> = all.iter().filter_map(|one| Some((one, one.saved()?))).collect();
    let text = Text::from(over(subject, place));
    let most = certain.iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let deepest = certain.iter().min_by(|one, other| {
        one.0.ratio.ratio.value.partial_cmp(&other.0.ratio.ratio.value).expect("no NaN")
    });
    let (Some((most, saved)), Some((deepest, _))) = (most, deepest) else {
        return text.and(format!(
            "no path has fewer misses than {baseline} at either level by more than chance, at any tested size."
        ));
    };
    let at = |one: &Reduction| {
        format!(
            "{}, from {baseline} to {}, at {} with {}",
            one.level,
            subject.name(place, one.path),
            words::bytes(one.size),
            words::threads(one.threads)
        )
    };
    text.and("Counted in loads, the largest reduction is at the ")
        .strong(at(most))
        .and(format!(": {} fewer misses per GiB ({}). ", words::number(*saved), words::paired(&most.ratio)))
        .and("In proportion it is at the ")
        .strong(at(deepest))
        .and(format!(": {}.", words::paired(&deepest.ratio)))
}
