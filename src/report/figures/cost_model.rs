//! The cost model with its data: time of a message = fixed + per byte × size.

use super::draft::{Draft, Panels, some_of};
use super::measure::{self, Measure};
use super::{Kind, Outcome, axes, style};
use crate::plot::{Band, Curve, Panel, Series};
use crate::prose::words;
use crate::study::Subject;
use crate::tables::CostRow;

/// Bands for the predicted crossovers of more paths than this would hide each other.
const MOST_BANDS: usize = 3;

pub(super) const KIND: Kind =
    Kind { name: "cost-model", title: "Cost model: time of a message in a stream", draw };

fn draw(draft: &Draft) -> Outcome {
    let &Draft { subject, condition, .. } = draft;
    let shape = draft.shape();
    let (threads, remark) = some_of(&shape.threads, |&count| words::threads(count));
    let modelled = |threads: u32| {
        let setting = shape.setting(threads);
        subject.tables.cost_model.iter().any(|row| row.setting == setting)
    };
    if !threads.iter().any(|&count| modelled(count)) {
        let why = "a line needs two message sizes, and no path has them at one number of threads";
        return draft.absent(draft.why_no_receive_time(why));
    }
    let counts = threads.clone();
    let measure = Measure::of("mean_recv_us", "time of a message", "ns", 1000.0);
    let data: Vec<(u32, Vec<Series>)> = threads
        .into_iter()
        .map(|count| {
            let mut series = measure.by_size(subject, condition, count);
            series.iter_mut().for_each(|one| one.line = None);
            (count, series)
        })
        .collect();
    let y = measure.axis(measure::extent(data.iter().map(|(_, series)| series)));
    let mut panels = Panels::default();
    panels.remark(remark);
    let mut any_band = false;
    for (count, series) in data {
        let bands = bands(subject, condition, count);
        any_band |= !bands.is_empty();
        let curves = curves(subject, condition, count);
        let axes = Panel::new(words::threads(count), axes::sizes(&shape.sizes), y.clone());
        panels.push(&Panel { bands, curves, series, dodge: 6.0, ..axes });
    }
    panels.remark(missed(draft, &counts));
    let shaded =
        " Shaded, in the colour of a path: the sizes among which the model has it overtake the baseline.";
    draft.finish(panels, &format!("Lines: the model.{}", if any_band { shaded } else { "" }))
}

/// What is to be said of the lines that miss their points: of each path the worst; nothing where all meet them.
fn missed(draft: &Draft, threads: &[u32]) -> Option<String> {
    let (shape, rows) = (draft.shape(), &draft.subject.tables.cost_model);
    let worst = |path: &String| {
        let of_path = |row: &&CostRow| {
            row.path == *path && threads.iter().any(|&count| row.setting == shape.setting(count))
        };
        let error = rows.iter().filter(of_path).filter_map(CostRow::miss).reduce(f64::max)?;
        Some(format!("of {} by up to {}", draft.subject.name(draft.condition, path), words::percent(error)))
    };
    let missed: Vec<String> = shape.paths.iter().filter_map(worst).collect();
    (!missed.is_empty()).then(|| {
        format!(
            "Broken: the line misses its points, {}: such a cost is not linear in the size.",
            words::list(&missed)
        )
    })
}

/// The models' lines: curves, where an axis is logarithmic.
fn curves(subject: &Subject, condition: usize, threads: u32) -> Vec<Curve> {
    let shape = &subject.conditions[condition];
    let setting = shape.setting(threads);
    let mut curves = Vec::new();
    for row in subject.tables.cost_model.iter().filter(|row| row.setting == setting) {
        let place = shape.paths.iter().position(|path| *path == row.path).unwrap_or_default();
        let (Some(fixed), Some(per_kib)) = (row.fixed_ns.value, row.per_kib_ns.value) else { continue };
        let (low, high) = (row.smallest_bytes as f64, row.largest_bytes as f64);
        let at = |step: u32| low * (high / low).powf(f64::from(step) / 48.0);
        let point = |bytes: f64| (bytes, fixed + per_kib * bytes / 1024.0);
        let points = (0..=48).map(|step| point(at(step))).filter(|(_, time)| *time > 0.0).collect();
        let dashed = row.miss().is_some();
        curves.push(Curve { colour: style::of_path(&row.path, place).colour, dashed, points });
    }
    curves
}

/// Where the model has a path overtake the baseline.
fn bands(subject: &Subject, condition: usize, threads: u32) -> Vec<Band> {
    let shape = &subject.conditions[condition];
    let setting = shape.setting(threads);
    let (Some(baseline), rivals) = (subject.baseline(condition), subject.rivals(condition)) else {
        return Vec::new();
    };
    if rivals.len() > MOST_BANDS {
        return Vec::new();
    }
    let (smallest, largest) = (shape.sizes[0] as f64, shape.largest() as f64);
    let band = |path: &str| {
        let row = subject.crossover(&setting, path, baseline)?;
        let x = (row.predicted_low?.max(smallest), row.predicted_high?.min(largest));
        let place = shape.paths.iter().position(|one| one == path).unwrap_or_default();
        (x.0 < x.1).then(|| Band { colour: style::of_path(path, place).colour, x })
    };
    rivals.into_iter().filter_map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Trial;
    use crate::simulate::{Noise, PathCost, Simulation};
    use crate::study::Subject;
    use crate::tables::Tables;

    /// The caption, and how many lines are broken, where a message of 1 KiB takes so many times as long as the others
    /// let expect.
    fn drawn(times: f64) -> (String, usize) {
        let simulation = Simulation {
            paths: vec![PathCost::new("two-copy", 900.0, 200.0), PathCost::new("one-copy", 1400.0, 150.0)],
            threads: vec![1],
            noise: Noise::NONE,
            ..Simulation::default()
        };
        let mut run = simulation.run();
        let far = |trial: &&mut Trial| trial.send_path == "one-copy" && trial.message_bytes == 1 << 10;
        for trial in run.trials.iter_mut().filter(far) {
            trial.mean_recv_us = trial.mean_recv_us.map(|time| time * times);
        }
        let tables = Tables::of(&run);
        let subject = Subject::new(&run, &tables);
        let draft = Draft { subject: &subject, condition: 0, file: KIND.name, title: KIND.title };
        let Outcome::Drawn(figure) = draw(&draft) else { panic!("it was not drawn") };
        (figure.caption.clone(), figure.panels[0].body.matches("stroke-dasharray").count())
    }

    #[test]
    fn a_line_that_misses_its_points_is_broken_and_the_caption_says_by_how_much() {
        let (caption, broken) = drawn(1.0);
        assert!(broken == 0 && !caption.contains("misses"), "{caption}");
        let (caption, broken) = drawn(2.0);
        let says = "Broken: the line misses its points, of one-copy by up to 51 %: such a cost is not linear in the size.";
        assert!(broken == 1 && caption.contains(says), "{broken} {caption}");
    }
}
