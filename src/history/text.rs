//! A history for a terminal: its runs, and each cell's last figures with what changed.

use std::fmt::Write;

use comfy_table::{Table, presets};

use super::{History, Track, TrackPoint, facts, number, summary};
use crate::compare::text::{change, significant};

/// The last runs whose figures are shown: as many as fit a terminal.
const MOST_SHOWN: usize = 6;

/// For a terminal.
pub(crate) fn table(history: &History) -> String {
    let mut out = format!("{}\n\n{}\n", runs(history).trim_fmt(), cells(history).trim_fmt());
    for sentence in summary::sentences(history) {
        let _ = write!(out, "\n{sentence}");
    }
    out
}

/// The same sentences alone.
pub(crate) fn sentences(history: &History) -> Vec<String> {
    summary::sentences(history)
}

fn plain(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn runs(history: &History) -> Table {
    let mut table = plain(["", "run", "started", "differs from the run before"].map(str::to_owned).to_vec());
    for (place, run) in history.runs.iter().enumerate() {
        let differs = place.checked_sub(1).map(|before| facts::clause(history.differences(before, place)));
        let name = format!("#{}", number(place));
        let started = run.manifest.started_at.clone();
        table.add_row([name, run.name.clone(), started, differs.unwrap_or_default()]);
    }
    table
}

fn cells(history: &History) -> Table {
    let first = history.runs.len().saturating_sub(MOST_SHOWN);
    let shown = first..history.runs.len();
    let mut header = vec!["cell".to_owned(), String::new()];
    header.extend(shown.clone().map(|run| format!("#{}", number(run))));
    let mut table = plain(header);
    for track in &history.tracks {
        let at = |run| track.points.iter().find(|point| point.run == run);
        let mut row = vec![track.cell.key(), unit(history, track)];
        row.extend(shown.clone().map(|run| at(run).map(figure).unwrap_or_default()));
        table.add_row(row);
    }
    table
}

/// The unit, with the metric where there are several.
fn unit(history: &History, track: &Track) -> String {
    let unit = track.measure.unit;
    if history.measures().len() > 1 { format!("{} {unit}", track.measure.name) } else { unit.to_owned() }
}

/// `30.21`, `21.10 -30.2 % worse`; what failed is a dash.
fn figure(point: &TrackPoint) -> String {
    let Some(value) = point.figure.estimate.value else { return "–".to_owned() };
    let judged = point.change.as_ref().map(|change| &change.judged);
    match judged.filter(|judged| judged.judgement.is_difference()) {
        Some(judged) => format!("{} {} {}", significant(value), change(&judged.ratio), judged.judgement),
        None => significant(value),
    }
}
