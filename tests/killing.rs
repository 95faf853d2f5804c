//! Agents that are killed or stopped in mid-trial: the sweep ends soon and says which and how, the trial is a
//! failed row, earlier rows are whole, and nothing is left.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use copycost::record::Status;
use nix::sys::signal::Signal;
use rand::RngExt;
use support::agent::Agent;
use support::lab::{
    assert_whole, directory, has_netns, key, manifest, only_run, our_interfaces, resume, start_with_rows,
    sweep, tiny_grid, trials,
};
use support::process::{Ended, Process, Running, of_session, run};
use support::{BINARY, PATIENCE, Scratch, copycost, random, until};

/// What a user would call seconds, on a machine that is busy with something else.
const SOON: Duration = Duration::from_secs(30);

/// The sweep ended because of an agent: it says so, all rows but the last are well, and the last names it.
fn assert_lost(ended: &Ended, words: &str) {
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("copycost: {words}")), "`{words}` is not said: {}", ended.stderr);
    assert!(
        last.contains(&format!("that trial is recorded as failed; resume with `{BINARY} sweep --resume ")),
        "{last}"
    );
    let path = directory(ended);
    let (rows, half) = trials(&path);
    assert!(!half);
    assert_whole(&path);
    let (lost, earlier) = rows.split_last().expect("a row");
    assert_eq!(lost.status, Status::Failed, "{lost:?}");
    assert!(lost.reason.starts_with(words), "{}", lost.reason);
    assert_eq!((lost.bytes, lost.throughput_gbps), (None, None));
    // On a busy machine the other agent's broken streams may be heard of long before the death behind them.
    let broken = earlier.iter().filter(|row| row.status != Status::Ok).count();
    assert!(broken <= 1 && earlier[..earlier.len() - broken].iter().all(|row| row.status == Status::Ok));
    assert_eq!(manifest(&path).outcome.as_deref(), Some("broken"));
}

fn begin(grid: &str, results: &Path, more: &[&str]) -> Running {
    start_with_rows(sweep(grid, results, more), results, 2)
}

#[test]
fn an_agent_that_is_killed_at_random_moments_is_named_and_leaves_nothing() {
    const TEST: &str = "an_agent_that_is_killed_at_random_moments_is_named_and_leaves_nothing";
    let lab = if has_netns(TEST) { "netns" } else { "loopback" };
    let mut random = random(TEST);
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000"));
    for round in 0..10 {
        let (place, side) = [(0, "sender"), (1, "receiver")][round % 2];
        let results = scratch.path(&format!("results-{round}"));
        let sweep = begin(&grid, &results, &["--lab", if round < 7 { lab } else { "loopback" }]);
        let agents = sweep.agents();
        assert_eq!(agents.len(), 2, "{agents:?}");
        std::thread::sleep(Duration::from_micros(random.random_range(0..60_000)));
        agents[place].kill(Signal::SIGKILL);
        let killed = Instant::now();
        let ended = sweep.wait();
        assert!(killed.elapsed() < SOON, "round {round}: {:?}", killed.elapsed());
        assert_lost(&ended, &format!("the {side} agent was killed by signal 9 (SIGKILL)"));
        assert_eq!(our_interfaces(), Vec::<String>::new());
    }
}

#[test]
fn both_agents_killed_at_once_end_the_sweep_too() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000\nlab: loopback"));
    let sweep = begin(&grid, &scratch.path("results"), &[]);
    sweep.agents().iter().for_each(|agent| agent.kill(Signal::SIGKILL));
    let ended = sweep.wait();
    assert!(ended.stderr.contains("agent was killed by signal 9 (SIGKILL)"), "{}", ended.stderr);
    assert_lost(&ended, "the ");
}

#[test]
fn a_run_whose_agent_died_goes_on_and_keeps_the_failed_row() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 30\nlab: loopback"));
    let sweep = begin(&grid, &scratch.path("results"), &[]);
    sweep.agents()[0].kill(Signal::SIGTERM);
    let ended = sweep.wait();
    assert_lost(&ended, "the sender agent was killed by signal 15 (SIGTERM)");
    let path = directory(&ended);
    let before = trials(&path).0;
    let ended = run(resume(&path));
    // It is complete, and some trial failed.
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    assert!(ended.stderr.contains(&format!("of {} trials failed", 4 * 30)), "{}", ended.stderr);
    let (rows, _) = trials(&path);
    assert_eq!(rows.len(), 4 * 30);
    assert_eq!(
        rows[..before.len()].iter().map(key).collect::<Vec<_>>(),
        before.iter().map(key).collect::<Vec<_>>()
    );
    assert!(rows[before.len()..].iter().all(|row| row.status == Status::Ok));
    assert_whole(&path);
}

/// The trials are over by then, and have their report.
#[test]
fn an_agent_that_dies_in_the_x_ray_takes_nothing_from_the_trials() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2\nlab: loopback\nxray: true"));
    let results = scratch.path("results");
    let mut command = copycost(["sweep", &grid, "--quiet", "--results"]);
    command.arg(&results);
    let sweep = Running::start(command);
    let is_xrayed = || only_run(&results).is_some_and(|run| run.join("copies.csv").exists());
    assert!(until(PATIENCE, is_xrayed), "no x-ray: {}", sweep.stderr());
    sweep.agents()[0].kill(Signal::SIGKILL);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(
        last.contains(&format!("in the x-ray that follows the trials; resume with `{BINARY} sweep")),
        "{ended:?}"
    );
    let path = directory(&ended);
    let (rows, _) = trials(&path);
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    assert!(path.join("report.md").is_file());
    assert_eq!(manifest(&path).outcome.as_deref(), Some("broken"));
    let ended = run(resume(&path));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!((trials(&path).0.len(), manifest(&path).outcome.as_deref()), (rows.len(), Some("complete")));
    let xrayed = std::fs::read_to_string(path.join("copies.csv")).unwrap();
    let cells = rows.iter().map(|row| &row.cell).collect::<std::collections::BTreeSet<_>>();
    assert!(cells.iter().all(|cell| xrayed.contains(cell.as_str())), "{xrayed}");
}

/// An agent that is stopped can neither answer nor end by itself.
fn stopped(place: usize, side: &str) {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000\nlab: loopback"));
    let sweep = begin(&grid, &scratch.path("results"), &[]);
    sweep.agents()[place].kill(Signal::SIGSTOP);
    let since = Instant::now();
    let ended = sweep.wait();
    assert!(since.elapsed() < 2 * SOON, "{:?}", since.elapsed());
    assert_lost(&ended, &format!("the {side} agent does not answer"));
}

#[test]
fn a_stopped_sender_agent_ends_the_sweep() {
    stopped(0, "sender");
}

#[test]
fn a_stopped_receiver_agent_ends_the_sweep() {
    stopped(1, "receiver");
}

/// Stops a child of a sweep as soon as it is there, where it is caught; what the sweep then says, and how long it takes.
fn stopped_at_start(lab: &str, place: usize, word: &str) -> (Ended, Duration) {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let is_meant = |one: &Process| one.arguments.get(1).is_some_and(|first| first == word);
    for turn in 0..100 {
        let results = scratch.path(&format!("results-{turn}"));
        let mut sweep = Running::start(sweep(&grid, &results, &["--lab", lab]));
        while sweep.is_running() && !results.exists() {
            if let Some(child) = of_session(sweep.pid()).into_iter().filter(is_meant).nth(place) {
                child.kill(Signal::SIGSTOP);
                let since = Instant::now();
                let ended = sweep.wait();
                if ended.code() != Some(0) {
                    return (ended, since.elapsed());
                }
                break;
            }
        }
    }
    panic!("no {word} was caught");
}

/// What is stopped at the start is noticed within seconds, and the sweep says so: a busy machine may be late once or twice.
fn assert_noticed(lab: &str, place: usize, word: &str, said: &str) {
    let mut times = Vec::new();
    let is_soon = (0..3).any(|_| {
        let (ended, took) = stopped_at_start(lab, place, word);
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(last.contains(said) && last.contains("it is stopped"), "{}", ended.stderr);
        times.push(took);
        // Eight or nine seconds, and two for each agent's end.
        took < Duration::from_secs(16)
    });
    assert!(is_soon, "{word}: {times:?}");
}

#[test]
fn an_agent_that_is_stopped_as_soon_as_it_is_started_is_noticed_within_seconds() {
    for (place, side) in ["sender", "receiver"].into_iter().enumerate() {
        assert_noticed("loopback", place, "agent", &format!("the {side} agent"));
    }
}

#[test]
fn a_link_that_is_stopped_while_it_is_made_is_noticed_within_seconds() {
    if has_netns("a_link_that_is_stopped_while_it_is_made_is_noticed_within_seconds") {
        assert_noticed("netns", 0, "link", "`copycost link` did not end within 9s");
        assert_eq!(our_interfaces(), Vec::<String>::new());
    }
}

#[test]
fn an_agent_reached_by_address_that_dies_is_named_by_its_address() {
    let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000"));
    let more = ["--sender", &sender.at(), "--receiver", &receiver.at()];
    let sweep = begin(&grid, &scratch.path("results"), &more);
    receiver.running.signal(Signal::SIGKILL);
    let ended = sweep.wait();
    assert_lost(&ended, &format!("the receiver agent at {} is lost: ", receiver.at()));
    assert_eq!(manifest(&directory(&ended)).lab, "remote");
    receiver.running.wait();

    // The other one has dropped the trial and serves the next coordinator.
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let ended = run(support::lab::sweep(&grid, &scratch.path("next"), &["--sender", &sender.at()]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}
