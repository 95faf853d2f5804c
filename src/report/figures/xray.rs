//! Where the CPU time went: a bar per path and end, stacked by what the CPUs were doing.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::draft::{Draft, Panels, some_of};
use super::{Kind, Outcome, times};
use crate::cell::Side;
use crate::plot::{Axis, Bar, BarChart, Key, Segment};
use crate::prose::words;
use crate::record::Attribution;
use crate::record::category::Category;
use crate::report::category_colour;
use crate::tables::Estimate;

pub(super) const KIND: Kind =
    Kind { name: "xray-cpu-by-category", title: "Where the CPU time went: x-ray of both ends", draw };

/// Categories that a figure names; a reader cannot keep more colours apart.
const MOST_NAMED: usize = 5;
/// Share of an end's time from which a copy matters more than whatever else the CPUs did.
const COPY_MATTERS: f64 = 0.05;

fn draw(draft: &Draft) -> Outcome {
    let shape = draft.shape();
    let places = shape.threads.iter().flat_map(|&count| shape.sizes.iter().map(move |&size| (size, count)));
    let charts: Vec<Chart> = places
        .map(|(size, count)| Chart::of(draft, size, count))
        .filter(|chart| !chart.ends.is_empty())
        .collect();
    if charts.is_empty() {
        return draft.absent("no x-ray pass of it brought samples (`xray: true` in the grid asks for them)");
    }
    let (shown, remark) = some_of(&charts.iter().collect::<Vec<_>>(), |chart| chart.title.clone());
    let named = named(shown.iter().flat_map(|chart| &chart.ends));
    let charts: Vec<BarChart> = shown.iter().map(|chart| chart.bars(&named)).collect();
    let most = charts.iter().flat_map(|chart| &chart.bars).map(Bar::end).fold(0.0, f64::max);
    let mut panels = Panels::side_by_side(2.min(shown.len()));
    panels.remark(remark);
    panels.drawn.extend(charts.into_iter().map(|chart| in_one_unit(chart, most).draw()));
    panels.keys =
        named.iter().map(|&one| Key::area(words::category(one), category_colour::of(one))).collect();
    let rest = shown.iter().flat_map(|chart| &chart.ends).any(|end| end.rest(&named).is_some());
    panels.keys.extend(rest.then(|| Key::area("other, by category in the table", category_colour::REST)));
    let about = "CPU time of all CPUs in use for each KiB of payload, waiting left out; copies of the payload stand \
                 first. Passes apart from the timed trials: a share p of n samples is known to within \
                 2·√(p(1−p)/n), which the values tell.";
    draft.finish(panels, about)
}

/// Both ends of each path at one size and number of threads.
struct Chart<'a> {
    title: String,
    ends: Vec<SampledEnd<'a>>,
}

/// What the CPUs of one end did that was not waiting, in the order of the stack.
struct SampledEnd<'a> {
    label: String,
    path: &'a str,
    costs: Vec<(&'a Attribution, f64)>,
}

impl<'a> Chart<'a> {
    fn of(draft: &'a Draft, size: u64, threads: u32) -> Self {
        let mut ends = Vec::new();
        for path in &draft.shape().paths {
            let Some(row) = draft.subject.row(draft.condition, path, size, threads) else { continue };
            for (side, verb) in [(Side::Sender, "sends"), (Side::Receiver, "receives")] {
                let spent = |cost: &'a Attribution| {
                    Some((cost, cost.busy_ns_per_kib().filter(|value| *value > 0.0)?))
                };
                let costs: Vec<_> =
                    draft.subject.costs(&row.cell.cell, side).into_iter().filter_map(spent).collect();
                if !costs.is_empty() {
                    ends.push(SampledEnd { label: format!("{path} {verb}"), path, costs });
                }
            }
        }
        Self { title: format!("{}, {}", words::bytes(size), words::threads(threads)), ends }
    }

    fn bars(&self, named: &[Category]) -> BarChart {
        let bar = |end: &SampledEnd| Bar { label: end.label.clone(), segments: end.segments(named) };
        let bars = self.ends.iter().map(bar).collect();
        BarChart { title: self.title.clone(), axis: Axis::linear("", 0.0, 1.0), bars }
    }
}

impl SampledEnd<'_> {
    fn segments(&self, named: &[Category]) -> Vec<Segment> {
        let own = self.costs.iter().filter(|(cost, _)| named.contains(&cost.category));
        let mut segments: Vec<Segment> = own.map(|&(cost, value)| segment(self.path, cost, value)).collect();
        segments.extend(self.rest(named).map(|(value, names)| Segment {
            colour: category_colour::REST,
            value,
            says: format!("{}, other: {} per KiB ({names})", self.label, nanoseconds(value, None)),
        }));
        segments
    }

    /// Time in categories that are not named, and which those are; none where there is none.
    fn rest(&self, named: &[Category]) -> Option<(f64, String)> {
        let rest = || self.costs.iter().filter(|(cost, _)| !named.contains(&cost.category));
        let names: Vec<String> = rest()
            .map(|(cost, value)| format!("{} {}", words::category(cost.category), nanoseconds(*value, None)))
            .collect();
        (!names.is_empty()).then(|| (rest().map(|(_, value)| value).sum(), names.join(", ")))
    }
}

/// The categories that matter, in the order of the stack: copies that take a part of some end's time, then those of which
/// some end has the largest share. What no rule knows is never one.
fn named<'a>(ends: impl Iterator<Item = &'a SampledEnd<'a>>) -> Vec<Category> {
    let mut largest: BTreeMap<Category, f64> = BTreeMap::new();
    for end in ends {
        let all: f64 = end.costs.iter().map(|(_, value)| value).sum();
        for (cost, value) in &end.costs {
            let share = largest.entry(cost.category).or_default();
            *share = share.max(value / all);
        }
    }
    largest.remove(&Category::Other);
    largest.remove(&Category::Unattributed);
    let mut sorted: Vec<(Category, f64)> = largest.into_iter().collect();
    let matters = |(category, share): &(Category, f64)| category.is_copy() && *share >= COPY_MATTERS;
    sorted.sort_by(|one, other| {
        (matters(other), other.1).partial_cmp(&(matters(one), one.1)).unwrap_or(Ordering::Equal)
    });
    sorted.truncate(MOST_NAMED);
    let mut named: Vec<Category> = sorted.into_iter().map(|(category, _)| category).collect();
    named.sort_unstable();
    named
}

/// The chart on an axis of its own, whose unit is that of the longest bar of all.
fn in_one_unit(chart: BarChart, most: f64) -> BarChart {
    let own = chart.bars.iter().map(Bar::end).fold(0.0, f64::max) * 1.04;
    let axis =
        times::axis_like(Axis::linear("", 0.0, own), most, "ns", |unit| format!("CPU time per KiB ({unit})"));
    BarChart { axis, ..chart }
}

fn segment(path: &str, cost: &Attribution, value: f64) -> Segment {
    // The binomial's normal approximation: 1.96 standard deviations of the share, on the value's scale.
    let error = 1.96 * ((1.0 - cost.share).max(0.0) / cost.samples as f64).sqrt() * value;
    let says = format!(
        "{path}, {}: {}: {} per KiB, {} of the samples ({})",
        cost.side,
        words::category(cost.category),
        nanoseconds(value, Some(error)),
        words::percent(cost.share),
        words::count(cost.samples),
    );
    Segment { colour: category_colour::of(cost.category), value, says }
}

/// A time with its error in the unit that fits it: `12.3 [11.9–12.7] ns`.
fn nanoseconds(value: f64, error: Option<f64>) -> String {
    let end = |sign: f64| error.map(|error| (value + sign * error).max(0.0));
    times::told(&Estimate { value: Some(value), low: end(-1.0), high: end(1.0) }, "ns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_that_matter_are_named_and_the_rest_is_other() {
        let spent = |category, ns: f64| Attribution {
            category,
            samples: 10,
            ns_per_kib: Some(ns),
            ..Attribution::default()
        };
        let rows = [
            spent(Category::GatherCopy, 20.0),
            spent(Category::KernelCopy, 60.0),
            spent(Category::TcpIp, 50.0),
            spent(Category::DeviceSoftirq, 30.0),
            spent(Category::Allocation, 3.0),
            spent(Category::Locking, 2.0),
            spent(Category::Unattributed, 90.0),
        ];
        let of = |rows: &'static [Attribution]| SampledEnd {
            label: "a sends".to_owned(),
            path: "a",
            costs: rows.iter().map(|cost| (cost, cost.ns_per_kib.unwrap())).collect(),
        };
        let end = of(Box::leak(Box::new(rows)));
        let named = named([&end].into_iter());
        let five = [
            Category::GatherCopy,
            Category::KernelCopy,
            Category::Allocation,
            Category::TcpIp,
            Category::DeviceSoftirq,
        ];
        assert_eq!(named, five, "in the order of the stack");
        let segments = end.segments(&named);
        assert_eq!(segments.len(), 6);
        let rest = segments.last().unwrap();
        assert_eq!((rest.value, rest.colour), (92.0, category_colour::REST));
        assert!(rest.says.contains("locking 2.00 ns, unattributed 90.0 ns"), "{}", rest.says);
        assert!((segments.iter().map(|one| one.value).sum::<f64>() - 255.0).abs() < 1e-9, "nothing is lost");
    }
}
