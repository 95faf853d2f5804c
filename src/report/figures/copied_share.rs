//! The share of completed zero-copy sends that the kernel copied after all, by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};
use crate::study::interfaces;

pub(super) const KIND: Kind = Kind {
    name: "zero-copy-copied-by-size",
    title: "Share of zero-copy sends that the kernel copied after all, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("zc_copied_share", "copied after all", "%", 100.0);
    let paths = || draft.shape().paths.iter().map(String::as_str);
    let flags = interfaces::copied_flags(paths());
    let about = format!("Completions flagged {flags}; 100 % is a deferred copy: none was avoided.");
    let absent = || format!("no trial reaped a completion of {}", interfaces::names(paths()));
    draft.measure_by_size(&measure, &about, absent)
}
