//! Each path's throughput over the baseline's: where the curves cross 1, one path overtakes the other.

use super::draft::{Draft, Panels, some_of};
use super::{Kind, Outcome, axes, measure, style};
use crate::plot::{Axis, Curve, Panel, Point, QUIET, Series};
use crate::prose::words;
use crate::study::Subject;
use crate::style::Line;

pub(super) const KIND: Kind =
    Kind { name: "ratio-by-size", title: "Throughput over the baseline's, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let (Some(baseline), [_, ..]) = (subject.baseline(condition), &subject.rivals(condition)[..]) else {
        return draft.absent("the run has one send path, so there is nothing to compare");
    };
    let (threads, remark) = some_of(&shape.threads, |&count| words::threads(count));
    let panels: Vec<(u32, Vec<Series>)> =
        threads.into_iter().map(|count| (count, series(subject, condition, baseline, count))).collect();
    let values = measure::extent(panels.iter().map(|(_, series)| series));
    let y = Axis::values(&format!("throughput over {baseline}'s"), values.into_iter().chain([1.0]));
    let one = shape.sizes.iter().map(|&size| (size as f64, 1.0)).collect::<Vec<_>>();
    let mut drawn = Panels::default();
    drawn.remark(remark);
    for (count, series) in panels {
        let axes = Panel::new(words::threads(count), axes::sizes(&shape.sizes), y.clone());
        let curves = vec![Curve { colour: QUIET, dashed: true, points: one.clone() }];
        drawn.push(&Panel { curves, series, ..axes });
    }
    if drawn.drawn.is_empty() {
        return draft.absent(format!("no path and {baseline} went well in the same cell"));
    }
    let about = format!(
        "Ratios within the blocks (Hodges and Lehmann); dashed: {}, the baseline.",
        subject.name(condition, baseline)
    );
    draft.finish(drawn, &about)
}

fn series(subject: &Subject, condition: usize, baseline: &str, threads: u32) -> Vec<Series> {
    let shape = &subject.conditions[condition];
    let setting = shape.setting(threads);
    let series = |(place, path): (usize, &String)| {
        let rows = shape.sizes.iter().filter_map(|&size| {
            let row = subject.ratio(&setting, size, path, baseline)?;
            Some((size, row, subject.measured(condition, path, size, threads)?))
        });
        let mut points = Vec::new();
        let mut trials = Vec::new();
        for (size, row, above) in rows {
            let says = format!(
                "{}, {}, {}: {} ({})",
                Subject::name_of(&above.cell),
                words::bytes(size),
                words::threads(threads),
                words::ratio(&row.ratio),
                row.difference
            );
            let x = size as f64;
            points.extend(row.ratio.value.map(|value| Point {
                x,
                value,
                interval: row.ratio.interval(),
                says,
                circled: measure::is_held_back_elsewhere(&above.cell),
            }));
            if let Some(below) =
                subject.measured(condition, baseline, size, threads).filter(|_| row.blocks > 1)
            {
                let pairs = subject.pairs(&above.cell, &below.cell, |trial| trial.throughput_gbps);
                trials.extend(pairs.into_iter().map(|(above, below)| (x, above / below)));
            }
        }
        Series { style: style::of_path(path, place), points, trials, line: Some(Line::Solid) }
    };
    let mut all: Vec<Series> = shape.paths.iter().enumerate().map(series).collect();
    measure::thin(&mut all);
    all
}
