//! Kills and stops at random moments in the container lab: of the coordinator's container and of each agent's.

use std::time::Duration;

use copycost::record::Status;
use nix::sys::signal::Signal;
use rand::RngExt;

use crate::docker::{DockerLab, Swept, docker};
use crate::kills::{NAP, SIGNALS, VICTIMS};
use crate::support::random;
use crate::table::{Outcome, Table};

/// A lab takes seconds to be made, so that one round in so many is in containers.
const SHARE: usize = 20;

const GRID: &str = "name: soak\nwire: bridge\npaths: [two-copy, zero-copy]\nmessage_sizes: [16KiB]\n\
    threads: [2]\nduration: 20ms\nwarmup: 5ms\nrepetitions: 40\nseed: 7\n";

pub(crate) fn soak(table: &mut Table, rounds: usize) {
    let mut random = random("containers");
    for _ in 0..rounds.div_ceil(SHARE) {
        let Some(lab) = DockerLab::new("the soak in containers") else { return };
        let place = random.random_range(0..VICTIMS.len());
        let signal = SIGNALS[random.random_range(0..SIGNALS.len())];
        let wait = Duration::from_millis(random.random_range(0..3000));
        let outcome = of_lab(&lab, place, signal, wait);
        table.add(&format!("containers: {}, {signal}", VICTIMS[place]), outcome);
    }
}

fn of_lab(lab: &DockerLab, place: usize, signal: Signal, wait: Duration) -> Outcome {
    let agents = [lab.agent("sender"), lab.agent("receiver")];
    let coordinator = lab.begin_sweep(GRID);
    std::thread::sleep(wait);
    let victim = if place == 0 { coordinator.id() } else { agents[place - 1].id() };
    // One that has ended already cannot be hit.
    let _ = docker(&["kill", "--signal", signal.as_str(), victim]);
    if signal == Signal::SIGSTOP {
        std::thread::sleep(NAP);
        let _ = docker(&["kill", "--signal", "SIGCONT", victim]);
    }
    let swept = Swept::of(coordinator);
    let mut outcome = Outcome { end: format!("exit {}", swept.code), ..Outcome::default() };
    if swept.said.contains("panicked") || swept.code == 101 {
        outcome.lost.push(format!("a panic: {}", swept.said));
    }
    let was_killed = place == 0 && matches!(signal, Signal::SIGKILL);
    if swept.code != 0 && !was_killed && swept.said.trim().is_empty() {
        outcome.lost.push(format!("exit {} without a word", swept.code));
    }
    if swept.rows.iter().any(|row| row.status != Status::Ok && row.reason.is_empty()) {
        outcome.lost.push("a failed row without a reason".to_owned());
    }
    drop(agents);
    lab.remove();
    if lab.leftovers() > 0 {
        outcome.left.push(format!("{} containers and networks", lab.leftovers()));
    }
    outcome
}
