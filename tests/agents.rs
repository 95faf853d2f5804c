//! `copycost doctor` over agents that run elsewhere: what it finds of them and of the way, and what it says of one that
//! cannot be used.

mod support;

use std::net::TcpListener;

use serde_json::Value;
use support::agent::Agent;
use support::process::run;
use support::{Scratch, copycost};

#[test]
fn an_agent_is_checked_before_a_sweep_over_it() {
    let scratch = Scratch::new();
    let token = scratch.text_path("token");
    let agent = Agent::start(&["--new-token", &token]);
    let address = agent.at();
    let doctor = |more: &[&str]| {
        let mut command = copycost(["doctor", "--sender", &address, "--token-file", &token]);
        command.args(more);
        run(command)
    };
    let ended = doctor(&[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let line = |check: &str| {
        let is_of =
            |line: &&str| line.split_once("  ").is_some_and(|(_, rest)| rest.trim().starts_with(check));
        ended.stdout.lines().find(is_of).unwrap_or_else(|| panic!("{check}: {}", ended.stdout)).to_owned()
    };
    assert!(line("sender agent").contains(&format!("at {address}, Linux ")), "{ended:?}");
    assert!(line("sender agent").ends_with("the same program as this"), "{ended:?}");
    assert!(line("way to the sender").contains("the median of 20"), "{ended:?}");
    assert!(line("sender's clock").contains("this host's"), "one kernel keeps both: {ended:?}");
    assert!(line("path MTU").contains("bytes"), "{ended:?}");
    assert!(line("payload").ends_with("every byte verified"), "{ended:?}");
    assert!(ended.stdout.contains("A sweep over these agents can run."), "{ended:?}");

    let told: Value = serde_json::from_str(&doctor(&["--format", "json"]).stdout).expect("JSON");
    assert_eq!(told["agents"], true);
    assert_eq!(told.get("default_lab"), None, "this host was not looked at");
    // It was a session like any other: the next one is served.
    assert_eq!(doctor(&[]).code(), Some(0));
}

#[test]
fn an_agent_that_cannot_be_used_is_said_in_one_sentence() {
    let scratch = Scratch::new();
    let (token, other) = (scratch.text_path("token"), scratch.file("other", "another token of many bytes\n"));
    let agent = Agent::start(&["--new-token", &token]);
    let doctor = |arguments: &[&str]| run(copycost(["doctor"].iter().chain(arguments).copied()));
    let wrong = doctor(&["--sender", &agent.at(), "--token-file", &other]);
    assert_eq!(wrong.code(), Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("the token is not the agent's"), "{wrong:?}");
    let nobody = doctor(&["--receiver", "127.0.0.1:1"]);
    assert_eq!(nobody.code(), Some(1), "{nobody:?}");
    assert!(nobody.stderr.contains("does `copycost agent` run there?"), "{nobody:?}");
    let alone = doctor(&["--token-file", &token]);
    assert_eq!(alone.code(), Some(2), "{alone:?}");
}

/// Whoever has the agent's data port: no payload comes through, as behind a firewall.
#[test]
fn a_port_that_no_payload_comes_by_is_found() {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("its address").port().to_string();
    let agent = Agent::start(&["--data-port", &port]);
    let ended = run(copycost(["doctor", "--sender", &agent.at()]));
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let payload = ended.stdout.lines().find(|line| line.contains("  payload")).expect("a line");
    assert!(payload.starts_with("shortfall") && payload.contains("binding the data port"), "{ended:?}");
    assert!(ended.stdout.contains("--data-port PORT"), "{ended:?}");
    assert!(ended.stdout.contains("No sweep over these agents can run."), "{ended:?}");
}
