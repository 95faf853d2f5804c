//! Words of others on a terminal: of agents, of a run's files, of grids. They are shown, and do nothing.

mod support;

use std::net::TcpListener;
use std::path::Path;

use copycost::agent::handshake::{self, PATIENCE, Token};
use copycost::agent::protocol::{Reply, Request, Welcome};
use copycost::failure::Failure;
use copycost::frame::{self, CAP};
use socket2::Socket;
use support::lab::{directory, sweep, tiny_grid};
use support::process::{Ended, run};
use support::{Scratch, copycost};

/// Sets a window's title, clears the screen, turns text around, and pretends to be another line.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}evil\ncopycost: all is well";
const SHOWN: &str = "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e\\u200bevil";

/// Nothing in it acts on a terminal.
fn assert_harmless(text: &str) {
    let acts = |c: char| c.is_control() && c != '\n' && c != '\t' || "\u{202e}\u{200b}".contains(c);
    assert!(!text.contains(acts), "{text:?}");
}

fn assert_shown(ended: &Ended) {
    assert_harmless(&ended.stdout);
    assert_harmless(&ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(SHOWN), "{ended:?}");
    assert!(!said.lines().any(|line| line == "copycost: all is well"), "{ended:?}");
}

fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, change(text)).unwrap();
}

#[test]
fn what_stands_in_a_runs_files_is_shown_and_not_obeyed() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2\nlab: loopback"));
    let [base, new] = ["base", "new"].map(|name| directory(&run(sweep(&grid, &scratch.path(name), &[]))));
    let evil = EVIL.split('\n').next().unwrap();
    let kernel = |text: String| {
        let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest["sender"]["host"]["kernel"] = EVIL.into();
        manifest["name"] = evil.into();
        serde_json::to_string(&manifest).unwrap()
    };
    edit(&new.join("manifest.json"), kernel);
    // The reason of a trial that failed, and the name of a cell that nobody ran.
    edit(&new.join("trials.csv"), |text| text.replacen(",ok,,", &format!(",failed,\"{evil}\","), 1));
    let (base, new) = (base.to_str().unwrap(), new.to_str().unwrap());
    assert_shown(&run(copycost(["compare", base, new])));
    assert_shown(&run(copycost(["compare", base, new, "--format", "markdown"])));
    let as_json = run(copycost(["compare", base, new, "--format", "json"]));
    assert_harmless(&as_json.stdout);
    serde_json::from_str::<serde_json::Value>(&as_json.stdout).expect("JSON stays JSON");
    let reported = run(copycost(["report", new]));
    assert_eq!(reported.code(), Some(0), "{reported:?}");
    assert_harmless(&format!("{}{}", reported.stdout, reported.stderr));

    edit(&Path::new(new).join("trials.csv"), |text| text.replace("/recv/", &format!("/{evil}/")));
    let validated = run(copycost(["validate", new]));
    assert_eq!(validated.code(), Some(3), "{validated:?}");
    assert_shown(&validated);
    edit(&Path::new(new).join("streams.csv"), |text| text.replacen("run_id", evil, 1));
    assert_shown(&run(copycost(["validate", new])));
}

/// An agent that refuses everything, with a reason of its own.
fn liar() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut control: Socket = stream.unwrap().into();
            let shaken = handshake::agent(&control, &Token::default(), PATIENCE, || Ok(Welcome::default()));
            shaken.expect("a coordinator");
            while let Ok(request) = frame::read::<Request>(&mut control, CAP) {
                let reply = match request {
                    Request::Describe { .. } => Reply::Interface { end: Err(EVIL.to_owned()) },
                    Request::Prepare(order) => {
                        Reply::Broken { trial: order.trial, failure: Failure::Failed(EVIL.to_owned()) }
                    }
                    Request::Ping => Reply::Pong { realtime_ns: 0 },
                    _ => continue,
                };
                let _ = frame::write(&mut control, &reply);
            }
        }
    });
    at
}

#[test]
fn what_an_agent_says_is_shown_and_not_obeyed() {
    let agent = liar();
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let at = ["--sender", &agent, "--wire", "loopback"];
    let measured = run(copycost(["measure", "--messages", "5"].into_iter().chain(at)));
    assert_eq!(measured.code(), Some(1), "{measured:?}");
    assert_shown(&measured);
    assert_shown(&run(sweep(&grid, &scratch.path("results"), &at)));
}

#[test]
fn what_a_grid_and_a_command_line_say_is_shown_shortened_and_not_obeyed() {
    let scratch = Scratch::new();
    let long = "A".repeat(100_000);
    for (place, value) in [("message_sizes", "[X]"), ("paths", "[X]"), ("lab", "X"), ("name", "X")] {
        let line = format!("{place}: {value}").replace('X', &long);
        let grid = tiny_grid("repetitions: 1");
        let others = grid.lines().filter(|line| !line.starts_with(place));
        let grid = scratch.file("grid.yaml", others.chain([line.as_str()]).collect::<Vec<_>>().join("\n"));
        let refused = run(copycost(["sweep", &grid, "--dry-run"]));
        assert_eq!(refused.code(), Some(2), "{place}: {refused:?}");
        assert!(refused.stderr.len() < 1500, "{place}: {} bytes", refused.stderr.len());
        assert!(refused.stderr.contains("AA… (100000 characters)"), "{place}: {}", refused.stderr);
    }
    let grid = scratch.file("grid.yaml", tiny_grid("lab: \"\\e[2J\\u202e\""));
    let refused = run(copycost(["sweep", &grid, "--dry-run"]));
    assert_harmless(&refused.stderr);
    assert!(refused.stderr.contains("`\\u001b[2J\\u202e` is not one of"), "{refused:?}");
    let evil = EVIL.split('\n').next().unwrap();
    assert_shown(&run(copycost(["report", &format!("/nowhere/{evil}")])));
    for words in [&["measure", "--size", evil][..], &["measure", evil], &[evil]] {
        let refused = run(copycost(words.iter().copied()));
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        assert_harmless(&refused.stderr);
        assert!(refused.stderr.contains("\\u202e\\u200bevil"), "{refused:?}");
    }
}
