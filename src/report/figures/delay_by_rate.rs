//! Response time by the rate at which messages were to be sent: where it rises, and where the path does not hold the rate.

use super::draft::{Draft, Panels, some_of};
use super::measure::{self, Measure};
use super::{Kind, Outcome, style, times};
use crate::cell::Rate;
use crate::plot::{Axis, Band, Curve, Key, Panel, Point, QUIET, Series};
use crate::prose::words;
use crate::study::Subject;
use crate::style::Line;
use crate::tables::{DerivedRow, Flag};

pub(super) const KIND: Kind = Kind { name: "delay-by-rate", title: "Response time by rate", draw };

/// How many times the median response time at the lowest rate makes a knee.
const KNEE: f64 = 2.0;

fn draw(draft: &Draft) -> Outcome {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let rates = subject.rates(condition);
    if rates.len() < 2 {
        return draft.absent("its cells have one rate, or none");
    }
    let Some(x) = axis(subject, &rates) else {
        return draft.absent("some of its rates are shares of a path's own, and some are not");
    };
    let (sizes, remark) = some_of(&shape.sizes, |&size| words::bytes(size));
    let panels: Vec<(u64, Vec<PathByRate>)> = sizes
        .into_iter()
        .map(|size| {
            let path = |(place, path): (usize, &String)| PathByRate::of(draft, &rates, (place, path), size);
            (size, shape.paths.iter().enumerate().map(path).collect())
        })
        .collect();
    let mut values = measure::extent(panels.iter().map(|(_, paths)| paths.iter().map(|path| &path.median)));
    values.extend(
        panels.iter().flat_map(|(_, paths)| paths).flat_map(|path| path.high.points.iter().map(|p| p.1)),
    );
    let y = times::axis(Axis::values("", values), "µs", |unit| format!("response time ({unit})"));
    let mut drawn = Panels::marked("Marks: medians, with 95 % intervals.");
    drawn.remark(remark);
    for (size, paths) in panels {
        let axes = Panel::new(words::bytes(size), x.clone(), y.clone());
        let bands = paths.iter().filter_map(|path| path.beyond(x.high)).collect();
        let (series, curves) = paths.into_iter().map(|path| (path.median, path.high)).unzip();
        drawn.push(&Panel { bands, series, curves, ..axes });
    }
    if drawn.drawn.is_empty() {
        return draft.absent("no trial that went well has a median response time");
    }
    drawn.circle = Some(format!(
        "Circled: the knee, the first rate at which the median is more than {KNEE} times that at the lowest rate."
    ));
    drawn.keys.push(Key::curve("broken: 99th percentile", QUIET, true));
    let about = format!(
        "Median response time with {}. Shaded: rates that a path does not hold, the darker the more paths; the delay there is \
         that of a queue that grows.",
        words::threads(shape.threads[0])
    );
    draft.finish(drawn, &about)
}

/// Shares of a path's own throughput, or messages a second; absent where a run has both.
fn axis(subject: &Subject, rates: &[usize]) -> Option<Axis> {
    let all: Vec<Rate> =
        rates.iter().filter_map(|&place| subject.conditions[place].workload().rate).collect();
    let is_share = |rate: &Rate| matches!(rate, Rate::Percent(_));
    let labels: Vec<(f64, String)> = all.iter().map(|rate| (place_of(*rate), words::rate(*rate))).collect();
    if all.iter().all(is_share) {
        let high = labels.last()?.0 + 10.0;
        let title = "rate (share of what the same streams reach at full speed)";
        return Some(Axis { ticks: labels, ..Axis::linear(title, 0.0, high) });
    }
    let each = "rate of each stream (messages a second)";
    (!all.iter().any(is_share)).then(|| Axis::choices(each, &labels, 8))
}

fn place_of(rate: Rate) -> f64 {
    match rate {
        Rate::Percent(percent) => f64::from(percent),
        Rate::PerSecond(messages) => messages as f64,
    }
}

/// One path at one size, by rate.
struct PathByRate {
    median: Series,
    /// The 99th percentile.
    high: Curve,
    /// Each rate, and whether the path does not hold it.
    held: Vec<(f64, bool)>,
}

impl PathByRate {
    fn of(draft: &Draft, rates: &[usize], (place, path): (usize, &str), size: u64) -> Self {
        let subject = draft.subject;
        let threads = draft.shape().threads[0];
        let rows: Vec<(f64, &DerivedRow)> = rates
            .iter()
            .filter_map(|&condition| {
                let rate = subject.conditions[condition].workload().rate?;
                Some((place_of(rate), subject.measured(condition, path, size, threads)?))
            })
            .collect();
        let (p50, p99) = (percentile("response_p50_us"), percentile("response_p99_us"));
        let point = |(x, row): &(f64, &DerivedRow)| {
            let point = p50.point(row, *x)?;
            let beyond = if row.cell.flags.has(Flag::Beyond) { ", beyond the path" } else { "" };
            Some(Point { says: format!("{}{beyond}", point.says), ..point })
        };
        let mut points: Vec<_> = rows.iter().filter_map(point).collect();
        let lowest = points.first().map(|point| point.value);
        let knee = points.iter().position(|point| lowest.is_some_and(|lowest| point.value > KNEE * lowest));
        if let Some(knee) = knee {
            points[knee].circled = true;
        }
        let style = style::of_path(path, place);
        let high = |(x, row): &(f64, &DerivedRow)| Some((*x, p99.of_cell(row).value?));
        Self {
            median: Series { style, points, trials: Vec::new(), line: Some(Line::Solid) },
            high: Curve {
                colour: style.colour,
                dashed: true,
                points: rows.iter().filter_map(high).collect(),
            },
            held: rows.iter().map(|(x, row)| (*x, row.cell.flags.has(Flag::Beyond))).collect(),
        }
    }

    /// From halfway between the last rate that it holds and the first that it does not.
    fn beyond(&self, high: f64) -> Option<Band> {
        let first = self.held.iter().position(|(_, beyond)| *beyond)?;
        let before = first.checked_sub(1).map_or(0.0, |before| self.held[before].0);
        Some(Band { colour: QUIET, x: (f64::midpoint(before, self.held[first].0), high) })
    }
}

fn percentile(column: &str) -> Measure {
    Measure::of(column, "response time", "µs", 1.0)
}
