//! What a figure shows of a cell: a measured figure, its unit, and the series that it makes.

use super::{style, times};
use crate::plot::{Axis, Point, Series};
use crate::prose::words;
use crate::record::Trial;
use crate::study::Subject;
use crate::style::Line;
use crate::tables::{self, Better, CellRow, DerivedRow, Estimate, Limit, Metric, metric};

/// Single trials that a panel shows at most; of more, every second, third, … is shown.
pub const MOST_TRIALS: usize = 400;

/// A measured figure of a cell, as a figure shows it.
#[derive(Clone, Copy)]
pub struct Measure {
    /// What it is, for an axis and for a sentence.
    pub title: &'static str,
    /// Its unit as it is shown.
    pub unit: &'static str,
    /// What the table's value is multiplied by to be in that unit.
    scale: f64,
    metric: &'static Metric,
}

impl Measure {
    /// Throughput.
    pub const THROUGHPUT: Self =
        Self { title: "throughput", unit: "Gb/s", scale: 1.0, metric: &tables::THROUGHPUT };

    /// A column of `derived.csv`.
    ///
    /// # Panics
    /// When there is no such column: the name is written in the code that calls this.
    pub fn of(name: &str, title: &'static str, unit: &'static str, scale: f64) -> Self {
        let metric = metric(name).unwrap_or_else(|| panic!("derived.csv has no column {name}"));
        Self { title, unit, scale, metric }
    }

    /// A metric by its own unit.
    pub fn of_metric(metric: &'static Metric) -> Self {
        Self { title: "", unit: metric.unit, scale: 1.0, metric }
    }

    /// An axis that holds some values, with the direction in which it is better.
    pub(crate) fn axis(&self, values: impl IntoIterator<Item = f64>) -> Axis {
        self.axis_called(values, |unit| self.titled(unit))
    }

    /// The same from one value to another, which need not begin at zero.
    pub(crate) fn axis_between(&self, low: f64, high: f64) -> Axis {
        times::axis(Axis::linear("", low, high), self.unit, |unit| self.titled(unit))
    }

    fn titled(&self, unit: &str) -> String {
        let better = match self.metric.better {
            Better::Higher => ", higher is better",
            Better::Lower => ", lower is better",
            Better::Neither => "",
        };
        match self.title {
            "" => format!("{unit}{better}"),
            title => format!("{title} ({unit}){better}"),
        }
    }

    /// The same, whose title is made of its unit.
    pub(super) fn axis_called(
        &self,
        values: impl IntoIterator<Item = f64>,
        title: impl Fn(&str) -> String,
    ) -> Axis {
        times::axis(Axis::values("", values), self.unit, title)
    }

    /// The figure of a trial.
    pub fn of_trial(&self, trial: &Trial) -> Option<f64> {
        (self.metric.of)(trial).map(|value| value * self.scale)
    }

    /// The figure of a cell.
    pub fn of_cell(&self, row: &DerivedRow) -> Estimate {
        let raw = (self.metric.at)(row);
        let scaled = |value: Option<f64>| value.map(|value| value * self.scale);
        Estimate { value: scaled(raw.value), low: scaled(raw.low), high: scaled(raw.high) }
    }

    /// Whether any cell of the run has it.
    pub fn is_measured(&self, subject: &Subject, condition: usize) -> bool {
        let condition = &subject.conditions[condition];
        subject
            .tables
            .derived
            .iter()
            .any(|row| condition.holds(&row.cell) && self.of_cell(row).value.is_some())
    }

    /// A cell's point.
    pub fn point(&self, row: &DerivedRow, x: f64) -> Option<Point> {
        let estimate = self.of_cell(row);
        let cell = &row.cell;
        let says = format!(
            "{}, {}, {}: {}, {}",
            Subject::name_of(cell),
            words::bytes(cell.message_bytes),
            words::threads(cell.threads),
            times::told(&estimate, self.unit),
            words::plural(cell.trials, "trial"),
        );
        // Only throughput is the whole trial's; what one end did is its own, whatever held it back.
        let circled = self.metric.name == tables::THROUGHPUT.name && is_held_back_elsewhere(cell);
        let says = if circled { format!("{says}, {}", words::held_back(cell.limit)) } else { says };
        Some(Point { x, value: estimate.value?, interval: estimate.interval(), says, circled })
    }

    /// A series a path, by message size at one number of threads.
    pub fn by_size(&self, subject: &Subject, condition: usize, threads: u32) -> Vec<Series> {
        let sizes = &subject.conditions[condition].sizes;
        self.series(subject, condition, |path| {
            let row = |&size: &u64| Some((size as f64, subject.measured(condition, path, size, threads)?));
            sizes.iter().filter_map(row).collect()
        })
    }

    /// A series a path, by number of threads at one message size.
    pub fn by_threads(&self, subject: &Subject, condition: usize, size: u64) -> Vec<Series> {
        let threads = &subject.conditions[condition].threads;
        self.series(subject, condition, |path| {
            let row =
                |&count: &u32| Some((f64::from(count), subject.measured(condition, path, size, count)?));
            threads.iter().filter_map(row).collect()
        })
    }

    /// A series a path: a path without data keeps its empty place, so that markers stand alike in all panels.
    fn series<'a>(
        &self,
        subject: &Subject<'a>,
        condition: usize,
        rows: impl Fn(&str) -> Vec<(f64, &'a DerivedRow)>,
    ) -> Vec<Series> {
        let paths = &subject.conditions[condition].paths;
        let mut all: Vec<Series> = paths
            .iter()
            .enumerate()
            .map(|(place, path)| {
                let rows = rows(path);
                // Nor are trials shown where their clock cannot tell the figure of the cell.
                let is_shown = |row: &DerivedRow| row.cell.trials > 1 && self.of_cell(row).value.is_some();
                let trials = |(x, row): &(f64, &DerivedRow)| -> Vec<(f64, f64)> {
                    subject.trials(&row.cell).filter_map(|trial| Some((*x, self.of_trial(trial)?))).collect()
                };
                Series {
                    style: style::of_path(path, place),
                    points: rows.iter().filter_map(|(x, row)| self.point(row, *x)).collect(),
                    // A single trial is its own median.
                    trials: rows.iter().filter(|(_, row)| is_shown(row)).flat_map(trials).collect(),
                    line: Some(Line::Solid),
                }
            })
            .collect();
        thin(&mut all);
        all
    }
}

/// Whether something else than the sender held a cell back.
pub fn is_held_back_elsewhere(cell: &CellRow) -> bool {
    cell.limit.is_some_and(|limit| limit != Limit::Sender)
}

/// Leaves out trials where a panel would hold more than [`MOST_TRIALS`].
pub fn thin(series: &mut [Series]) {
    let all: usize = series.iter().map(|one| one.trials.len()).sum();
    let every = all.div_ceil(MOST_TRIALS).max(1);
    for one in series {
        one.trials = one.trials.iter().copied().step_by(every).collect();
    }
}

/// Every value of some series: medians, ends of intervals and trials, for an axis that holds them.
pub fn extent<'a, S: IntoIterator<Item = &'a Series>>(panels: impl IntoIterator<Item = S>) -> Vec<f64> {
    let mut values = Vec::new();
    for series in panels.into_iter().flatten() {
        values.extend(series.trials.iter().map(|&(_, value)| value));
        for point in &series.points {
            values.push(point.value);
            // An interval of few trials may reach far beyond all of them: the axis cuts it there.
            if let Some(ends) = point.interval {
                values.push(ends.high.min(point.value * 1.5));
                values.push(ends.low.max(point.value / 1.5));
            }
        }
    }
    values
}
