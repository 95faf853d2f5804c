//! Whether a window is long enough for a figure that is sampled by the kernel's ticks.
//!
//! A thread's CPU time is exact, but how it divides into user and system time is not: at each tick the kernel adds
//! one to the side that it finds the thread on, and getrusage scales the two counts to the exact sum
//! (`cputime_adjust`, kernel/sched/cputime.c). So a share p of n ticks has the error sqrt(p(1−p)/n) of a sample,
//! and what comes to k of them is known to about 1/sqrt(k) of itself. Below [`LEAST_TICKS`] a figure is nothing
//! but chance, often zero, and left absent.

use super::hosts::STAT_HZ;
use super::sample::Sample;
use crate::cell::Side;
use crate::record::Trial;

/// Ticks that a figure must come to in a trial, on average over the cell's: known to a third of itself then.
pub const LEAST_TICKS: f64 = 10.0;

/// The clock that a sampled figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickClock {
    /// The tick of one end's kernel.
    Kernel(Side),
    /// The units of `/proc/stat` at the sender's host.
    Stat,
}

/// What a sampled figure rests on.
#[derive(Clone, Copy, Debug)]
pub struct Ticked {
    /// Which clock took the samples.
    pub clock: TickClock,
    /// The time of a trial that was counted in ticks, seconds.
    pub seconds: fn(&Trial) -> Option<f64>,
}

impl Ticked {
    /// Whether the cell's windows are long enough. The cell as a whole is asked: to leave out single trials with
    /// few ticks would leave those in which chance was high.
    pub fn is_told(&self, sample: &Sample) -> bool {
        let hz = match self.clock {
            TickClock::Kernel(side) => sample.hosts.end(side).tick_hz,
            TickClock::Stat => STAT_HZ,
        };
        let seconds = sample.values(self.seconds);
        seconds.iter().sum::<f64>() * hz >= LEAST_TICKS * seconds.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::record::Status;
    use crate::tables::{Figures, Hosts, metric};

    fn trials(user_s: &[f64]) -> Vec<Trial> {
        let trial = |&user_s: &f64| {
            let mut trial = Trial { status: Status::Ok, ..Trial::default() };
            (trial.sender.user_s, trial.sender.system_s) = (Some(user_s), Some(0.9));
            (trial.sender.bytes, trial.sender.window_s) = (Some(1 << 30), Some(1.0));
            trial
        };
        user_s.iter().map(trial).collect()
    }

    fn sample(trials: &[Trial], tick_hz: f64) -> Sample<'_> {
        let cell = Cell::example("two-copy", 1024);
        let mut hosts = Hosts::default();
        hosts.sender.tick_hz = tick_hz;
        Sample { cell, trials: trials.iter().collect(), hosts, widening: 1.0 }
    }

    #[test]
    fn a_window_too_short_for_the_tick_leaves_its_figure_absent_and_the_exact_sum_there() {
        let few = trials(&[0.0, 0.008, 0.016]);
        let figures = Figures::of(&sample(&few, 250.0));
        assert_eq!(figures.sender.user_ns_per_kib.value, None, "two ticks a trial tell nothing");
        assert!(
            figures.sender.system_ns_per_kib.value.is_some() && figures.sender.cpu_ns_per_kib.value.is_some()
        );
        let finer = Figures::of(&sample(&few, 2000.0));
        assert!(finer.sender.user_ns_per_kib.value.is_some(), "sixteen do");
    }

    #[test]
    fn no_tick_at_all_is_not_a_time_of_zero() {
        let none = trials(&[0.0, 0.0]);
        assert_eq!(Figures::of(&sample(&none, 1000.0)).sender.user_ns_per_kib.value, None);
    }

    #[test]
    fn only_figures_that_are_sampled_have_a_clock_of_ticks() {
        let ticked = |name| metric(name).unwrap().ticked.is_some();
        assert!(ticked("user_ns_per_kib") && ticked("receiver_system_ns_per_kib"));
        assert!(ticked("host_busy_ns_per_kib") && ticked("host_softirq_ns_per_kib"));
        assert!(!ticked("cpu_ns_per_kib") && !ticked("context_switches_per_s"));
    }
}
