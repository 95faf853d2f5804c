//! Where the CPU time went: a bar a path and end, stacked by what the CPUs were doing.

use std::collections::BTreeSet;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::panel::{self, Fragment, WIDTH, fine};
use super::style::FINE;
use super::{Draft, Key, Outcome, Panels, font, some_of, style};
use crate::cell::Side;
use crate::record::Attribution;
use crate::record::category::Category;
use crate::report::subject::Subject;
use crate::report::words;

/// One bar.
struct Bar {
    label: String,
    segments: Vec<Segment>,
}

/// A piece of a bar.
struct Segment {
    category: Category,
    /// CPU time, ns per KiB.
    value: f64,
    says: String,
}

impl Bar {
    fn end(&self) -> f64 {
        self.segments.iter().map(|segment| segment.value).sum()
    }
}

/// CPU time per KiB by category, both ends of each path.
pub(super) fn cpu_time(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "xray-cpu-by-category",
        title: "Where the CPU time went: x-ray of both ends",
    };
    let shape = &subject.conditions[condition];
    let places = shape.threads.iter().flat_map(|&count| shape.sizes.iter().map(move |&size| (size, count)));
    let with_data: Vec<(String, Vec<Bar>)> = places
        .map(|(size, count)| {
            let name = format!("{}, {}", words::bytes(size), words::threads(count));
            (name, bars(subject, condition, size, count))
        })
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    if with_data.is_empty() {
        return Ok(
            draft.absent("no x-ray pass of it brought samples (`xray: true` in the grid asks for them)")
        );
    }
    let panels_of: Vec<&(String, Vec<Bar>)> = with_data.iter().collect();
    let (shown, remark) = some_of(&panels_of, |(name, _)| name.clone());
    let mut panels = Panels { columns: 2.min(shown.len()), ..Panels::default() };
    let mut used = BTreeSet::new();
    panels.remark(remark);
    for (name, bars) in shown {
        panels.drawn.push(draw(name, bars)?);
        used.extend(bars.iter().flat_map(|bar| &bar.segments).map(|segment| segment.category));
    }
    for category in used {
        panels.keys.push(Key { name: words::category(category).to_owned(), swatch: swatch(category)? });
    }
    let about = "CPU time of all CPUs in use for each KiB of payload, waiting left out; copies of the payload stand \
                 first. Passes apart from the timed trials: a share p of n samples is known to within \
                 2·√(p(1−p)/n), which the values tell.";
    draft.finish(panels, about)
}

fn bars(subject: &Subject, condition: usize, size: u64, threads: u32) -> Vec<Bar> {
    let mut bars = Vec::new();
    for path in &subject.conditions[condition].paths {
        let Some(row) = subject.row(condition, path, size, threads) else { continue };
        for (side, verb) in [(Side::Sender, "sends"), (Side::Receiver, "receives")] {
            let costs = subject.costs(&row.cell.cell, side);
            let segments: Vec<Segment> = costs.iter().filter_map(|cost| segment(path, cost)).collect();
            if !segments.is_empty() {
                bars.push(Bar { label: format!("{path} {verb}"), segments });
            }
        }
    }
    bars
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
    Some(Segment { category: cost.category, value, says })
}

/// Copies in the colours that stand out; the rest in quiet ones, neighbours of the stack unlike each other.
fn colour(category: Category) -> RGBColor {
    match category {
        Category::GatherCopy => RGBColor(0xD5, 0x5E, 0x00),
        Category::KernelCopy => RGBColor(0xE6, 0x9F, 0x00),
        Category::DeferredCopy => RGBColor(0xCC, 0x79, 0xA7),
        Category::ReceiveCopy => RGBColor(0x00, 0x72, 0xB2),
        Category::BelowTcpCopy => RGBColor(0x99, 0x1B, 0x1B),
        Category::UnknownCopy => RGBColor(0xF0, 0x46, 0x7A),
        Category::PagePinning => RGBColor(0x00, 0x9E, 0x73),
        Category::Splice => RGBColor(0x56, 0xB4, 0xE9),
        Category::Allocation => RGBColor(0xB7, 0xA2, 0x3C),
        Category::TcpIp => RGBColor(0x84, 0x8C, 0x94),
        Category::DeviceSoftirq => RGBColor(0xBD, 0xC4, 0xCA),
        Category::Completion => RGBColor(0x5B, 0x3F, 0x8C),
        Category::Syscall => RGBColor(0x4F, 0x57, 0x5E),
        Category::SchedulingIdle => RGBColor(0xD9, 0xC7, 0xA8),
        Category::Locking => RGBColor(0x8A, 0x5A, 0x44),
        Category::Other => RGBColor(0xDD, 0xE1, 0xE4),
        Category::Unattributed => RGBColor(0x22, 0x22, 0x22),
    }
}

fn swatch(category: Category) -> Result<Fragment> {
    panel::fragment(22.0, 12.0, |root| {
        root.draw(&Rectangle::new(
            [(fine(4.0), fine(0.0)), (fine(18.0), fine(12.0))],
            colour(category).filled(),
        ))?;
        Ok(String::new())
    })
}

/// Breadth of a bar with the space after it, and of the bar alone, in pixels.
const STEP: f64 = 21.0;
const BREADTH: f64 = 15.0;

fn draw(title: &str, bars: &[Bar]) -> Result<Fragment> {
    let (top, bottom) = (26.0, 44.0);
    // With room for the broader font that a page may be shown in.
    let widest = bars.iter().map(|bar| font::width(&bar.label, 11.0, false)).fold(0.0, f64::max);
    let left = widest * 1.15 + 14.0;
    let height = top + bottom + STEP * bars.len() as f64;
    panel::fragment(WIDTH, height, |root| {
        panel::text(root, title, (12.0, 4.0), 12.5, true, style::INK, (HPos::Left, VPos::Top))?;
        let most = bars.iter().map(Bar::end).fold(0.0, f64::max);
        let x = Axis::linear("CPU time per KiB (ns)", 0.0, most * 1.04);
        let mut chart = ChartBuilder::on(root)
            .margin_top(fine(top))
            .margin_right(fine(14.0))
            .margin_left(fine(left))
            .margin_bottom(fine(4.0))
            .x_label_area_size(fine(bottom - 4.0))
            .build_cartesian_2d(x.clone(), Axis::linear("", 0.0, 1.0))?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .bold_line_style(style::GRID.stroke_width(FINE as u32))
            .axis_style(style::QUIET.stroke_width(FINE as u32))
            .set_all_tick_mark_size(fine(4.0))
            .x_desc(&x.title)
            .label_style(font::style(11.0, false, style::INK))
            .axis_desc_style(font::style(11.5, false, style::QUIET))
            .draw()?;
        let at = |value: f64| chart.backend_coord(&(value, 0.0)).0;
        let mut hits = String::new();
        for (place, bar) in bars.iter().enumerate() {
            let y = top + STEP * place as f64 + (STEP - BREADTH) / 2.0;
            let middle = (left - 6.0, y + BREADTH / 2.0);
            panel::text(root, &bar.label, middle, 11.0, false, style::INK, (HPos::Right, VPos::Center))?;
            let mut from = 0.0;
            for segment in &bar.segments {
                let corners = [(at(from), fine(y)), (at(from + segment.value), fine(y + BREADTH))];
                root.draw(&Rectangle::new(corners, colour(segment.category).filled()))?;
                // A pale seam, so that neighbours can be told apart without their colours.
                root.draw(&PathElement::new(
                    vec![(corners[1].0, corners[0].1), corners[1]],
                    WHITE.stroke_width(FINE as u32 / 2),
                ))?;
                panel::hit_area(&mut hits, corners, &segment.says);
                from += segment.value;
            }
        }
        Ok(hits)
    })
}
