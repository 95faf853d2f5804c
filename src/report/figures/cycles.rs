//! Cycles per byte by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind =
    Kind { name: "cycles-by-size", title: "Cycles per byte at the sender, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("cycles_per_byte", "cycles per byte", "1/B", 1.0);
    draft.measure_by_size(&measure, "User and kernel, sender's worker threads.", || {
        draft.subject.why_no_counter(&["cycles"])
    })
}
