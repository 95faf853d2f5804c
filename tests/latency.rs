//! Delays of messages: told for every path, kept whole whatever ends a sweep, and refused where no loop can do what is
//! asked.

mod support;

use std::path::Path;

use copycost::path::REGISTRY;
use copycost::record::histogram_log;
use copycost::record::latency::{ClockKind, DelayKind, Latency};
use copycost::record::{End, Status, Verified, csv_file};
use nix::sys::signal::Signal;
use support::lab::{assert_whole, directory, only_run, resume, start_with_rows, sweep, trials};
use support::process::{Ended, run};
use support::{Scratch, copycost};

/// A grid on loopback: these lines, and what they leave out.
fn grid(more: &str) -> String {
    let usual = ["paths: [two-copy]", "message_sizes: [64]", "threads: [1]", "repetitions: 1"];
    let is_left_out = |line: &&str| !more.contains(&line[..=line.find(':').unwrap()]);
    let usual: Vec<&str> = usual.into_iter().filter(is_left_out).collect();
    format!("name: delays\nwarmup: 20ms\nseed: 7\nlab: loopback\n{}\n{more}\n", usual.join("\n"))
}

fn latency(run: &Path) -> Vec<Latency> {
    csv_file::read(run).expect("rows by the schema").rows
}

fn validated(of: &Path) -> Ended {
    run(copycost(["validate", of.to_str().unwrap()]))
}

#[test]
fn every_path_tells_how_long_its_messages_take() {
    let scratch = Scratch::new();
    let more = "workload: request\npaths: [all]\npayload: [fresh]\nmessage_sizes: [64, 16KiB]\nmessages: 200\n\
                verify: true";
    let grid = scratch.file("grid.yaml", grid(more));
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), REGISTRY.len() * 2);
    let all = latency(&run);
    for row in rows.iter().filter(|row| row.status != Status::Unsupported) {
        assert_eq!((row.status, row.verified), (Status::Ok, Some(Verified::Bytes)), "{row:?}");
        let of = |kind| all.iter().find(|one| one.order == row.order && one.kind == kind);
        for kind in [DelayKind::Response, DelayKind::OneWay, DelayKind::WayBack, DelayKind::Call] {
            let one = of(kind).unwrap_or_else(|| panic!("no {kind} of {}", row.cell));
            assert_eq!((one.count, one.clock), (200, Some(ClockKind::Shared)), "{one:?}");
            let (p50, p90) = (one.percentiles.p50_us.unwrap(), one.percentiles.p90_us.unwrap());
            assert!(0.0 < p50 && p50 <= p90 && p90 <= one.max_us.unwrap(), "{one:?}");
            assert_eq!(one.percentiles.p99_us, None, "fewer than ten messages lie above it");
        }
        // A message goes there and its answer comes back: nothing is left out between, and nothing counted twice.
        let mean = |kind| of(kind).unwrap().mean_us.unwrap();
        let ways = mean(DelayKind::OneWay) + mean(DelayKind::WayBack);
        assert!((mean(DelayKind::Response) / ways - 1.0).abs() < 0.01, "{}", row.cell);
        assert_eq!(of(DelayKind::Lent).is_some(), row.zc.sends.is_some(), "{}", row.cell);
    }
    assert!(rows.iter().any(|row| row.zc.sends.is_some()), "no path lent its messages to the kernel");
    assert_whole(&run);
    assert_eq!(validated(&run).code(), Some(0));
}

#[test]
fn an_end_that_spins_does_not_sleep_and_the_other_does() {
    let scratch = Scratch::new();
    let more = "workload: {request: {wait: [spin+block, block+spin]}}\nmessages: 400";
    let grid = scratch.file("grid.yaml", grid(more));
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    for row in trials(&directory(&ended)).0 {
        let slept = |end: &End| end.voluntary_switches.expect("getrusage tells it");
        let (spins, blocks) = match row.workload.as_deref() {
            Some("request:wait=spin+block") => (&row.sender, &row.receiver),
            _ => (&row.receiver, &row.sender),
        };
        // An end that blocks sleeps for almost each of 400 messages, unless what it waits for comes at once.
        assert!(slept(spins) < 40 && slept(blocks) > 100, "{row:?}");
    }
}

#[test]
fn an_open_loop_intends_as_many_messages_as_its_rate_says() {
    let scratch = Scratch::new();
    for arrivals in ["uniform", "poisson"] {
        let more = format!("workload: {{open-loop: {{rate: 5000, arrivals: {arrivals}}}}}\nduration: 2s");
        let grid = scratch.file("grid.yaml", grid(&more));
        let ended = run(sweep(&grid, &scratch.path(arrivals), &["--quiet"]));
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        let run = directory(&ended);
        let row = &trials(&run).0[0];
        let intended = row.intended.expect("an open loop intends") as f64;
        let due = 5000.0 * row.sender.window_s.expect("the sender's window");
        // Of 10000 random arrivals, one in a thousand trials has 3 % more or fewer.
        let within = if arrivals == "uniform" { 0.02 } else { 0.05 };
        assert!((intended / due - 1.0).abs() < within, "{arrivals}: {intended} of {due}");
    }
}

#[test]
fn delays_are_whole_after_a_sweep_was_killed_and_resumed() {
    let scratch = Scratch::new();
    let more =
        "workload: [request, {open-loop: {rate: 2000}}]\nmessages: 40\nthreads: [1, 2]\nrepetitions: 15";
    let grid = scratch.file("grid.yaml", grid(more));
    let results = scratch.path("results");
    for rows in [3, 20] {
        let running = match only_run(&results) {
            None => start_with_rows(sweep(&grid, &results, &[]), &results, rows),
            Some(run) => start_with_rows(resume(&run), &results, rows),
        };
        running.signal(Signal::SIGKILL);
        assert_eq!(running.wait().signal(), Some(Signal::SIGKILL as i32));
        // What a trial leaves when it is killed between its delays and its own row.
        let run = only_run(&results).unwrap();
        for file in ["latency.csv", histogram_log::FILE] {
            let text = std::fs::read_to_string(run.join(file)).unwrap();
            let whole = &text[..=text.rfind('\n').unwrap()];
            let last = whole.trim_end().rsplit('\n').next().unwrap();
            // A whole line of a trial that has no row, and half a line.
            let of_no_row = match last.split_once('#') {
                Some((cell, rest)) => format!("{cell}#99/{}\n", rest.split_once('/').unwrap().1),
                None => String::new(),
            };
            let later = format!("{of_no_row}{}", &last[..last.len() / 2]);
            std::fs::write(run.join(file), format!("{whole}{later}")).unwrap();
        }
    }
    let run = only_run(&results).unwrap();
    let ended = support::process::run(resume(&run));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_whole(&run);
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), 4 * 15);
    for row in &rows {
        let kinds = latency(&run).iter().filter(|one| one.order == row.order).count();
        // Where a schedule says when a message is due, also how late it was sent.
        let expected = if row.cell.contains("open-loop") { 5 } else { 4 };
        assert_eq!(kinds, expected, "kinds of delay of {} #{}", row.cell, row.rep);
    }
    let valid = validated(&run);
    assert_eq!(valid.code(), Some(0), "{valid:?}");
    assert!(valid.stdout.contains("latency.hlog"), "{valid:?}");
}

#[test]
fn a_broken_line_of_the_log_is_found() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", grid("workload: request\nmessages: 20"));
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    let run = directory(&ended);
    let path = run.join(histogram_log::FILE);
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(validated(&run).code(), Some(0));
    let first = whole.find("Tag=").unwrap();
    let end = first + whole[first..].find('\n').unwrap();
    for (broken, part) in [
        (whole.replacen("Tag=", "Tug=", 1), "not an interval"),
        (whole.replacen("/s0/", "/x0/", 1), "not an interval"),
        (format!("{}{}", &whole[..end - 9], &whole[end..]), "not a V2 histogram"),
        (format!("{}{}", &whole[..first], &whole[end + 1..]), "0 messages for line 2"),
    ] {
        std::fs::write(&path, broken).unwrap();
        let found = validated(&run);
        assert_eq!(found.code(), Some(3), "{found:?}");
        assert!(
            found.stdout.contains(histogram_log::FILE) && found.stdout.contains(part),
            "{part}: {found:?}"
        );
    }
}

#[test]
fn what_no_loop_can_do_is_refused_in_one_sentence() {
    let scratch = Scratch::new();
    let swept = |more: &str| {
        let grid = scratch.file("grid.yaml", grid(&format!("duration: 20ms\n{more}")));
        run(sweep(&grid, &scratch.path("results"), &["--quiet"]))
    };
    for (workload, part) in [
        ("{open-loop: {rate: 0}}", "`0` is not a rate"),
        ("{open-loop: {rate: 1000000000000}}", "`1000000000000` is not a rate"),
        ("{open-loop: {rate: 150%}}", "`150%` is not a rate"),
        ("{open-loop: {rate: 50%}}", "add stream to `workload`"),
        ("open-loop", "needs a rate"),
        ("{request: {depth: 0}}", "1 to 1024"),
        ("{request: {depth: 1025}}", "1 to 1024"),
    ] {
        let ended = swept(&format!("workload: {workload}"));
        assert_eq!(ended.code(), Some(2), "{workload}: {ended:?}");
        assert!(ended.stderr.contains(part) && ended.stderr.contains("line "), "{workload}: {ended:?}");
        assert_eq!(ended.stderr.trim().lines().count(), 1, "{ended:?}");
    }
    assert!(!scratch.path("results").exists(), "a run was begun");
    for (more, part) in [
        ("workload: {request: {depth: 1024}}\nmessage_sizes: [1MiB]", "lower the depth"),
        ("workload: {request: {background: 1}}\nmessages: 10", "need a window that is bounded by a duration"),
    ] {
        let results = scratch.path(&part.replace(' ', "-"));
        let duration = if more.contains("messages:") { "" } else { "duration: 20ms\n" };
        let grid = scratch.file("grid.yaml", grid(&format!("{duration}{more}")));
        let ended = run(sweep(&grid, &results, &["--quiet"]));
        assert_eq!(ended.code(), Some(4), "{ended:?}");
        let (rows, _) = trials(&directory(&ended));
        assert_eq!(rows[0].status, Status::Unsupported);
        assert!(rows[0].reason.contains(part) && !rows[0].reason.contains(". "), "{}", rows[0].reason);
    }
}
