//! Which end holds a cell back.
//!
//! The end that holds the others back works without a pause: it is on a CPU all the time, or would be if it got
//! one. The other end waits for it. So each end is asked two things: how much of its CPUs it used or queued for, and
//! how often it went to sleep.

use super::sample::Sample;
use crate::cell::{Side, Wire, words};
use crate::record::column::word_field;
use crate::record::{End, Trial};
use crate::stats;

/// What holds a cell back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// The sender worked all the time, and the receiver waited for it.
    Sender,
    /// The receiver worked all the time, and the sender waited for it.
    Receiver,
    /// Both waited, and what lies between them has a rate of its own.
    Wire,
    /// No one end: both worked all the time, or both waited in turn on a wire that is but the kernel.
    Neither,
}

words!(Limit: Sender = "sender", Receiver = "receiver", Wire = "wire", Neither = "neither");
word_field!(Limit);

/// Share of its CPUs from which an end works all the time.
pub const WORKING: f64 = 0.90;
/// Sleeps of a worker in a second below which it works all the time from a smaller share on: what it lacks was taken from
/// it (softirqs that the kernel charges apart, steal, another program), and it did not wait for the other end.
pub const FEW_SLEEPS: f64 = 100.0;
/// That share. A worker with less that sleeps seldom sleeps long: a sender is woken when a third of its buffer is free.
const MUCH: f64 = 0.60;
/// By how much the shares of two ends that both work all the time must differ for one of them to be named.
pub const APART: f64 = 0.05;

/// How one end spent a cell's windows: medians over its trials.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Effort {
    /// Share of the CPUs that its workers can use at once.
    share: f64,
    /// Sleeps of a worker in a second; absent where the kernel does not tell.
    sleeps: Option<f64>,
}

impl Effort {
    fn of(sample: &Sample, side: Side) -> Option<Self> {
        let threads = f64::from(sample.cell.threads);
        let cpus = sample.hosts.end(side).cpus.map_or(threads, |cpus| threads.min(cpus as f64));
        let median = |of: &dyn Fn(&End) -> Option<f64>| {
            let end = |trial: &Trial| match side {
                Side::Sender => of(&trial.sender),
                Side::Receiver => of(&trial.receiver),
            };
            stats::median(&sample.values(end))
        };
        let worked = |end: &End| {
            let seconds = end.cpu_s()?;
            let window = end.window_s.filter(|&window| window > 0.0)?;
            Some(seconds / (window * cpus))
        };
        let sleeps = |end: &End| {
            let window = end.window_s.filter(|&window| window > 0.0)?;
            Some(end.voluntary_switches? as f64 / window / threads)
        };
        Some(Self { share: median(&worked)?, sleeps: median(&sleeps) })
    }

    fn works_all_the_time(&self) -> bool {
        let sleeps_seldom = self.sleeps.is_some_and(|sleeps| sleeps < FEW_SLEEPS);
        self.share >= WORKING || (self.share >= MUCH && sleeps_seldom)
    }
}

impl Limit {
    /// What holds a cell back; absent where the rows do not tell.
    pub fn of(sample: &Sample) -> Option<Self> {
        let sender = Effort::of(sample, Side::Sender)?;
        // Nobody receives, and whoever acknowledges stands for the wire.
        if sample.cell.wire == Wire::Sink {
            return Some(if sender.works_all_the_time() { Self::Sender } else { Self::Wire });
        }
        let receiver = Effort::of(sample, Side::Receiver)?;
        Some(match (sender.works_all_the_time(), receiver.works_all_the_time()) {
            (true, false) => Self::Sender,
            (false, true) => Self::Receiver,
            (true, true) if sender.share >= receiver.share + APART => Self::Sender,
            (true, true) if receiver.share >= sender.share + APART => Self::Receiver,
            (false, false) if has_a_rate(sample.cell.wire) => Self::Wire,
            _ => Self::Neither,
        })
    }
}

/// Whether a wire is more than the two ends' own kernel.
fn has_a_rate(wire: Wire) -> bool {
    match wire {
        Wire::Loopback | Wire::Veth | Wire::Unix => false,
        Wire::Bridge | Wire::Overlay | Wire::Nic | Wire::Sink => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::record::Status;
    use crate::tables::hosts;

    /// A cell of one trial of a second: CPU seconds and sleeps of both ends.
    fn limit(wire: Wire, threads: u32, cpus: usize, ends: [(f64, u64); 2]) -> Option<Limit> {
        let [sender, receiver] = ends.map(|(seconds, sleeps)| End {
            window_s: Some(1.0),
            task_clock_s: Some(seconds),
            voluntary_switches: Some(sleeps),
            ..End::default()
        });
        let trial = Trial { status: Status::Ok, sender, receiver, ..Trial::default() };
        of(wire, threads, cpus, &trial)
    }

    fn of(wire: Wire, threads: u32, cpus: usize, trial: &Trial) -> Option<Limit> {
        let cell = Cell { wire, threads, ..Cell::example("splice", 65536) };
        let end = hosts::HostOfEnd { cpus: Some(cpus), ..hosts::HostOfEnd::default() };
        let hosts = hosts::Hosts { sender: end, receiver: end };
        Limit::of(&Sample { cell, trials: vec![trial], hosts, widening: 1.0 })
    }

    #[test]
    fn the_end_that_works_while_the_other_waits_holds_it_back() {
        assert_eq!(limit(Wire::Veth, 1, 1, [(0.99, 0), (0.64, 70_000)]), Some(Limit::Sender));
        assert_eq!(limit(Wire::Veth, 1, 1, [(0.895, 4_000), (0.957, 900)]), Some(Limit::Receiver));
        // Softirqs that are charged to nobody took a fifth of the sender's CPU; it never slept.
        assert_eq!(limit(Wire::Nic, 1, 1, [(0.80, 3), (0.70, 9_000)]), Some(Limit::Sender));
    }

    #[test]
    fn workers_that_share_a_cpu_fill_it_together() {
        assert_eq!(limit(Wire::Veth, 8, 1, [(0.98, 50), (0.75, 90_000)]), Some(Limit::Sender));
        assert_eq!(limit(Wire::Veth, 8, 4, [(2.0, 90_000), (3.9, 5_000)]), Some(Limit::Receiver));
    }

    #[test]
    fn where_both_wait_it_is_the_wire_if_that_has_a_rate() {
        let both_wait = [(0.4, 30_000), (0.5, 30_000)];
        assert_eq!(limit(Wire::Nic, 1, 1, both_wait), Some(Limit::Wire));
        assert_eq!(limit(Wire::Veth, 1, 1, both_wait), Some(Limit::Neither));
    }

    #[test]
    fn where_both_work_the_one_that_works_more_or_neither() {
        assert_eq!(limit(Wire::Veth, 1, 1, [(0.97, 10), (0.99, 10)]), Some(Limit::Neither));
        assert_eq!(limit(Wire::Veth, 1, 1, [(0.99, 10), (0.91, 10)]), Some(Limit::Sender));
    }

    #[test]
    fn rows_that_do_not_tell_leave_it_absent() {
        assert_eq!(of(Wire::Veth, 1, 1, &Trial { status: Status::Ok, ..Trial::default() }), None);
        let unsure = End { window_s: Some(1.0), task_clock_s: Some(0.95), ..End::default() };
        let idle = End { task_clock_s: Some(0.3), ..unsure.clone() };
        let trial = Trial { status: Status::Ok, sender: unsure, receiver: idle, ..Trial::default() };
        assert_eq!(of(Wire::Veth, 1, 1, &trial), Some(Limit::Sender), "shares alone may tell");
    }
}
