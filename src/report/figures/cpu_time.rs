//! CPU time per KiB of the worker threads by message size, which every machine can tell.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};
use crate::record::Roofline;
use crate::record::roofline::Level;

pub(super) const KIND: Kind =
    Kind { name: "cpu-by-size", title: "CPU time per KiB at the sender, by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("cpu_ns_per_kib", "CPU time per KiB", "ns", 1.0);
    let about = "User and system time of the sender's worker threads; what softirq does after them is charged \
                 to nobody, see the host's busy time.";
    // The floor's time is that of both ends, and so bounds nothing that is drawn here.
    let bound = |row: &Roofline| row.ns_per_kib.filter(|_| row.level != Level::Floor);
    draft.bounded(&measure, about, bound, || "no trial has the CPU time of its threads".to_owned())
}
