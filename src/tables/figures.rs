//! The figures that `derived.csv` holds of each cell: one table says their names, meanings, units and formulas.
//!
//! Each figure is computed for each trial that went well, and its median over the trials is the cell's.
//! A median of ratios is not the ratio of medians, and it is the trial that is the sample. A sender's counts
//! are divided by the sender's own bytes and window, a receiver's by the receiver's.

use super::estimate::Estimate;
use super::metric::{Better, Drawn, Metric, THROUGHPUT};
use super::sample::Sample;
use super::ticks::{TickClock, Ticked};
use crate::cell::Side;
use crate::record::End;
use crate::record::row::row;

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

fn per_byte(count: Option<u64>, end: &End) -> Option<f64> {
    over(number(count), number(end.bytes))
}

fn per_gib(count: Option<u64>, end: &End) -> Option<f64> {
    per_byte(count, end).map(|each| each * GIB)
}

fn per_million_messages(count: Option<u64>, end: &End) -> Option<f64> {
    over(number(count), number(end.messages)).map(|each| each * MILLION)
}

fn ns_per_kib(seconds: Option<f64>, bytes: Option<u64>) -> Option<f64> {
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

/// The figure that is drawn of a metric; none unless one is named.
macro_rules! drawn {
    () => {
        None
    };
    ($file:literal $title:literal $about:literal $($counter:literal)?) => {
        Some(Drawn { file: $file, title: $title, about: $about, counter: [$($counter)?].first().copied() })
    };
}

row! {
    /// A kind of delay of one cell.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct PercentileFigures {
        /// The delay that half of a trial's messages had at most.
        p50_us: Estimate in "us" since "1.4.0",
        /// The delay that 90 % of a trial's messages had at most.
        p90_us: Estimate in "us" since "1.4.0",
        /// The delay that 99 % of a trial's messages had at most.
        p99_us: Estimate in "us" since "1.4.0",
        /// The delay that 99.9 % of a trial's messages had at most.
        p999_us: Estimate in "us" since "1.4.0",
        /// The delay that 99.99 % of a trial's messages had at most.
        p9999_us: Estimate in "us" since "1.4.0",
    }
}

/// Rows of estimates, and the table of metrics. After its formula stand, where they apply: the time in ticks that a sampled
/// figure rests on (`ticked`), and what is drawn of it by message size (`drawn`: the file's name, the title, the caption,
/// and the counter whose absence explains its own).
macro_rules! figures {
    (
        trial {$(
            $(#[doc = $about:literal])+
            $name:ident in $unit:literal $better:ident, $of:expr $(, ticked $ticked:expr)?
                $(, drawn $file:literal $title:literal $caption:literal $($counter:literal)?)?;
        )+}
        end {$(
            $(#[doc = $end_about:literal])+
            $end_name:ident in $end_unit:literal $end_better:ident, $end_of:expr $(, ticked $end_ticked:expr)?
                $(, drawn $end_file:literal $end_title:literal $end_caption:literal $($end_counter:literal)?)?;
        )+}
        delays {$(
            $(#[doc = $delay_about:literal])+
            $delay:ident as $prefix:literal [$($share:ident)+];
        )+}
    ) => {
        row! {
            /// The figures of one cell.
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct Figures {
                $($(#[doc = $about])+ $name: Estimate in $unit,)+
                /// The sender's end.
                sender: EndFigures as "",
                /// The receiver's end.
                receiver: EndFigures as "receiver_",
            }
        }

        row! {
            /// How long messages took: of each percentile the median over the trials; empty where one of them lacks it.
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct DelayFigures {
                $($(#[doc = $delay_about])+ $delay: PercentileFigures as $prefix,)+
            }
        }

        row! {
            /// The figures of one end of a cell.
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct EndFigures {
                $($(#[doc = $end_about])+ $end_name: Estimate in $end_unit,)+
            }
        }

        /// Every figure: throughput, those of the whole trial, the sender's, and the receiver's with `receiver_` before.
        pub const METRICS: &[Metric] = &[
            THROUGHPUT,
            $(Metric {
                name: stringify!($name), unit: $unit, better: Better::$better,
                of: $of, at: |row| row.figures.$name,
                ticked: ticked!(trial $(, $ticked)?), in_all: None,
                drawn: drawn!($($file $title $caption $($counter)?)?),
            },)+
            $(Metric {
                name: stringify!($end_name), unit: $end_unit, better: Better::$end_better,
                of: |trial| { let of: fn(&End) -> Option<f64> = $end_of; of(&trial.sender) },
                at: |row| row.figures.sender.$end_name,
                ticked: ticked!(sender $(, $end_ticked)?), in_all: None,
                drawn: drawn!($($end_file $end_title $end_caption $($end_counter)?)?),
            },)+
            $(Metric {
                name: concat!("receiver_", stringify!($end_name)), unit: $end_unit, better: Better::$end_better,
                of: |trial| { let of: fn(&End) -> Option<f64> = $end_of; of(&trial.receiver) },
                at: |row| row.figures.receiver.$end_name,
                ticked: ticked!(receiver $(, $end_ticked)?), in_all: None, drawn: None,
            },)+
        ];

        /// Every delay, by its percentiles.
        pub const DELAYS: &[Metric] = &[
            $($(Metric {
                name: concat!($prefix, stringify!($share)), unit: "us", better: Better::Lower,
                of: |trial| trial.delays.$delay.$share, at: |row| row.cell.delays.$delay.$share,
                ticked: None, in_all: Some(|trial| trial.delays.$delay.p50_us), drawn: None,
            },)+)+
        ];

        impl Figures {
            /// The figures of a cell from its trials that went well.
            pub fn of(sample: &Sample) -> Self {
                let mut estimates = METRICS[1..].iter().map(|metric| metric.estimate(sample));
                let mut next = || estimates.next().expect("a metric for each field, in their order");
                Self {
                    $($name: next(),)+
                    sender: EndFigures { $($end_name: next(),)+ },
                    receiver: EndFigures { $($end_name: next(),)+ },
                }
            }
        }

        impl DelayFigures {
            /// The delays of a cell from its trials that went well.
            #[must_use]
            pub fn of(sample: &Sample) -> Self {
                let mut estimates = DELAYS.iter().map(|metric| metric.estimate(sample));
                let mut next = || estimates.next().expect("a metric for each field, in their order");
                Self { $($delay: PercentileFigures { $($share: next(),)+ },)+ }
            }
        }
    };
}

figures! {
    trial {
        /// Messages received per second, by all streams.
        messages_per_s in "1/s" Higher, |trial| over(number(trial.messages), trial.window_s);
        /// Window over messages of a stream: the mean time per message. It is not a delay.
        mean_recv_us in "us" Lower, |trial| trial.mean_recv_us;
        /// Share of the completed zero-copy calls that the kernel copied after all.
        zc_copied_share in "1" Lower, |trial| trial.zc.copied_share();
        /// Sends per GiB that were refused with ENOBUFS and made again.
        zc_enobufs_per_gib in "1/GiB" Lower, |trial| per_gib(trial.zc.enobufs, &trial.sender);
        /// TCP segments sent again per GiB, warm-up and drain included.
        retransmits_per_gib in "1/GiB" Lower,
            |trial| over(number(trial.retransmits), number(trial.total_bytes)).map(|each| each * GIB);
        /// Busy time of all CPUs of the sender's host per KiB, whoever caused it.
        host_busy_ns_per_kib in "ns/KiB" Lower,
            |trial| ns_per_kib(trial.host_busy_s, trial.bytes), ticked |trial| trial.host_busy_s,
            drawn "host-busy-by-size" "Busy time of the sender's host per KiB, by message size"
                "All CPUs of the sender's host, softirq included, whoever caused it; where both ends share the host, both are \
                 in it.";
        /// Softirq time of all CPUs of the sender's host per KiB, whoever caused it; no thread is charged with it.
        host_softirq_ns_per_kib in "ns/KiB" Lower,
            |trial| ns_per_kib(trial.host_softirq_s, trial.bytes), ticked |trial| trial.host_softirq_s;
        /// CPUs' worth of time that the hypervisor took away.
        host_steal_cpus in "CPUs" Lower, |trial| over(trial.host_steal_s, trial.window_s);
    }
    end {
        /// CPU time of the worker threads inside the window.
        cpu_s in "s" Lower, cpu_s;
        /// CPU time of the worker threads over the window: how many CPUs they kept busy.
        cpus in "CPUs" Neither, |end| over(cpu_s(end), end.window_s);
        /// CPU time of the worker threads per KiB, user and system.
        cpu_ns_per_kib in "ns/KiB" Lower, |end| ns_per_kib(cpu_s(end), end.bytes);
        /// CPU time in user space per KiB, sampled by ticks; empty where they are too few.
        user_ns_per_kib in "ns/KiB" Lower, |end| ns_per_kib(end.user_s, end.bytes), ticked |end| end.user_s;
        /// CPU time in the kernel per KiB, sampled by ticks; empty where they are too few.
        system_ns_per_kib in "ns/KiB" Lower, |end| ns_per_kib(end.system_s, end.bytes), ticked |end| end.system_s;
        /// CPU cycles per byte, user and kernel.
        cycles_per_byte in "1/B" Lower, |end| per_byte(end.cycles, end),
            drawn "cycles-by-size" "Cycles per byte at the sender, by message size"
                "User and kernel, sender's worker threads." "cycles";
        /// Instructions per byte, user and kernel.
        instructions_per_byte in "1/B" Lower, |end| per_byte(end.instructions, end);
        /// Instructions per cycle.
        instructions_per_cycle in "1" Neither, |end| over(number(end.instructions), number(end.cycles));
        /// Cache misses per GiB, as the CPU's architecture defines them.
        cache_misses_per_gib in "1/GiB" Lower, |end| per_gib(end.cache_misses, end);
        /// Loads per GiB that missed the first-level data cache.
        l1d_misses_per_gib in "1/GiB" Lower, |end| per_gib(end.l1d_load_misses, end);
        /// Loads per GiB that missed the last-level cache.
        llc_misses_per_gib in "1/GiB" Lower, |end| per_gib(end.llc_load_misses, end);
        /// Cache misses per million messages.
        cache_misses_per_million_messages in "1/10^6" Lower, |end| per_million_messages(end.cache_misses, end);
        /// Loads per million messages that missed the first-level data cache.
        l1d_misses_per_million_messages in "1/10^6" Lower, |end| per_million_messages(end.l1d_load_misses, end);
        /// Loads per million messages that missed the last-level cache.
        llc_misses_per_million_messages in "1/10^6" Lower, |end| per_million_messages(end.llc_load_misses, end);
        /// Mispredicted branches per GiB; a proxy where no cache counter exists, not a measure of caches.
        branch_misses_per_gib in "1/GiB" Lower, |end| per_gib(end.branch_misses, end);
        /// Page faults per GiB; a proxy where no cache counter exists, not a measure of caches.
        page_faults_per_gib in "1/GiB" Lower, |end| per_gib(end.page_faults, end);
        /// Context switches of the worker threads per second.
        context_switches_per_s in "1/s" Lower, |end| over(number(end.context_switches), end.window_s);
        /// Context switches of the worker threads per GiB.
        context_switches_per_gib in "1/GiB" Lower, |end| per_gib(end.context_switches, end);
        /// Context switches per second in which a worker thread waited.
        voluntary_switches_per_s in "1/s" Lower, |end| over(number(end.voluntary_switches), end.window_s);
        /// Payload bytes that a system call moved.
        bytes_per_call in "B" Neither, |end| over(number(end.bytes), number(end.calls));
    }
    delays {
        /// From when a message was to be sent until its answer is read.
        response as "response_" [p50_us p90_us p99_us p999_us p9999_us];
        /// From when a message was to be sent until the receiver has its last byte.
        one_way as "one_way_" [p50_us p90_us p99_us p999_us p9999_us];
        /// From when the receiver has the last byte until its answer is read.
        way_back as "way_back_" [p50_us p90_us p99_us p999_us p9999_us];
        /// The send call.
        call as "call_" [p50_us p90_us p99_us p999_us p9999_us];
        /// How long the kernel had the buffer.
        lent as "lent_" [p50_us p90_us p99_us p999_us p9999_us];
        /// From when a message was due until its send call begins.
        lateness as "lateness_" [p50_us p90_us p99_us p999_us p9999_us];
    }
}
