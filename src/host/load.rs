//! How busy the host is while this process does its work, and how much of that is this process.

use std::time::Instant;

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::times::{CpuTimes, SummedTimes, of_all_and};
use super::{Root, cgroup, softirq};

/// What a host's load is read from, at one instant.
#[derive(Clone, Debug)]
pub(crate) struct LoadReading {
    at: Instant,
    /// Times of all CPUs together, and how many there are.
    host: Option<SummedTimes>,
    /// The same of the CPUs that are asked about.
    cpus: Option<SummedTimes>,
    process_s: Option<f64>,
    throttled_s: Option<f64>,
}

/// A host's load between two readings. What the host does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Time between the readings, seconds.
    pub elapsed_s: f64,
    /// CPU time of all CPUs, seconds: neither idle, nor waiting for I/O, nor stolen.
    pub busy_s: Option<f64>,
    /// In softirq, seconds.
    pub softirq_s: Option<f64>,
    /// Taken away by the hypervisor, seconds.
    pub steal_s: Option<f64>,
    /// Busy time that this process was not charged with, seconds. Interrupts count only where the kernel charges
    /// them to the thread that they interrupt.
    pub others_s: Option<f64>,
    /// The same of the CPUs that were asked about alone, as if this process ran nowhere else.
    pub others_on_cpus_s: Option<f64>,
    /// CPU time of this process, seconds.
    pub process_s: Option<f64>,
    /// Time in which the kernel held the control group back, seconds (`cpu.stat`).
    pub throttled_s: Option<f64>,
    /// Mean clock rate of the CPUs that were asked about at the second reading, 10^6 cycles a second (`cpufreq`).
    pub mhz: Option<f64>,
}

impl LoadReading {
    /// Reads now. `cpus` are those that are asked about beside all of them.
    pub(crate) fn now(cpus: &[usize]) -> Self {
        let at = Instant::now();
        let (host, cpus) = of_all_and(cpus).unzip();
        let process_s = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok();
        Self {
            at,
            host,
            cpus: cpus.flatten(),
            process_s: process_s.map(|time| time.num_nanoseconds() as f64 / 1e9),
            throttled_s: cgroup::throttled_s(),
        }
    }

    /// The load from this reading until now, of the same CPUs. With a card, interrupts are nobody's: much of its work
    /// is done over an idle CPU, or in a thread of the kernel.
    pub(crate) fn until_now(&self, cpus: &[usize], has_card: bool) -> Load {
        let now = Self::now(cpus);
        let mut load = self.until(&now, softirq::is_charged().map(|is_charged| is_charged && !has_card));
        load.mhz = mean_mhz(&Root::system(), cpus);
        load
    }

    fn until(&self, now: &Self, is_softirq_charged: Option<bool>) -> Load {
        let between = |one: Option<f64>, other: Option<f64>| Some((other? - one?).max(0.0));
        let mut load = Load {
            elapsed_s: (now.at - self.at).as_secs_f64(),
            process_s: between(self.process_s, now.process_s),
            throttled_s: between(self.throttled_s, now.throttled_s),
            ..Load::default()
        };
        let spent = spent(self.host, now.host);
        load.busy_s = spent.map(|(spent, cpus)| busy_s(&spent, cpus, load.elapsed_s));
        load.softirq_s = spent.map(|(spent, _)| spent.softirq_s);
        load.steal_s = spent.map(|(spent, _)| spent.steal_s);
        let others = |spent: Option<SummedTimes>| -> Option<f64> {
            let ((spent, cpus), own, is_charged) = (spent?, load.process_s?, is_softirq_charged?);
            let nobodys = if is_charged { 0.0 } else { spent.softirq_s + spent.irq_s };
            // On a CPU that wakes up thousands of times a second, going to sleep and waking is neither idle time nor
            // any process's, and no tick falls into it; and ticks scatter. What others do, both show.
            Some(busy_s(&spent, cpus, load.elapsed_s).min(spent.busy_s) - own - nobodys)
        };
        (load.others_s, load.others_on_cpus_s) = (others(spent), others(self::spent(self.cpus, now.cpus)));
        load
    }
}

/// Times between two readings of as many CPUs.
fn spent(before: Option<SummedTimes>, now: Option<SummedTimes>) -> Option<SummedTimes> {
    let ((before, cpus), (after, still)) = before.zip(now)?;
    (cpus == still && cpus > 0).then(|| (after - before, cpus))
}

/// Idle time is a clock where busy time is a count of ticks.
fn busy_s(spent: &CpuTimes, cpus: usize, elapsed_s: f64) -> f64 {
    (elapsed_s * cpus as f64 - spent.idle_s - spent.steal_s).max(0.0)
}

/// Mean clock rate of these CPUs, 10^6 cycles a second; absent where one does not tell, as in most guests.
fn mean_mhz(root: &Root, cpus: &[usize]) -> Option<f64> {
    let rate = |cpu: &usize| -> Option<f64> {
        let khz = root.text(format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"))?;
        Some(khz.parse::<f64>().ok()? / 1e3)
    };
    let rates: Vec<f64> = cpus.iter().map(rate).collect::<Option<_>>()?;
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sample;
    use super::*;

    fn reading(at: Instant, idle_s: f64, softirq_s: f64, process_s: f64) -> LoadReading {
        let times = CpuTimes { idle_s, softirq_s, busy_s: 3.0 * (idle_s - 10.0), ..CpuTimes::default() };
        LoadReading { at, host: Some((times, 2)), cpus: None, process_s: Some(process_s), throttled_s: None }
    }

    #[test]
    fn others_are_busy_when_the_process_is_not_charged_with_all() {
        let begin = Instant::now();
        let before = reading(begin, 10.0, 1.0, 5.0);
        let after = reading(begin + Duration::from_secs(1), 10.5, 1.25, 6.0);
        let load = before.until(&after, Some(true));
        assert_eq!((load.busy_s, load.process_s, load.others_s), (Some(1.5), Some(1.0), Some(0.5)));
        assert_eq!(load.throttled_s, None);
        assert_eq!(before.until(&after, Some(false)).others_s, Some(0.25));
        let mut between_ticks = after.clone();
        between_ticks.host =
            between_ticks.host.map(|(times, cpus)| (CpuTimes { busy_s: 1.1, ..times }, cpus));
        let others = before.until(&between_ticks, Some(true)).others_s.unwrap();
        assert!((others - 0.1).abs() < 1e-9, "waking up is nobody's: {others}");
        assert_eq!(before.until(&after, None).others_s, None, "whose the softirqs were is not known");
    }

    #[test]
    fn a_cpu_that_came_or_went_leaves_the_hosts_figures_absent() {
        let before = reading(Instant::now(), 10.0, 1.0, 5.0);
        let mut after = before.clone();
        after.host = after.host.map(|(times, _)| (times, 3));
        let load = before.until(&after, Some(true));
        assert_eq!((load.busy_s, load.others_s, load.process_s), (None, None, Some(0.0)));
    }

    #[test]
    fn work_of_this_process_is_not_that_of_others() {
        let before = LoadReading::now(&[]);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(50) {
            std::hint::black_box(begin);
        }
        let load = before.until_now(&[], false);
        assert!(load.process_s.unwrap() > 0.0 && load.elapsed_s >= 0.05, "{load:?}");
        assert!(load.busy_s.is_none_or(|busy| busy <= load.elapsed_s * 1024.0), "{load:?}");
        assert_eq!(load.mhz, None, "no CPU was asked about");
    }

    #[test]
    fn the_clock_rate_is_the_mean_of_the_cpus_or_absent() {
        let file = |cpu: usize| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
        let (_dir, root) = sample::root(&[(&file(0), "2000000"), (&file(1), "3000000")]);
        assert_eq!(mean_mhz(&root, &[0, 1]), Some(2500.0));
        assert_eq!(mean_mhz(&root, &[0, 2]), None);
    }
}
