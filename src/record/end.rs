//! What one end of a stream, or of all streams of a trial, did inside its own measured window.

use serde::{Deserialize, Serialize};

/// Figures of one end. Every one is optional: a counter that the machine does not have stays absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct End {
    /// Length of the window in seconds, by this end's own clock (the mean over its streams).
    pub window_s: Option<f64>,
    /// Payload bytes sent or received inside the window.
    pub bytes: Option<u64>,
    /// Whole messages among them.
    pub messages: Option<u64>,
    /// System calls that moved payload.
    pub calls: Option<u64>,
    /// CPU time in user space, seconds, of the worker threads (getrusage RUSAGE_THREAD).
    pub user_s: Option<f64>,
    /// CPU time in the kernel, seconds, of the worker threads (getrusage RUSAGE_THREAD).
    pub system_s: Option<f64>,
    /// CPU time of the worker threads by the scheduler's clock, seconds (CLOCK_THREAD_CPUTIME_ID).
    pub task_clock_s: Option<f64>,
    /// Context switches of the worker threads.
    pub context_switches: Option<u64>,
    /// Those of them in which the thread waited (getrusage ru_nvcsw).
    pub voluntary_switches: Option<u64>,
    /// Moves of a worker thread to another CPU.
    pub cpu_migrations: Option<u64>,
    /// Page faults of the worker threads.
    pub page_faults: Option<u64>,
    /// CPU cycles, user and kernel.
    pub cycles: Option<u64>,
    /// Instructions retired, user and kernel.
    pub instructions: Option<u64>,
    /// Cache references as the CPU's architecture defines them.
    pub cache_references: Option<u64>,
    /// Cache misses as the CPU's architecture defines them.
    pub cache_misses: Option<u64>,
    /// Loads that missed the first-level data cache.
    pub l1d_load_misses: Option<u64>,
    /// Loads that missed the last-level cache.
    pub llc_load_misses: Option<u64>,
    /// Mispredicted branches.
    pub branch_misses: Option<u64>,
    /// Smallest share of the window in which a hardware counter was on the PMU; counts are scaled by it.
    pub counter_running: Option<f64>,
    /// Time in which a worker thread could run and had to wait for a CPU, seconds, all threads together.
    pub run_delay_s: Option<f64>,
}

impl End {
    /// CPU time, seconds, by the clock; else by ticks.
    #[must_use]
    pub fn cpu_s(&self) -> Option<f64> {
        self.task_clock_s.or_else(|| Some(self.user_s? + self.system_s?))
    }

    /// The figures of several streams together: counts and CPU times added, the window averaged, the
    /// running share the smallest. A figure that one stream lacks is absent from the sum.
    #[must_use]
    pub fn sum(ends: &[Self]) -> Self {
        fn add<T: Copy + std::iter::Sum>(ends: &[End], of: fn(&End) -> Option<T>) -> Option<T> {
            if ends.is_empty() { None } else { ends.iter().map(of).sum() }
        }
        Self {
            window_s: add(ends, |end| end.window_s).map(|sum: f64| sum / ends.len() as f64),
            bytes: add(ends, |end| end.bytes),
            messages: add(ends, |end| end.messages),
            calls: add(ends, |end| end.calls),
            user_s: add(ends, |end| end.user_s),
            system_s: add(ends, |end| end.system_s),
            task_clock_s: add(ends, |end| end.task_clock_s),
            context_switches: add(ends, |end| end.context_switches),
            voluntary_switches: add(ends, |end| end.voluntary_switches),
            cpu_migrations: add(ends, |end| end.cpu_migrations),
            page_faults: add(ends, |end| end.page_faults),
            cycles: add(ends, |end| end.cycles),
            instructions: add(ends, |end| end.instructions),
            cache_references: add(ends, |end| end.cache_references),
            cache_misses: add(ends, |end| end.cache_misses),
            l1d_load_misses: add(ends, |end| end.l1d_load_misses),
            llc_load_misses: add(ends, |end| end.llc_load_misses),
            branch_misses: add(ends, |end| end.branch_misses),
            run_delay_s: add(ends, |end| end.run_delay_s),
            counter_running: ends.iter().filter_map(|end| end.counter_running).reduce(f64::min),
        }
    }
}

/// The columns of one end, with `sender_` or `receiver_` before each name.
macro_rules! end_columns {
    ($prefix:literal, $end:ident) => {
        [
            column!(
                concat!($prefix, "window_s"),
                $end.window_s,
                "length of this end's window, s; mean over streams"
            ),
            column!(concat!($prefix, "bytes"), $end.bytes, "payload bytes inside this end's window"),
            column!(concat!($prefix, "messages"), $end.messages, "whole messages inside this end's window"),
            column!(concat!($prefix, "calls"), $end.calls, "system calls that moved payload"),
            column!(
                concat!($prefix, "user_s"),
                $end.user_s,
                "CPU time in user space of the worker threads, s (getrusage)"
            ),
            column!(
                concat!($prefix, "system_s"),
                $end.system_s,
                "CPU time in the kernel of the worker threads, s (getrusage)"
            ),
            column!(
                concat!($prefix, "context_switches"),
                $end.context_switches,
                "context switches of the worker threads"
            ),
            column!(
                concat!($prefix, "cpu_migrations"),
                $end.cpu_migrations,
                "moves of a worker thread to another CPU"
            ),
            column!(concat!($prefix, "page_faults"), $end.page_faults, "page faults of the worker threads"),
            column!(concat!($prefix, "cycles"), $end.cycles, "CPU cycles, user and kernel"),
            column!(concat!($prefix, "instructions"), $end.instructions, "instructions, user and kernel"),
            column!(concat!($prefix, "cache_references"), $end.cache_references, "cache references"),
            column!(concat!($prefix, "cache_misses"), $end.cache_misses, "cache misses"),
            column!(
                concat!($prefix, "l1d_load_misses"),
                $end.l1d_load_misses,
                "loads that missed the L1 data cache"
            ),
            column!(
                concat!($prefix, "llc_load_misses"),
                $end.llc_load_misses,
                "loads that missed the last-level cache"
            ),
            column!(concat!($prefix, "branch_misses"), $end.branch_misses, "mispredicted branches"),
            column!(
                concat!($prefix, "counter_running"),
                $end.counter_running,
                "smallest share of the window a hardware counter ran; counts are scaled by it"
            ),
            column!(
                concat!($prefix, "task_clock_s"),
                $end.task_clock_s,
                "CPU time of the worker threads, s (CLOCK_THREAD_CPUTIME_ID)"
            ),
            column!(
                concat!($prefix, "voluntary_switches"),
                $end.voluntary_switches,
                "context switches in which the thread waited (getrusage)"
            ),
        ]
    };
}
pub(crate) use end_columns;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_one_stream_lacks_is_absent_from_the_sum() {
        let one = End { window_s: Some(1.0), bytes: Some(10), cycles: Some(5), ..End::default() };
        let two = End { window_s: Some(3.0), bytes: Some(20), ..End::default() };
        let sum = End::sum(&[one, two]);
        assert_eq!((sum.window_s, sum.bytes, sum.cycles), (Some(2.0), Some(30), None));
        assert_eq!(End::sum(&[]), End::default());
    }
}
