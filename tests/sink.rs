//! The sink: a veth pair whose far end drops the payload before it is copied, and is acknowledged for. What its rows say,
//! what cannot be had there, and that it needs no root.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use copycost::cell::Wire;
use copycost::path;
use copycost::record::{Status, Trial, Verified};
use nix::sys::signal::Signal;
use support::disturbance::Disturbance;
use support::lab::{directory, has_netns, start_with_rows, sweep, trials};
use support::process::{Running, run};
use support::{BINARY, PATIENCE, Scratch, copycost, is_root, skip, until};

/// The sizes at which a card's sender copies nothing of what MSG_ZEROCOPY sends.
const SIZES: [&str; 5] = ["1KiB", "4KiB", "16KiB", "64KiB", "256KiB"];

/// The rows of a grid over the sink; none where this machine has no sink, which is said.
fn rows(test: &str, paths: &str, sizes: &str, more: &str) -> Option<Vec<Trial>> {
    if !has_netns(test) {
        return None;
    }
    let scratch = Scratch::new();
    let grid = format!(
        "name: sink\npaths: [{paths}]\nmessage_sizes: [{sizes}]\nthreads: [1]\nwire: sink\nwarmup: 5ms\n\
         repetitions: 1\n{more}\n"
    );
    let grid = scratch.file("grid.yaml", grid);
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    let run_dir = directory(&ended);
    let (rows, half) = trials(&run_dir);
    assert!(!half);
    let checked = run(copycost(["validate", run_dir.to_str().expect("UTF-8")]));
    assert_eq!(checked.code(), Some(0), "{checked:?}");
    let is_refused = |row: &&Trial| row.status == Status::Unsupported;
    if let Some(refused) = rows.iter().find(is_refused).filter(|_| rows.iter().all(|row| is_refused(&row))) {
        skip(test, &refused.reason);
        return None;
    }
    Some(rows)
}

/// What every row of a sink says: that nobody read, who acknowledged, and nothing of a receiver.
fn assert_of_a_sink(row: &Trial) {
    assert_eq!((row.wire, row.verified), (Wire::Sink, Some(Verified::Nothing)), "{row:?}");
    assert!(row.receive_path.starts_with("none"), "{}", row.receive_path);
    assert!(row.receive_usage.acks.is_some_and(|acks| acks > 1), "{:?}", row.receive_usage);
    assert!(row.receive_usage.acks_cpu_s.is_some_and(|cpu| cpu > 0.0), "{:?}", row.receive_usage);
    assert_eq!(row.mean_recv_us, None, "no message was received");
    let receiver = &row.receiver;
    assert_eq!((receiver.user_s, receiver.task_clock_s, receiver.calls), (None, None, None), "{receiver:?}");
    assert!(row.throughput_gbps.is_some_and(|rate| rate > 0.0));
}

#[test]
fn zero_copy_copies_nothing_at_any_size() {
    const TEST: &str = "zero_copy_copies_nothing_at_any_size";
    let Some(rows) = rows(TEST, "zero-copy", &SIZES.join(", "), "messages: 300") else { return };
    assert_eq!(rows.len(), SIZES.len());
    for row in rows {
        assert_eq!((row.status, row.reason.as_str()), (Status::Ok, ""), "{}", row.cell);
        assert_of_a_sink(&row);
        assert_eq!(row.zc.completions, row.zc.sends, "{}", row.cell);
        // A segment that is sent again is copied: TCP makes the pages its own before (skb_unclone).
        let again = row.retransmits.unwrap_or_default();
        assert!(row.zc.copied.is_some_and(|copied| copied <= 64 * again), "{}: {:?}", row.cell, row.zc);
    }
}

#[test]
fn every_path_sends_every_size_to_it() {
    const TEST: &str = "every_path_sends_every_size_to_it";
    let Some(rows) = rows(TEST, "all", "64, 1001, 16KiB, 65537, 1MiB", "messages: 40") else { return };
    let mut went_well = 0;
    for row in &rows {
        assert!(row.status != Status::Failed, "{}: {}", row.cell, row.reason);
        if row.status == Status::Ok {
            assert_of_a_sink(row);
            assert_eq!(row.bytes, Some(40 * row.message_bytes), "{}", row.cell);
            went_well += 1;
        }
    }
    let sure = ["plain-send", "two-copy", "one-copy", "zero-copy", "sendfile", "splice"].len();
    assert!(went_well >= 5 * sure, "{went_well} of {}", rows.len());
    assert!(path::REGISTRY.len() >= sure);
}

#[test]
fn many_streams_and_windows_of_time_are_acknowledged_too() {
    const TEST: &str = "many_streams_and_windows_of_time_are_acknowledged_too";
    let more = "duration: 200ms\nreceive_paths: [none, \"none:interval=200us:segments=8\"]";
    let Some(all) = rows(TEST, "plain-send, zero-copy", "16KiB", more) else { return };
    assert_eq!(all.len(), 4, "two paces of acknowledging are two cells");
    let many = "duration: 200ms\npayload: [fresh]";
    let Some(fresh) = rows(TEST, "zero-copy", "64KiB", many) else { return };
    for row in all.iter().chain(&fresh) {
        assert_eq!((row.status, row.reason.as_str()), (Status::Ok, ""), "{}", row.cell);
        assert_of_a_sink(row);
        let (sent, acknowledged) = (row.sender.bytes.unwrap(), row.bytes.unwrap());
        assert!(acknowledged <= 2 * sent, "never more than what was sent: {row:?}");
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: many\npaths: [zero-copy]\nmessage_sizes: [4KiB]\nthreads: [64]\nwire: [veth, sink]\nmessages: 50\n\
         warmup: 5ms\nrepetitions: 1\n",
    );
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    let (rows, _) = trials(&directory(&ended));
    let sent = |wire| rows.iter().find(|row| row.wire == wire).expect("a row");
    assert_eq!(
        sent(Wire::Veth).receive_path,
        "recv",
        "a wire on which somebody reads keeps its receive path"
    );
    assert_eq!(sent(Wire::Sink).bytes, sent(Wire::Veth).bytes);
}

#[test]
fn the_report_sets_it_beside_the_veth_wire() {
    const TEST: &str = "the_report_sets_it_beside_the_veth_wire";
    if rows(TEST, "plain-send", "16KiB", "messages: 20").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: wires\npaths: [plain-send, zero-copy]\nmessage_sizes: [4KiB, 64KiB]\nthreads: [1]\nwire: [veth, sink]\n\
         messages: 200\nwarmup: 5ms\nrepetitions: 3\n",
    );
    let run_dir = directory(&run(sweep(&grid, &scratch.path("results"), &["--quiet"])));
    let reported = run(copycost(["report", run_dir.to_str().expect("UTF-8")]));
    assert_eq!(reported.code(), Some(0), "{reported:?}");
    assert!(run_dir.join("plots/by-wire.svg").exists());
    let report = std::fs::read_to_string(run_dir.join("report.md")).expect("a report");
    for part in ["## The same paths over each wire", "sink: ns/KiB", "without DMA mapping, IOMMU and card"] {
        assert!(report.contains(part), "`{part}` is missing");
    }
    assert!(!report.contains("sink: Gb/s | sink: Gb/s"), "each wire once");
    let crossovers = std::fs::read_to_string(run_dir.join("crossovers.csv")).expect("crossovers");
    assert!(
        crossovers.lines().next().is_some_and(|header| header.contains("cpu_crossing_low")),
        "{crossovers}"
    );
}

#[test]
fn it_needs_no_root() {
    const TEST: &str = "it_needs_no_root";
    if !is_root() {
        return skip(TEST, "root, to become nobody; without root the other tests cover this");
    }
    if rows(TEST, "plain-send", "16KiB", "messages: 20").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let program = scratch.path("copycost");
    std::fs::copy(BINARY, &program).expect("a copy of the program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut command = std::process::Command::new(&program);
    let words = ["measure", "--wire", "sink", "--path", "zero-copy", "--size", "64KiB", "--messages", "50"];
    command.args(words).args(["--format", "json"]).uid(65534).gid(65534).current_dir(scratch.path(""));
    let ended = run(command);
    if ended.stderr.contains("user namespace") {
        return skip(TEST, ended.stderr.trim());
    }
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let row: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        (row["zc_completions"].as_u64(), row["verified"].as_str()),
        (row["zc_sends"].as_u64(), Some("none"))
    );
}

#[test]
fn a_tap_on_its_link_copies_and_is_told() {
    const TEST: &str = "a_tap_on_its_link_copies_and_is_told";
    if !is_root() {
        return skip(TEST, "root");
    }
    if rows(TEST, "plain-send", "16KiB", "messages: 20").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: tap\npaths: [zero-copy]\nmessage_sizes: [64KiB]\nthreads: [1]\nwire: sink\nduration: 300ms\nwarmup: 300ms\n\
         repetitions: 3\n",
    );
    let running = Running::start(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert!(until(PATIENCE, || running.agents().len() == 2), "no agents:\n{}", running.stderr());
    let tap = match Disturbance::tap(running.agents()[0].pid) {
        Ok(tap) => tap,
        Err(error) => return skip(TEST, &format!("packet rings ({error})")),
    };
    let ended = running.wait();
    drop(tap);
    let (rows, _) = trials(&directory(&ended));
    let last = rows.last().expect("a row");
    assert!(last.zc.copied.is_some_and(|copied| copied > 0), "what a tap is shown is copied: {last:?}");
}

#[test]
fn a_sweep_that_is_killed_in_mid_trial_leaves_nothing() {
    const TEST: &str = "a_sweep_that_is_killed_in_mid_trial_leaves_nothing";
    if rows(TEST, "plain-send", "16KiB", "messages: 20").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let results = scratch.path("results");
    let grid = scratch.file(
        "grid.yaml",
        "name: kill\npaths: [zero-copy, splice]\nmessage_sizes: [64KiB]\nthreads: [2]\nwire: sink\nduration: 100ms\n\
         warmup: 5ms\nrepetitions: 1000\n",
    );
    let running = start_with_rows(sweep(&grid, &results, &["--quiet"]), &results, 2);
    let agents = running.agents();
    assert_eq!(agents.len(), 2);
    running.signal(Signal::SIGKILL);
    let is_there = |pid: i32| std::path::Path::new(&format!("/proc/{pid}/ns")).exists();
    assert!(
        until(PATIENCE, || agents.iter().all(|agent| !is_there(agent.pid))),
        "an agent outlives its coordinator, and with it the namespaces"
    );
}

#[test]
fn what_it_cannot_have_is_one_sentence_with_the_remedy() {
    for (words, part) in [
        (&["--wire", "sink", "--receive-path", "recv"][..], "nobody reads"),
        (&["--receive-path", "none"], "for the wire sink"),
        (&["--wire", "sink", "--workload", "request"], "use `stream` there"),
        (&["--wire", "sink", "--lab", "loopback"], "use --lab netns"),
        (&["--wire", "sink", "--sender", "127.0.0.1:9"], "leave --sender and --receiver out"),
        (&["--wire", "sink", "--receive-path", "none:interval=0us"], "1us to 1000us"),
    ] {
        let ended = run(copycost(["measure"].iter().chain(words).copied()));
        assert_eq!(ended.code(), Some(2), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{words:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.trim().lines().count(), 1, "{words:?}: {}", ended.stderr);
    }
    let scratch = Scratch::new();
    let base = "name: x\npaths: [zero-copy]\nmessage_sizes: [64]\nthreads: [1]\n";
    let grid = scratch.file("grid.yaml", format!("{base}receive_paths: [none]\nwire: veth\n"));
    let ended = run(copycost(["sweep", "--dry-run", &grid]));
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("choose another, such as recv"), "{}", ended.stderr);
}
