//! One trial from flags, in every format; and cells of every kind, counted to the byte and verified.

mod support;

use copycost::cell::Payload;
use copycost::path;
use copycost::record::row::{header, to_json};
use copycost::record::{Status, Trial, Verified, csv_file};
use nix::sys::resource::{Resource, getrlimit};
use serde_json::Value;
use support::agent::Agent;
use support::lab::{assert_whole, directory, runs_here, sweep, trials};
use support::process::{Ended, run};
use support::{Scratch, copycost};

/// The columns that are the same in every run of this major version, in their order.
const CORE: &str = "run_id cell rep order block started_at status reason wire send_path receive_path payload \
    message_bytes threads window_s bytes messages throughput_gbps mean_recv_us sender_window_s sender_bytes \
    sender_messages sender_calls sender_user_s sender_system_s sender_context_switches sender_cpu_migrations \
    sender_page_faults sender_cycles sender_instructions sender_cache_references sender_cache_misses \
    sender_l1d_load_misses sender_llc_load_misses sender_branch_misses sender_counter_running \
    receiver_window_s receiver_bytes receiver_messages receiver_calls receiver_user_s receiver_system_s \
    receiver_context_switches receiver_cpu_migrations receiver_page_faults receiver_cycles \
    receiver_instructions receiver_cache_references receiver_cache_misses receiver_l1d_load_misses \
    receiver_llc_load_misses receiver_branch_misses receiver_counter_running zc_sends zc_completions zc_copied \
    zc_unreported zc_enobufs retransmits host_busy_s host_softirq_s host_steal_s verified";

/// One trial on loopback that is bounded by messages.
fn measure(messages: &str, more: &[&str]) -> Ended {
    let all = ["measure", "--lab", "loopback", "--warmup", "5ms", "--messages", messages];
    run(copycost(all.iter().chain(more).copied()))
}

fn well(ended: &Ended) -> &str {
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    &ended.stdout
}

#[test]
fn json_has_the_columns_of_trials_csv_and_null_for_what_is_absent() {
    let ended = measure("40", &["--format", "json", "--threads", "3", "--size", "1KiB"]);
    let value: Value = serde_json::from_str(well(&ended)).expect("one JSON value");
    let object = value.as_object().expect("an object");
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(names, header::<Trial>());

    for absent in ["zc_sends", "zc_copied", "zc_drain_s", "working_set_bytes", "receiver_mapped_bytes"] {
        assert!(object[absent].is_null(), "{absent}: {}", object[absent]);
    }
    for (name, value) in object {
        assert!(!value.is_array() && !value.is_object(), "{name}: {value}");
        assert!(!value.is_number() || value.as_f64().unwrap() >= 0.0, "{name}: {value}");
    }
    // 40 messages on each of three streams, counted at both ends.
    for (name, expected) in [
        ("bytes", 3 * 40 * 1024_u64),
        ("messages", 120),
        ("sender_bytes", 3 * 40 * 1024),
        ("sender_messages", 120),
        ("receiver_bytes", 3 * 40 * 1024),
        ("receiver_messages", 120),
        ("threads", 3),
        ("message_bytes", 1024),
    ] {
        assert_eq!(object[name].as_u64(), Some(expected), "{name}");
    }
    assert!(object["sender_calls"].as_u64() >= Some(120), "{}", object["sender_calls"]);
    assert!(object["receiver_calls"].as_u64() >= Some(3), "{}", object["receiver_calls"]);
    assert!(object["total_bytes"].as_u64() >= Some(3 * 40 * 1024), "{}", object["total_bytes"]);
    assert_eq!((&object["status"], &object["verified"]), (&Value::from("ok"), &Value::from("count")));
    assert!(object["throughput_gbps"].as_f64() > Some(0.0) && object["window_s"].as_f64() > Some(0.0));
}

#[test]
fn csv_is_the_header_and_one_row_of_trials_csv() {
    let ended = measure("10", &["--format", "csv", "--path", "A3"]);
    let text = well(&ended);
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!(names, header::<Trial>());
    let mut core = CORE.split_whitespace();
    let mut next = core.next();
    for name in &names {
        if next == Some(name) {
            next = core.next();
        }
    }
    assert_eq!(next, None, "a core column is missing or out of order");

    let scratch = Scratch::new();
    scratch.file("trials.csv", text);
    let read = csv_file::read::<Trial>(&scratch.path("")).unwrap();
    assert_eq!((read.rows.len(), read.truncated), (1, None));
    let row = &read.rows[0];
    assert_eq!((row.cell.as_str(), row.messages), ("loopback/zero-copy/recv/static/16384B/t1", Some(10)));
    assert_eq!(to_json(row)["zc_sends"].as_u64(), row.zc.sends);
}

/// The values of one summary line, and the decimals of each.
fn fields(line: &str) -> Vec<(&str, f64, usize)> {
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("SUMMARY"), "{line}");
    words
        .map(|word| {
            let (name, value) = word.split_once('=').expect(line);
            (name, value.parse().expect(line), value.split_once('.').map_or(0, |(_, after)| after.len()))
        })
        .collect()
}

#[test]
fn summary_is_a_line_a_stream_with_the_published_decimals() {
    let ended = measure("30", &["--format", "summary", "--threads", "4", "--size", "64"]);
    // What that name is not is said, and not to the scripts that read the line.
    assert!(ended.stderr.contains("mean_recv_us") && ended.stderr.contains("no delay"), "{}", ended.stderr);
    assert_eq!((ended.code(), ended.stderr.lines().count()), (Some(0), 1), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let fields = fields(line);
        let shape: Vec<_> = fields.iter().map(|&(name, _, decimals)| (name, decimals)).collect();
        assert_eq!(shape, [("bytes", 0), ("seconds", 6), ("gbps", 6), ("msgs", 0), ("avg_oneway_us", 3)]);
        let (bytes, seconds, messages, mean) = (fields[0].1, fields[1].1, fields[3].1, fields[4].1);
        assert_eq!((bytes, messages), (30.0 * 64.0, 30.0));
        // The mean is the window over the messages, as far as the printed digits go.
        assert!((mean - seconds * 1e6 / messages).abs() < 0.05, "{line}");
    }
}

#[test]
fn the_table_says_what_was_copied_after_all() {
    let ended = measure("200", &["--path", "zero-copy", "--threads", "2"]);
    let text = well(&ended);
    assert!(text.starts_with("loopback/zero-copy/recv/static/16384B/t2\n"), "{text}");
    assert!(text.contains(" Gb/s; ") && text.contains("no delay"), "{text}");
    assert!(text.contains("a deferred copy, nothing was avoided"), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn a_window_that_is_bounded_by_time_lasts_that_long() {
    let all = ["measure", "--lab", "loopback", "--warmup", "50ms", "--duration", "400ms", "--format", "json"];
    let ended = run(copycost(all));
    let row: Value = serde_json::from_str(well(&ended)).unwrap();
    let window = row["window_s"].as_f64().unwrap();
    assert!((0.36..60.0).contains(&window), "{window}");
    let messages = row["messages"].as_u64().unwrap();
    assert!(messages > 0 && messages == row["bytes"].as_u64().unwrap() / 16384, "{row}");
    assert!(row["total_bytes"].as_u64() >= row["bytes"].as_u64(), "{row}");
}

#[test]
fn trunc_with_verify_is_refused_with_the_reason() {
    let ended = measure("5", &["--receive-path", "trunc", "--verify"]);
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""));
    assert!(
        ended.stderr.contains("unsupported") && ended.stderr.contains("none can be verified"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

/// Sweeps a grid on loopback and returns its rows, all of them.
fn rows_of(grid: &str) -> Vec<Trial> {
    let scratch = Scratch::new();
    let grid =
        scratch.file("grid.yaml", format!("name: cells\nlab: loopback\nseed: 3\nrepetitions: 1\n{grid}"));
    let ended = run(sweep(&grid, &scratch.path("results"), &["-q"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    assert_whole(&run);
    let (mut rows, half) = trials(&run);
    assert!(!half);
    rows.sort_by_key(|row| row.order);
    rows
}

#[test]
fn every_byte_of_every_path_arrives_as_it_was_sent() {
    let rows = rows_of(
        "paths: [all]\npayload: [static, fresh]\nreceive_paths: [recv, trunc]\n\
         message_sizes: [64, 1001, 64KiB, 1MiB]\nthreads: [1, 3]\nmessages: 12\nwarmup: 2ms\nverify: true\n",
    );
    assert_eq!(rows.len(), path::REGISTRY.len() * 2 * 2 * 4 * 2);
    for entry in path::REGISTRY {
        if !runs_here("every_byte_of_every_path_arrives_as_it_was_sent", entry.name, &rows) {
            continue;
        }
        let of_path = rows.iter().filter(|row| row.send_path == entry.name);
        let (well, others): (Vec<_>, Vec<_>) = of_path.partition(|row| row.status == Status::Ok);
        for row in &well {
            assert_eq!((row.verified, row.reason.as_str()), (Some(Verified::Bytes), ""), "{}", row.cell);
            assert_eq!(row.bytes, Some(12 * row.message_bytes * u64::from(row.threads)), "{}", row.cell);
        }
        // What cannot be verified, or not be rewritten, says so.
        for row in others {
            assert_eq!(row.status, Status::Unsupported, "{}: {}", row.cell, row.reason);
            let is_told =
                ["payload: static", "verify: false"].iter().any(|remedy| row.reason.contains(remedy));
            assert!(is_told, "{}: {}", row.cell, row.reason);
        }
        let all = well.iter().filter(|row| row.payload == Payload::Static);
        assert_eq!(all.count(), 4 * 2, "{}: each size and number of streams", entry.name);
    }
}

#[test]
fn trunc_counts_every_byte_and_cannot_verify_one() {
    let cells = "paths: [two-copy, zero-copy]\nreceive_paths: [trunc, recv]\nmessage_sizes: [64, 1001, 64KiB]\n\
                 threads: [1, 2]\nmessages: 30\nwarmup: 2ms\n";
    let rows = rows_of(cells);
    assert_eq!(rows.len(), 2 * 2 * 3 * 2);
    for row in &rows {
        assert_eq!(row.status, Status::Ok, "{}: {}", row.cell, row.reason);
        assert_eq!(row.bytes, Some(30 * row.message_bytes * u64::from(row.threads)), "{}", row.cell);
        assert_eq!(row.sender.bytes, row.bytes, "{}", row.cell);
    }
    // A cell that cannot run is one row that says why; the others run.
    for row in rows_of(&format!("{cells}verify: true\n")) {
        let expected = if row.receive_path == "trunc" { Status::Unsupported } else { Status::Ok };
        assert_eq!(row.status, expected, "{}: {}", row.cell, row.reason);
        assert_eq!(row.reason.contains("verified"), expected == Status::Unsupported, "{}", row.reason);
        assert_eq!(row.bytes.is_some(), expected == Status::Ok, "{}", row.cell);
    }
}

#[test]
fn working_sets_read_sizes_and_sixteen_threads() {
    let rows = rows_of(
        "paths: [plain-send, two-copy, one-copy, zero-copy]\npayload: [fresh]\nmessage_sizes: [1001]\n\
         threads: [16]\nworking_set: [hot, 256KiB]\nread_size: 777\nmessages: 40\nwarmup: 2ms\nverify: true\n\
         pin: none\nsocket: {nodelay: false, send_buffer: 64KiB, receive_buffer: 64KiB}\n",
    );
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!(row.status, Status::Ok, "{}: {}", row.cell, row.reason);
        assert_eq!((row.messages, row.bytes), (Some(16 * 40), Some(16 * 40 * 1001)), "{}", row.cell);
        assert_eq!(row.cell.ends_with("/ws262144B"), row.working_set_bytes == Some(256 << 10));
        // Reads of 777 bytes: at least as many calls as the bytes need.
        assert!(row.receiver.calls >= Some(16 * 40 * 1001 / 777), "{}: {:?}", row.cell, row.receiver.calls);
        // The kernel doubles what is asked for.
        assert!(row.send_buffer_bytes >= Some(64 << 10) && row.receive_buffer_bytes >= Some(64 << 10));
    }
}

#[test]
fn messages_that_would_take_all_memory_are_refused() {
    // What no machine can do is wrong in the flags; how many messages a path lends is its own affair.
    for (path, threads, code, what) in
        [("zero-copy", "16", 1, "unsupported"), ("two-copy", "17", 2, "17 streams")]
    {
        let ended = measure("1", &["--path", path, "--size", "256MiB", "--threads", threads]);
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
        assert!(ended.stderr.contains(what) && ended.stderr.contains("GiB"), "{}", ended.stderr);
    }
}

#[test]
fn agents_with_eight_streams_stay_small() {
    let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
    // Pages of a debug build are many.
    let before = [&sender, &receiver].map(Agent::peak_kib);
    let scratch = Scratch::new();
    let grid = "name: eight\npaths: [plain-send, A1, A2, A3]\npayload: [static, fresh]\nthreads: [8]\n\
                message_sizes: [64KiB]\nmessages: 100\nwarmup: 5ms\nrepetitions: 1\n";
    let grid = scratch.file("grid.yaml", grid);
    let addresses = ["--sender", &sender.at(), "--receiver", &receiver.at()];
    let ended = run(sweep(&grid, &scratch.path("results"), &addresses));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    for (agent, before) in [sender, receiver].into_iter().zip(before) {
        // All that eight streams lend is 32 MiB.
        let grown = agent.peak_kib() - before;
        assert!(grown < 56 << 10, "{grown} KiB more");
    }
}

#[test]
fn two_hundred_and_fifty_six_streams_work() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 8192 {
        let missing = format!("8192 open files (ulimit -Hn is {hard})");
        return support::skip("two_hundred_and_fifty_six_streams_work", &missing);
    }
    let ended = measure("20", &["--threads", "256", "--path", "A3", "--size", "1KiB", "--format", "summary"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().map(fields).collect();
    assert_eq!(lines.len(), 256);
    assert!(lines.iter().all(|line| line[0].1 == 20.0 * 1024.0 && line[3].1 == 20.0));
}
