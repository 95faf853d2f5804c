//! Kills and stops at random moments, of each process, in each lab.

use std::path::Path;
use std::time::Duration;

use copycost::record::Status;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt;

use crate::end::end;
use crate::support::agent::Agent;
use crate::support::lab::{has_netns, only_run, resume, sweep, tiny_grid, trials};
use crate::support::machine::{Machine, machines_of};
use crate::support::process::{Running, run};
use crate::support::{Scratch, copycost, random, until};
use crate::table::{Outcome, Table};

/// How long a stopped process stays so.
pub(crate) const NAP: Duration = Duration::from_millis(300);

/// Who is hit.
pub(crate) const VICTIMS: [&str; 3] = ["the coordinator", "the sender", "the receiver"];
pub(crate) const SIGNALS: [Signal; 4] = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT, Signal::SIGSTOP];

pub(crate) fn soak(table: &mut Table, rounds: usize) {
    let mut random = random("kills");
    let netns = has_netns("the soak");
    let machine = Machine::with_kernel("6.12", "the soak");
    for round in 0..rounds {
        let lab = match round % 10 {
            0..5 if netns => "netns",
            5 | 6 => "agents by address",
            7 if round % 50 == 7 && machine.is_some() => "vm",
            _ => "loopback",
        };
        let victim = VICTIMS[random.random_range(0..VICTIMS.len())];
        let signal = SIGNALS[random.random_range(0..SIGNALS.len())];
        let wait = Duration::from_millis(random.random_range(0..600));
        let (kind, outcome) = match (lab, &machine) {
            ("vm", Some(machine)) => ("vm: the coordinator", of_machine(machine, signal, 10 * wait)),
            ("agents by address", _) => ("agents by address", by_address(victim, signal, wait)),
            (lab, _) => (lab, of_lab(lab, victim, signal, wait)),
        };
        let victim = if lab == "vm" { String::new() } else { format!(": {victim}") };
        table.add(&format!("{kind}{victim}, {signal}"), outcome);
        if round % 50 == 49 {
            println!("kills and stops: {} of {rounds}", round + 1);
        }
    }
}

fn of_lab(lab: &str, victim: &str, signal: Signal, wait: Duration) -> Outcome {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 12"));
    let results = scratch.path("results");
    let sweep = Running::start(sweep(&grid, &results, &["--lab", lab]));
    std::thread::sleep(wait);
    let pid = match VICTIMS.iter().position(|one| *one == victim) {
        Some(agent @ 1..) => sweep.agents().get(agent - 1).map(|agent| agent.pid),
        _ => Some(sweep.pid()),
    };
    hit(pid, signal);
    let mut outcome = end(sweep);
    check_run(&results, &[], &mut outcome);
    outcome
}

fn by_address(victim: &str, signal: Signal, wait: Duration) -> Outcome {
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let addresses = [agents[0].at(), agents[1].at()];
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 12"));
    let results = scratch.path("results");
    let flags = ["--sender", &addresses[0], "--receiver", &addresses[1]];
    let sweep_once = |results: &Path| sweep(&grid, results, &flags);
    let sweep = Running::start(sweep_once(&results));
    std::thread::sleep(wait);
    let place = VICTIMS.iter().position(|one| *one == victim).unwrap_or_default();
    hit(Some(if place == 0 { sweep.pid() } else { agents[place - 1].running.pid() }), signal);
    let mut outcome = end(sweep);
    // Those that were hit may be gone.
    let fresh = [Agent::start(&[]), Agent::start(&[])];
    let others = [fresh[0].at(), fresh[1].at()];
    check_run(&results, &["--sender", &others[0], "--receiver", &others[1]], &mut outcome);
    let is_there = |agent: &Agent| kill(Pid::from_raw(agent.running.pid()), None).is_ok();
    // Agents that nobody ended serve the next coordinator.
    if place == 0 || signal == Signal::SIGSTOP {
        let next = run(sweep_once(&scratch.path("next")));
        if next.code() != Some(0) {
            outcome.lost.push(format!("the agents did not serve the next coordinator: {}", next.stderr));
        }
        if !agents.iter().all(is_there) {
            outcome.lost.push("an agent ended that nobody killed".to_owned());
        }
    }
    for agent in agents.iter().chain(&fresh) {
        let _ = kill(Pid::from_raw(agent.running.pid()), Signal::SIGKILL);
    }
    outcome
}

fn of_machine(machine: &Machine, signal: Signal, wait: Duration) -> Outcome {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 100"));
    let mut command = machine.run(["--quiet"], ["sweep", &grid, "--no-report", "--results", "results"]);
    command.current_dir(scratch.path("."));
    let vm = Running::start(command);
    std::thread::sleep(wait);
    let pid = vm.pid();
    hit(Some(pid), signal);
    if signal == Signal::SIGSTOP {
        hit(Some(pid), Signal::SIGTERM);
    }
    let mut outcome = end(vm);
    if !until(Duration::from_secs(5), || machines_of(pid).is_empty()) {
        outcome.left.push("a virtual machine".to_owned());
    }
    check_run(&scratch.path("results"), &[], &mut outcome);
    outcome
}

/// Sends a signal; a process that was stopped goes on after a while.
fn hit(pid: Option<i32>, signal: Signal) {
    let Some(pid) = pid.map(Pid::from_raw) else { return };
    let _ = kill(pid, signal);
    if signal == Signal::SIGSTOP {
        std::thread::sleep(NAP);
        let _ = kill(pid, Signal::SIGCONT);
    }
}

/// The rows of a run that was hit are whole, and it can be resumed to its end.
fn check_run(results: &Path, flags: &[&str], outcome: &mut Outcome) {
    let Some(path) = only_run(results) else { return };
    let mut command = resume(&path);
    command.args(flags);
    let resumed = run(command);
    if !matches!(resumed.code(), Some(0 | 4)) {
        outcome.lost.push(format!("the run cannot be resumed: {resumed:?}"));
        return;
    }
    let validated = run({
        let mut command = copycost(["validate"]);
        command.arg(&path);
        command
    });
    if validated.code() != Some(0) {
        outcome.lost.push(format!("a resumed run is not whole: {}", validated.stdout));
    }
    if trials(&path).0.iter().any(|row| row.status != Status::Ok && row.reason.is_empty()) {
        outcome.lost.push("a failed row without a reason".to_owned());
    }
}
