//! Figures: what is drawn of a run, one file a figure.
//!
//! A figure whose data the run does not have is not drawn, and says why.

pub mod axis;
mod bounds;
pub mod font;
pub mod measure;
mod model;
mod overall;
pub mod panel;
pub mod pdf;
mod ratio;
mod scaling;
pub mod sheet;
mod size;
pub mod stack;
pub mod style;
mod threads;

use std::collections::BTreeSet;

use anyhow::Result;
use axis::Axis;
use bounds::Bounds;
use measure::Measure;
use panel::{Content, Curve, Fragment, Series};

use crate::report::subject::Subject;
use crate::report::words;

/// A figure: panels that share a title and a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Name of its files, without what follows the dot.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it: what the marks mean, and what is left out.
    pub caption: String,
    /// Panels that stand side by side on its sheet.
    pub columns: usize,
    /// Its panels, in reading order.
    pub panels: Vec<Fragment>,
    /// Names of its series.
    pub legend: Vec<Key>,
}

/// A line of a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What the series is.
    pub name: String,
    /// A picture of how it looks.
    pub swatch: Fragment,
}

/// What became of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was drawn.
    Drawn(Box<Figure>),
    /// The run lacks its data.
    Absent {
        /// What it would have shown.
        title: String,
        /// Why it does not, as a clause.
        why: String,
    },
}

type Draw = fn(&Subject, usize) -> Result<Outcome>;

/// Every figure, in the order of the report.
const FIGURES: &[Draw] = &[
    size::throughput,
    ratio::over_baseline,
    threads::receive_time,
    size::cycles,
    size::cpu_time,
    size::host_time,
    size::misses,
    size::switches,
    overall::comparison,
    scaling::by_threads,
    model::cost,
    size::copied_share,
    stack::cpu_time,
];

/// Panels that a figure has at most.
const MOST_PANELS: usize = 6;

/// Draws every figure of one condition.
///
/// # Errors
/// When the drawing library refuses.
pub fn draw(subject: &Subject, condition: usize) -> Result<Vec<Outcome>> {
    FIGURES.iter().map(|draw| draw(subject, condition)).collect()
}

/// A figure in the making: what all figures of a condition have in common.
struct Draft<'s, 'a> {
    subject: &'s Subject<'a>,
    condition: usize,
    name: &'static str,
    title: &'static str,
}

/// Panels in the making.
#[derive(Default)]
struct Panels {
    drawn: Vec<Fragment>,
    /// Places of the paths that have a point in one of them, for the legend.
    used: BTreeSet<usize>,
    /// What the legend names besides the paths.
    keys: Vec<Key>,
    /// What the caption must say of them.
    remarks: Vec<String>,
    /// Panels that stand side by side; 0: as it fits.
    columns: usize,
    /// Whether a point is circled.
    circled: bool,
}

impl Panels {
    /// Draws a panel whose series are the condition's paths; one without data is left out.
    fn push(&mut self, content: &Content) -> Result<()> {
        let with_data = |(place, series): (usize, &Series)| (!series.points.is_empty()).then_some(place);
        let used: Vec<usize> = content.series.iter().enumerate().filter_map(with_data).collect();
        if !used.is_empty() {
            self.used.extend(used);
            self.circled |=
                content.series.iter().flat_map(|series| &series.points).any(|point| point.circled);
            self.drawn.push(panel::draw(content)?);
        }
        Ok(())
    }

    /// Draws panels with the same axes; `more` are values that the vertical one must hold as well.
    fn push_alike(
        &mut self,
        panels: Vec<(String, Vec<Series>, Vec<Curve>)>,
        x: &Axis,
        y_title: &str,
        more: impl Iterator<Item = f64>,
    ) -> Result<()> {
        let mut values = measure::extent(panels.iter().map(|(_, series, _)| series));
        values.extend(more);
        let y = Axis::values(y_title, values);
        for (title, series, curves) in panels {
            self.push(&Content { series, curves, ..Content::new(title, x.clone(), y.clone()) })?;
        }
        Ok(())
    }
}

impl Draft<'_, '_> {
    fn title(&self) -> String {
        format!("{} ({})", self.title, self.subject.conditions[self.condition].words())
    }

    fn absent(&self, why: impl Into<String>) -> Outcome {
        Outcome::Absent { title: self.title(), why: why.into() }
    }

    /// The figure, its caption made of what is special about it and of what all captions say.
    fn finish(&self, panels: Panels, about: &str) -> Result<Outcome> {
        let several = self.subject.conditions.len() > 1;
        let slug = several.then(|| format!("-{}", self.subject.conditions[self.condition].slug()));
        let mut caption = vec![about.to_owned()];
        // What is drawn of no path's trials has no marks to explain.
        caption.extend((!panels.used.is_empty()).then(|| self.marks().to_owned()));
        let circled = "Circled: not the sender but the receiver, the wire or no one end held the cell back.";
        caption.extend(panels.circled.then(|| circled.to_owned()));
        caption.extend(panels.remarks);
        caption.retain(|part| !part.is_empty());
        let columns = match (panels.columns, panels.drawn.len()) {
            (0, 4) => 2,
            (0, many) => many.clamp(1, 3),
            (set, _) => set.clamp(1, 3),
        };
        Ok(Outcome::Drawn(Box::new(Figure {
            name: format!("{}{}", self.name, slug.unwrap_or_default()),
            title: self.title(),
            caption: caption.join(" "),
            columns,
            panels: panels.drawn,
            legend: self.legend(&panels.used)?.into_iter().chain(panels.keys).collect(),
        })))
    }

    fn marks(&self) -> &'static str {
        let condition = &self.subject.conditions[self.condition];
        let cells = || self.subject.tables.cells.iter().filter(|cell| condition.holds(cell));
        if cells().any(|cell| cell.trials > 1) {
            "Marks: medians, with 95 % intervals where a cell has several trials; faint: single trials."
        } else {
            "One trial a cell: there are no intervals."
        }
    }

    fn legend(&self, used: &BTreeSet<usize>) -> Result<Vec<Key>> {
        let condition = &self.subject.conditions[self.condition];
        let keys = condition.paths.iter().enumerate().filter(|(place, _)| used.contains(place));
        keys.map(|(place, path)| {
            let swatch = panel::swatch(style::of_path(path, place))?;
            Ok(Key { name: self.subject.name(self.condition, path), swatch })
        })
        .collect()
    }

    /// Adds a panel a number of threads, of one measure by message size, all with the same axes.
    fn by_size(&self, panels: &mut Panels, measure: &Measure, of: &str) -> Result<()> {
        self.bounded_by_size(panels, measure, of, &Bounds::none())
    }

    /// The same, with the bounds of what is measured.
    fn bounded_by_size(
        &self,
        panels: &mut Panels,
        measure: &Measure,
        of: &str,
        bounds: &Bounds,
    ) -> Result<()> {
        let condition = &self.subject.conditions[self.condition];
        let (shown, remark) = some_of(&condition.threads, |&count| words::threads(count));
        let panel = |count: u32| {
            let comma = if of.is_empty() { "" } else { ", " };
            let title = format!("{of}{comma}{}", words::threads(count));
            let curves = bounds.curves(&condition.sizes, count);
            (title, measure.by_size(self.subject, self.condition, count), curves)
        };
        panels.push_alike(
            shown.into_iter().map(panel).collect(),
            &Axis::sizes(&condition.sizes),
            &measure.axis(),
            bounds.values(),
        )?;
        panels.remark(remark);
        panels.remark(bounds.remark.clone());
        panels.keys.extend(bounds.keys()?);
        Ok(())
    }

    /// Adds a panel a message size, of one measure by number of threads, all with the same axes.
    fn by_threads(&self, panels: &mut Panels, measure: &Measure) -> Result<()> {
        let condition = &self.subject.conditions[self.condition];
        let (shown, remark) = some_of(&condition.sizes, |&size| words::bytes(size));
        let panel =
            |size| (words::bytes(size), measure.by_threads(self.subject, self.condition, size), Vec::new());
        let x = Axis::threads(&condition.threads);
        panels.push_alike(shown.into_iter().map(panel).collect(), &x, &measure.axis(), std::iter::empty())?;
        panels.remark(remark);
        Ok(())
    }
}

impl Panels {
    /// Adds a remark once.
    fn remark(&mut self, remark: Option<String>) {
        self.remarks.extend(remark.filter(|remark| !self.remarks.contains(remark)));
    }
}

/// At most [`MOST_PANELS`] of some choices, evenly spread, with the first and the last; and a remark that names
/// those left out.
fn some_of<T: Copy>(all: &[T], name: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    if all.len() <= MOST_PANELS {
        return (all.to_vec(), None);
    }
    let kept: Vec<usize> = (0..MOST_PANELS).map(|n| n * (all.len() - 1) / (MOST_PANELS - 1)).collect();
    let left_out = all.iter().enumerate().filter(|(place, _)| !kept.contains(place));
    let names: Vec<String> = left_out.map(|(_, one)| name(one)).collect();
    let remark = format!("Not drawn, but in the tables: {}.", words::list(&names));
    (kept.into_iter().map(|place| all[place]).collect(), Some(remark))
}
