//! The figures that `derived.csv` holds of each cell: one table says their names, units and formulas.
//!
//! Each figure is computed for each trial that went well, and its median over the trials is the cell's.
//! A median of ratios is not the ratio of medians, and it is the trial that is the sample. A sender's counts
//! are divided by the sender's own bytes and window, a receiver's by the receiver's.

use super::estimate::{Estimate, estimate_columns};
use super::sample::Sample;
use super::ticks::{TickClock, Ticked};
use crate::cell::Side;
use crate::record::{Column, End, Trial};

/// Which way a figure improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: it explains.
    Neither,
}

/// One figure: its column in `derived.csv`, and where its value comes from and goes to.
#[derive(Clone, Copy)]
pub struct Metric {
    /// The column; those of its interval end in `_low` and `_high`.
    pub name: &'static str,
    /// One clause: what it holds and its source.
    pub about: &'static str,
    /// Its unit, `1` where it has none.
    pub unit: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// The figure of one trial; absent where the trial lacks what it is made of.
    pub of: fn(&Trial) -> Option<f64>,
    /// The cell's figure.
    pub at: fn(&Figures) -> &Estimate,
    /// What it rests on where it is sampled by ticks; absent where its source is exact.
    pub ticked: Option<Ticked>,
    pub(super) set: fn(&mut Figures, Estimate),
}

impl Metric {
    /// The figures of the trials of a cell that went well and have it; none where its clock cannot tell them.
    #[must_use]
    pub fn values(&self, sample: &Sample) -> Vec<f64> {
        if self.is_told(sample) { sample.values(self.of) } else { Vec::new() }
    }

    /// Whether the clock that the figure comes from is fine enough for the cell's windows.
    #[must_use]
    pub fn is_told(&self, sample: &Sample) -> bool {
        self.ticked.is_none_or(|ticked| ticked.is_told(sample))
    }
}

const KIB: f64 = 1024.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const MILLION: f64 = 1e6;

/// A quotient; absent where a part is, or where there is nothing to divide by.
fn over(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    whole.filter(|&whole| whole > 0.0).and_then(|whole| Some(part? / whole))
}

fn number(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

fn a_byte(count: Option<u64>, end: &End) -> Option<f64> {
    over(number(count), number(end.bytes))
}

fn a_gib(count: Option<u64>, end: &End) -> Option<f64> {
    a_byte(count, end).map(|each| each * GIB)
}

fn a_million_messages(count: Option<u64>, end: &End) -> Option<f64> {
    over(number(count), number(end.messages)).map(|each| each * MILLION)
}

fn ns_a_kib(seconds: Option<f64>, bytes: Option<u64>) -> Option<f64> {
    over(seconds, number(bytes)).map(|each| each * KIB * 1e9)
}

/// CPU time of the worker threads: user and system time, or the scheduler's clock where those are absent.
fn cpu_s(end: &End) -> Option<f64> {
    end.user_s.zip(end.system_s).map(|(user, system)| user + system).or(end.task_clock_s)
}

/// What a figure of the trial or of an end rests on: exact unless a time in ticks is named.
macro_rules! ticked {
    ($end:ident) => {
        None
    };
    (trial, $seconds:expr) => {
        Some(Ticked { clock: TickClock::Stat, seconds: $seconds })
    };
    (sender, $seconds:expr) => {
        Some(Ticked {
            clock: TickClock::Kernel(Side::Sender),
            seconds: |trial| {
                let of: fn(&End) -> Option<f64> = $seconds;
                of(&trial.sender)
            },
        })
    };
    (receiver, $seconds:expr) => {
        Some(Ticked {
            clock: TickClock::Kernel(Side::Receiver),
            seconds: |trial| {
                let of: fn(&End) -> Option<f64> = $seconds;
                of(&trial.receiver)
            },
        })
    };
}

/// A struct of estimates, and its table of metrics and columns. A figure that is sampled names the time in ticks
/// that it rests on after its formula.
macro_rules! figures {
    (
        trial { $($name:ident: $better:ident, $unit:literal, $about:literal, $of:expr $(, ticked $ticked:expr)?;)+ }
        end { $($end_name:ident: $end_better:ident, $end_unit:literal, $end_about:literal, $end_of:expr $(, ticked $end_ticked:expr)?;)+ }
    ) => {
        /// The figures of one cell.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Figures {
            $(#[doc = $about] pub $name: Estimate,)+
            /// The sender's end.
            pub sender: EndFigures,
            /// The receiver's end.
            pub receiver: EndFigures,
        }

        /// The figures of one end of a cell.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct EndFigures {
            $(#[doc = $end_about] pub $end_name: Estimate,)+
        }

        /// Every figure: those of the whole trial, the sender's, and the receiver's with `receiver_` before.
        pub const METRICS: &[Metric] = &[
            $(Metric {
                name: stringify!($name), about: $about, unit: $unit, better: Better::$better,
                of: $of, at: |row| &row.$name, set: |row, estimate| row.$name = estimate,
                ticked: ticked!(trial $(, $ticked)?),
            },)+
            $(Metric {
                name: stringify!($end_name), about: $end_about, unit: $end_unit, better: Better::$end_better,
                of: |trial| { let of: fn(&End) -> Option<f64> = $end_of; of(&trial.sender) },
                at: |row| &row.sender.$end_name, set: |row, estimate| row.sender.$end_name = estimate,
                ticked: ticked!(sender $(, $end_ticked)?),
            },)+
            $(Metric {
                name: concat!("receiver_", stringify!($end_name)),
                about: $end_about, unit: $end_unit, better: Better::$end_better,
                of: |trial| { let of: fn(&End) -> Option<f64> = $end_of; of(&trial.receiver) },
                at: |row| &row.receiver.$end_name, set: |row, estimate| row.receiver.$end_name = estimate,
                ticked: ticked!(receiver $(, $end_ticked)?),
            },)+
        ];

        /// The columns of the figures: each followed by the ends of its interval.
        pub(super) fn columns() -> Vec<Column<super::DerivedRow>> {
            use super::DerivedRow;
            const TRIAL: &[[Column<DerivedRow>; 3]] =
                &[$(estimate_columns!(stringify!($name), figures.$name, $about)),+];
            const SENDER: &[[Column<DerivedRow>; 3]] =
                &[$(estimate_columns!(stringify!($end_name), figures.sender.$end_name, $end_about)),+];
            const RECEIVER: &[[Column<DerivedRow>; 3]] = &[$(estimate_columns!(
                concat!("receiver_", stringify!($end_name)), figures.receiver.$end_name, $end_about
            )),+];
            [TRIAL.concat(), SENDER.concat(), RECEIVER.concat()].concat()
        }
    };
}

figures! {
    trial {
        messages_per_s: Higher, "1/s", "messages received a second, all streams",
            |trial| over(number(trial.messages), trial.window_s);
        mean_recv_us: Lower, "us", "window over messages of a stream: the mean time a message takes, no delay",
            |trial| trial.mean_recv_us;
        zc_copied_share: Lower, "1", "share of completed MSG_ZEROCOPY calls that the kernel copied after all",
            |trial| trial.zc.copied_share();
        zc_enobufs_per_gib: Lower, "1/GiB", "sends refused with ENOBUFS and made again",
            |trial| a_gib(trial.zc.enobufs, &trial.sender);
        retransmits_per_gib: Lower, "1/GiB", "TCP segments sent again, warm-up and drain included",
            |trial| over(number(trial.retransmits), number(trial.total_bytes)).map(|each| each * GIB);
        host_busy_ns_per_kib: Lower, "ns/KiB", "busy time of all CPUs of the sender's host, whoever caused it",
            |trial| ns_a_kib(trial.host_busy_s, trial.bytes), ticked |trial| trial.host_busy_s;
        host_softirq_ns_per_kib: Lower, "ns/KiB",
            "softirq time of all CPUs of the sender's host, whoever caused it; no thread is charged with it",
            |trial| ns_a_kib(trial.host_softirq_s, trial.bytes), ticked |trial| trial.host_softirq_s;
        host_steal_cpus: Lower, "CPUs", "time the hypervisor took away over the window: CPUs' worth",
            |trial| over(trial.host_steal_s, trial.window_s);
    }
    end {
        cpu_s: Lower, "s", "CPU time of the worker threads inside the window", cpu_s;
        cpus: Neither, "CPUs", "CPU time of the worker threads over the window: how many they kept busy",
            |end| over(cpu_s(end), end.window_s);
        cpu_ns_per_kib: Lower, "ns/KiB", "CPU time of the worker threads per KiB, user and system",
            |end| ns_a_kib(cpu_s(end), end.bytes);
        user_ns_per_kib: Lower, "ns/KiB", "CPU time in user space per KiB, sampled by ticks; empty where they are too few",
            |end| ns_a_kib(end.user_s, end.bytes), ticked |end| end.user_s;
        system_ns_per_kib: Lower, "ns/KiB", "CPU time in the kernel per KiB, sampled by ticks; empty where they are too few",
            |end| ns_a_kib(end.system_s, end.bytes), ticked |end| end.system_s;
        cycles_per_byte: Lower, "1/B", "CPU cycles a byte, user and kernel",
            |end| a_byte(end.cycles, end);
        instructions_per_byte: Lower, "1/B", "instructions a byte, user and kernel",
            |end| a_byte(end.instructions, end);
        instructions_per_cycle: Neither, "1", "instructions a cycle",
            |end| over(number(end.instructions), number(end.cycles));
        cache_misses_per_gib: Lower, "1/GiB", "cache misses a GiB, as the CPU's architecture defines them",
            |end| a_gib(end.cache_misses, end);
        l1d_misses_per_gib: Lower, "1/GiB", "loads that missed the L1 data cache, a GiB",
            |end| a_gib(end.l1d_load_misses, end);
        llc_misses_per_gib: Lower, "1/GiB", "loads that missed the last-level cache, a GiB",
            |end| a_gib(end.llc_load_misses, end);
        cache_misses_per_million_messages: Lower, "1/10^6", "cache misses a million messages",
            |end| a_million_messages(end.cache_misses, end);
        l1d_misses_per_million_messages: Lower, "1/10^6",
            "loads that missed the L1 data cache, a million messages",
            |end| a_million_messages(end.l1d_load_misses, end);
        llc_misses_per_million_messages: Lower, "1/10^6",
            "loads that missed the last-level cache, a million messages",
            |end| a_million_messages(end.llc_load_misses, end);
        branch_misses_per_gib: Lower, "1/GiB",
            "mispredicted branches a GiB; a proxy where no cache counter exists, no measure of caches",
            |end| a_gib(end.branch_misses, end);
        page_faults_per_gib: Lower, "1/GiB",
            "page faults a GiB; a proxy where no cache counter exists, no measure of caches",
            |end| a_gib(end.page_faults, end);
        context_switches_per_s: Lower, "1/s", "context switches of the worker threads a second",
            |end| over(number(end.context_switches), end.window_s);
        context_switches_per_gib: Lower, "1/GiB", "context switches of the worker threads a GiB",
            |end| a_gib(end.context_switches, end);
        voluntary_switches_per_s: Lower, "1/s", "context switches a second in which a worker thread waited",
            |end| over(number(end.voluntary_switches), end.window_s);
        bytes_per_call: Neither, "B", "payload bytes a system call moved",
            |end| over(number(end.bytes), number(end.calls));
    }
}

/// The metric of a column of `derived.csv`.
#[must_use]
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

impl Figures {
    /// The figure of a column of `derived.csv`; absent where there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Estimate> {
        metric(name).map(|metric| (metric.at)(self))
    }

    /// The figures of a cell from its trials that went well.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let mut figures = Self::default();
        for metric in METRICS {
            (metric.set)(&mut figures, Estimate::of(&metric.values(sample)).widened(sample.widening));
        }
        figures
    }
}
