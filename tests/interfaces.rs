//! Two interfaces lent to a lab: in a network namespace of the test's own, where the ends of a pair stand for two
//! ports of a card with a cable between them.

mod support;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use copycost::record::{Status, Verified};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use support::lab::{assert_whole, directory, manifest, start_with_rows, sweep, tiny_grid, trials};
use support::process::{Ended, run};
use support::{Scratch, copycost, is_root, skip};

/// A network namespace of a test: it ends with this value.
struct Host {
    anchor: std::process::Child,
    namespace: std::fs::File,
}

impl Host {
    /// A namespace with a pair c0, c1; the test is skipped where it cannot be made.
    fn new(test: &str) -> Option<Self> {
        if !is_root() {
            skip(test, "root");
            return None;
        }
        if Command::new("ip").arg("-V").output().is_err() {
            skip(test, "ip");
            return None;
        }
        let mut command = Command::new("sleep");
        command.arg("600");
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(|| nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(Into::into));
        }
        let Ok(anchor) = command.spawn() else {
            skip(test, "network namespaces");
            return None;
        };
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", anchor.id())).expect("it runs");
        let host = Self { anchor, namespace };
        host.ip("link set lo up");
        host.ip("link add c0 address 02:00:00:00:c0:00 type veth peer name c1 address 02:00:00:00:c0:01");
        Some(host)
    }

    /// A program in the namespace.
    fn within(&self, mut command: Command) -> Command {
        let namespace = self.namespace.try_clone().expect("a descriptor");
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(move || setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(Into::into));
        }
        command
    }

    fn copycost(&self, arguments: &[&str]) -> Command {
        let mut command = self.within(copycost(arguments.iter().copied()));
        command.env_remove("SSH_CONNECTION").env_remove("SSH_CLIENT");
        command
    }

    fn ip(&self, arguments: &str) -> String {
        let mut command = Command::new("ip");
        command.args(arguments.split(' '));
        let output = self.within(command).output().expect("ip");
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Addresses, routes, state, MTU and offloads of the two, as `ip` and `ethtool` tell them.
    fn state(&self) -> Vec<String> {
        let mut told = Vec::new();
        for name in ["c0", "c1"] {
            let addresses = self.ip(&format!("-o addr show dev {name} scope global"));
            told.extend(addresses.lines().map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields[1..].join(" ").replace("tentative ", "")
            }));
            let link = self.ip(&format!("-o link show dev {name}"));
            let field = |key: &str| {
                let mut words = link.split_whitespace().skip_while(|word| *word != key);
                words.nth(1).unwrap_or_default().to_owned()
            };
            told.push(format!(
                "{name} mtu {} up {}",
                field("mtu"),
                link.contains(",UP") || link.contains("<UP")
            ));
            told.push(self.ip(&format!("-4 route show dev {name}")));
            told.push(self.ip(&format!("-6 route show dev {name} proto static")));
        }
        told
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.anchor.kill();
        let _ = self.anchor.wait();
    }
}

/// The pair has what a card of a host has.
fn dress(host: &Host) {
    for command in [
        "link set c0 mtu 1400",
        "link set c0 up",
        "link set c1 up",
        "addr add 10.77.0.1/24 dev c0",
        "addr add 10.77.1.1/24 dev c0",
        "-6 addr add fd77::1/64 dev c0 nodad",
        "addr add 10.78.0.1/24 dev c1",
        "route add 10.99.0.0/16 via 10.77.0.9 dev c0",
        "-6 route add fd99::/48 via fd77::9 dev c0 proto static",
        "link set c1 down",
    ] {
        host.ip(command);
    }
}

fn verified(scratch: &Scratch, more: &str) -> String {
    scratch.file("grid.yaml", tiny_grid(&format!("verify: true\n{more}")))
}

fn sweep_within(host: &Host, grid: &str, results: &Path, more: &[&str]) -> Command {
    let mut command = host.within(sweep(grid, results, more));
    command.env_remove("SSH_CONNECTION").env_remove("SSH_CLIENT");
    command
}

fn assert_well(ended: &Ended, wires: &[&str]) {
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let path = directory(ended);
    assert_whole(&path);
    let (rows, _) = trials(&path);
    assert!(!rows.is_empty());
    for row in &rows {
        assert_eq!((row.status, row.verified), (Status::Ok, Some(Verified::Bytes)), "{row:?}");
    }
    let manifest = manifest(&path);
    assert_eq!(manifest.wires.keys().collect::<Vec<_>>(), wires);
}

#[test]
fn a_sweep_over_two_interfaces_leaves_them_as_they_were() {
    let Some(host) = Host::new("a_sweep_over_two_interfaces_leaves_them_as_they_were") else { return };
    dress(&host);
    let before = host.state();
    let scratch = Scratch::new();
    let grid = verified(&scratch, "repetitions: 1\nlink: {interfaces: [c0, c1], mtu: 9000, tso: false}");
    let ended = run(sweep_within(&host, &grid, &scratch.path("results"), &[]));
    assert_well(&ended, &["veth"]);
    let manifest = manifest(&directory(&ended));
    let wire = &manifest.wires["veth"];
    assert_eq!((wire.read, wire.kind.as_str(), manifest.lab.as_str()), (Some(true), "veth", "netns"));
    let receiver = wire.receiver.as_ref().expect("the receiver's interface");
    for (end, name) in [(&wire.sender, "c0"), (receiver, "c1")] {
        assert_eq!((end.interface.as_deref(), end.mtu), (Some(name), Some(9000)));
        assert_eq!((end.offloads.get("tso"), end.driver.as_deref()), (Some(&false), Some("veth")));
        assert_eq!((end.xdp.as_deref(), end.taps), (Some("none"), Some(0)));
        assert_eq!(end.far_end.as_deref(), Some("the other agent's"));
    }
    assert_eq!(host.state(), before, "{}", ended.stderr);

    // The same by flags; nothing is left to restore.
    let ended =
        run(host.copycost(&["measure", "--interfaces", "c0,c1", "--messages", "50", "--format", "summary"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(host.state(), before);
    // Those of the environment are for a wire that they may be, and nobody else takes them.
    for (wire, code) in [(None, 0), (Some("--wire=veth"), 0), (Some("--wire=nic"), 2)] {
        let mut command = host.copycost(&["measure", "--messages", "50", "--format", "json"]);
        command.env("COPYCOST_INTERFACES", "c1,c0").args(wire);
        let ended = run(command);
        assert_eq!(ended.code(), Some(code), "{ended:?}");
        assert_eq!(ended.stderr.contains("c1"), code == 2, "{ended:?}");
    }
    assert_eq!(host.state(), before);
}

#[test]
fn an_interrupted_sweep_gives_the_interfaces_back() {
    let Some(host) = Host::new("an_interrupted_sweep_gives_the_interfaces_back") else { return };
    dress(&host);
    let before = host.state();
    let scratch = Scratch::new();
    let grid = verified(&scratch, "repetitions: 1000\nlink: {interfaces: [c0, c1]}");
    let results = scratch.path("results");
    let sweep = start_with_rows(sweep_within(&host, &grid, &results, &[]), &results, 1);
    assert_eq!(host.ip("-o link show").matches(" c0@").count(), 0, "c0 is not in the lab");

    // Another lab does not get them, and says where they are.
    let other = run(host.copycost(&["measure", "--interfaces", "c0,c1"]));
    assert_eq!(other.code(), Some(2), "{other:?}");
    assert!(
        other.stderr.contains(&format!("lent to another copycost; wait until process {} has", sweep.pid())),
        "{other:?}"
    );

    sweep.signal(Signal::SIGINT);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert_eq!(host.state(), before, "{}", ended.stderr);

    // An agent that dies takes no interface along.
    let results = scratch.path("more");
    let sweep = start_with_rows(sweep_within(&host, &grid, &results, &[]), &results, 1);
    sweep.agents()[0].kill(Signal::SIGKILL);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert_eq!(host.state(), before, "{}", ended.stderr);
}

#[test]
fn what_a_killed_sweep_had_borrowed_is_seen_to_by_the_next_command() {
    let Some(host) = Host::new("what_a_killed_sweep_had_borrowed_is_seen_to_by_the_next_command") else {
        return;
    };
    let scratch = Scratch::new();
    let grid = verified(&scratch, "repetitions: 1000\nlink: {interfaces: [c0, c1]}");
    let results = scratch.path("results");
    let sweep = start_with_rows(sweep_within(&host, &grid, &results, &[]), &results, 1);
    let pid = sweep.pid();
    sweep.signal(Signal::SIGKILL);
    sweep.wait();
    // A pair dies with its namespace, where a card would come back by itself.
    let ended = run(host.copycost(&["doctor"]));
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["c0", "c1"] {
        let sentence = format!("{name} is gone: the kernel deletes a veth with its namespace; make it again");
        assert!(told.contains(&sentence), "{}", ended.stdout);
    }
    assert!(told.contains(&format!("a run that was killed (process {pid}) had borrowed it")), "{told}");
    let again = run(host.copycost(&["doctor"]));
    assert!(!again.stdout.contains("borrowed"), "it is told once: {}", again.stdout);
}

#[test]
fn interfaces_that_came_back_bare_and_renamed_are_restored_by_the_next_command() {
    const TEST: &str = "interfaces_that_came_back_bare_and_renamed_are_restored_by_the_next_command";
    for next in [&["doctor"][..], &["measure", "--lab", "loopback", "--messages", "1"]] {
        let Some(host) = Host::new(TEST) else { return };
        dress(&host);
        let before = host.state();
        let scratch = Scratch::new();
        let grid =
            verified(&scratch, "repetitions: 1000\nlink: {interfaces: [c0, c1], mtu: 2000, tso: false}");
        let results = scratch.path("results");
        let sweep = start_with_rows(sweep_within(&host, &grid, &results, &[]), &results, 1);
        sweep.signal(Signal::SIGKILL);
        sweep.wait();
        // As the kernel gives cards back: the same hardware addresses, another name on a clash, and nothing else.
        host.ip("link add dev7 address 02:00:00:00:c0:00 type veth peer name c1 address 02:00:00:00:c0:01");
        let ended = run(host.copycost(next));
        assert_eq!(host.state(), before, "{ended:?}");
        let told = format!("{} {}", ended.stdout, ended.stderr);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in ["c0", "c1"] {
            let sentence = format!("{name} has its name, addresses, routes and settings again");
            assert!(told.contains(&sentence), "{told}");
        }
    }
}

#[test]
fn who_may_not_move_interfaces_is_told_so() {
    let Some(host) = Host::new("who_may_not_move_interfaces_is_told_so") else { return };
    let before = host.state();
    let mut command = copycost(["measure", "--interfaces", "c0,c1", "--messages", "1"]);
    // Ids change after the namespace was entered.
    command.current_dir("/");
    let mut command = host.within(command);
    // SAFETY: system calls alone; nothing is allocated between fork and exec.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setgroups(&[])?;
            nix::unistd::setgid(65534.into())?;
            Ok(nix::unistd::setuid(65534.into())?)
        });
    }
    let ended = run(command);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("takes CAP_NET_ADMIN") && ended.stderr.contains("run as root"),
        "{ended:?}"
    );
    assert_eq!(host.state(), before);
}

#[test]
fn a_pair_beside_the_interfaces_is_a_second_wire_or_refused() {
    let Some(host) = Host::new("a_pair_beside_the_interfaces_is_a_second_wire_or_refused") else { return };
    let scratch = Scratch::new();
    // The ends of a pair are no card, whatever they are called.
    let grid = verified(&scratch, "repetitions: 1\nwire: [veth, nic]\nlink: {interfaces: [c0, c1]}");
    let ended = run(sweep_within(&host, &grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("the wire is said to be nic, but the sender's c0 (veth)"), "{ended:?}");
    // Two ports of a switch in software are a bridge, and the pair beside them is a wire of its own.
    for command in [
        "link add sw type bridge",
        "link set sw up",
        "link add p0 type veth peer name q0",
        "link add p1 type veth peer name q1",
        "link set q0 master sw up",
        "link set q1 master sw up",
    ] {
        host.ip(command);
    }
    let grid = verified(&scratch, "repetitions: 1\nwire: [veth, bridge]\nlink: {interfaces: [p0, p1]}");
    let ended = run(sweep_within(&host, &grid, &scratch.path("results"), &[]));
    assert_well(&ended, &["bridge", "veth"]);
    let ended = run(sweep_within(&host, &grid, &scratch.path("results"), &["--interfaces", "p0,q1"]));
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("q1 is a port of sw"), "{ended:?}");
}

#[test]
fn interfaces_that_somebody_would_miss_are_refused() {
    let Some(host) = Host::new("interfaces_that_somebody_would_miss_are_refused") else { return };
    dress(&host);
    host.ip("link set c1 up");
    host.ip("link add d0 type veth peer name d1");
    host.ip("link add link d0 name d0-over type macvlan mode bridge");
    host.ip("link add e0 type veth peer name e1");
    host.ip("link set e0 up");
    host.ip("addr add 10.88.0.1/24 dev e0");
    host.ip("route add default via 10.88.0.9 dev e0");
    let before = host.state();
    let refused = |interfaces: &str, ssh: Option<&str>| {
        let mut command = host.copycost(&["measure", "--messages", "1", "--interfaces", interfaces]);
        command.envs(ssh.map(|ssh| ("SSH_CONNECTION", ssh)));
        let ended = run(command);
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{interfaces}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        ended.stderr
    };
    for (interfaces, ssh, why) in [
        ("c0,nowhere", None, "there is no interface nowhere"),
        ("c0,lo", None, "lo is the loopback interface"),
        ("e0,c0", None, "e0 carries the default route"),
        ("d0,c0", None, "d0 carries d0-over"),
        ("c0,c1", Some("10.77.0.50 50022 10.77.0.1 22"), "c0 carries the connection that you came by"),
        ("c0,c1", Some("fd99::7 50022 fd77::1 22"), "c0 carries the connection that you came by"),
    ] {
        let said = refused(interfaces, ssh);
        assert!(said.contains(why), "{interfaces}: {said}");
    }
    assert_eq!(host.state(), before, "a refusal changes nothing");
}
