//! The agents in containers, as the container lab runs them: both wires, accidents, wrong tokens, health.

mod support;

#[path = "containers/docker.rs"]
mod docker;

use std::time::Duration;

use copycost::path;
use copycost::record::{Status, Trial, Verified};
use docker::{DockerLab, Swept, TOKEN, docker, exec};
use support::lab::runs_here;
use support::until;
use testcontainers::runners::SyncRunner;

/// Both wires, every byte compared, windows bounded by messages.
const GRID: &str = "name: containers\nwire: [veth, bridge]\npaths: [two-copy, zero-copy]\npayload: [static, fresh]\n\
    message_sizes: [16KiB]\nthreads: [2]\nmessages: 100\nwarmup: 5ms\nrepetitions: 2\nverify: true\nseed: 7\n";

/// Every path, with the payload that each can send, one way and answered.
fn every_path() -> String {
    let grid = GRID.replace("[two-copy, zero-copy]", "[all]").replace("[static, fresh]", "[static]");
    format!("{grid}workload: [stream, request]\n")
}

/// One long trial.
const LONG: &str = "name: long\nwire: bridge\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\n\
    duration: 60s\nrepetitions: 1\n";

fn all_ok(rows: &[Trial]) -> bool {
    rows.iter().all(|row| row.status == Status::Ok)
}

#[test]
fn a_sweep_runs_over_the_bridge_and_over_the_pair() {
    let test = "a_sweep_runs_over_the_bridge_and_over_the_pair";
    let Some(lab) = DockerLab::new(test) else { return };
    let (sender, receiver) = (lab.agent("sender"), lab.agent("receiver"));
    lab.link(&sender, &receiver);
    let swept = lab.sweep(&every_path(), TOKEN);
    assert_eq!(swept.code, 0, "{}", swept.said);

    let paths = path::REGISTRY.iter().map(|entry| entry.name);
    let run: Vec<_> = paths.filter(|path| runs_here(test, path, &swept.rows)).collect();
    for wire in ["veth", "bridge"] {
        let of_wire = swept.rows.iter().filter(|row| row.wire.word() == wire);
        // What cannot run is tried once.
        let lacking = path::REGISTRY.len() - run.len();
        assert_eq!(of_wire.count(), 2 * (2 * run.len() + lacking), "{wire}: workloads, repetitions, paths");
    }
    for row in swept.rows.iter().filter(|row| run.contains(&row.send_path.as_str())) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
        assert_eq!((row.bytes, row.messages), (Some(2 * 100 * 16_384), Some(200)), "{row:?}");
        assert_eq!(row.verified, Some(Verified::Bytes));
        // Both ends share the clock of one kernel, so that the way there is measured apart from the way back.
        let is_answered = row.workload.as_deref() == Some("request");
        let delays = [row.delays.response.p50_us, row.delays.one_way.p50_us, row.delays.way_back.p50_us];
        assert_eq!(delays.map(|delay| delay.is_some()), [is_answered; 3], "{row:?}");
        for end in [&row.sender, &row.receiver] {
            assert!(end.context_switches.is_some() && end.page_faults.is_some(), "no counters: {end:?}");
            assert!(end.task_clock_s.is_some(), "no task clock: {end:?}");
        }
        match path::find(&row.send_path).unwrap().interface.completions {
            Some(_) => {
                // Calls of the warm-up have completions as well.
                assert_eq!(row.zc.sends.map(|sends| sends * 16_384), row.total_bytes, "{row:?}");
                assert_eq!(row.zc.completions, row.zc.sends, "{row:?}");
                assert_eq!(row.zc.copied, row.zc.sends, "both ends are on one host: {row:?}");
            }
            None => assert_eq!(row.zc.sends, None),
        }
    }

    let manifest = swept.manifest.expect("a manifest");
    assert_eq!(manifest.wires.keys().collect::<Vec<_>>(), ["bridge", "veth"]);
    for (wire, link) in &manifest.wires {
        assert_eq!(&link.kind, wire, "what the interface shows");
    }
    for agent in [&manifest.sender, &manifest.receiver] {
        assert_eq!(agent.host.container_image.as_deref(), Some("sha256:of-the-test"));
        assert_eq!(agent.binary_sha256, manifest.tool.binary_sha256);
        for counter in ["context-switches", "page-faults", "task-clock"] {
            let said = &agent.counters[counter];
            assert!(said.is_there(), "{counter}: {said}");
        }
        assert!(!agent.host.capabilities.contains(&"CAP_DAC_OVERRIDE".to_owned()), "{:?}", agent.host);
    }
}

#[test]
fn a_container_that_is_killed_ends_the_sweep_and_the_next_one_runs() {
    let test = "a_container_that_is_killed_ends_the_sweep_and_the_next_one_runs";
    let Some(lab) = DockerLab::new(test) else { return };
    let (sender, receiver) = (lab.agent("sender"), lab.agent("receiver"));
    let coordinator = lab.begin_sweep(LONG);
    let manifest = || coordinator.copy_file_from("/results/latest/manifest.json", Vec::new()).is_ok();
    assert!(until(Duration::from_secs(60), manifest), "the sweep never began");
    // The only trial takes a minute, and its bytes flow by now.
    std::thread::sleep(Duration::from_secs(1));
    docker(&["kill", receiver.id()]).expect("docker kill");
    let swept = Swept::of(coordinator);
    assert_eq!(swept.code, 1, "{}", swept.said);
    assert!(swept.said.contains("the receiver agent at receiver-"), "{}", swept.said);
    assert_eq!(swept.rows.len(), 1);
    assert_eq!(swept.rows[0].status, Status::Failed);
    assert!(swept.rows[0].reason.contains("lost"), "{:?}", swept.rows[0]);
    assert_eq!(swept.manifest.and_then(|manifest| manifest.outcome).as_deref(), Some("broken"));

    // Started again it has a new namespace, and the pair is gone with the old one.
    receiver.start().expect("docker start");
    lab.link(&sender, &receiver);
    let swept = lab.sweep(GRID, TOKEN);
    assert_eq!(swept.code, 0, "{}", swept.said);
    assert!(swept.rows.len() == 16 && all_ok(&swept.rows), "{:?}", swept.rows);
}

#[test]
fn another_token_is_turned_away_and_disturbs_nothing() {
    let Some(lab) = DockerLab::new("another_token_is_turned_away_and_disturbs_nothing") else { return };
    let (_sender, _receiver) = (lab.agent("sender"), lab.agent("receiver"));
    let refused = lab.sweep(LONG, "another-token-of-some-length");
    assert_eq!(refused.code, 1, "{}", refused.said);
    assert!(refused.said.contains("the token is not the agent's"), "{}", refused.said);
    assert!(refused.manifest.is_none(), "a run was begun");
    let bridge = GRID.replace("[veth, bridge]", "bridge");
    let swept = lab.sweep(&bridge, TOKEN);
    assert_eq!((swept.code, swept.rows.len()), (0, 8), "{}", swept.said);
}

#[test]
fn the_health_check_tells_an_agent_from_none_while_it_measures() {
    let test = "the_health_check_tells_an_agent_from_none_while_it_measures";
    let Some(lab) = DockerLab::new(test) else { return };
    let (sender, _receiver) = (lab.agent("sender"), lab.agent("receiver"));
    let coordinator = lab.begin_sweep(&LONG.replace("60s", "3s"));
    for _ in 0..3 {
        assert_eq!(exec(&sender, &["health"]), (0, String::new()));
    }
    let (code, said) = exec(&sender, &["health", "127.0.0.1:7011"]);
    assert!(code == 1 && said.contains("no agent at 127.0.0.1:7011"), "{code} {said}");
    let swept = Swept::of(coordinator);
    assert!(swept.code == 0 && swept.rows.len() == 1 && all_ok(&swept.rows), "{}", swept.said);
    let log = String::from_utf8(sender.stderr_to_vec().expect("its log")).expect("text");
    assert_eq!(log.lines().count(), 1, "a check left a line in the agent's log:\n{log}");

    // The check that met a healthy container lasts, so that none is started every half second.
    let processes = docker(&["top", sender.id(), "-eo", "pid,args"]).expect("docker top");
    assert_eq!(processes.matches("health --linger").count(), 1, "{processes}");
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let Some(lab) = DockerLab::new("a_start_that_fails_leaves_nothing_behind") else { return };
    let arguments = ["agent", "--listen", "0.0.0.0:7010", "--token-file", "/no-such-file"];
    let refused = lab.agent_with("sender", &arguments).start();
    assert!(refused.is_err(), "an agent without its token came up");
    assert!(lab.leftovers() > 0, "there is something to remove");
    lab.remove();
    assert_eq!(lab.leftovers(), 0);
}
