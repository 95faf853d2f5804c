//! The charts of a history: one a cell, those of a path together.

use std::collections::BTreeSet;

use super::{History, Track, TrackPoint, number};
use crate::compare::text::{change, interval};
use crate::compare::{Judged, Judgement};
use crate::plot::{Axis, Curve, Figure, Key, Panel, Point, QUIET, Series};
use crate::prose::words;
use crate::record::manifest::Basis;
use crate::report::figures::measure::Measure;
use crate::study::Condition;
use crate::style::{GREEN, GREY, Marker, Style, VERMILLION};
use crate::tables::{Better, CellRow, Metric, THROUGHPUT};

/// Runs that have a label on an axis, at most.
const MOST_LABELS: usize = 12;
/// By how much the vertical axis reaches at least beyond the middle of the figures, a share: less is noise.
const LEAST_REACH: f64 = 0.1;

const ALIKE: Style = Style { colour: GREY, marker: Marker::Disc };

/// The charts of one send path in one condition by one metric.
pub(super) struct PathCharts {
    /// The send path.
    pub(super) path: String,
    /// Its charts.
    pub(super) figure: Figure,
}

/// What sets the charts of one figure apart from those of another.
#[derive(PartialEq)]
struct Group {
    path: String,
    condition: String,
    measure: &'static str,
    basis: Basis,
}

impl Group {
    fn of(track: &Track) -> Self {
        let condition = Condition::of(&CellRow::new(&track.cell));
        let rate = condition.rate().map(|rate| format!(", {rate}")).unwrap_or_default();
        Self {
            path: track.cell.send_path.clone(),
            condition: format!("{}{rate}", condition.words()),
            measure: track.measure.name,
            basis: track.basis,
        }
    }

    fn title(&self) -> String {
        let clock = match self.basis {
            Basis::Hardware => "",
            Basis::Emulator => ", on an emulator",
            Basis::Instructions => ", instructions counted",
        };
        format!("{} over {}, {}{clock}", self.path, self.condition, self.measure)
    }
}

/// The charts of some tracks, in their order, those of each path together.
pub(super) fn charts<'a>(history: &History, tracks: impl IntoIterator<Item = &'a Track>) -> Vec<PathCharts> {
    let mut groups: Vec<(Group, Vec<&Track>)> = Vec::new();
    for track in tracks {
        let group = Group::of(track);
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, tracks)) => tracks.push(track),
            None => groups.push((group, vec![track])),
        }
    }
    let mut paths: Vec<String> = Vec::new();
    for (group, _) in &groups {
        if !paths.contains(&group.path) {
            paths.push(group.path.clone());
        }
    }
    groups.sort_by_key(|(group, _)| paths.iter().position(|path| *path == group.path));
    let figure = |(place, (group, tracks)): (usize, (Group, Vec<&Track>))| PathCharts {
        figure: Figure {
            name: format!("history-{}", place + 1),
            title: group.title(),
            caption: String::new(),
            // The page has a table of all runs.
            source: String::new(),
            columns: 3,
            panels: tracks.iter().map(|track| panel(history, track).draw()).collect(),
            legend: Vec::new(),
        },
        path: group.path,
    };
    groups.into_iter().enumerate().map(figure).collect()
}

/// The legend of all charts.
pub(super) fn legend(history: &History) -> Vec<Key> {
    let judgements =
        |better: Better| [Judgement::Better, Judgement::Worse].map(|judgement| (judgement, better));
    let mut keys = vec![Key::series("no change beyond the noise", ALIKE)];
    let ways: BTreeSet<bool> =
        history.tracks.iter().map(|one| one.measure.better == Better::Higher).collect();
    for higher in ways {
        let better = if higher { Better::Higher } else { Better::Lower };
        keys.extend(judgements(better).map(|(judgement, better)| {
            let rises = (judgement == Judgement::Better) == (better == Better::Higher);
            let way = if rises { "rose" } else { "fell" };
            Key::series(format!("{way}, {judgement} than in the run before"), changed(judgement, rises))
        }));
    }
    if (0..history.runs.len()).any(|run| history.is_on_another_machine(run)) {
        keys.push(Key::curve("another host or kernel from here on", QUIET, true));
    }
    keys
}

/// How a change is marked: the shape says which way the figure went, the colour whether that is better.
fn changed(judgement: Judgement, rises: bool) -> Style {
    let colour = if judgement == Judgement::Better { GREEN } else { VERMILLION };
    Style { colour, marker: if rises { Marker::Up } else { Marker::Down } }
}

fn style(judged: Option<&Judged>) -> Style {
    match judged.filter(|judged| judged.judgement.is_difference()) {
        Some(judged) => changed(judged.judgement, judged.ratio.value.is_some_and(|ratio| ratio > 1.0)),
        None => ALIKE,
    }
}

fn panel(history: &History, track: &Track) -> Panel {
    let drawn: Vec<(&TrackPoint, f64)> =
        track.points.iter().filter_map(|point| Some((point, point.figure.estimate.value?))).collect();
    let y = vertical(track.measure, &drawn);
    let machines = (0..history.runs.len()).filter(|&run| history.is_on_another_machine(run)).map(|run| {
        let x = run as f64 - 0.5;
        Curve { colour: QUIET, dashed: true, points: vec![(x, y.low), (x, y.high)] }
    });
    let curves = stretches(&drawn).into_iter().chain(machines).collect();
    // A series a point: the marks differ, and a reader who goes by keys meets them from left to right.
    let series = drawn.iter().map(|&(point, value)| Series {
        style: style(point.change.as_ref().map(|change| &change.judged)),
        points: vec![mark(history, track, point, value)],
        trials: Vec::new(),
        line: None,
    });
    let cell = &track.cell;
    let title = format!("{}, {}", words::bytes(cell.message_bytes), words::threads(cell.threads));
    Panel {
        series: series.collect(),
        curves,
        // All stand where their run stands.
        dodge: 0.0,
        ..Panel::new(title, horizontal(history.runs.len()), y)
    }
}

/// The lines between runs that follow one another; a run without the cell leaves a gap.
fn stretches(drawn: &[(&TrackPoint, f64)]) -> Vec<Curve> {
    let follow = |one: &(&TrackPoint, f64), next: &(&TrackPoint, f64)| one.0.run + 1 == next.0.run;
    let stretches = drawn.chunk_by(follow).filter(|stretch| stretch.len() > 1);
    let place = |&(point, value): &(&TrackPoint, f64)| (point.run as f64, value);
    let curve = |stretch: &[(&TrackPoint, f64)]| Curve {
        colour: GREY,
        dashed: false,
        points: stretch.iter().map(place).collect(),
    };
    stretches.map(curve).collect()
}

fn mark(history: &History, track: &Track, point: &TrackPoint, value: f64) -> Point {
    let figure = &point.figure;
    let mut says = format!(
        "run {}, {}: {} {}, {}",
        number(point.run),
        history.runs[point.run].name,
        words::estimate(&figure.estimate),
        track.measure.unit,
        words::plural(figure.trials, "trial"),
    );
    if let Some(step) = &point.change {
        let (judged, before) = (&step.judged, track.points[step.before].run);
        let ends = Some(interval(&judged.ratio)).filter(|ends| !ends.is_empty());
        let ends = ends.map(|ends| format!(" ({ends})")).unwrap_or_default();
        says +=
            &format!("; {}{ends} since run {}: {}", change(&judged.ratio), number(before), judged.judgement);
        let differences = history.differences(before, point.run);
        if !differences.is_empty() {
            says += &format!("; {}", super::facts::clause(differences));
        }
    }
    let is_change = point.change.as_ref().is_some_and(|step| step.judged.judgement.is_difference());
    let ends = figure.estimate.interval();
    Point { x: point.run as f64, value, interval: ends, says, circled: is_change }
}

/// The runs by their numbers, as many as there is room for.
fn horizontal(runs: usize) -> Axis {
    let names: Vec<String> = (0..runs).map(number).collect();
    let mut axis = Axis::names("run", &names);
    let every = runs.div_ceil(MOST_LABELS).max(1);
    // Counted from the last, which readers look for first.
    axis.ticks = axis.ticks.into_iter().rev().step_by(every).collect();
    axis.ticks.reverse();
    axis
}

/// An axis that holds all figures, and does not begin at zero: what matters here is a few per cent.
fn vertical(measure: &'static Metric, drawn: &[(&TrackPoint, f64)]) -> Axis {
    let shown =
        if measure.name == THROUGHPUT.name { Measure::THROUGHPUT } else { Measure::of_metric(measure) };
    let mut values: Vec<f64> = drawn.iter().map(|&(_, value)| value).collect();
    for (point, value) in drawn {
        // An interval of few trials may reach far beyond all of them: the axis cuts it there.
        let ends = point.figure.estimate.interval();
        values.extend(
            ends.into_iter().flat_map(|ends| [ends.low.max(value / 1.5), ends.high.min(value * 1.5)]),
        );
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = f64::midpoint(least, most);
    let reach = (0.6 * (most - least)).max(LEAST_REACH * middle);
    if least <= 0.0 || most > 10.0 * least {
        return shown.axis(values);
    }
    shown.axis_between((middle - reach).max(0.0), middle + reach)
}
