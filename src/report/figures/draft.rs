//! A figure in the making: what all figures of a condition have in common.

use std::collections::BTreeSet;

use super::bounds::Bounds;
use super::measure::{self, Measure};
use super::{Outcome, axes, source, style};
use crate::cell::Wire;
use crate::plot::{Axis, Curve, Drawing, Figure, Key, Panel, Series};
use crate::prose::words;
use crate::record::Roofline;
use crate::study::{Condition, Subject};

/// Panels that a figure has at most.
const MOST_PANELS: usize = 6;

/// A figure in the making.
pub(super) struct Draft<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) condition: usize,
    /// Name of its files, without what sets the condition apart.
    pub(super) file: &'static str,
    /// What it shows.
    pub(super) title: &'static str,
}

/// Panels in the making.
#[derive(Default)]
pub(super) struct Panels {
    pub(super) drawn: Vec<Drawing>,
    /// Places of the paths that have a point in one of them, for the legend.
    used: BTreeSet<usize>,
    /// What the legend names besides the paths.
    pub(super) keys: Vec<Key>,
    /// What the caption must say of them.
    remarks: Vec<String>,
    /// Panels that stand side by side; 0: as it fits.
    pub(super) columns: usize,
    /// What the marks are; of none, medians with the trials behind them.
    marks: Option<&'static str>,
    /// What the circle around a point means; of none, what held its cell back.
    pub(super) circle: Option<String>,
    /// Whether a point is circled.
    circled: bool,
}

impl Panels {
    /// None yet, of which so many are to stand side by side.
    pub(super) fn side_by_side(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// None yet, with marks that mean this.
    pub(super) fn marked(marks: &'static str) -> Self {
        Self { marks: Some(marks), ..Self::default() }
    }

    /// Draws a panel whose series are the condition's paths; one without data is left out.
    pub(super) fn push(&mut self, panel: &Panel) {
        let with_data = |(place, series): (usize, &Series)| (!series.points.is_empty()).then_some(place);
        let used: Vec<usize> = panel.series.iter().enumerate().filter_map(with_data).collect();
        if !used.is_empty() {
            self.used.extend(used);
            self.circled |= panel.series.iter().flat_map(|series| &series.points).any(|point| point.circled);
            self.drawn.push(panel.draw());
        }
    }

    /// Draws panels with the same axes; `more` are values that the vertical one must hold as well.
    fn push_alike(
        &mut self,
        panels: Vec<(String, Vec<Series>, Vec<Curve>)>,
        x: &Axis,
        measure: &Measure,
        more: impl Iterator<Item = f64>,
    ) {
        let mut values = measure::extent(panels.iter().map(|(_, series, _)| series));
        values.extend(more);
        let y = measure.axis(values);
        for (title, series, curves) in panels {
            self.push(&Panel { series, curves, ..Panel::new(title, x.clone(), y.clone()) });
        }
    }

    /// Adds a remark once.
    pub(super) fn remark(&mut self, remark: Option<String>) {
        self.remarks.extend(remark.filter(|remark| !self.remarks.contains(remark)));
    }
}

impl Draft<'_, '_> {
    pub(super) fn shape(&self) -> &Condition {
        &self.subject.conditions[self.condition]
    }

    /// The rate that the figure shows, as a sentence; empty where none is given.
    pub(super) fn rate(&self) -> String {
        self.shape().rate().map(|rate| format!("At {rate}. ")).unwrap_or_default()
    }

    fn title(&self) -> String {
        format!("{} ({})", self.title, self.shape().words())
    }

    /// Why there is no time that a message takes to be received, or another reason where somebody receives.
    pub(super) fn why_no_receive_time(&self, otherwise: &'static str) -> &'static str {
        if self.shape().wire == Wire::Sink { "nobody receives on a sink" } else { otherwise }
    }

    pub(super) fn absent(&self, why: impl Into<String>) -> Outcome {
        Outcome::Absent { title: self.title(), why: why.into() }
    }

    /// A sentence in the figure's place.
    pub(super) fn said(&self, says: String) -> Outcome {
        Outcome::Said { title: self.title(), says }
    }

    /// The figure, its caption made of what is special about it and of what all captions say.
    pub(super) fn finish(&self, panels: Panels, about: &str) -> Outcome {
        let several = self.subject.conditions.len() > 1;
        let slug = several.then(|| format!("-{}", self.shape().slug()));
        let mut caption = vec![about.to_owned()];
        // What is drawn of no path's trials has no marks to explain.
        let marks = panels.marks.unwrap_or_else(|| self.marks()).to_owned();
        caption.extend((!panels.used.is_empty()).then_some(marks));
        let circled =
            "Circled: not the sender but the receiver, the wire or neither end alone held the cell back.";
        let circle = panels.circle.unwrap_or_else(|| circled.to_owned());
        caption.extend(panels.circled.then_some(circle));
        caption.extend(panels.remarks);
        caption.retain(|part| !part.is_empty());
        let columns = match (panels.columns, panels.drawn.len()) {
            (0, 4) => 2,
            (0, many) => many.clamp(1, 3),
            (set, _) => set.clamp(1, 3),
        };
        Outcome::Drawn(Box::new(Figure {
            name: format!("{}{}", self.file, slug.unwrap_or_default()),
            title: self.title(),
            caption: caption.join(" "),
            columns,
            panels: panels.drawn,
            legend: self.paths(&panels.used).chain(panels.keys).collect(),
            source: source::of(&self.subject.run.manifest),
        }))
    }

    fn marks(&self) -> &'static str {
        let cells = || self.subject.tables.cells.iter().filter(|cell| self.shape().holds(cell));
        if cells().any(|cell| cell.trials > 1) {
            "Marks: medians, with 95 % intervals where a cell has several trials; faint: single trials."
        } else {
            "One trial per cell, so there are no intervals."
        }
    }

    /// The legend's entries of the paths that are used.
    fn paths(&self, used: &BTreeSet<usize>) -> impl Iterator<Item = Key> {
        let paths = self.shape().paths.iter().enumerate().filter(|(place, _)| used.contains(place));
        paths.map(|(place, path)| {
            Key::series(self.subject.name(self.condition, path), style::of_path(path, place))
        })
    }

    /// A figure of one measure by message size, or the reason why there is none.
    pub(super) fn measure_by_size(
        &self,
        measure: &Measure,
        about: &str,
        why_not: impl FnOnce() -> String,
    ) -> Outcome {
        self.bounded(measure, about, |_| None, why_not)
    }

    /// The same, with what `bound` reads of the memory roofline drawn into it.
    pub(super) fn bounded(
        &self,
        measure: &Measure,
        about: &str,
        bound: fn(&Roofline) -> Option<f64>,
        why_not: impl FnOnce() -> String,
    ) -> Outcome {
        if !measure.is_measured(self.subject, self.condition) {
            return self.absent(why_not());
        }
        let mut panels = Panels::default();
        let bounds = Bounds::new(self.subject, self.condition, measure, bound);
        self.bounded_by_size(&mut panels, measure, "", &bounds);
        let lines = "Broken lines, the memory roofline: one CPU that does nothing but copy.";
        let about = if bounds.has_copies() { format!("{about} {lines}") } else { about.to_owned() };
        self.finish(panels, about.trim_start())
    }

    /// Adds a panel for each number of threads, of one measure by message size, all with the same axes.
    pub(super) fn by_size(&self, panels: &mut Panels, measure: &Measure, of: &str) {
        self.bounded_by_size(panels, measure, of, &Bounds::none());
    }

    /// The same of several measures of one unit, all on one scale.
    pub(super) fn together_by_size(&self, panels: &mut Panels, measures: &[(Measure, &str)]) {
        let Some((first, _)) = measures.first() else { return };
        let shape = self.shape();
        let (shown, remark) = some_of(&shape.threads, |&count| words::threads(count));
        let drawn = measures.iter().flat_map(|(measure, of)| {
            shown.iter().map(move |&count| {
                let series = measure.by_size(self.subject, self.condition, count);
                (format!("{of}, {}", words::threads(count)), series, Vec::new())
            })
        });
        panels.push_alike(drawn.collect(), &axes::sizes(&shape.sizes), first, std::iter::empty());
        panels.columns = shown.len();
        panels.remark(remark);
    }

    /// The same, with the bounds of what is measured.
    fn bounded_by_size(&self, panels: &mut Panels, measure: &Measure, of: &str, bounds: &Bounds) {
        let shape = self.shape();
        let (shown, remark) = some_of(&shape.threads, |&count| words::threads(count));
        let panel = |count: u32| {
            let comma = if of.is_empty() { "" } else { ", " };
            let title = format!("{of}{comma}{}", words::threads(count));
            let curves = bounds.curves(&shape.sizes, count);
            (title, measure.by_size(self.subject, self.condition, count), curves)
        };
        panels.push_alike(
            shown.into_iter().map(panel).collect(),
            &axes::sizes(&shape.sizes),
            measure,
            bounds.values(),
        );
        panels.remark(remark);
        panels.remark(bounds.remark.clone());
        panels.keys.extend(bounds.keys());
    }

    /// Adds a panel for each message size, of one measure by number of threads, all with the same axes.
    pub(super) fn by_threads(&self, panels: &mut Panels, measure: &Measure) {
        let shape = self.shape();
        let (shown, remark) = some_of(&shape.sizes, |&size| words::bytes(size));
        let panel =
            |size| (words::bytes(size), measure.by_threads(self.subject, self.condition, size), Vec::new());
        let x = axes::threads(&shape.threads);
        panels.push_alike(shown.into_iter().map(panel).collect(), &x, measure, std::iter::empty());
        panels.remark(remark);
    }
}

/// At most [`MOST_PANELS`] of some choices, evenly spread, with the first and the last; and a remark that names
/// those left out.
pub(super) fn some_of<T: Copy>(all: &[T], name: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    if all.len() <= MOST_PANELS {
        return (all.to_vec(), None);
    }
    let kept: Vec<usize> = (0..MOST_PANELS).map(|n| n * (all.len() - 1) / (MOST_PANELS - 1)).collect();
    let left_out = all.iter().enumerate().filter(|(place, _)| !kept.contains(place));
    let names: Vec<String> = left_out.map(|(_, one)| name(one)).collect();
    let remark = format!("Not drawn, but in the tables: {}.", words::list(&names));
    (kept.into_iter().map(|place| all[place]).collect(), Some(remark))
}
