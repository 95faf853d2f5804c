//! The distribution of response times: the delay by the share of messages that took longer, up to the rarest that ten
//! messages speak for.

use super::draft::{Draft, Panels, some_of};
use super::{Kind, Outcome, style, times};
use crate::histogram::{Delays, LEAST_ABOVE};
use crate::plot::{Area, Axis, Curve, Panel, Point, Series};
use crate::prose::words;
use crate::stats::Interval;
use crate::style::Style;

pub(super) const KIND: Kind =
    Kind { name: "delay-distribution", title: "Distribution of response times", draw };

/// Marked rarities (one message in so many takes longer), and their names.
const MARKED: [(f64, &str); 7] = [
    (2.0, "50 %"),
    (10.0, "90 %"),
    (100.0, "99 %"),
    (1e3, "99.9 %"),
    (1e4, "99.99 %"),
    (1e5, "99.999 %"),
    (1e6, "99.9999 %"),
];
/// Points of a line in each decade of rarity.
const FINE: f64 = 40.0;

fn draw(draft: &Draft) -> Outcome {
    let shape = draft.shape();
    let (sizes, remark) = some_of(&shape.sizes, |&size| words::bytes(size));
    let lines: Vec<(u64, Vec<Line>)> = sizes.into_iter().map(|size| (size, of_size(draft, size))).collect();
    let all = || lines.iter().flat_map(|(_, lines)| lines);
    let Some(rarest) = all().map(|line| line.all.rarest()).reduce(f64::max) else {
        return draft.absent("latency.hlog has no distribution of its trials");
    };
    let ticks: Vec<_> = MARKED
        .into_iter()
        .filter(|(rarity, _)| *rarity <= rarest)
        .map(|(rarity, name)| (rarity, name.to_owned()))
        .collect();
    let x = Axis {
        low: 0.9,
        high: rarest.max(2.0) * 1.1,
        ..Axis::choices("share of messages that took at most so long", &ticks, 8)
    };
    let delays = || all().flat_map(|line| line.curve.iter().map(|point| point.1).chain(line.extremes()));
    let (least, most) = (delays().fold(f64::INFINITY, f64::min), delays().fold(0.0, f64::max));
    let y = times::axis(Axis::logarithmic("", least, most), "µs", |unit| format!("response time ({unit})"));
    let mut panels = Panels::marked("Marks: the shares that the axis names.");
    panels.remark(remark);
    for (size, lines) in lines {
        let curve =
            |line: &Line| Curve { colour: line.style.colour, dashed: false, points: line.curve.clone() };
        let area = |line: &Line| Area { colour: line.style.colour, edges: line.trials.clone() };
        let (curves, areas) = (lines.iter().map(curve).collect(), lines.iter().map(area).collect());
        // A path without data keeps its empty place.
        let series = shape.paths.iter().enumerate().map(|(place, path)| {
            let line = lines.iter().find(|line| line.place == place);
            let points = line.map(Line::points).unwrap_or_default();
            Series { style: style::of_path(path, place), points, trials: Vec::new(), line: None }
        });
        let axes = Panel::new(words::bytes(size), x.clone(), y.clone());
        panels.push(&Panel { areas, curves, series: series.collect(), dodge: 0.0, ..axes });
    }
    let about = format!(
        "{}Lines: the messages of all trials together, with {}; shaded: from the least to the greatest of the single trials. \
         A line ends where fewer than {LEAST_ABOVE} messages took longer.",
        draft.rate(),
        words::threads(shape.threads[0])
    );
    draft.finish(panels, &about)
}

/// One path's distribution.
struct Line {
    place: usize,
    name: String,
    style: Style,
    all: Distribution,
    /// Rarity and delay.
    curve: Vec<(f64, f64)>,
    /// Rarity, and the least and the greatest delay of the trials that reach that far; empty with one trial.
    trials: Vec<(f64, f64, f64)>,
}

fn of_size(draft: &Draft, size: u64) -> Vec<Line> {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let line = |(place, path): (usize, &String)| {
        let row = subject.measured(condition, path, size, *shape.threads.first()?)?;
        let trials = subject.distributions(&row.cell);
        let all = Distribution::of(&Delays::sum(trials.iter().cloned().map(Ok)).ok()??);
        let trials: Vec<Distribution> = trials.iter().map(Distribution::of).collect();
        let steps = (all.rarest().log10() * FINE).floor() as u32;
        let rarities = (0..=steps).map(|step| 10_f64.powf(f64::from(step) / FINE));
        let curve = rarities.clone().filter_map(|rarity| Some((rarity, all.at(rarity)?))).collect();
        let edges = rarities.map_while(|rarity| {
            let (low, high) = ends(&trials, rarity).filter(|_| trials.len() > 1)?;
            Some((rarity, low, high))
        });
        let name = crate::study::Subject::name_of(&row.cell);
        Some(Line { place, name, style: style::of_path(path, place), trials: edges.collect(), curve, all })
    };
    shape.paths.iter().enumerate().filter_map(line).collect()
}

/// The least and the greatest delay of trials at a rarity that all of them reach.
fn ends(trials: &[Distribution], rarity: f64) -> Option<(f64, f64)> {
    let delays: Vec<f64> = trials.iter().map(|trial| trial.at(rarity)).collect::<Option<_>>()?;
    Some((delays.iter().copied().reduce(f64::min)?, delays.iter().copied().reduce(f64::max)?))
}

impl Line {
    fn extremes(&self) -> impl Iterator<Item = f64> {
        self.trials.iter().flat_map(|&(_, low, high)| [low, high])
    }

    /// The marked shares.
    fn points(&self) -> Vec<Point> {
        let point = |(rarity, share): (f64, &str)| {
            let value = self.all.at(rarity)?;
            let near = |edge: &&(f64, f64, f64)| (edge.0 / rarity - 1.0).abs() < 0.03;
            let trials = self.trials.iter().find(near).map(|&(_, low, high)| Interval { low, high });
            let ends = trials.map(|ends| format!(", single trials {}", words::interval(ends)));
            let says = format!(
                "{}: {share} of {} within {} µs{}",
                self.name,
                words::plural(self.all.count, "message"),
                words::number(value),
                ends.unwrap_or_default()
            );
            Some(Point { x: rarity, value, interval: None, says, circled: false })
        };
        MARKED.into_iter().filter_map(point).collect()
    }
}

/// How many messages took longer than each delay.
struct Distribution {
    /// Share of the messages that took longer, and the delay, from the shortest.
    slots: Vec<(f64, f64)>,
    count: u64,
}

impl Distribution {
    fn of(delays: &Delays) -> Self {
        Self { slots: delays.points().collect(), count: delays.count() }
    }

    /// The rarity that ten messages speak for.
    fn rarest(&self) -> f64 {
        self.count as f64 / LEAST_ABOVE as f64
    }

    /// The delay that all but one message in so many had at most; absent beyond the rarest.
    fn at(&self, rarity: f64) -> Option<f64> {
        let slot = self.slots.partition_point(|(above, _)| *above > 1.0 / rarity * (1.0 + 1e-9));
        let known = rarity <= self.rarest();
        self.slots.get(slot).filter(|_| known).map(|(_, delay)| *delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_told_as_far_as_ten_messages_speak_for_it() {
        let mut delays = Delays::new(1);
        (1..=1000).for_each(|number| delays.record(number * 1000));
        let found = Distribution::of(&delays);
        let near = |rarity: f64, delay: f64| (found.at(rarity).unwrap() / delay - 1.0).abs() < 0.01;
        assert!(near(1.0, 1.0) && near(2.0, 500.0) && near(10.0, 900.0) && near(100.0, 990.0));
        assert_eq!(found.at(101.0), None);
        let trials = [found, Distribution::of(&Delays::new(1))];
        assert_eq!(ends(&trials, 2.0), None, "a trial without messages reaches no rarity");
        assert!(ends(&trials[..1], 2.0).is_some());
    }
}
