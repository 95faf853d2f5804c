//! The lab in a Docker Swarm, as a user calls it: two engines, an overlay network, and what goes wrong.

mod support;

#[path = "swarm/nodes.rs"]
mod nodes;

use copycost::path;
use copycost::record::{Status, Verified};
use nix::sys::signal::Signal;
use nodes::Nodes;
use support::lab::{manifest, mounted_namespaces, only_run, runs_here, trials};
use support::process::{Running, run};
use support::skip;

const TEST: &str = "two_nodes_of_a_swarm_measure_over_the_overlay_and_over_their_own_network";

/// Every path, windows bounded by messages.
const GRID: &str = "name: swarm\npaths: [all]\npayload: [static, fresh]\nmessage_sizes: [64, 16KiB]\n\
    threads: [1, 2]\nmessages: 100\nwarmup: 5ms\nrepetitions: 1\nverify: true\nmeasurement: false\nseed: 7\n";

/// Many trials; the one in hand is measured to its end when a sweep is interrupted.
const LONG: &str = "name: long\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\nduration: 1s\n\
    repetitions: 100\n";

#[test]
fn two_nodes_of_a_swarm_measure_over_the_overlay_and_over_their_own_network() {
    let namespaces = mounted_namespaces();
    let Some(nodes) = Nodes::start(TEST) else { return };
    nodes.build_image();
    no_swarm_no_second_node_no_image(&nodes);
    a_node_that_takes_no_tasks(&nodes);
    a_larger_mtu_than_the_nodes_have(&nodes);
    closed_ports(&nodes);
    every_byte_over_the_overlay(&nodes);
    another_token(&nodes);
    an_interrupted_sweep(&nodes);
    taken_down_twice(&nodes);
    over_the_nodes_own_network(&nodes);
    nodes.end();
    assert_eq!(mounted_namespaces(), namespaces, "a namespace is left");
}

/// The swarm grows as the messages say.
fn no_swarm_no_second_node_no_image(nodes: &Nodes) {
    nodes.fails_to_come_up(&[], "this engine is in no swarm; `docker swarm init` here");
    let init = ["swarm", "init", "--advertise-addr", "192.168.77.1", "--default-addr-pool", "10.77.0.0/16"];
    nodes.alpha.docker(&init).expect("docker swarm init");
    nodes.fails_to_come_up(&[], "this swarm has one; `docker swarm join-token worker`");
    let token = nodes.alpha.docker(&["swarm", "join-token", "--quiet", "worker"]).expect("a token");
    let join = ["swarm", "join", "--advertise-addr", "192.168.77.2", "--token", &token, "192.168.77.1:2377"];
    nodes.beta.docker(&join).expect("docker swarm join");
    nodes.fails_to_come_up(
        &[],
        "the node beta lacks the image copycost:local; `docker save copycost:local | ssh beta",
    );
    nodes.move_image();
}

fn a_node_that_takes_no_tasks(nodes: &Nodes) {
    for availability in ["drain", "active"] {
        nodes.alpha.docker(&["node", "update", "--availability", availability, "beta"]).expect("docker node");
        if availability == "drain" {
            nodes.fails_to_come_up(
                &[],
                "the node beta takes no tasks; `docker node update --availability active",
            );
        }
    }
    nodes.fails_to_come_up(&[("COPYCOST_SENDER_NODE", "gamma")], "the swarm has no node `gamma`");
    let same = [("COPYCOST_SENDER_NODE", "beta"), ("COPYCOST_RECEIVER_NODE", "beta")];
    nodes.fails_to_come_up(&same, "meant to be on one node");
}

fn a_larger_mtu_than_the_nodes_have(nodes: &Nodes) {
    nodes.fails_to_come_up(
        &[("COPYCOST_MTU", "9000")],
        "the most that will do is COPYCOST_MTU=1500, of which 1450",
    );
}

/// First the port of the payload, then that of the names.
fn closed_ports(nodes: &Nodes) {
    let nft = |rules: &str| nodes.beta.command(&["nft", rules]).status();
    if !nft("add table inet shut; add chain inet shut in { type filter hook input priority -10; }")
        .is_ok_and(|status| status.success())
    {
        return skip(TEST, "nft, to close ports");
    }
    for (rule, sentence) in [
        ("udp dport 4789 drop", "the overlay carries nothing between the nodes; open ports 4789/udp"),
        ("meta l4proto { tcp, udp } th dport 7946 drop", "open port 7946, tcp and udp"),
    ] {
        nodes.beta.must(&["nft", &format!("add rule inet shut in {rule}")]);
        nodes.fails_to_come_up(&[], sentence);
        nodes.beta.must(&["nft", "flush chain inet shut in"]);
    }
    nodes.beta.must(&["nft", "delete table inet shut"]);
}

fn every_byte_over_the_overlay(nodes: &Nodes) {
    for _ in 0..2 {
        let up = run(nodes.swarm(&["up"]));
        assert_eq!((up.code(), up.stderr.as_str()), (Some(0), ""), "{up:?}");
    }
    sweep(nodes, "overlay");
    let again = run(nodes.swarm_with(&["up"], &[("COPYCOST_MTU", "1400")]));
    assert!(again.stderr.contains("made with another wire or MTU; first `just swarm-down`"), "{again:?}");
}

/// A sweep of every path, whose run comes home with every byte verified.
fn sweep(nodes: &Nodes, wire: &str) {
    let grid = nodes.home.file("grid.yaml", format!("{GRID}wire: {wire}\n"));
    let swept = run(nodes.swarm(&["sweep", &grid, "--no-report"]));
    assert_eq!(swept.code(), Some(0), "{swept:?}");
    let home = nodes.home.path(swept.last_line());
    assert_eq!(home.canonicalize().ok(), nodes.home.path("results/latest").canonicalize().ok());
    let (rows, _) = trials(&home);
    let runs: Vec<_> = path::REGISTRY.iter().filter(|path| runs_here(TEST, path.name, &rows)).collect();
    assert!(runs.len() > 3, "{} paths run", runs.len());
    for row in rows.iter().filter(|row| row.status != Status::Unsupported) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
        assert_eq!((row.verified, row.wire.word()), (Some(Verified::Bytes), wire), "{row:?}");
        assert_eq!(row.bytes, Some(100 * u64::from(row.threads) * row.message_bytes), "{row:?}");
    }
    assert_eq!(manifest(&home).wires.keys().collect::<Vec<_>>(), [wire], "what the interfaces show");
    std::fs::remove_dir_all(nodes.home.path("results")).expect("results to remove");
}

/// Of a user who replaced the token's file.
fn another_token(nodes: &Nodes) {
    let file = nodes.home.path(".lab/copycost.swarm/token");
    let token = std::fs::read(&file).expect("the token");
    std::fs::remove_file(&file).expect("the token's file");
    nodes.refused(&["up"], &[], "token is missing; bring it, or first `just swarm-down`");
    std::fs::write(&file, "another-token-of-some-length").expect("another token");
    nodes.refused(&["up"], &[], "the agents have another token than");
    let swept = run(nodes.swarm(&["sweep", "smoke"]));
    assert!(swept.code() == Some(1) && swept.stderr.contains("the token is not the agent's"), "{swept:?}");
    std::fs::write(&file, token).expect("the token");
}

/// While it runs, nothing else may disturb it; interrupted, it brings home what it has.
fn an_interrupted_sweep(nodes: &Nodes) {
    let grid = nodes.home.file("long.yaml", LONG);
    let mut sweep = Running::start(nodes.swarm(&["sweep", &grid, "--no-report", "--set", "wire=overlay"]));
    let started = || nodes.alpha.docker(&["ps", "-q", "--filter", "name=coordinator"]);
    assert!(
        support::until(support::PATIENCE, || started().is_ok_and(|id| !id.is_empty()) || !sweep.is_running())
    );
    std::thread::sleep(std::time::Duration::from_secs(2));
    nodes.refused(
        &["sweep", "smoke"],
        &[],
        "a sweep is running in this lab; wait for it, or end it: `docker stop",
    );
    nodes.refused(&["down"], &[], "a sweep is running; wait for it, or end it with `just swarm-down force`");
    // Ctrl-C reaches the whole group.
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(sweep.pid()), Signal::SIGINT).expect("it runs");
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert!(ended.stdout.contains("results/"), "its end is told, too: {ended:?}");
    assert!(only_run(&nodes.home.path("results")).is_some_and(|run| run.join("manifest.json").exists()));
    std::fs::remove_dir_all(nodes.home.path("results")).expect("results to remove");
}

fn taken_down_twice(nodes: &Nodes) {
    for _ in 0..2 {
        let down = run(nodes.swarm(&["down"]));
        assert_eq!((down.code(), down.stderr.as_str()), (Some(0), ""), "{down:?}");
        nodes.assert_nothing_left();
    }
}

/// The interfaces are a veth pair here, and the program reads that.
fn over_the_nodes_own_network(nodes: &Nodes) {
    let up = run(nodes.swarm(&["up", "host"]));
    assert_eq!(up.code(), Some(0), "{up:?}");
    sweep(nodes, "veth");
    taken_down_twice(nodes);
}
