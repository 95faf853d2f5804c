//! The measured delay beside the mean receive time, which studies have called latency.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome, style, times};
use crate::plot::{Axis, Curve, Key, Panel, Point, QUIET, Series};
use crate::tables::{DerivedRow, metric};

pub(super) const KIND: Kind =
    Kind { name: "delay-beside-receive-time", title: "Measured delay beside mean receive time", draw };

fn draw(draft: &Draft) -> Outcome {
    let panels: Vec<(&str, Vec<Series>)> = [("response_p50_us", "p50"), ("response_p99_us", "p99")]
        .into_iter()
        .map(|(column, name)| (name, series(draft, &Measure::of(column, "response time", "µs", 1.0))))
        .collect();
    let points = || panels.iter().flat_map(|(_, all)| all).flat_map(|one| &one.points);
    if points().next().is_none() {
        return draft.absent("no trial that went well has a response time");
    }
    let axis =
        |values: Vec<f64>, title: fn(&str) -> String| times::axis(Axis::values("", values), "µs", title);
    let x = axis(points().map(|point| point.x).collect(), |unit| {
        format!("mean receive time ({unit}): window over messages")
    });
    let y = axis(points().map(|point| point.value).collect(), |unit| format!("response time ({unit})"));
    let (low, high) = (x.low.max(y.low), x.high.min(y.high));
    // A line of two corners would not be straight where one axis is logarithmic.
    let equal: Vec<_> = (0..=48).map(|step| low + (high - low) * (f64::from(step) / 48.0).powi(4)).collect();
    let equal = equal.into_iter().map(|time| (time, time)).collect();
    let equal = Curve { colour: QUIET, dashed: true, points: equal };
    let mut drawn = Panels::marked("Marks: medians over the trials.");
    for (name, series) in panels {
        let curves = if low < high { vec![equal.clone()] } else { Vec::new() };
        let axes = Panel::new(format!("response time, {name}"), x.clone(), y.clone());
        drawn.push(&Panel { curves, series, dodge: 0.0, ..axes });
    }
    drawn.keys.push(Key::curve("equal", QUIET, true));
    let about = "A mark for each cell of a path: every size, number of threads and rate. What studies have called latency is \
                 the window over the messages that a stream received, the inverse of its rate and no delay: at 5,000 \
                 messages a second it is 200 µs, whatever the delay.";
    let closed = " Here each message waits for an earlier answer, so it is the mean of the response times over the messages \
                  in flight, which a few long ones can decide.";
    draft.finish(drawn, &format!("{about}{}", if draft.rate().is_empty() { closed } else { "" }))
}

/// A series a path: all its cells, whatever their size, threads and rate.
fn series(draft: &Draft, delay: &Measure) -> Vec<Series> {
    let &Draft { subject, condition, .. } = draft;
    let receive_time = metric("mean_recv_us").expect("a column of derived.csv");
    let conditions: Vec<_> =
        subject.rates(condition).iter().map(|&place| &subject.conditions[place]).collect();
    let of_path = |(place, path): (usize, &String)| {
        let is_its = |row: &&DerivedRow| {
            row.cell.send_path == *path && conditions.iter().any(|condition| condition.holds(&row.cell))
        };
        let point = |row: &DerivedRow| {
            let point = delay.point(row, (receive_time.at)(row).value?)?;
            Some(Point { interval: None, ..point })
        };
        let points = subject.tables.derived.iter().filter(is_its).filter_map(point).collect();
        Series { style: style::of_path(path, place), points, trials: Vec::new(), line: None }
    };
    draft.shape().paths.iter().enumerate().map(of_path).collect()
}
