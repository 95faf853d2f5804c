//! Context switches per second of either end by message size.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind =
    Kind { name: "context-switches-by-size", title: "Context switches per second, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let ends = [("context_switches_per_s", "sender"), ("receiver_context_switches_per_s", "receiver")];
    let mut panels = Panels::default();
    for (name, end) in ends {
        let measure = Measure::of(name, "switches per second", "1/s", 1.0);
        if measure.is_measured(draft.subject, draft.condition) {
            draft.by_size(&mut panels, &measure, end);
            panels.columns = if panels.columns == 0 { panels.drawn.len() } else { panels.columns };
        }
    }
    if panels.drawn.is_empty() {
        return draft.absent(draft.subject.why_no_counter(&["context_switches"]));
    }
    draft.finish(panels, "Of the worker threads of one end, all streams together.")
}
