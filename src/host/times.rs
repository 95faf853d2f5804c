//! What the CPUs of the host spent their time on, from `/proc/stat`.
//!
//! The figures are the whole host's, in a namespace or a container too. They advance in ticks of 10 ms.

use std::collections::BTreeMap;
use std::ops::Sub;

use nix::unistd::{SysconfVar, sysconf};

use super::Root;

/// Seconds of one CPU or of all, since boot or between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// Doing anything at all: user, system, interrupts; neither idle, waiting for I/O nor stolen.
    pub busy_s: f64,
    /// In softirq, which is part of busy: the work of the network stack that no process is charged for.
    pub softirq_s: f64,
    /// Taken away by the hypervisor while there was work.
    pub steal_s: f64,
}

/// Times of all CPUs together since boot; absent where `/proc/stat` is not readable.
#[must_use]
pub fn cpu_times() -> Option<CpuTimes> {
    read()?.remove("cpu")
}

/// Times of each CPU that is online.
#[must_use]
pub fn times_per_cpu() -> Option<BTreeMap<usize, CpuTimes>> {
    let number = |name: &str| name.strip_prefix("cpu")?.parse().ok();
    Some(read()?.into_iter().filter_map(|(name, times)| Some((number(&name)?, times))).collect())
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
        let [user, nice, system, _idle, _iowait, irq, softirq, steal] = *ticks.first_chunk()?;
        all.insert(
            name.to_owned(),
            CpuTimes {
                busy_s: (user + nice + system + irq + softirq) / ticks_per_second,
                softirq_s: softirq / ticks_per_second,
                steal_s: steal / ticks_per_second,
            },
        );
    }
    (!all.is_empty()).then_some(all)
}

impl Sub for CpuTimes {
    type Output = Self;

    /// The time between two readings; never below zero, though some hypervisors let steal go backwards.
    fn sub(self, earlier: Self) -> Self {
        Self {
            busy_s: (self.busy_s - earlier.busy_s).max(0.0),
            softirq_s: (self.softirq_s - earlier.softirq_s).max(0.0),
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
        assert_eq!(times["cpu0"], CpuTimes { busy_s: 1.51, softirq_s: 0.1, steal_s: 0.04 });
        assert_eq!(times["cpu1"], CpuTimes { busy_s: 2.61, softirq_s: 0.2, steal_s: 0.06 });
        assert_eq!(times["cpu"], CpuTimes { busy_s: 4.12, softirq_s: 0.3, steal_s: 0.1 });
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
        assert!(!times_per_cpu().unwrap().is_empty());
    }
}
