//! Agents whose figures cannot be: each ends in a failed row that names the figure, and the run is whole all the same.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use copycost::cell::Side;
use copycost::frame::{self, CAP};
use copycost::histogram::Delays;
use copycost::record::{Status, Trial};
use serde_json::{Value, json};
use support::agent::{Agent, connect};
use support::lab::{directory, manifest, streams, sweep, trials};
use support::process::run;
use support::{Scratch, copycost};

/// Who lies, where in its report, what it says, and what the row's reason must name.
type Lie = (Side, &'static str, Value, &'static str);

use Side::{Receiver, Sender};

/// Lies of a stream of zero-copy messages.
fn lies() -> Vec<Lie> {
    let stream = |of: &'static str| -> &'static str { format!("/report/end/streams/0/{of}").leak() };
    let load = |of: &'static str| -> &'static str { format!("/report/end/common/load/{of}").leak() };
    vec![
        (Receiver, stream("end/window_s"), json!(1e308), "window_s of stream 0"),
        (Receiver, stream("end/window_s"), json!(1e-300), "window_s of stream 0"),
        (Receiver, stream("end/window_s"), json!(-1.0), "window_s of stream 0"),
        (Receiver, stream("end/window_s"), Value::Null, "window_s of stream 0"),
        (Sender, stream("end/user_s"), json!(1e308), "user_s of stream 0"),
        (Sender, stream("end/system_s"), json!(-0.5), "system_s of stream 0"),
        (Sender, stream("end/task_clock_s"), json!(1e9), "task_clock_s of stream 0"),
        (Sender, stream("end/run_delay_s"), json!(1e300), "run_delay_s of stream 0"),
        (Sender, stream("end/bytes"), json!(u64::MAX), "bytes of stream 0"),
        (Receiver, stream("end/messages"), json!(u64::MAX), "messages of stream 0"),
        (Sender, stream("end/context_switches"), json!(u64::MAX), "context_switches of stream 0"),
        (Receiver, stream("end/page_faults"), json!(u64::MAX / 2 + 1), "page_faults of stream 0"),
        (Sender, stream("end/cycles"), json!(u64::MAX), "cycles of stream 0"),
        (Sender, stream("end/counter_running"), json!(17.0), "counter_running of stream 0"),
        (Sender, stream("total_bytes"), json!(u64::MAX), "total_bytes of stream 0"),
        (Sender, stream("retransmits"), json!(u64::MAX), "retransmits of stream 0"),
        (Sender, stream("usage/copied"), json!(1_u64 << 40), "zc_copied of stream 0"),
        (Sender, stream("usage/completions"), json!(1_u64 << 40), "zc_completions of stream 0"),
        (Sender, stream("usage/unreported"), json!(7), "zc_unreported of stream 0"),
        (Sender, stream("usage/drain_s"), json!(1e300), "drain_s of stream 0"),
        (Receiver, stream("receive_usage/copied_bytes"), json!(u64::MAX), "copied_bytes of stream 0"),
        (Receiver, stream("began_s"), json!(-1e300), "began_s of stream 0"),
        (Sender, stream("cpu"), json!(u64::MAX), "cpu of stream 0"),
        (Sender, stream("read_back/send_buffer"), json!(u64::MAX), "send_buffer of stream 0"),
        (Receiver, "/report/end/common/window_s", json!(1e308), "window_s of all streams"),
        (Receiver, "/report/end/common/bytes/1", json!(u64::MAX), "bytes of the common window of stream 1"),
        (Receiver, "/report/end/common/came", json!({"bytes": u64::MAX, "packets": u64::MAX}), "wire_bytes"),
        (Sender, load("busy_s"), json!(1e308), "busy_s"),
        (Sender, load("steal_s"), json!(-1.0), "steal_s"),
        (Receiver, load("elapsed_s"), json!(1e300), "elapsed_s"),
        (Receiver, load("mhz"), json!(1e300), "mhz"),
        (Sender, "/report/end/streams", json!([]), "streams as 0 figures"),
        (
            Receiver,
            "/report/seen",
            json!({"records": {"bytes": u64::MAX, "calls": 1, "lost": 0, "copies": []}}),
            "recorded bytes",
        ),
    ]
}

/// Lies about the delays of messages that are sent at a rate.
fn lies_about_delays() -> Vec<Lie> {
    let stream = |of: &'static str| -> &'static str { format!("/report/end/streams/0/{of}").leak() };
    let delays = |kind: &str, count: u64, nanoseconds: u64, longest_ns: u64| {
        let mut delays = Delays::new(1);
        (0..count).for_each(|_| delays.record(nanoseconds));
        json!([{"kind": kind, "delays": {"histogram": delays.encode().histogram, "longest_ns": longest_ns}}])
    };
    vec![
        (Sender, stream("delays"), delays("response", 100_000, 5, 5), "the number of response delays"),
        (Sender, stream("delays"), delays("lent", 1, 59_000_000_000, 5), "the longest lent delay"),
        (Sender, stream("delays"), delays("call", 1, 5, u64::MAX), "longest_ns of stream 0"),
        (Sender, stream("delays/0/delays/histogram"), json!("AAAA"), "not a V2 histogram"),
        (Sender, stream("delays/0/delays/longest_ns"), json!(u64::MAX), "longest_ns of stream 0"),
        (Sender, stream("pace/intended"), json!(u64::MAX), "intended of stream 0"),
        (Sender, stream("pace/late"), json!(1_u64 << 40), "late of stream 0"),
        (Sender, stream("pace/sent"), json!(u64::MAX), "sent of stream 0"),
    ]
}

/// A way to an agent on which everything that it says is changed so.
fn liar(agent: SocketAddr, change: impl Fn(&mut Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut coordinator, mut agent) = (listener.accept().expect("a coordinator").0, connect(agent));
        let (mut requests, mut to_agent) = (coordinator.try_clone().unwrap(), agent.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut requests, &mut to_agent);
            let _ = to_agent.shutdown(std::net::Shutdown::Both);
        });
        while let Ok(mut reply) = frame::read::<Value>(&mut agent, CAP) {
            change(&mut reply);
            if frame::write(&mut coordinator, &reply).is_err() {
                return;
            }
        }
    });
    address.to_string()
}

/// Puts the lie of the trial's number into its report, where this end is the one that lies.
fn lie(report: &mut Value, side: Side, lies: &[Lie]) {
    let trial = report["trial"].as_u64().unwrap_or_default() as usize;
    let lie = trial.checked_sub(1).and_then(|place| lies.get(place)).filter(|lie| lie.0 == side);
    if let (Some((_, place, value, _)), Some("report")) = (lie, report["reply"].as_str()) {
        *report.pointer_mut(place).unwrap_or_else(|| panic!("a report has no {place}")) = value.clone();
    }
}

/// A sweep through agents that lie so in its first trials, and are honest in one more; the run and its rows.
fn swept(scratch: &Scratch, grid: &str, lies: &[Lie]) -> (PathBuf, Vec<Trial>) {
    let grid = scratch.file("grid.yaml", format!("{grid}\nrepetitions: {}\n", lies.len() + 1));
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let [sender, receiver] = [(Sender, 0), (Receiver, 1)].map(|(side, place)| {
        let lies = lies.to_vec();
        liar(agents[place].address, move |reply| lie(reply, side, &lies))
    });
    let results = scratch.path("results");
    let ended = run(sweep(&grid, &results, &["--sender", &sender, "--receiver", &receiver]));
    let failed = format!("{} of {} trials failed", lies.len(), lies.len() + 1);
    assert!(ended.stderr.contains(&failed), "{ended:?}");
    let run = directory(&ended);
    let (rows, half) = trials(&run);
    assert!(!half, "half a row");
    (run, rows)
}

/// Each lie is a failed row that names the figure, and no other row failed.
fn each_is_named(lies: &[Lie], rows: &[Trial]) {
    assert_eq!(rows.len(), lies.len() + 1);
    for ((side, place, value, named), row) in lies.iter().zip(rows) {
        let is_named = row.reason.contains(named) && row.reason.contains(&side.to_string());
        assert!(row.status == Status::Failed && is_named, "{side} {place} {value}: {row:?}");
    }
    let last = &rows[lies.len()];
    assert_eq!((last.status, last.reason.as_str()), (Status::Ok, ""), "an honest trial after the lies");
}

/// The run is whole, and can be reported.
fn is_reported(path: &Path) {
    let at = path.to_str().expect("a path in UTF-8");
    let validated = run(copycost(["validate", at]));
    assert_eq!(validated.code(), Some(0), "{validated:?}");
    let reported = run(copycost(["report", at]));
    assert_eq!(reported.code(), Some(0), "{reported:?}");
    assert!(path.join("report.html").is_file());
}

#[test]
fn a_figure_that_cannot_be_fails_its_trial_by_name() {
    let scratch = Scratch::new();
    let grid =
        "name: lies\npaths: [zero-copy]\nmessage_sizes: [4KiB]\nthreads: [2]\nduration: 30ms\nwarmup: 5ms";
    let lies = lies();
    let (run, rows) = swept(&scratch, grid, &lies);
    each_is_named(&lies, &rows);
    assert_eq!(streams(&run).len(), 2, "of the one trial that went well");
    is_reported(&run);
}

#[test]
fn a_delay_that_cannot_be_fails_its_trial_by_name() {
    let scratch = Scratch::new();
    let grid = "name: lies\npaths: [two-copy]\nworkload: {open-loop: {rate: 2000}}\nmessage_sizes: [4KiB]\n\
                threads: [1]\nduration: 50ms\nwarmup: 5ms";
    let lies = lies_about_delays();
    let (run, rows) = swept(&scratch, grid, &lies);
    each_is_named(&lies, &rows);
    is_reported(&run);
}

#[test]
fn text_of_several_lines_does_not_break_a_row_or_the_terminal() {
    const TEXT: &str = "first\nsecond, \"third\"\r\n\u{1b}[2J";
    let scratch = Scratch::new();
    let grid =
        "name: lies\npaths: [two-copy]\nmessage_sizes: [4KiB]\nthreads: [1]\nmessages: 20\nwarmup: 5ms";
    let grid = scratch.file("grid.yaml", format!("{grid}\nrepetitions: 3\n"));
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let sender = liar(agents[0].address, |reply| {
        if reply["answer"] == "welcome" {
            reply["host"]["kernel"] = TEXT.into();
            reply["version"] = TEXT.into();
        } else if reply["reply"] == "report" && reply["trial"] == 2 {
            let failure = json!({"status": "failed", "reason": TEXT});
            *reply = json!({"reply": "broken", "trial": 2, "failure": failure});
        } else if reply["reply"] == "report" {
            reply["report"]["end"]["streams"][0]["read_back"]["congestion"] = TEXT.into();
        }
    });
    let results = scratch.path("results");
    let ended = run(sweep(&grid, &results, &["--sender", &sender, "--receiver", &agents[1].at()]));
    assert!(!ended.stderr.contains('\x1b') && !ended.stdout.contains('\x1b'), "{ended:?}");
    let path = directory(&ended);
    let (rows, _) = trials(&path);
    assert_eq!(
        rows.iter().map(|row| row.status).collect::<Vec<_>>(),
        [Status::Ok, Status::Failed, Status::Ok]
    );
    assert!(rows[1].reason.contains(r#"first\u000asecond, "third"\u000d\u000a\u001b[2J"#), "{rows:?}");
    let text = std::fs::read_to_string(path.join("trials.csv")).unwrap();
    assert_eq!(text.lines().count(), 4, "a line a row: {text}");
    assert!(!manifest(&path).sender.host.kernel.contains('\n'));
    is_reported(&path);
}
