//! The page of a history.

use std::cmp::Reverse;

use super::charts::{PathCharts, charts, legend};
use super::{History, PathStep, Step, Track, facts, number, summary};
use crate::compare::text::{change, interval};
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::report::document::Document;
use crate::report::tabular::{self, SURROUNDINGS};
use crate::tables::Setting;

/// Charts that a page holds at most: a browser draws so many at once.
const MOST_CHARTS: usize = 240;
/// Changes that stand above the charts; a longer table is folded.
const MOST_OPEN: usize = 15;

/// What there is to say of a history.
pub(crate) fn document(history: &History) -> Document {
    let mut blocks = vec![Block::section("Changes")];
    blocks.extend(changes(history));
    blocks.extend(paths(history));
    blocks.extend([Block::section("Runs"), Block::Table(runs(history))]);
    let sentences = summary::sentences(history).into_iter().map(|words| Text::marked(&words)).collect();
    Document {
        title: format!("What the copies cost, run by run: {}", directory(history)),
        subtitle: format!("By copycost {}.", env!("CARGO_PKG_VERSION")),
        heading: "What changed",
        verdict: vec![Block::List(sentences)],
        shown: Vec::new(),
        blocks,
    }
}

/// The directory's own name, wherever the page is read.
fn directory(history: &History) -> String {
    let whole = history.dir.canonicalize().unwrap_or_else(|_| history.dir.clone());
    let name = whole.file_name().unwrap_or(whole.as_os_str());
    crate::output::harmless(&name.to_string_lossy())
}

/// Every change, the newest first.
fn changes(history: &History) -> Vec<Block> {
    let mut table = Table::new(
        "Figures that changed by more than the noise, the newest first: medians with 95 % intervals, and the ratio of the \
         two runs.",
        &tabular::columns(&[
            "path",
            "#size",
            "#threads",
            "metric",
            "#run",
            "#run before",
            "#before",
            "#now",
            "#change",
            "#95 % interval",
            "judgement",
            "what else differs",
        ]),
    );
    let mut steps = history.steps();
    steps.sort_by_key(|step| Reverse(step.point.run));
    for step in steps.iter().filter(|step| step.is_difference()) {
        table.push(row(history, step));
    }
    let constant: Vec<&str> = SURROUNDINGS.into_iter().chain(["metric"]).collect();
    let paths = path_changes(history).without_constant(&["metric"]);
    let tables =
        [("Changes of paths", paths), ("Changes of single cells", table.without_constant(&constant))];
    let blocks: Vec<_> = tables.into_iter().filter_map(|(title, table)| short(title, table)).collect();
    match blocks[..] {
        [] => vec![Block::says("No figure changed by more than the noise from one run to the next.")],
        _ => blocks,
    }
}

/// A table, which a reader opens where it is long; none without a row.
fn short(title: &str, table: Table) -> Option<Block> {
    match table.rows.len() {
        0 => None,
        rows if rows <= MOST_OPEN => Some(Block::Table(table)),
        _ => Some(Block::Folded(title.to_owned(), vec![Block::Table(table)])),
    }
}

/// Every change of a path as a whole, the newest first.
fn path_changes(history: &History) -> Table {
    let mut table = Table::new(
        "Paths whose cells changed together by more than the noise: what is lost in the noise of each may be plain in all.",
        &[
            "path",
            "#cells",
            "metric",
            "#run",
            "#run before",
            "#change",
            "#95 % interval",
            "judgement",
            "what else differs",
        ],
    );
    let mut steps: Vec<_> =
        history.paths.iter().filter(|step| step.judged.judgement.is_difference()).collect();
    steps.sort_by_key(|step| Reverse(step.run));
    for step in steps {
        let run = |place: usize| TableField::number(number(place), place as f64);
        let ratio = &step.judged.ratio;
        table.push(vec![
            step.path.clone().into(),
            TableField::number(step.cells.to_string(), step.cells as f64),
            step.measure.name.into(),
            run(step.run),
            run(step.before),
            TableField::number(change(ratio), ratio.value),
            TableField::number(interval(ratio), ratio.low),
            step.judged.judgement.to_string().into(),
            facts::clause(history.differences(step.before, step.run)).into(),
        ]);
    }
    table
}

fn row(history: &History, step: &Step<'_>) -> Vec<TableField> {
    let Step { track, before, point, change: found } = step;
    let cell = &track.cell;
    let ratio = &found.judged.ratio;
    let run = |place: usize| TableField::number(number(place), place as f64);
    let mut fields = tabular::surroundings(&Setting::of(cell));
    fields.extend([
        cell.send_path.clone().into(),
        tabular::size(cell.message_bytes),
        tabular::threads(cell.threads),
        format!("{} ({})", track.measure.name, track.measure.unit).into(),
        run(point.run),
        run(before.run),
        tabular::figure(&before.figure.estimate),
        tabular::figure(&point.figure.estimate),
        TableField::number(change(ratio), ratio.value),
        TableField::number(interval(ratio), ratio.low),
        found.judged.judgement.to_string().into(),
        facts::clause(history.differences(before.run, point.run)).into(),
    ]);
    fields
}

/// The runs by their numbers, and what differs from one to the next.
fn runs(history: &History) -> Table {
    let mut table = Table::new(
        "The runs by when they started, and what differs from the run before.",
        &[
            "#run",
            "directory",
            "started",
            "grid",
            "program",
            "kernel",
            "differs from the run before",
            "remarks",
        ],
    );
    for (place, run) in history.runs.iter().enumerate() {
        let manifest = &run.manifest;
        let differs = place.checked_sub(1).map(|before| facts::clause(history.differences(before, place)));
        let mut remarks: Vec<String> = Vec::new();
        remarks.extend((!manifest.is_measurement()).then(|| "no measurement: not judged".to_owned()));
        remarks.extend(manifest.outcome.clone().filter(|outcome| outcome != "complete"));
        remarks.extend(run.left_out.iter().map(|left_out| format!("left out: {left_out}")));
        table.push(vec![
            TableField::number(number(place), place as f64),
            run.name.clone().into(),
            manifest.started_at.clone().into(),
            manifest.grid_name.clone().into(),
            facts::program(manifest).into(),
            manifest.sender.host.kernel.clone().into(),
            differs.unwrap_or_default().into(),
            remarks.join("; ").into(),
        ]);
    }
    table.without_constant(&["remarks"])
}

/// A section a path, with a chart for each of its cells.
fn paths(history: &History) -> Vec<Block> {
    let shown = shown(history);
    let left_out = history.tracks.len() - shown.len();
    let mut blocks = Vec::new();
    let mut last = None;
    for PathCharts { path, mut figure } in charts(history, shown) {
        figure.legend = legend(history);
        if last.as_ref() != Some(&path) {
            blocks.push(Block::section(path.clone()));
            blocks.extend(as_a_whole(history, &path));
            last = Some(path);
        }
        figure.caption = "Marks: medians with 95 % intervals. A run without the cell leaves a gap. The vertical axis does not \
                          begin at zero."
            .to_owned();
        blocks.push(Block::Figure(Box::new(figure)));
    }
    if left_out > 0 {
        blocks.push(Block::Paragraph(Text::marked(&format!(
            "{} are not drawn, so that a browser can show the page: those that changed come first. `copycost history \
             --format json` has all.",
            words::plural(left_out as u64, "cell")
        ))));
    }
    blocks
}

/// What changed of a path as a whole, above its charts.
fn as_a_whole(history: &History, path: &str) -> Option<Block> {
    let own = history.paths.iter().filter(|step| step.path == path && step.judged.judgement.is_difference());
    let said = |step: &PathStep| {
        let (by, judged) = (change(&step.judged.ratio), step.judged.judgement);
        format!("{by} ({judged}) in run {} by {}", number(step.run), step.measure.name)
    };
    let said: Vec<String> = own.map(said).collect();
    (!said.is_empty()).then(|| Block::says(format!("All of its cells together: {}.", said.join("; "))))
}

/// The tracks that are drawn: all, or of too many those that changed before others.
fn shown(history: &History) -> Vec<&Track> {
    let (changed, alike): (Vec<_>, Vec<_>) =
        history.tracks.iter().enumerate().partition(|(_, one)| one.has_changed());
    let mut shown: Vec<_> = changed.into_iter().chain(alike).take(MOST_CHARTS).collect();
    shown.sort_by_key(|(place, _)| *place);
    shown.into_iter().map(|(_, track)| track).collect()
}
