//! How throughput grows with the number of threads.

use super::draft::{Draft, Panels, some_of};
use super::{Kind, Outcome, axes, measure, style};
use crate::plot::{Axis, Curve, Panel, Point, QUIET, Series};
use crate::prose::words;
use crate::study::Subject;
use crate::style::Line;

pub(super) const KIND: Kind = Kind { name: "scaling-by-threads", title: "Scaling with threads", draw };

fn draw(draft: &Draft) -> Outcome {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let [fewest, .., most] = shape.threads[..] else {
        return draft.absent("the run has one number of threads");
    };
    let (sizes, remark) = some_of(&shape.sizes, |&size| words::bytes(size));
    let panels: Vec<(u64, Vec<Series>)> =
        sizes.into_iter().map(|size| (size, series(subject, condition, size, fewest))).collect();
    let values = measure::extent(panels.iter().map(|(_, series)| series));
    let y = axis(&format!("throughput over that with {}", words::threads(fewest)), &values);
    // As far as the panel shows it.
    let ideal_end = f64::from(most).min(y.high * f64::from(fewest));
    let ideal = vec![(f64::from(fewest), 1.0), (ideal_end, ideal_end / f64::from(fewest))];
    let mut drawn = Panels::default();
    drawn.remark(remark);
    for (size, series) in
        panels.into_iter().filter(|(_, series)| series.iter().any(|one| one.points.len() > 1))
    {
        let axes = Panel::new(words::bytes(size), axes::threads(&shape.threads), y.clone());
        let curves = vec![Curve { colour: QUIET, dashed: true, points: ideal.clone() }];
        drawn.push(&Panel { curves, series, ..axes });
    }
    if drawn.drawn.is_empty() {
        return draft.absent("no path went well with two numbers of threads at the same size");
    }
    let about = "Median over the blocks of the ratio within a block; dashed: in proportion to the threads.";
    draft.finish(drawn, about)
}

/// An axis around 1: from zero only where the values are far from it.
fn axis(title: &str, values: &[f64]) -> Axis {
    let most = values.iter().copied().fold(1.0, f64::max);
    let least = values.iter().copied().fold(1.0, f64::min);
    Axis::linear(title, if most < 2.5 { least * 0.95 } else { 0.0 }, most * 1.05)
}

fn series(subject: &Subject, condition: usize, size: u64, fewest: u32) -> Vec<Series> {
    let shape = &subject.conditions[condition];
    let series = |(place, path): (usize, &String)| {
        let base = subject.measured(condition, path, size, fewest);
        let trials = |&threads: &u32| {
            let row = subject.measured(condition, path, size, threads);
            let pairs = row
                .zip(base)
                .map(|(row, base)| subject.pairs(&row.cell, &base.cell, |trial| trial.throughput_gbps));
            pairs
                .unwrap_or_default()
                .into_iter()
                .map(move |(above, below)| (f64::from(threads), above / below))
        };
        let point = |&threads: &u32| {
            let row = subject.measured(condition, path, size, threads)?;
            let ratio = subject.paired(&row.cell, &base?.cell, |trial| trial.throughput_gbps).ratio;
            let says = format!(
                "{}, {}, {}: {} times the throughput with {}",
                Subject::name_of(&row.cell),
                words::bytes(size),
                words::threads(threads),
                words::estimate(&ratio),
                words::threads(fewest)
            );
            let interval = ratio.interval().filter(|_| threads != fewest);
            Some(Point { x: f64::from(threads), value: ratio.value?, interval, says, circled: false })
        };
        Series {
            style: style::of_path(path, place),
            points: shape.threads.iter().filter_map(point).collect(),
            trials: shape.threads.iter().filter(|&&threads| threads != fewest).flat_map(trials).collect(),
            line: Some(Line::Solid),
        }
    };
    shape.paths.iter().enumerate().map(series).collect()
}
