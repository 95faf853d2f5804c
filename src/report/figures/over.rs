//! Several runs in the same axes, by message size: a colour a path, a line and a marker a run.

use super::draft::some_of;
use super::measure::{self, Measure};
use super::{axes, source, style};
use crate::plot::{Figure, Key, Panel, QUIET, Series};
use crate::prose::words;
use crate::study::{Condition, Subject};
use crate::style::{Line, Marker, Style};
use crate::tables::Setting;

/// How runs look, the newest first: as many as a reader tells apart.
const LOOKS: [(Line, Marker); 4] = [
    (Line::Solid, Marker::Disc),
    (Line::Dashed, Marker::Ring),
    (Line::Dotted, Marker::Plus),
    (Line::DashDotted, Marker::Diamond),
];

/// Runs that can be drawn over each other.
pub const MOST_RUNS: usize = LOOKS.len();

/// A run and what it is called.
pub struct Layer<'a> {
    /// Its name.
    pub name: String,
    /// The run.
    pub subject: Subject<'a>,
}

/// What two runs or more measured in the same condition.
struct Shared {
    /// The condition, with all that any of the runs has of it.
    all: Condition,
    /// Its place in each run; absent in a run without it.
    places: Vec<Option<usize>>,
}

/// Every figure of runs that are laid over each other, the newest last.
pub fn draw(layers: &[Layer<'_>]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (number, shared) in shared(layers).iter().enumerate() {
        for (name, title, measure) in measures(shared) {
            let name = format!("over-{name}-{}", number + 1);
            let title = format!("{title} by message size ({})", shared.all.words());
            figures.extend(figure(layers, shared, &measure, (name, title)));
        }
    }
    figures
}

/// What is drawn: of streams throughput and what it cost the sender; else delays.
fn measures(shared: &Shared) -> Vec<(&'static str, &'static str, Measure)> {
    let cpu = Measure::of("cpu_ns_per_kib", "sender's CPU time per KiB", "ns", 1.0);
    let response = |column| Measure::of(column, "response time", "µs", 1.0);
    if shared.all.workload().is_stream() {
        vec![
            ("throughput", "Throughput", Measure::THROUGHPUT),
            ("cpu-time", "Sender's CPU time per KiB", cpu),
        ]
    } else {
        vec![
            ("response-p50", "Median response time", response("response_p50_us")),
            ("response-p99", "99th percentile of the response time", response("response_p99_us")),
        ]
    }
}

/// The conditions that two runs or more have, in the order of the newest.
fn shared(layers: &[Layer<'_>]) -> Vec<Shared> {
    let mut found: Vec<(Setting, Shared)> = Vec::new();
    for (layer, Layer { subject, .. }) in layers.iter().enumerate().rev() {
        for (place, condition) in subject.conditions.iter().enumerate() {
            let setting = condition.setting(0);
            match found.iter_mut().find(|(other, _)| *other == setting) {
                Some((_, shared)) => shared.add(layer, place, condition),
                None => {
                    let mut places = vec![None; layers.len()];
                    places[layer] = Some(place);
                    found.push((setting, Shared { all: condition.clone(), places }));
                }
            }
        }
    }
    let several = |shared: &Shared| shared.places.iter().flatten().count() > 1;
    found.into_iter().map(|(_, shared)| shared).filter(several).collect()
}

impl Shared {
    fn add(&mut self, layer: usize, place: usize, condition: &Condition) {
        self.places[layer] = Some(place);
        let Condition { paths, sizes, threads, .. } = condition;
        let new: Vec<_> = paths.iter().filter(|path| !self.all.paths.contains(path)).cloned().collect();
        self.all.paths.extend(new);
        self.all.sizes = union(&self.all.sizes, sizes);
        self.all.threads = union(&self.all.threads, threads);
    }
}

fn union<T: Copy + Ord>(one: &[T], other: &[T]) -> Vec<T> {
    let all: std::collections::BTreeSet<T> = one.iter().chain(other).copied().collect();
    all.into_iter().collect()
}

/// One figure: a panel a number of threads; none where fewer than two runs have it.
fn figure(
    layers: &[Layer<'_>],
    shared: &Shared,
    measure: &Measure,
    (name, title): (String, String),
) -> Option<Figure> {
    let (threads, left_out) = some_of(&shared.all.threads, |&count| words::threads(count));
    let drawn: Vec<(u32, Vec<Vec<Series>>)> =
        threads.into_iter().map(|count| (count, over(layers, shared, measure, count))).collect();
    let has_points = |series: &[Series]| series.iter().any(|one| !one.points.is_empty());
    let runs: Vec<usize> =
        (0..layers.len()).filter(|&run| drawn.iter().any(|(_, all)| has_points(&all[run]))).collect();
    if runs.len() < 2 {
        return None;
    }
    let is_drawn =
        |path: usize| drawn.iter().flat_map(|(_, all)| all).any(|all| has_points(&all[path..=path]));
    let paths = shared.all.paths.iter().enumerate().filter(|(place, _)| is_drawn(*place));
    let keys = paths.map(|(place, path)| Key::area(path.clone(), style::of_path(path, place).colour));
    let of_run = |run: usize| {
        let (line, marker) = look(layers.len(), run);
        Key::lined(layers[run].name.clone(), Style { colour: QUIET, marker }, line)
    };
    let legend = keys.chain(runs.into_iter().map(of_run)).collect();
    let y = measure.axis(measure::extent(drawn.iter().map(|(_, all)| all.iter().flatten())));
    let panels =
        drawn.into_iter().filter(|(_, all)| all.iter().any(|one| has_points(one))).map(|(count, all)| {
            let axes = Panel::new(words::threads(count), axes::sizes(&shared.all.sizes), y.clone());
            Panel { series: all.into_iter().flatten().collect(), ..axes }.draw()
        });
    let panels: Vec<_> = panels.collect();
    let caption = "A colour is a path, a line with its marker a run. Marks: medians, with 95 % intervals where a cell has \
                   several trials.";
    let caption = left_out.map_or_else(|| caption.to_owned(), |left_out| format!("{caption} {left_out}"));
    let sources: Vec<String> = layers.iter().map(|layer| source::of(&layer.subject.run.manifest)).collect();
    let source = sources.join("; ");
    Some(Figure { name, title, caption, source, columns: panels.len().clamp(1, 3), panels, legend })
}

/// The series of each run, one a path in the order of all, at one number of threads.
fn over(layers: &[Layer<'_>], shared: &Shared, measure: &Measure, threads: u32) -> Vec<Vec<Series>> {
    let of_run = |(run, Layer { name, subject }): (usize, &Layer<'_>)| {
        let (line, marker) = look(layers.len(), run);
        let empty = |(place, path): (usize, &String)| Series {
            style: Style { marker, ..style::of_path(path, place) },
            points: Vec::new(),
            trials: Vec::new(),
            line: Some(line),
        };
        let mut series: Vec<Series> = shared.all.paths.iter().enumerate().map(empty).collect();
        let Some(condition) = shared.places[run] else { return series };
        let own = measure.by_size(subject, condition, threads);
        for (path, own) in subject.conditions[condition].paths.iter().zip(own) {
            let place = shared.all.paths.iter().position(|one| one == path).expect("all have each run's");
            series[place].points = own.points;
            for point in &mut series[place].points {
                point.says = format!("{name}: {}", point.says);
                point.circled = false;
            }
        }
        series
    };
    layers.iter().enumerate().map(of_run).collect()
}

/// How one of so many runs looks.
fn look(runs: usize, run: usize) -> (Line, Marker) {
    LOOKS[(runs - 1 - run) % LOOKS.len()]
}
