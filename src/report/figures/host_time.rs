//! Busy time of the whole host per KiB by message size, softirq included.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind = Kind {
    name: "host-busy-by-size",
    title: "Busy time of the sender's host per KiB, by message size",
    draw,
};

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("host_busy_ns_per_kib", "busy time per KiB", "ns", 1.0);
    let about = "All CPUs of the sender's host, softirq included, whoever caused it; where both ends share the \
                 host, both are in it.";
    draft.measure_by_size(&measure, about, || "no trial has the host's busy time".to_owned())
}
