//! All paths at the largest message size, a panel a metric.

use super::draft::{Draft, Panels};
use super::measure::{self, Measure};
use super::{Kind, Outcome};
use crate::plot::{Axis, Panel, WIDTH};
use crate::prose::words;

pub(super) const KIND: Kind =
    Kind { name: "overall-at-largest-size", title: "All metrics at the largest message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let shape = draft.shape();
    let size = shape.largest();
    let mut panels = Panels::side_by_side(3);
    for measure in measures() {
        let mut series = measure.by_threads(draft.subject, draft.condition, size);
        // Threads are names here: the space between them means nothing, so nothing joins them.
        let place = |threads: f64| shape.threads.iter().position(|&one| f64::from(one) == threads);
        for one in &mut series {
            one.line = None;
            one.points.iter_mut().for_each(|point| point.x = place(point.x).unwrap_or_default() as f64);
            one.trials.iter_mut().for_each(|trial| trial.0 = place(trial.0).unwrap_or_default() as f64);
        }
        let names: Vec<String> = shape.threads.iter().map(u32::to_string).collect();
        let room = WIDTH * 0.8 / names.len() as f64;
        let y = measure.axis_called(measure::extent([&series]), str::to_owned);
        panels.push(&Panel {
            dodge: (room * 0.6).min(12.0 * series.len() as f64),
            series,
            ..Panel::new(measure.title, Axis::names("threads", &names), y)
        });
    }
    if panels.drawn.is_empty() {
        return draft.absent(format!("no trial of {} went well", words::bytes(size)));
    }
    let about = format!("Messages of {}.", words::bytes(size));
    draft.finish(panels, &about)
}

fn measures() -> Vec<Measure> {
    vec![
        Measure::THROUGHPUT,
        Measure::of("mean_recv_us", "mean receive time (no delay)", "µs", 1.0),
        Measure::of("cpu_ns_per_kib", "sender's CPU time per KiB", "ns", 1.0),
        Measure::of("receiver_cpu_ns_per_kib", "receiver's CPU time per KiB", "ns", 1.0),
        Measure::of("host_busy_ns_per_kib", "host's busy time per KiB", "ns", 1.0),
        Measure::of("host_softirq_ns_per_kib", "host's softirq time per KiB", "ns", 1.0),
        Measure::of("cycles_per_byte", "sender's cycles per byte", "1/B", 1.0),
        Measure::of("instructions_per_byte", "sender's instructions per byte", "1/B", 1.0),
        Measure::of("l1d_misses_per_gib", "sender's L1 misses per GiB", "loads", 1.0),
        Measure::of("llc_misses_per_gib", "sender's LLC misses per GiB", "loads", 1.0),
        Measure::of("context_switches_per_s", "sender's context switches per second", "1/s", 1.0),
        Measure::of("receiver_context_switches_per_s", "receiver's context switches per second", "1/s", 1.0),
        Measure::of("zc_copied_share", "zero-copy sends flagged as copied", "%", 100.0),
    ]
}
