//! Figures by message size, a panel a number of threads: throughput, CPU, cache misses, context switches, and
//! what became of zero-copy.

use anyhow::Result;

use super::bounds::Bounds;
use super::measure::Measure;
use super::{Draft, Outcome, Panels};
use crate::record::Roofline;
use crate::record::roofline::Level;
use crate::report::subject::Subject;

/// Throughput.
pub(super) fn throughput(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft { subject, condition, name: "throughput-by-size", title: "Throughput by message size" };
    let bound = |row: &Roofline| Some(row.throughput_gbps);
    draft.bounded(&Measure::THROUGHPUT, "", bound, || "no trial of it went well".to_owned())
}

/// Cycles a byte.
pub(super) fn cycles(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "cycles-by-size",
        title: "Cycles a byte at the sender, by message size",
    };
    let measure = Measure::of("cycles_per_byte", "cycles a byte", "1/B", 1.0);
    draft.measure_by_size(&measure, "User and kernel, sender's worker threads.", || {
        subject.why_no_counter(&["cycles"])
    })
}

/// CPU time per KiB of the worker threads, which every machine can tell.
pub(super) fn cpu_time(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "cpu-by-size",
        title: "CPU time per KiB at the sender, by message size",
    };
    let measure = Measure::of("cpu_ns_per_kib", "CPU time per KiB", "ns", 1.0);
    let about = "User and system time of the sender's worker threads; what softirq does after them is charged \
                 to nobody, see the host's busy time.";
    // The floor's time is that of both ends, and so bounds nothing that is drawn here.
    let bound = |row: &Roofline| row.ns_per_kib.filter(|_| row.level != Level::Floor);
    draft.bounded(&measure, about, bound, || "no trial has the CPU time of its threads".to_owned())
}

/// Busy time of the whole host per KiB, softirq included.
pub(super) fn host_time(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "host-busy-by-size",
        title: "Busy time of the sender's host per KiB, by message size",
    };
    let measure = Measure::of("host_busy_ns_per_kib", "busy time per KiB", "ns", 1.0);
    let about = "All CPUs of the sender's host, softirq included, whoever caused it; where both ends share the \
                 host, both are in it.";
    draft.measure_by_size(&measure, about, || "no trial has the host's busy time".to_owned())
}

/// Misses of the first and the last level of the cache.
pub(super) fn misses(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "cache-misses-by-size",
        title: "L1 and last-level cache misses at the sender, by message size",
    };
    let levels = [
        ("l1d_misses_per_gib", "l1d_load_misses", "L1 data cache", "L1 misses a GiB"),
        ("llc_misses_per_gib", "llc_load_misses", "last level", "LLC misses a GiB"),
    ];
    let mut panels = Panels::default();
    let mut absent = Vec::new();
    for (name, counter, level, title) in levels {
        let measure = Measure::of(name, title, "loads", 1.0);
        if measure.is_measured(subject, condition) {
            draft.by_size(&mut panels, &measure, level)?;
            panels.columns = if panels.columns == 0 { panels.drawn.len() } else { panels.columns };
        } else {
            absent.push(counter);
        }
    }
    if panels.drawn.is_empty() {
        return Ok(draft.absent(subject.why_no_counter(&absent)));
    }
    panels.remark((!absent.is_empty()).then(|| format!("Not drawn: {}.", subject.why_no_counter(&absent))));
    draft.finish(panels, "Loads that missed, user and kernel, sender's worker threads.")
}

/// Context switches a second of either end.
pub(super) fn switches(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "context-switches-by-size",
        title: "Context switches a second, by message size",
    };
    let ends = [("context_switches_per_s", "sender"), ("receiver_context_switches_per_s", "receiver")];
    let mut panels = Panels::default();
    for (name, end) in ends {
        let measure = Measure::of(name, "switches a second", "1/s", 1.0);
        if measure.is_measured(subject, condition) {
            draft.by_size(&mut panels, &measure, end)?;
            panels.columns = if panels.columns == 0 { panels.drawn.len() } else { panels.columns };
        }
    }
    if panels.drawn.is_empty() {
        return Ok(draft.absent(subject.why_no_counter(&["context_switches"])));
    }
    draft.finish(panels, "Of the worker threads of one end, all streams together.")
}

/// The share of completed MSG_ZEROCOPY calls that the kernel copied after all.
pub(super) fn copied_share(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "zero-copy-copied-by-size",
        title: "Share of MSG_ZEROCOPY calls that the kernel copied after all, by message size",
    };
    let measure = Measure::of("zc_copied_share", "copied after all", "%", 100.0);
    let about = "Completions flagged SO_EE_CODE_ZEROCOPY_COPIED; 100 % is a deferred copy, not zero-copy.";
    draft.measure_by_size(&measure, about, || "no trial reaped a completion of MSG_ZEROCOPY".to_owned())
}

impl Draft<'_, '_> {
    /// A figure of one measure by message size, or the reason why there is none.
    fn measure_by_size(
        &self,
        measure: &Measure,
        about: &str,
        why_not: impl FnOnce() -> String,
    ) -> Result<Outcome> {
        self.bounded(measure, about, |_| None, why_not)
    }

    /// The same, with what `bound` reads of the memory roofline drawn into it.
    fn bounded(
        &self,
        measure: &Measure,
        about: &str,
        bound: fn(&Roofline) -> Option<f64>,
        why_not: impl FnOnce() -> String,
    ) -> Result<Outcome> {
        if !measure.is_measured(self.subject, self.condition) {
            return Ok(self.absent(why_not()));
        }
        let mut panels = Panels::default();
        let bounds = Bounds::new(self.subject, self.condition, measure, bound);
        self.bounded_by_size(&mut panels, measure, "", &bounds)?;
        let lines = "Broken lines, the memory roofline: one CPU that does nothing but copy.";
        let about = if bounds.has_copies() { format!("{about} {lines}") } else { about.to_owned() };
        self.finish(panels, about.trim_start())
    }
}
