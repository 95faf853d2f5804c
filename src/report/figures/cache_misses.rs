//! Misses of the first and the last level of the cache by message size.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind = Kind {
    name: "cache-misses-by-size",
    title: "L1 and last-level cache misses at the sender, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let levels = [
        ("l1d_misses_per_gib", "l1d_load_misses", "L1 data cache", "L1 misses per GiB"),
        ("llc_misses_per_gib", "llc_load_misses", "last level", "LLC misses per GiB"),
    ];
    let mut panels = Panels::default();
    let mut absent = Vec::new();
    for (name, counter, level, title) in levels {
        let measure = Measure::of(name, title, "loads", 1.0);
        if measure.is_measured(draft.subject, draft.condition) {
            draft.by_size(&mut panels, &measure, level);
            panels.columns = if panels.columns == 0 { panels.drawn.len() } else { panels.columns };
        } else {
            absent.push(counter);
        }
    }
    if panels.drawn.is_empty() {
        return draft.absent(draft.subject.why_no_counter(&absent));
    }
    panels.remark(
        (!absent.is_empty()).then(|| format!("Not drawn: {}.", draft.subject.why_no_counter(&absent))),
    );
    draft.finish(panels, "Loads that missed, user and kernel, sender's worker threads.")
}
