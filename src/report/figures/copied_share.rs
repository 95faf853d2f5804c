//! The share of completed zero-copy sends that are flagged as copied after all, by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};
use crate::path;
use crate::prose::words;
use crate::study::interfaces;

pub(super) const KIND: Kind = Kind {
    name: "zero-copy-copied-by-size",
    title: "Share of zero-copy sends that are flagged as copied after all, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("zc_copied_share", "flagged as copied", "%", 100.0);
    let paths = || draft.shape().paths.iter().map(String::as_str);
    let flags = interfaces::copied_flags(paths());
    let (proving, others): (Vec<&str>, Vec<&str>) =
        paths().filter(|path| path::flag_proof(path).is_some()).partition(|path| path::is_flag_proof(path));
    let mut about = format!("Completions flagged {flags}");
    if !proving.is_empty() || others.is_empty() {
        about += "; 100 % is a deferred copy: none was avoided";
    }
    if !others.is_empty() {
        about += &format!("; of {} the flag proves nothing, only an x-ray tells", words::list(&others));
    }
    about += ".";
    let absent = || format!("no trial reaped a completion of {}", interfaces::names(paths()));
    draft.measure_by_size(&measure, &about, absent)
}
