//! What one end of a stream, or of all streams of a trial, did inside its own measured window.

use serde::{Deserialize, Serialize};

use super::row::row;
use super::sum_of;

row! {
    /// Figures of one end. Every one is optional: a counter that the machine does not have stays absent.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct End {
        /// Length of the window by this end's own clock; the mean over its streams.
        window_s: Option<f64> in "s",
        /// Payload bytes sent or received inside this end's window.
        bytes: Option<u64> in "B",
        /// Whole messages inside this end's window.
        messages: Option<u64>,
        /// System calls that moved payload.
        calls: Option<u64>,
        /// CPU time of the worker threads in user space (getrusage, RUSAGE_THREAD).
        user_s: Option<f64> in "s",
        /// CPU time of the worker threads in the kernel (getrusage, RUSAGE_THREAD).
        system_s: Option<f64> in "s",
        /// Context switches of the worker threads.
        context_switches: Option<u64>,
        /// Moves of a worker thread to another CPU.
        cpu_migrations: Option<u64>,
        /// Page faults of the worker threads.
        page_faults: Option<u64>,
        /// CPU cycles, user and kernel.
        cycles: Option<u64>,
        /// Instructions retired, user and kernel.
        instructions: Option<u64>,
        /// Cache references as the CPU's architecture defines them.
        cache_references: Option<u64>,
        /// Cache misses as the CPU's architecture defines them.
        cache_misses: Option<u64>,
        /// Loads that missed the first-level data cache.
        l1d_load_misses: Option<u64>,
        /// Loads that missed the last-level cache.
        llc_load_misses: Option<u64>,
        /// Mispredicted branches.
        branch_misses: Option<u64>,
        /// Smallest share of the window in which a hardware counter was on the PMU; counts are scaled by it.
        counter_running: Option<f64>,
        /// CPU time of the worker threads by the scheduler's clock (CLOCK_THREAD_CPUTIME_ID).
        task_clock_s: Option<f64> in "s",
        /// Context switches in which the thread waited (getrusage, ru_nvcsw).
        voluntary_switches: Option<u64>,
        /// Time in which a worker thread could run and had to wait for a CPU, seconds, all threads together.
        run_delay_s: Option<f64> as _,
    }
}

impl End {
    /// CPU time, seconds, by the clock; else by ticks.
    #[must_use]
    pub fn cpu_s(&self) -> Option<f64> {
        self.task_clock_s.or_else(|| Some(self.user_s? + self.system_s?))
    }

    /// Adds the CPU time that threads of the kernel spent for this end, seconds. Events of the hardware are counted for the
    /// worker alone: where others have worked for it, they are not the end's.
    pub fn add_kernel_threads(&mut self, cpu_s: f64) {
        self.system_s = self.system_s.map(|own| own + cpu_s);
        self.task_clock_s = self.task_clock_s.map(|own| own + cpu_s);
        if cpu_s > 0.0 {
            for event in [
                &mut self.cycles,
                &mut self.instructions,
                &mut self.cache_references,
                &mut self.cache_misses,
                &mut self.l1d_load_misses,
                &mut self.llc_load_misses,
                &mut self.branch_misses,
            ] {
                *event = None;
            }
            self.counter_running = None;
        }
    }

    /// The figures of several streams together: counts and CPU times added, the window averaged, the
    /// running share the smallest. A figure that one stream lacks is absent from the sum.
    #[must_use]
    pub fn sum(ends: &[Self]) -> Self {
        let is_any = !ends.is_empty();
        let add = |of: fn(&Self) -> Option<u64>| sum_of(ends.iter().map(of)).filter(|_| is_any);
        let add_s =
            |of: fn(&Self) -> Option<f64>| ends.iter().map(of).sum::<Option<f64>>().filter(|_| is_any);
        Self {
            window_s: add_s(|end| end.window_s).map(|sum| sum / ends.len() as f64),
            bytes: add(|end| end.bytes),
            messages: add(|end| end.messages),
            calls: add(|end| end.calls),
            user_s: add_s(|end| end.user_s),
            system_s: add_s(|end| end.system_s),
            task_clock_s: add_s(|end| end.task_clock_s),
            context_switches: add(|end| end.context_switches),
            voluntary_switches: add(|end| end.voluntary_switches),
            cpu_migrations: add(|end| end.cpu_migrations),
            page_faults: add(|end| end.page_faults),
            cycles: add(|end| end.cycles),
            instructions: add(|end| end.instructions),
            cache_references: add(|end| end.cache_references),
            cache_misses: add(|end| end.cache_misses),
            l1d_load_misses: add(|end| end.l1d_load_misses),
            llc_load_misses: add(|end| end.llc_load_misses),
            branch_misses: add(|end| end.branch_misses),
            run_delay_s: add_s(|end| end.run_delay_s),
            counter_running: ends.iter().filter_map(|end| end.counter_running).reduce(f64::min),
        }
    }
}

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
        let most = End { calls: Some(u64::MAX), ..End::default() };
        assert_eq!(End::sum(&[most.clone(), most]).calls, None, "no number holds it");
    }

    #[test]
    fn the_time_of_kernel_threads_counts_and_what_only_the_worker_counted_does_not() {
        let own = End {
            system_s: Some(1.0),
            task_clock_s: Some(1.5),
            cycles: Some(5),
            counter_running: Some(1.0),
            page_faults: Some(3),
            ..End::default()
        };
        let (mut idle, mut busy) = (own.clone(), own.clone());
        idle.add_kernel_threads(0.0);
        assert_eq!(idle, own);
        busy.add_kernel_threads(0.5);
        assert_eq!((busy.system_s, busy.task_clock_s, busy.page_faults), (Some(1.5), Some(2.0), Some(3)));
        assert_eq!((busy.cycles, busy.counter_running), (None, None));
    }
}
