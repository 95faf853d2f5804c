//! The share of completed MSG_ZEROCOPY calls that the kernel copied after all, by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind = Kind {
    name: "zero-copy-copied-by-size",
    title: "Share of MSG_ZEROCOPY calls that the kernel copied after all, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("zc_copied_share", "copied after all", "%", 100.0);
    let about = "Completions flagged SO_EE_CODE_ZEROCOPY_COPIED; 100 % is a deferred copy, not zero-copy.";
    draft.measure_by_size(&measure, about, || "no trial reaped a completion of MSG_ZEROCOPY".to_owned())
}
