//! Receive paths against send paths: every byte of each pair, what is mapped, bytes that a call waits for, and an end
//! that is killed.

mod support;

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use copycost::record::{Status, Trial, Verified};
use copycost::{path, receive};
use nix::sys::signal::Signal;
use support::agent::Agent;
use support::lab::{
    assert_whole, directory, has_netns, manifest, runs_here, start_with_rows, sweep, tiny_grid, trials,
};
use support::process::run;
use support::seccomp::refuse_io_uring;
use support::{Scratch, copycost, skip};

/// The rows of a grid of one repetition, all of them.
fn rows_of(lab: &str, grid: &str) -> Vec<Trial> {
    let scratch = Scratch::new();
    let text = format!("name: receive\nlab: {lab}\nseed: 3\nrepetitions: 1\nwarmup: 2ms\n{grid}");
    let grid = scratch.file("grid.yaml", text);
    let ended = run(sweep(&grid, &scratch.path("results"), &["-q"]));
    let run = directory(&ended);
    assert_whole(&run);
    let (rows, half) = trials(&run);
    assert!(!half);
    let nothing_ran = rows.iter().all(|row| row.status == Status::Unsupported);
    let is_starved = rows.iter().any(is_starved);
    assert_eq!(ended.code(), Some(if nothing_ran || is_starved { 4 } else { 0 }), "{ended:?}");
    rows
}

/// Whether a machine that is busy with something else let no byte through in a short time.
fn is_starved(row: &Trial) -> bool {
    row.status == Status::Failed && row.reason.starts_with("no byte arrived inside the window")
}

/// Rows that went well; of the others each says what helps, or which receive path this machine lacks.
fn well<'a>(test: &str, rows: &'a [Trial]) -> Vec<&'a Trial> {
    let mut lacking: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.status != Status::Ok && !is_starved(row)) {
        assert_eq!(row.status, Status::Unsupported, "{}: {}", row.cell, row.reason);
        let is_told =
            ["verify: false", "payload: static", "rcvlowat"].iter().any(|remedy| row.reason.contains(remedy));
        if !is_told && !lacking.contains(&row.receive_path.as_str()) {
            lacking.push(&row.receive_path);
            skip(test, &format!("{}: {}", row.receive_path, row.reason));
        }
    }
    rows.iter().filter(|row| row.status == Status::Ok).collect()
}

/// What the kernel said of received bytes adds up to all of them, where it says anything.
fn assert_usage(row: &Trial) {
    let usage = &row.receive_usage;
    let told = usage.mapped_bytes.zip(usage.copied_bytes).map(|(mapped, copied)| mapped + copied);
    assert_eq!(told.is_some(), row.receive_path.starts_with("zc-mmap"), "{}", row.cell);
    assert!(
        told.is_none_or(|told| Some(told) == row.total_bytes),
        "{}: {usage:?} of {:?}",
        row.cell,
        row.total_bytes
    );
}

#[test]
fn every_receive_path_takes_every_byte_of_every_send_path() {
    const TEST: &str = "every_receive_path_takes_every_byte_of_every_send_path";
    let lab = if has_netns(TEST) { "netns" } else { "loopback" };
    let grid = "paths: [all]\nreceive_paths: [all]\nmessage_sizes: [64, 1001, 64KiB, 1MiB]\nthreads: [1]\nmessages: 12\n\
                verify: true\n";
    let rows = rows_of(lab, grid);
    assert_eq!(rows.len(), path::REGISTRY.len() * receive::REGISTRY.len() * 4);
    let well = well(TEST, &rows);
    for row in &well {
        assert_eq!(row.verified, Some(Verified::Bytes), "{}", row.cell);
        assert_eq!(row.bytes, Some(12 * row.message_bytes), "{}", row.cell);
        assert_usage(row);
    }
    // Nothing is unsupported of recv but what this machine cannot send.
    for entry in path::REGISTRY.iter().filter(|entry| runs_here(TEST, entry.name, &rows)) {
        let of_path =
            well.iter().filter(|row| row.send_path == entry.name && row.receive_path == receive::DEFAULT);
        assert_eq!(of_path.count(), 4, "{}", entry.name);
    }
}

#[test]
fn paths_that_discard_count_every_byte_and_say_that_none_can_be_verified() {
    let grid = "paths: [plain-send, zero-copy]\nreceive_paths: [splice-null, trunc]\nmessage_sizes: [64, 1001, 64KiB]\n\
                threads: [1, 4]\nmessages: 30\n";
    let rows = rows_of("loopback", grid);
    for row in &rows {
        assert_eq!((row.status, row.reason.as_str()), (Status::Ok, ""), "{}", row.cell);
        assert_eq!(row.bytes, Some(30 * row.message_bytes * u64::from(row.threads)), "{}", row.cell);
    }
    for row in rows_of("loopback", &format!("{grid}verify: true\n")) {
        assert_eq!(row.status, Status::Unsupported, "{}", row.cell);
        assert!(row.reason.contains("none can be verified"), "{}", row.reason);
    }
}

#[test]
fn many_streams_messages_that_are_answered_and_fresh_payload_are_received_by_every_path() {
    const TEST: &str = "many_streams_messages_that_are_answered_and_fresh_payload_are_received_by_every_path";
    let rows = rows_of(
        "loopback",
        "paths: [plain-send, zero-copy]\nreceive_paths: [all]\npayload: [fresh]\nmessage_sizes: [1001]\n\
         threads: [4, 64]\nmessages: 20\npin: none\n",
    );
    for row in well(TEST, &rows) {
        assert_eq!(row.bytes, Some(20 * 1001 * u64::from(row.threads)), "{}", row.cell);
        assert_usage(row);
    }
    let rows = rows_of(
        "loopback",
        "paths: [zero-copy]\nreceive_paths: [all]\nworkload: [request, {open-loop: {rate: 2000}}]\n\
         wait: [block, spin]\nmessage_sizes: [64, 20000]\nthreads: [1]\nmessages: 40\n",
    );
    for row in well(TEST, &rows) {
        assert_eq!(row.messages, Some(40), "{}", row.cell);
        assert!(row.delays.response.p50_us > Some(0.0), "{}", row.cell);
    }
}

/// A page is mapped where it is a packet's alone. The deferred copy makes such pages, send() fills parts of larger ones.
#[test]
fn pages_of_zero_copy_are_mapped_and_those_of_send_are_not() {
    const TEST: &str = "pages_of_zero_copy_are_mapped_and_those_of_send_are_not";
    if !has_netns(TEST) {
        return;
    }
    let rows = rows_of(
        "netns",
        "paths: [plain-send, zero-copy]\nreceive_paths: [zc-mmap, {zc-mmap: {touch: read}}]\nmessage_sizes: [64KiB]\n\
         threads: [1]\nmessages: 3000\nlink: {mtu: 4148}\nverify: true\n",
    );
    let well = well(TEST, &rows);
    for row in &well {
        assert_usage(row);
        let usage = &row.receive_usage;
        let mapped = usage.mapped_bytes.unwrap() as f64 / row.total_bytes.unwrap() as f64;
        match row.send_path.as_str() {
            "zero-copy" => assert!(mapped >= 0.8, "{}: {mapped}", row.cell),
            _ => assert!(mapped < 0.01, "{}: {mapped}", row.cell),
        }
    }
    assert!(well.len() == 4 || well.is_empty(), "{well:?}");
}

#[test]
fn a_call_that_waits_for_many_bytes_stops_no_stream_that_has_fewer() {
    const TEST: &str = "a_call_that_waits_for_many_bytes_stops_no_stream_that_has_fewer";
    // Forty messages are less than a call waits for, and so is what is left before the window, and at its end. A window
    // that is bounded by time begins with one message of each stream, after which its sender waits for all others.
    for (paths, bound) in [
        ("[plain-send, zero-copy]", "messages: 40\nverify: true"),
        ("[plain-send]", "messages: 40\nverify: false"),
        ("[plain-send]", "duration: 200ms"),
    ] {
        let rows = rows_of(
            "loopback",
            &format!(
                "paths: {paths}\nreceive_paths: [all]\nmessage_sizes: [1001]\nthreads: [1, 4]\n\
                 socket: {{rcvlowat: [0, 64KiB]}}\n{bound}\n"
            ),
        );
        let sends = paths.split(',').count();
        assert_eq!(rows.len(), sends * receive::REGISTRY.len() * 2 * 2);
        let well = well(TEST, &rows);
        for row in &well {
            if bound.starts_with("messages") {
                assert_eq!(row.bytes, Some(40 * 1001 * u64::from(row.threads)), "{}", row.cell);
            }
            assert_usage(row);
        }
        let waits = |row: &&&Trial| row.receive_path == "recv:rcvlowat=65536B";
        let starved = rows.iter().filter(|row| is_starved(row)).count();
        assert!(well.iter().filter(waits).count() + starved >= sends * 2, "{bound}");
        assert!(starved < 6, "{starved} trials without a byte");
    }
}

#[test]
fn bytes_that_are_waited_for_save_calls() {
    let rows = rows_of(
        "loopback",
        "paths: [plain-send]\nreceive_paths: [recv, \"recv:rcvlowat=64KiB\"]\nmessage_sizes: [64]\nthreads: [1]\n\
         messages: 40000\nsocket: {nodelay: true}\n",
    );
    // 40,000 messages are 39 times 64 KiB; the pause before and the end of the stream cut some of those in two.
    let calls =
        |path: &str| rows.iter().find(|row| row.receive_path == path).and_then(|row| row.receiver.calls);
    let waiting = calls("recv:rcvlowat=65536B").expect("its calls");
    assert!(waiting <= 80 && calls("recv") >= Some(39), "{waiting} calls against {:?}", calls("recv"));
}

#[test]
fn what_no_receiver_could_wait_for_is_refused() {
    let ended = run(copycost([
        "measure",
        "--lab",
        "loopback",
        "--messages",
        "5",
        "--size",
        "1KiB",
        "--workload",
        "request",
        "--receive-path",
        "recv:rcvlowat=64KiB",
    ]));
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("lower rcvlowat") && ended.stderr.lines().count() == 1, "{ended:?}");
    let rows = rows_of(
        "loopback",
        "paths: [plain-send]\nreceive_paths: [recv]\nmessage_sizes: [64]\nthreads: [1]\nmessages: 5\n\
         socket: {receive_buffer: 64KiB, rcvlowat: 1MiB}\n",
    );
    assert_eq!((rows.len(), rows[0].status), (1, Status::Unsupported), "{rows:?}");
    assert!(rows[0].reason.contains("raise socket.receive_buffer"), "{}", rows[0].reason);
}

#[test]
fn a_ring_that_is_forbidden_is_unsupported_with_what_helps() {
    for path in ["uring-multishot", "uring-bundle"] {
        let mut command =
            copycost(["measure", "--lab", "loopback", "--messages", "5", "--receive-path", path]);
        // SAFETY: system calls alone; nothing is allocated between fork and exec.
        unsafe { command.pre_exec(refuse_io_uring) };
        let ended = run(command);
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        let told = ["unsupported", "io_uring_setup: ", "seccomp=unconfined"];
        assert!(told.iter().all(|part| ended.stderr.contains(part)), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn what_was_mapped_is_told_of_one_trial_too() {
    let ended = run(copycost([
        "measure",
        "--lab",
        "loopback",
        "--messages",
        "200",
        "--size",
        "64KiB",
        "--receive-path",
        "zc-mmap",
    ]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.starts_with("zc-mmap: ")).unwrap_or_default();
    let numbers = line.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    assert!(numbers.sum::<u64>() >= 200 * (64 << 10), "{ended:?}");
    assert!(line.contains(" bytes mapped, ") && line.ends_with(" copied after all"), "{ended:?}");
}

/// The other end dies in mid-trial: the receiver drops the trial, whatever its call waits for, and serves the next.
#[test]
fn a_receiver_whose_sender_is_killed_serves_the_next_coordinator() {
    const SOON: Duration = Duration::from_secs(30);
    let receiver = Agent::start(&[]);
    let next = ["zc-mmap", "uring-multishot", "uring-bundle", "splice-null", "\"recv:rcvlowat=1MiB\""];
    for path in next {
        let sender = Agent::start(&[]);
        let scratch = Scratch::new();
        let grid =
            scratch.file("grid.yaml", tiny_grid(&format!("repetitions: 1000\nreceive_paths: [{path}]")));
        let more = ["--sender", &sender.at(), "--receiver", &receiver.at()];
        let results = scratch.path("results");
        let sweep = start_with_rows(sweep(&grid, &results, &more), &results, 2);
        sender.running.signal(Signal::SIGKILL);
        let killed = Instant::now();
        let ended = sweep.wait();
        sender.running.wait();
        assert!(killed.elapsed() < SOON, "{path}: {:?}", killed.elapsed());
        assert_eq!(ended.code(), Some(1), "{path}: {ended:?}");
        assert_eq!(manifest(&directory(&ended)).outcome.as_deref(), Some("broken"), "{path}");
        assert!(receiver.threads() < 10, "{path}: {} threads", receiver.threads());
    }
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let ended = run(support::lab::sweep(&grid, &scratch.path("next"), &["--sender", &receiver.at()]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}
