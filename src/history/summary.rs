//! What a history says, in a few sentences.

use std::collections::BTreeSet;

use super::{History, PastRun, PathStep, Step, number};
use crate::cell::Cell;
use crate::compare::text::change;
use crate::compare::{Judged, Judgement};
use crate::prose::words;
use crate::record::manifest::Basis;
use crate::tables::Metric;

/// Changes of the last run that are named, at most.
const MOST_NAMED: usize = 6;

/// What the newest run changed, what changed over all runs, and what to know of that.
pub(super) fn sentences(history: &History) -> Vec<String> {
    let steps = history.steps();
    let mut sentences = vec![extent(history), newest(history, &steps)];
    sentences.extend(all(history, &steps));
    sentences.extend(not_judged(history));
    sentences
}

fn extent(history: &History) -> String {
    let started = |run: Option<&PastRun>| run.map(|run| run.manifest.started_at.clone()).unwrap_or_default();
    // One cell may be compared by several metrics, and by several clocks.
    let cells: BTreeSet<&Cell> = history.tracks.iter().map(|track| &track.cell).collect();
    format!(
        "{} from {} to {}; {} by {}.",
        words::plural(history.runs.len() as u64, "run"),
        started(history.runs.first()),
        started(history.runs.last()),
        words::plural(cells.len() as u64, "cell"),
        words::list(&history.measures())
    )
}

/// What the last run changed: paths as a whole, then cells.
fn newest(history: &History, steps: &[Step<'_>]) -> String {
    let last = history.runs.len() - 1;
    let name = format!("The last run, {}", history.runs[last].name);
    let cells: Vec<_> = steps.iter().filter(|step| step.point.run == last).collect();
    if cells.is_empty() {
        return format!("{name}, has no figure that an earlier run has and that can be compared.");
    }
    let paths = history.paths.iter().filter(|step| step.run == last && step.judged.judgement.is_difference());
    let of_path = |step: &PathStep| {
        let what = format!("{} as a whole", step.path);
        said(history, &what, step.measure, &step.judged)
    };
    let of_cell = |step: &&Step<'_>| {
        let Step { track, change, .. } = step;
        said(history, &track.cell.key(), track.measure, &change.judged)
    };
    let changed_cells = cells.iter().copied().filter(|step| step.is_difference());
    let changed: Vec<String> = paths.map(of_path).chain(changed_cells.map(|step| of_cell(&step))).collect();
    if changed.is_empty() {
        let cells = words::plural(cells.len() as u64, "cell");
        return format!("{name}, differs in none of its {cells} by more than the noise from the run before.");
    }
    let more = changed.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{name}, against the run before: {}{rest}.", changed[..changed.len() - more].join("; "))
}

/// `veth/two-copy/recv/static/65536B/t1 -30.2 % (worse)`.
fn said(history: &History, what: &str, measure: &Metric, judged: &Judged) -> String {
    let by = if history.measures().len() > 1 { format!(" by {}", measure.name) } else { String::new() };
    format!("{what}{by} {} ({})", change(&judged.ratio), judged.judgement)
}

/// How many steps were judged, and what came of it.
fn all(history: &History, steps: &[Step<'_>]) -> Vec<String> {
    let count = |judgement| steps.iter().filter(|step| step.change.judged.judgement == judgement).count();
    let judged = steps.len() - count(Judgement::Unjudged);
    if judged == 0 {
        return vec![
            "No figure has an interval to be judged by: it takes two trials in a run; raise the grid's repetitions."
                .to_owned(),
        ];
    }
    let (worse, better) = (count(Judgement::Worse), count(Judgement::Better));
    let paths = |judgement| history.paths.iter().filter(|step| step.judged.judgement == judgement).count();
    vec![
        format!(
            "Of {} of single cells from one run to the next, {worse} worse and {better} better by more than the noise, \
             corrected for their number ({} more would differ by themselves); of {} of whole paths, {} worse and {} better.",
            words::plural(judged as u64, "step"),
            count(Judgement::Uncorrected),
            words::plural(history.paths.len() as u64, "step"),
            paths(Judgement::Worse),
            paths(Judgement::Better),
        ),
        "Runs share no blocks, so that what a machine did meanwhile is in a step as well; `sweep --against` compares two \
         programs without it."
            .to_owned(),
    ]
}

/// Runs that are shown and not judged, or not with the others.
fn not_judged(history: &History) -> Vec<String> {
    let of = |is: fn(&PastRun) -> bool| -> Vec<String> {
        let runs = history.runs.iter().enumerate().filter(|(_, run)| is(run));
        runs.map(|(place, _)| number(place)).collect()
    };
    let kinds: [(Vec<String>, &str); 3] = [
        (
            of(|run| !run.manifest.is_measurement()),
            "no measurement, as its grid says (`measurement: false`): it is shown, and nothing is judged by it",
        ),
        (
            of(|run| run.manifest.basis() == Basis::Instructions),
            "counted in instructions, and judged apart from time",
        ),
        (
            of(|run| run.manifest.basis() == Basis::Emulator),
            "of an emulator, and judged apart from those of a CPU",
        ),
    ];
    let said = kinds.into_iter().filter(|(runs, _)| !runs.is_empty());
    said.map(|(runs, what)| {
        let noun = if runs.len() == 1 { "Run" } else { "Each of runs" };
        format!("{noun} {} is {what}.", words::list(&runs))
    })
    .collect()
}
