//! Context switches per second of either end by message size.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind =
    Kind { name: "context-switches-by-size", title: "Context switches per second, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let ends = [("context_switches_per_s", "sender"), ("receiver_context_switches_per_s", "receiver")];
    let mut panels = Panels::default();
    let measures = ends.map(|(name, end)| (Measure::of(name, "switches per second", "1/s", 1.0), end));
    let is_there = |(measure, _): &(Measure, &str)| measure.is_measured(draft.subject, draft.condition);
    let measured: Vec<_> = measures.into_iter().filter(is_there).collect();
    draft.together_by_size(&mut panels, &measured);
    if panels.drawn.is_empty() {
        return draft.absent(draft.subject.why_no_counter(&["context_switches"]));
    }
    draft.finish(panels, "Of the worker threads of one end, all streams together; one scale for both ends.")
}
