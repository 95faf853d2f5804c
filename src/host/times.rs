//! What the CPUs of the host spent their time on, from `/proc/stat`.
//!
//! The figures are the whole host's, in a namespace or a container too. They advance in ticks of 10 ms.

use std::collections::BTreeMap;
use std::ops::{Add, Sub};

use nix::unistd::{SysconfVar, sysconf};

use super::Root;

/// Seconds of one CPU or of all, since boot or between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CpuTimes {
    /// Doing anything at all: user, system, interrupts; neither idle, waiting for I/O nor stolen.
    pub busy_s: f64,
    /// In softirq, which is part of busy: the work of the network stack, whoever it interrupts.
    pub softirq_s: f64,
    /// In hardware interrupts, which is part of busy.
    pub irq_s: f64,
    /// With nothing to run, waiting for I/O or not. Where the tick stops in idle (NO_HZ) this is a clock, not a
    /// count of ticks.
    pub idle_s: f64,
    /// Taken away by the hypervisor while there was work.
    pub steal_s: f64,
}

/// Times of all CPUs together since boot; absent where `/proc/stat` is not readable.
pub(crate) fn cpu_times() -> Option<CpuTimes> {
    read()?.remove("cpu")
}

/// Times of CPUs together since boot, and how many CPUs those are.
pub(super) type SummedTimes = (CpuTimes, usize);

/// Times of all CPUs that are online, and of these alone; absent of these where none is named or one is not online.
pub(super) fn of_all_and(cpus: &[usize]) -> Option<(SummedTimes, Option<SummedTimes>)> {
    let mut times = read()?;
    // The kernel rounds this line's sum down once; a sum of each CPU's would be rounded down once a CPU.
    let all = times.remove("cpu")?;
    let these: Option<Vec<CpuTimes>> =
        cpus.iter().map(|cpu| times.get(&format!("cpu{cpu}")).copied()).collect();
    let these = these.filter(|these| !these.is_empty()).map(|these| {
        let count = these.len();
        (these.into_iter().fold(CpuTimes::default(), |sum, one| sum + one), count)
    });
    Some(((all, times.len()), these))
}

fn read() -> Option<BTreeMap<String, CpuTimes>> {
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    parse(&Root::system().text("proc/stat")?, ticks_per_second as f64)
}

/// The lines `cpu`, `cpu0`, …; absent when there is none or one is not as proc_stat(5) says.
fn parse(text: &str, ticks_per_second: f64) -> Option<BTreeMap<String, CpuTimes>> {
    let mut all = BTreeMap::new();
    for line in text.lines().take_while(|line| line.starts_with("cpu")) {
        let (name, ticks) = line.split_once(' ')?;
        let ticks: Vec<f64> =
            ticks.split_whitespace().map(|tick| tick.parse().ok()).collect::<Option<_>>()?;
        // guest and guest_nice, behind these eight, are already part of user and nice.
        let [user, nice, system, idle, iowait, irq, softirq, steal] = *ticks.first_chunk()?;
        all.insert(
            name.to_owned(),
            CpuTimes {
                busy_s: (user + nice + system + irq + softirq) / ticks_per_second,
                softirq_s: softirq / ticks_per_second,
                irq_s: irq / ticks_per_second,
                idle_s: (idle + iowait) / ticks_per_second,
                steal_s: steal / ticks_per_second,
            },
        );
    }
    (!all.is_empty()).then_some(all)
}

impl Add for CpuTimes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            busy_s: self.busy_s + other.busy_s,
            softirq_s: self.softirq_s + other.softirq_s,
            irq_s: self.irq_s + other.irq_s,
            idle_s: self.idle_s + other.idle_s,
            steal_s: self.steal_s + other.steal_s,
        }
    }
}

impl Sub for CpuTimes {
    type Output = Self;

    /// The time between two readings; never below zero, though some hypervisors let steal go backwards.
    fn sub(self, earlier: Self) -> Self {
        Self {
            busy_s: (self.busy_s - earlier.busy_s).max(0.0),
            softirq_s: (self.softirq_s - earlier.softirq_s).max(0.0),
            irq_s: (self.irq_s - earlier.irq_s).max(0.0),
            idle_s: (self.idle_s - earlier.idle_s).max(0.0),
            steal_s: (self.steal_s - earlier.steal_s).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  300 20 60 8000 40 2 30 10 100 5\n\
                        cpu0 100 10 30 4000 20 1 10 4 50 5\n\
                        cpu1 200 10 30 4000 20 1 20 6 50 0\n\
                        intr 1 2 3\nctxt 5\n";

    #[test]
    fn idle_waiting_stolen_and_guest_time_is_not_busy_time() {
        let times = parse(STAT, 100.0).unwrap();
        assert_eq!(times.len(), 3);
        assert_eq!(
            times["cpu0"],
            CpuTimes { busy_s: 1.51, softirq_s: 0.1, irq_s: 0.01, idle_s: 40.2, steal_s: 0.04 }
        );
        assert_eq!(
            times["cpu1"],
            CpuTimes { busy_s: 2.61, softirq_s: 0.2, irq_s: 0.01, idle_s: 40.2, steal_s: 0.06 }
        );
        assert_eq!(
            times["cpu"],
            CpuTimes { busy_s: 4.12, softirq_s: 0.3, irq_s: 0.02, idle_s: 80.4, steal_s: 0.1 }
        );
    }

    #[test]
    fn a_window_is_the_difference_of_two_readings() {
        let of = |text| parse(text, 100.0).unwrap()["cpu"];
        let window = of("cpu 450 20 60 8100 40 2 80 9 100 5\n") - of(STAT);
        assert!((window.busy_s - 2.0).abs() < 1e-9);
        assert!((window.softirq_s - 0.5).abs() < 1e-9);
        assert_eq!(window.steal_s, 0.0, "steal went backwards");
    }

    #[test]
    fn what_is_no_stat_file_is_absent() {
        for text in ["", "intr 1\n", "cpu0 1 2 3\n", "cpu a b c d e f g h\n"] {
            assert_eq!(parse(text, 100.0), None, "{text}");
        }
    }

    #[test]
    fn this_host_has_been_busy() {
        let all = cpu_times().unwrap();
        assert!(all.busy_s > 0.0);
    }
}
