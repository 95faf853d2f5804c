//! A receiver that stands still: all messages that were due meanwhile are late, or the one that was waited for. A file
//! of its own, so that no other test makes stalls meanwhile.

mod support;

use std::time::Duration;

use copycost::histogram::Delays;
use copycost::record::histogram_log::HistogramLog;
use copycost::record::latency::DelayKind;
use nix::sys::signal::Signal;
use support::lab::{directory, sweep};
use support::process::Running;
use support::{PATIENCE, Scratch, until};

/// How long the receiver stands still.
const STALL_MS: f64 = 50.0;
/// A message that takes longer has waited for the end of a stall.
const LONG_MS: f64 = 20.0;
/// Messages a millisecond of the open loop.
const RATE: f64 = 4.0;

/// Runs a trial of a second whose receiver is stopped once. Gives the longest response time, in milliseconds, and how
/// many messages took long.
fn stalled(workload: &str) -> (f64, u64) {
    let scratch = Scratch::new();
    let grid = format!(
        "name: stalls\nworkload: {workload}\npaths: [two-copy]\nmessage_sizes: [64]\nthreads: [1]\nwarmup: 20ms\n\
         duration: 1s\nrepetitions: 1\nlab: loopback\n"
    );
    let grid = scratch.file("grid.yaml", grid);
    let mut sweep = Running::start(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert!(until(PATIENCE, || sweep.has_streams() || !sweep.is_running()), "{}", sweep.stderr());
    let receiver = sweep.agents()[1].clone();
    std::thread::sleep(Duration::from_millis(500));
    receiver.kill(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs_f64(STALL_MS / 1000.0));
    receiver.kill(Signal::SIGCONT);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let log = HistogramLog::read(&directory(&ended)).expect("a log");
    let response = log.iter().find(|one| one.kind == DelayKind::Response).expect("response times");
    let delays = Delays::decode(&response.histogram).expect("a histogram");
    (response.max_ms, delays.longer_than(LONG_MS * 1000.0))
}

#[test]
fn a_stall_is_felt_by_all_that_were_due_in_it_or_by_the_one_that_was_waited_for() {
    // The first message that was due in the stall takes longest, those of its last part less than what is called long.
    let due: fn(f64) -> f64 = |longest| RATE * (longest - LONG_MS);
    let one: fn(f64) -> f64 = |_| 1.0;
    for (workload, expected) in [("{open-loop: {rate: 4000, arrivals: uniform}}", due), ("request", one)] {
        // A busy machine makes stalls of its own, at a load of nine in every second trial: they must be absent once.
        let mut told = Vec::new();
        let is_felt = (0..30).any(|_| {
            let (longest, long) = stalled(workload);
            let expected = expected(longest);
            told.push(format!("{long} messages took long, of {expected:.1}; the longest {longest:.1} ms"));
            longest >= 0.95 * STALL_MS && (long as f64 - expected).abs() <= 0.02 * expected
        });
        println!("{workload}: {told:#?}");
        assert!(is_felt, "{workload}: {told:#?}");
    }
}
