//! Where the CPU time went: a bar per path and end, stacked by what the CPUs were doing.

use std::collections::BTreeSet;

use super::draft::{Draft, Panels, some_of};
use super::{Kind, Outcome};
use crate::cell::Side;
use crate::plot::{Bar, BarChart, Key, Segment};
use crate::prose::words;
use crate::record::Attribution;
use crate::record::category::Category;
use crate::style::Colour;

pub(super) const KIND: Kind =
    Kind { name: "xray-cpu-by-category", title: "Where the CPU time went: x-ray of both ends", draw };

fn draw(draft: &Draft) -> Outcome {
    let shape = draft.shape();
    let places = shape.threads.iter().flat_map(|&count| shape.sizes.iter().map(move |&size| (size, count)));
    let charts: Vec<(BarChart, BTreeSet<Category>)> = places
        .map(|(size, count)| chart(draft, size, count))
        .filter(|(chart, _)| !chart.bars.is_empty())
        .collect();
    if charts.is_empty() {
        return draft.absent("no x-ray pass of it brought samples (`xray: true` in the grid asks for them)");
    }
    let (shown, remark) = some_of(&charts.iter().collect::<Vec<_>>(), |(chart, _)| chart.title.clone());
    let mut panels = Panels::side_by_side(2.min(shown.len()));
    panels.remark(remark);
    panels.drawn.extend(shown.iter().map(|(chart, _)| chart.draw()));
    let used: BTreeSet<Category> = shown.iter().flat_map(|(_, categories)| categories).copied().collect();
    panels.keys = used.into_iter().map(|one| Key::area(words::category(one), colour(one))).collect();
    let about = "CPU time of all CPUs in use for each KiB of payload, waiting left out; copies of the payload stand \
                 first. Passes apart from the timed trials: a share p of n samples is known to within \
                 2·√(p(1−p)/n), which the values tell.";
    draft.finish(panels, about)
}

/// Both ends of each path at one size and number of threads, and the categories that they show.
fn chart(draft: &Draft, size: u64, threads: u32) -> (BarChart, BTreeSet<Category>) {
    let (mut bars, mut categories) = (Vec::new(), BTreeSet::new());
    for path in &draft.shape().paths {
        let Some(row) = draft.subject.row(draft.condition, path, size, threads) else { continue };
        for (side, verb) in [(Side::Sender, "sends"), (Side::Receiver, "receives")] {
            let costs = draft.subject.costs(&row.cell.cell, side);
            let of = |cost: &&Attribution| Some((cost.category, segment(path, cost)?));
            let (found, segments): (Vec<Category>, Vec<Segment>) = costs.iter().filter_map(of).unzip();
            if !segments.is_empty() {
                categories.extend(found);
                bars.push(Bar { label: format!("{path} {verb}"), segments });
            }
        }
    }
    let title = format!("{}, {}", words::bytes(size), words::threads(threads));
    (BarChart { title, axis: "CPU time per KiB (ns)".to_owned(), bars }, categories)
}

fn segment(path: &str, cost: &Attribution) -> Option<Segment> {
    let value = cost.busy_ns_per_kib().filter(|value| *value > 0.0)?;
    // The binomial's normal approximation: 1.96 standard deviations of the share, on the value's scale.
    let error = 1.96 * ((1.0 - cost.share).max(0.0) / cost.samples as f64).sqrt() * value;
    let says = format!(
        "{path}, {}: {}: {} ± {} ns per KiB, {} of the samples ({})",
        cost.side,
        words::category(cost.category),
        words::number(value),
        words::number(error),
        words::percent(cost.share),
        words::count(cost.samples),
    );
    Some(Segment { colour: colour(cost.category), value, says })
}

/// Copies in the colours that stand out; the rest in quiet ones, neighbours of the stack unlike each other.
fn colour(category: Category) -> Colour {
    match category {
        Category::GatherCopy => Colour(0xD5, 0x5E, 0x00),
        Category::KernelCopy => Colour(0xE6, 0x9F, 0x00),
        Category::DeferredCopy => Colour(0xCC, 0x79, 0xA7),
        Category::ReceiveCopy => Colour(0x00, 0x72, 0xB2),
        Category::BelowTcpCopy => Colour(0x99, 0x1B, 0x1B),
        Category::Encryption => Colour(0x1B, 0x4F, 0x8A),
        Category::UnknownCopy => Colour(0xF0, 0x46, 0x7A),
        Category::PagePinning => Colour(0x00, 0x9E, 0x73),
        Category::Splice => Colour(0x56, 0xB4, 0xE9),
        Category::DiskIo => Colour(0x7F, 0xB0, 0x8E),
        Category::DiskCopy => Colour(0x3E, 0x6B, 0x4A),
        Category::Allocation => Colour(0xB7, 0xA2, 0x3C),
        Category::TcpIp => Colour(0x84, 0x8C, 0x94),
        Category::DeviceSoftirq => Colour(0xBD, 0xC4, 0xCA),
        Category::Completion => Colour(0x5B, 0x3F, 0x8C),
        Category::Syscall => Colour(0x4F, 0x57, 0x5E),
        Category::SchedulingIdle => Colour(0xD9, 0xC7, 0xA8),
        Category::Locking => Colour(0x8A, 0x5A, 0x44),
        Category::Other => Colour(0xDD, 0xE1, 0xE4),
        Category::Unattributed => Colour(0x22, 0x22, 0x22),
    }
}
