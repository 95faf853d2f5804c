//! What in this run is unexpected: what contradicts a label, the cost model or the published pattern.

use std::collections::BTreeMap;

use super::{AnswerInputs, cannot_tell};
use crate::prose::block::{Block, Text};
use crate::prose::words;
use crate::study::Subject;
use crate::study::published::Agreement;
use crate::tables::{Flag, MOST_ERROR};

/// Streams of one trial that differ by this factor do not share the wire evenly.
const UNEVEN: f64 = 2.0;

pub(super) fn answer(evidence: &AnswerInputs) -> Vec<Block> {
    let subject = evidence.subject;
    if subject.tables.cells.iter().all(|cell| cell.trials == 0) {
        return vec![cannot_tell("no trial of it went well")];
    }
    let mut points = Vec::new();
    points.extend(labels(subject));
    points.extend(crossings(subject));
    points.extend(bends(subject));
    points.extend(falling_with_size(subject));
    points.extend(falling_with_threads(subject));
    points.extend(uneven(subject));
    points.extend(published(evidence));
    let looked = "Looked for: labels that completions contradict, crossovers that the cost model puts elsewhere, cells far from \
                  their cost model, throughput that falls with size or threads, uneven streams, and published patterns \
                  reversed.";
    if points.is_empty() {
        let nothing = Text::default().strong("Nothing that this report looks for.").and(format!(" {looked}"));
        return vec![Block::Paragraph(nothing)];
    }
    vec![Block::List(points), Block::says(looked)]
}

fn point(label: &str, words: String) -> Text {
    Text::default().strong(label).and(format!(": {words}"))
}

/// One point of all the cells of which something holds, if there are any.
fn of_all(label: &str, cells: &[String], what: &str) -> Option<Text> {
    (!cells.is_empty()).then(|| point(label, format!("{}: {what}.", words::list(cells))))
}

/// Labels that the completions contradict, or leave unproved.
fn labels(subject: &Subject) -> Vec<Text> {
    let mut points = Vec::new();
    for (flag, label, says) in [
        (
            Flag::DeferredCopy,
            "label",
            "does not send without a copy: every completed call was copied after all",
        ),
        (
            Flag::PartlyCopied,
            "label",
            "sends without a copy in part only: some completed calls were copied after all",
        ),
        (
            Flag::UnprovenCopy,
            "label",
            "may or may not send without a copy: completed calls are flagged COPIED, which on io_uring proves nothing, so \
             only an x-ray tells",
        ),
        (Flag::NoCompletions, "label", "may or may not send without a copy: no completion was reaped"),
    ] {
        let mut paths: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for cell in subject.tables.cells.iter().filter(|cell| cell.trials > 0) {
            let counts = paths.entry(&cell.send_path).or_default();
            counts.0 += u64::from(cell.flags.has(flag));
            counts.1 += 1;
        }
        for (path, (flagged, all)) in paths.into_iter().filter(|(_, (flagged, _))| *flagged > 0) {
            let cells =
                if flagged == all { "all its cells".to_owned() } else { format!("{flagged} of {all} cells") };
            let name =
                if flag == Flag::DeferredCopy { format!("{path} (deferred copy)") } else { path.to_owned() };
            points.push(point(label, format!("in {cells} {name} {says}.")));
        }
    }
    points
}

/// Supported crossovers outside the model's interval.
fn crossings(subject: &Subject) -> Vec<Text> {
    let mut points = Vec::new();
    for (place, condition) in subject.streams() {
        let Some(baseline) = subject.baseline(place) else { continue };
        for path in subject.rivals(place) {
            for &threads in &condition.threads {
                let Some(row) = subject.crossover(&condition.setting(threads), path, baseline) else {
                    continue;
                };
                let Some(found) = row.supported_win_bytes else { continue };
                // The true crossing lies between the size before and the first that wins.
                let before = condition.sizes.iter().copied().filter(|&size| size < found).max().unwrap_or(0);
                let outside = match (row.predicted_low, row.predicted_high) {
                    (Some(low), _) if low > found as f64 => true,
                    (_, Some(high)) if high < before as f64 => true,
                    _ => false,
                };
                if outside {
                    points.push(point(
                        "cost model",
                        format!(
                            "{} beats {baseline} from {} on with {}, but the model puts the crossover at {}.",
                            subject.name(place, path),
                            words::bytes(found),
                            words::threads(threads),
                            words::predicted(row)
                        ),
                    ));
                }
            }
        }
    }
    points
}

/// Cells that lie far from their cost model.
fn bends(subject: &Subject) -> Option<Text> {
    let mut far = Vec::new();
    for row in &subject.tables.cost_model {
        let place = subject.conditions.iter().position(|one| one.setting(row.setting.threads) == row.setting);
        if let (Some(error), Some(bytes), Some(place)) = (row.largest_error, row.largest_error_bytes, place)
            && error > MOST_ERROR
        {
            far.push(format!(
                "{} with {} ({} off at {})",
                subject.name(place, &row.path),
                words::threads(row.setting.threads),
                words::percent(error),
                words::bytes(bytes)
            ));
        }
    }
    let why = "their time is not linear in the size, so fixed and per-byte costs say little there";
    of_all("cost model", &far, why)
}

/// A larger message with a lower throughput, beyond both intervals.
fn falling_with_size(subject: &Subject) -> Option<Text> {
    let mut falls = Vec::new();
    for (place, condition) in subject.streams() {
        for path in &condition.paths {
            for &threads in &condition.threads {
                for sizes in condition.sizes.windows(2) {
                    let cell = |size| subject.measured(place, path, size, threads).map(|row| &row.cell);
                    let Some((small, large)) = cell(sizes[0]).zip(cell(sizes[1])) else { continue };
                    if large.throughput_high.zip(small.throughput_low).is_some_and(|(high, low)| high < low) {
                        falls.push(format!(
                            "{} with {} ({} to {})",
                            Subject::name_of(large),
                            words::threads(threads),
                            words::bytes(sizes[0]),
                            words::bytes(sizes[1])
                        ));
                    }
                }
            }
        }
    }
    let what = "the larger message has the lower throughput, beyond both intervals";
    of_all("size", &falls, what)
}

/// More threads with a lower throughput, within blocks.
fn falling_with_threads(subject: &Subject) -> Option<Text> {
    let mut falls = Vec::new();
    for (place, condition) in subject.streams() {
        for path in &condition.paths {
            for &size in &condition.sizes {
                for counts in condition.threads.windows(2) {
                    let cell = |count| subject.measured(place, path, size, count).map(|row| &row.cell);
                    let Some((few, many)) = cell(counts[0]).zip(cell(counts[1])) else { continue };
                    let ratio = subject.paired(many, few, |trial| trial.throughput_gbps).ratio;
                    if ratio.interval().is_some_and(|ends| ends.high < 1.0) {
                        falls.push(format!(
                            "{} at {} ({} to {} threads: {})",
                            Subject::name_of(many),
                            words::bytes(size),
                            counts[0],
                            counts[1],
                            words::ratio(&ratio)
                        ));
                    }
                }
            }
        }
    }
    let what = "more threads move fewer bytes";
    of_all("threads", &falls, what)
}

/// Trials whose streams got very different shares.
fn uneven(subject: &Subject) -> Option<Text> {
    let mut by_trial: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for stream in &subject.run.streams {
        if let Some(rate) = stream.throughput_gbps {
            let ends = by_trial.entry(stream.order).or_insert((rate, rate));
            *ends = (ends.0.min(rate), ends.1.max(rate));
        }
    }
    let uneven = by_trial.values().filter(|(least, most)| *most > UNEVEN * *least).count() as u64;
    let worst = by_trial
        .values()
        .map(|(least, most)| most / least)
        .filter(|ratio| ratio.is_finite())
        .fold(1.0, f64::max);
    (uneven > 0).then(|| {
        let all = words::count(by_trial.len() as u64);
        let what = format!(
            "in {} of {all} trials the fastest stream got more than twice what the slowest got",
            words::count(uneven)
        );
        point("streams", format!("{what} (at most {} times).", words::number(worst)))
    })
}

/// Published patterns that this run shows reversed.
fn published(evidence: &AnswerInputs) -> Vec<Text> {
    let opposite = evidence.published.iter().filter(|one| one.agreement == Agreement::Differs);
    opposite
        .map(|one| {
            point(
                "published",
                format!("{}, {}: published {}, here {}.", one.study, one.about, one.published, one.here),
            )
        })
        .collect()
}
