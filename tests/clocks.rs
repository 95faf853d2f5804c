//! What two ends can tell of each other's time: agents whose clock is another, and agents that seem to run on another host.

mod support;

use std::process::Command;

use copycost::record::latency::{ClockKind, DelayKind, Latency};
use copycost::record::{Status, csv_file};
use support::agent::Agent;
use support::lab::{directory, sweep, trials};
use support::process::run;
use support::{Scratch, skip};

/// An hour that a time namespace's clock is ahead.
const AHEAD: &str = "--monotonic=3600";

/// An agent under `unshare`, after what a shell does there first.
fn agent(flags: &[&str], first: &str) -> Agent {
    let mut command = Command::new("unshare");
    let agent = format!("{first} exec {} agent --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_copycost"));
    command.args(flags).args(["sh", "-c", &agent]);
    Agent::started_by(command)
}

fn can_unshare(test: &str) -> bool {
    let tried = Command::new("unshare").args(["--mount", "--time", AHEAD, "true"]).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        skip(test, "mount and time namespaces (unshare --mount --time)");
    }
    can
}

/// The rows of a request by two agents: response time, one-way delay, way back.
fn requested(sender: &Agent, receiver: &Agent, flags: &[&str]) -> [Latency; 3] {
    let scratch = Scratch::new();
    let grid = "name: clocks\npaths: [two-copy]\nmessage_sizes: [64]\nthreads: [1]\nrepetitions: 1\nwarmup: 20ms\n\
                workload: request\nmessages: 500\n";
    let grid = scratch.file("grid.yaml", grid);
    let (sender, receiver) = (sender.at(), receiver.at());
    let at = ["--sender", &sender, "--receiver", &receiver, "--wire", "loopback=127.0.0.1", "--quiet"];
    let ended = run(sweep(&grid, &scratch.path("results"), &[&at[..], flags].concat()));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let directory = directory(&ended);
    assert_eq!(trials(&directory).0[0].status, Status::Ok, "{ended:?}");
    let rows = csv_file::read::<Latency>(&directory).expect("rows by the schema").rows;
    [DelayKind::Response, DelayKind::OneWay, DelayKind::WayBack]
        .map(|kind| rows.iter().find(|row| row.kind == kind).cloned().unwrap_or_default())
}

/// Each message goes there and comes back, and nothing is left out between.
fn add_up([response, one_way, way_back]: &[Latency; 3]) {
    let mean = |row: &Latency| row.mean_us.expect("it was measured");
    let ways = mean(one_way) + mean(way_back);
    assert!((mean(response) / ways - 1.0).abs() < 0.01, "{ways} of {response:?}");
    assert!(mean(one_way) > 0.0 && mean(way_back) > 0.0, "{one_way:?}");
}

#[test]
fn a_clock_that_is_an_hour_ahead_on_the_same_host_tells_the_one_way_delay() {
    const TEST: &str = "a_clock_that_is_an_hour_ahead_on_the_same_host_tells_the_one_way_delay";
    if !can_unshare(TEST) {
        return;
    }
    let ahead = agent(&["--time", AHEAD], "");
    let rows = requested(&Agent::start(&[]), &ahead, &[]);
    assert!(rows.iter().skip(1).all(|row| row.clock == Some(ClockKind::Shared)), "{rows:?}");
    add_up(&rows);
    let rows = requested(&ahead, &Agent::start(&[]), &[]);
    add_up(&rows);
}

#[test]
fn another_host_has_bounds_by_the_round_trip_and_figures_where_its_clock_is_said_to_agree() {
    const TEST: &str =
        "another_host_has_bounds_by_the_round_trip_and_figures_where_its_clock_is_said_to_agree";
    if !can_unshare(TEST) {
        return;
    }
    // Another boot and another clock, as another host has them; CLOCK_REALTIME agrees, as if synchronised.
    let scratch = Scratch::new();
    let boot = scratch.file("boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
    let first = format!("mount --bind {boot} /proc/sys/kernel/random/boot_id &&");
    let other = agent(&["--mount", "--time", AHEAD], &first);
    let here = Agent::start(&[]);

    let [response, one_way, _] = requested(&here, &other, &[]);
    assert_eq!(one_way.clock, Some(ClockKind::RoundTrip), "{one_way:?}");
    assert_eq!((one_way.count, one_way.percentiles.p50_us), (0, None), "a bound is no percentile");
    assert_eq!(one_way.clock_bound_us, response.percentiles.p50_us, "{one_way:?}");

    let rows = requested(&here, &other, &["--clock-synchronised", "1ms"]);
    for row in &rows[1..] {
        assert_eq!((row.clock, row.clock_bound_us), (Some(ClockKind::Synchronised), Some(1000.0)), "{row:?}");
    }
    add_up(&rows);
}
