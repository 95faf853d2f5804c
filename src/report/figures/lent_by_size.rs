//! How long the kernel had the buffers of a path that lends them, beside the response time.

use super::draft::{Draft, Panels};
use super::measure::{self, Measure};
use super::{Kind, Outcome, axes, style, times};
use crate::plot::{Axis, Curve, Key, Panel, QUIET, Series};
use crate::prose::words;
use crate::record::Trial;
use crate::stats;
use crate::tables::DerivedRow;

pub(super) const KIND: Kind =
    Kind { name: "lent-by-size", title: "How long buffers were lent, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let shape = draft.shape();
    let threads = shape.threads[0];
    let panel = |name: &'static str| {
        let [lent, response] =
            ["lent", "response"].map(|kind| Measure::of(&format!("{kind}_{name}_us"), kind, "µs", 1.0));
        let mut lent = lent.by_size(draft.subject, draft.condition, threads);
        lent.iter_mut().for_each(|one| one.trials.clear());
        let response = response.by_size(draft.subject, draft.condition, threads);
        let curve = |(place, (own, answer)): (usize, (&Series, Series))| {
            let points: Vec<_> = answer.points.iter().map(|point| (point.x, point.value)).collect();
            let colour = style::of_path(&shape.paths[place], place).colour;
            (!own.points.is_empty()).then_some(Curve { colour, dashed: true, points })
        };
        let curves: Vec<Curve> = lent.iter().zip(response).enumerate().filter_map(curve).collect();
        (name, lent, curves)
    };
    let panels = ["p50", "p99"].map(panel);
    let mut values = measure::extent(panels.iter().map(|(_, lent, _)| lent.iter()));
    values.extend(
        panels.iter().flat_map(|(.., curves)| curves).flat_map(|curve| curve.points.iter().map(|p| p.1)),
    );
    let y = times::axis(Axis::values("", values), "µs", |unit| format!("time ({unit})"));
    let mut drawn = Panels::marked("Marks: medians, with 95 % intervals.");
    for (name, series, curves) in panels {
        let axes = Panel::new(name, axes::sizes(&shape.sizes), y.clone());
        drawn.push(&Panel { curves, series, dodge: 0.0, ..axes });
    }
    if drawn.drawn.is_empty() {
        return draft.absent("no path of it lends buffers to the kernel");
    }
    drawn.keys.push(Key::curve("broken: response time", QUIET, true));
    let about = format!(
        "{}From the begin of the send call until the kernel has let go of the buffer and the sender knows, with {}. {}",
        draft.rate(),
        words::threads(threads),
        before_or_after(draft, threads)
    );
    draft.finish(drawn, about.trim_end())
}

/// Whether the buffer comes back before the answer, for each path.
fn before_or_after(draft: &Draft, threads: u32) -> String {
    let shape = draft.shape();
    let of_path = |path: &String| {
        let mut told: [Vec<String>; 3] = Default::default();
        for &size in &shape.sizes {
            let row = draft.subject.measured(draft.condition, path, size, threads);
            if let Some(order) = row.and_then(|row| order(draft, row)) {
                told[order as usize].push(words::bytes(size));
            }
        }
        let name = draft.subject.name(draft.condition, path);
        let [before, after, open] = told;
        let known = [(before, "before the answer"), (after, "after it")];
        let known = known.into_iter().filter(|(sizes, _)| !sizes.is_empty());
        let known: Vec<String> =
            known.map(|(sizes, says)| format!("{says} at {}", words::list(&sizes))).collect();
        let first =
            (!known.is_empty()).then(|| format!("The buffer of {name} comes back {}.", known.join(", ")));
        let open = (!open.is_empty()).then(|| {
            format!(
                "At {} it cannot be told whether the buffer of {name} or the answer comes first.",
                words::list(&open)
            )
        });
        first.into_iter().chain(open)
    };
    shape.paths.iter().flat_map(of_path).collect::<Vec<_>>().join(" ")
}

/// When a buffer comes back.
enum Order {
    BeforeTheAnswer,
    AfterIt,
    NotTold,
}

/// By the medians of each trial; absent where one of the two was not measured.
fn order(draft: &Draft, row: &DerivedRow) -> Option<Order> {
    let pair = |trial: &Trial| trial.delays.lent.p50_us.zip(trial.delays.response.p50_us);
    let pairs: Vec<(f64, f64)> = draft.subject.trials(&row.cell).filter_map(pair).collect();
    Some(match stats::paired_ratio(&pairs)?.interval {
        Some(ends) if ends.high < 1.0 => Order::BeforeTheAnswer,
        Some(ends) if ends.low > 1.0 => Order::AfterIt,
        _ => Order::NotTold,
    })
}
