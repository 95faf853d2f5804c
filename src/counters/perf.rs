//! The perf events of one thread, in groups whose members always cover the same intervals.
//!
//! A PMU has few counters, and a group that does not fit is never scheduled: so there are two groups, which the
//! kernel multiplexes when it must. Counts are scaled by enabled over running time; an event that never ran was
//! not counted.
//!
//! Hardware events alone: perf takes a thread's events off and puts them on at each of its context switches, and
//! what the kernel counts anyway ([`super::usage`]) is not worth that.

use std::time::Duration;

use perf_event::{Counter, Group};

use super::events::{Event, probe};
use crate::record::End;

const GROUPS: [&[Event]; 2] = [
    &[Event::Cycles, Event::Instructions, Event::CacheReferences, Event::CacheMisses],
    &[Event::L1dLoadMisses, Event::LlcLoadMisses, Event::BranchMisses],
];

/// The events of one thread that could be opened.
pub struct PerfSet {
    groups: Vec<(Group, Vec<(Event, Counter)>)>,
}

/// What one event counted, as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What was counted.
    pub event: Event,
    /// Its count while it ran.
    pub value: u64,
    /// How long it was switched on.
    pub enabled: Duration,
    /// How long it was on the PMU.
    pub running: Duration,
}

impl Reading {
    /// The share of the time in which the event was counted; absent when it was never switched on.
    pub fn share(&self) -> Option<f64> {
        (!self.enabled.is_zero()).then(|| self.running.as_secs_f64() / self.enabled.as_secs_f64())
    }

    /// The count scaled to the whole time; absent when the event never ran.
    pub fn scaled(&self) -> Option<u64> {
        match self.running {
            Duration::ZERO => None,
            running if running >= self.enabled => Some(self.value),
            running => Some((self.value as f64 * self.enabled.as_secs_f64() / running.as_secs_f64()) as u64),
        }
    }
}

impl PerfSet {
    /// Opens what the machine has for the calling thread, stopped. What it lacks is left out.
    pub fn open() -> Self {
        let mut groups = Vec::new();
        for events in GROUPS {
            // A group begins with an event that counts nothing and always opens: once it has, the kernel visits the
            // thread's events at each of its context switches, even after they are closed.
            if events.iter().all(|&event| probe(event).is_err()) {
                continue;
            }
            let Ok(mut group) = Group::new() else { continue };
            let counters: Vec<_> =
                events.iter().filter_map(|&event| Some((event, group.add(&event.builder()).ok()?))).collect();
            if !counters.is_empty() {
                groups.push((group, counters));
            }
        }
        Self { groups }
    }

    /// Switches every group on.
    pub fn enable(&mut self) {
        for (group, _) in &mut self.groups {
            // A group that cannot be switched on reads as never enabled: absent.
            let _ = group.enable();
        }
    }

    /// Switches every group off.
    pub fn disable(&mut self) {
        for (group, _) in &mut self.groups {
            let _ = group.disable();
        }
    }

    /// What the events counted.
    pub fn read(&mut self) -> Vec<Reading> {
        let mut readings = Vec::new();
        for (group, counters) in &mut self.groups {
            let Ok(data) = group.read() else { continue };
            let (Some(enabled), Some(running)) = (data.time_enabled(), data.time_running()) else { continue };
            readings.extend(counters.iter().filter_map(|(event, counter)| {
                let value = data.get(counter)?.value();
                Some(Reading { event: *event, value, enabled, running })
            }));
        }
        readings
    }
}

/// Writes the readings into an end's figures: scaled, and with the smallest share of a hardware event.
pub fn fill(readings: &[Reading], end: &mut End) {
    for reading in readings {
        let scaled = reading.scaled();
        match reading.event {
            Event::Cycles => end.cycles = scaled,
            Event::Instructions => end.instructions = scaled,
            Event::CacheReferences => end.cache_references = scaled,
            Event::CacheMisses => end.cache_misses = scaled,
            Event::L1dLoadMisses => end.l1d_load_misses = scaled,
            Event::LlcLoadMisses => end.llc_load_misses = scaled,
            Event::BranchMisses => end.branch_misses = scaled,
            // The kernel's own count of these is in place already.
            Event::ContextSwitches | Event::CpuMigrations | Event::PageFaults | Event::TaskClock => {}
        }
    }
    let ran = readings.iter().filter(|reading| reading.event.is_hardware() && !reading.running.is_zero());
    end.counter_running = ran.filter_map(Reading::share).reduce(f64::min);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(event: Event, value: u64, enabled_ms: u64, running_ms: u64) -> Reading {
        let enabled = Duration::from_millis(enabled_ms);
        Reading { event, value, enabled, running: Duration::from_millis(running_ms) }
    }

    #[test]
    fn a_multiplexed_count_is_scaled_and_its_share_shown() {
        let mut end = End::default();
        fill(
            &[reading(Event::Cycles, 1000, 100, 100), reading(Event::LlcLoadMisses, 300, 100, 25)],
            &mut end,
        );
        assert_eq!((end.cycles, end.llc_load_misses), (Some(1000), Some(1200)));
        assert_eq!(end.counter_running, Some(0.25));
    }

    #[test]
    fn an_event_that_never_ran_is_absent_and_not_zero() {
        let mut end = End { context_switches: Some(4), ..End::default() };
        fill(&[reading(Event::Cycles, 0, 100, 0)], &mut end);
        assert_eq!(end.cycles, None);
        assert_eq!(end.counter_running, None);
        assert_eq!(end.context_switches, Some(4), "what is counted elsewhere stays");
    }

    #[test]
    fn counters_run_only_between_enable_and_disable() {
        let mut set = PerfSet::open();
        if set.groups.is_empty() {
            crate::skip::skip("counters_run_only_between_enable_and_disable", "no hardware event opens here");
            return;
        }
        let work =
            || std::hint::black_box(vec![1_u8; 256 * 4096]).iter().map(|&one| u64::from(one)).sum::<u64>();
        let counted = |readings: &[Reading]| readings.iter().map(|reading| reading.value).max();
        work();
        assert_eq!(counted(&set.read()), Some(0));
        set.enable();
        work();
        set.disable();
        let once = counted(&set.read());
        assert!(once > Some(0));
        work();
        assert_eq!(counted(&set.read()), once);
    }
}
