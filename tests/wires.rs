//! The wire is read from the interfaces of both ends, and a word that contradicts them is refused.

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use copycost::agent::handshake::Token;
use copycost::cell::Wire;
use copycost::lab::kind::{Agents, REMOTE, Site};
use copycost::record::copies_below_tcp;
use nix::sched::CloneFlags;
use support::agent::Agent;
use support::lab::{directory, has_netns, manifest, sweep, tiny_grid, trials};
use support::process::{Running, run};
use support::seccomp::{put_on, step};
use support::{PATIENCE, Scratch, copycost, is_root, skip, until};

/// Namespaces of a test, by their numbers; they end with this value. The first has a switch to all others.
struct Hosts(Vec<std::process::Child>);

impl Hosts {
    /// As many hosts; the test is skipped where they cannot be made.
    fn new(test: &str, count: usize) -> Option<Self> {
        if !is_root() || Command::new("ip").arg("-V").output().is_err() {
            skip(test, "root and ip");
            return None;
        }
        let anchor = || {
            let mut command = Command::new("sleep");
            // SAFETY: one system call; nothing is allocated between fork and exec.
            unsafe {
                command.arg("600").pre_exec(|| Ok(nix::sched::unshare(CloneFlags::CLONE_NEWNET)?));
            }
            command.spawn().ok()
        };
        let Some(anchors) = (0..count).map(|_| anchor()).collect() else {
            skip(test, "network namespaces");
            return None;
        };
        let hosts = Self(anchors);
        for host in 0..count {
            hosts.ip(host, "link set lo up");
        }
        Some(hosts)
    }

    fn within(&self, host: usize, mut command: Command) -> Command {
        let path = format!("/proc/{}/ns/net", self.0[host].id());
        let namespace = std::fs::File::open(path).expect("it runs");
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(move || Ok(nix::sched::setns(&namespace, CloneFlags::CLONE_NEWNET)?));
        }
        command
    }

    /// Whether `ip` did this there.
    fn try_ip(&self, host: usize, arguments: &str) -> bool {
        let mut command = Command::new("ip");
        command.args(arguments.split(' '));
        self.within(host, command).output().expect("ip").status.success()
    }

    fn ip(&self, host: usize, arguments: &str) {
        assert!(self.try_ip(host, arguments), "ip {arguments}");
    }

    /// A pair between two hosts, with an address each.
    fn pair(&self, (one, address): (usize, &str), (other, far): (usize, &str), name: &str) {
        let pid = self.0[other].id();
        self.ip(one, &format!("link add {name} type veth peer name {name} netns {pid}"));
        for (host, address) in [(one, address), (other, far)] {
            if !address.is_empty() {
                self.ip(host, &format!("addr add {address} dev {name}"));
            }
            self.ip(host, &format!("link set {name} up"));
        }
    }

    /// An agent on port 7010 of every address there.
    fn agent(&self, host: usize, token: &str) -> Running {
        let command = copycost(["agent", "--listen", "0.0.0.0:7010", "--token-file", token]);
        let mut running = Running::start(self.within(host, command));
        running.wait_for("listening on ");
        running
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for anchor in &mut self.0 {
            let _ = anchor.kill();
            let _ = anchor.wait();
        }
    }
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A tiny sweep from a host over the agents at two addresses: exit code, the wire of its rows, and what was said.
fn swept(
    hosts: &Hosts,
    scratch: &Scratch,
    (sender, receiver): (&str, &str),
    wires: &[&str],
) -> (i32, String, String) {
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nverify: true"));
    let results = scratch.path("results");
    let token = scratch.text_path("token");
    let (sender, receiver) = (format!("{sender}:7010"), format!("{receiver}:7010"));
    let mut more = vec!["--sender", &sender, "--receiver", &receiver, "--token-file", &token];
    more.extend(wires.iter().flat_map(|wire| ["--wire", *wire]));
    let ended = run(hosts.within(0, sweep(&grid, &results, &more)));
    let wire = match ended.code() {
        Some(0) => {
            let path = directory(&ended);
            let manifest = manifest(&path);
            let (wire, link) = manifest.wires.first_key_value().expect("a wire");
            assert_eq!((link.read, &link.kind), (Some(true), wire));
            assert!(trials(&path).0.iter().all(|row| row.wire.word() == wire));
            wire.clone()
        }
        _ => String::new(),
    };
    (ended.code().expect("no signal"), wire, ended.stderr)
}

#[test]
fn a_bridge_a_pair_and_an_overlay_are_distinguished() {
    const TEST: &str = "a_bridge_a_pair_and_an_overlay_are_distinguished";
    // 0 has the switch and the coordinator, 1 the sender, 2 the receiver.
    let Some(hosts) = Hosts::new(TEST, 3) else { return };
    if !hosts.try_ip(0, "link add sw type bridge") {
        return skip(TEST, "a bridge");
    }
    hosts.ip(0, "link set sw up");
    hosts.ip(0, "addr add 10.66.0.254/24 dev sw");
    for (host, name) in [(1, "p1"), (2, "p2")] {
        hosts.pair((0, ""), (host, &format!("10.66.0.{host}/24")), name);
        hosts.ip(0, &format!("link set {name} master sw"));
    }
    hosts.pair((1, "10.67.0.1/24"), (2, "10.67.0.2/24"), "direct");
    let scratch = Scratch::new();
    let token = scratch.file("token", TOKEN);
    let agents = [hosts.agent(1, &token), hosts.agent(2, &token)];
    let ends = ("10.66.0.1", "10.66.0.2");
    let sweep = |wires: &[&str]| swept(&hosts, &scratch, ends, wires);

    let (code, wire, said) = sweep(&[]);
    assert_eq!((code, wire.as_str()), (0, "bridge"), "{said}");
    let (code, wire, said) = sweep(&["veth=10.67.0.1"]);
    assert_eq!((code, wire.as_str()), (0, "veth"), "{said}");
    // Whatever lies behind a container's interface is out of its sight.
    assert_eq!(sweep(&["overlay"]).0, 0);
    for (word, what) in [
        ("veth", "p1 (veth) and the receiver's p2 (veth) are not the two ends of one pair: call it bridge"),
        ("nic", "call it bridge"),
        ("loopback", "call it bridge"),
        (
            "bridge=10.67.0.1",
            "direct (veth) and the receiver's direct (veth) are the two ends of one pair: call it veth",
        ),
    ] {
        let (code, _, said) = sweep(&[word]);
        assert_eq!(code, 2, "{word}: {said}");
        assert!(said.contains(what) && said.lines().count() == 1, "{word}: {said}");
    }
    for (host, far, own) in [(1, "10.67.0.2", "10.68.0.1/24"), (2, "10.67.0.1", "10.68.0.2/24")] {
        if !hosts.try_ip(host, &format!("link add vx type vxlan id 7 remote {far} dev direct dstport 4789")) {
            return skip(TEST, "vxlan");
        }
        hosts.ip(host, &format!("addr add {own} dev vx"));
        hosts.ip(host, "link set vx up");
    }
    let (code, wire, said) = sweep(&["overlay=10.68.0.1"]);
    assert_eq!((code, wire.as_str()), (0, "overlay"), "{said}");
    assert!(sweep(&["veth=10.68.0.1"]).2.contains("vx (vxlan)"));
    drop(agents);
}

#[test]
fn a_word_that_contradicts_loopback_is_refused_from_a_flag_and_from_a_grid() {
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let [sender, receiver] = [agents[0].at(), agents[1].at()];
    let ends = ["--sender", &sender, "--receiver", &receiver];
    let by_flag = run(copycost(["measure", "--messages", "1", "--wire", "nic"].into_iter().chain(ends)));
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nwire: nic"));
    let by_grid = run(sweep(&grid, &scratch.path("results"), &ends));
    for ended in [by_flag, by_grid] {
        assert_eq!(ended.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains("the wire is said to be nic, but the sender's lo"), "{ended:?}");
        assert!(ended.stderr.contains("call it loopback"), "{ended:?}");
    }
    assert!(!scratch.path("results").exists(), "a run was begun");
}

#[test]
fn a_tap_that_comes_later_is_seen_when_the_wire_is_read_again() {
    const TEST: &str = "a_tap_that_comes_later_is_seen_when_the_wire_is_read_again";
    if !is_root() {
        return skip(TEST, "root");
    }
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let agents_there =
        Agents { sender: Some(agents[0].at()), receiver: Some(agents[1].at()), token: Token::default() };
    let site = Site { agents: Some(agents_there), ..Site::default() };
    let mut lab = (REMOTE.make)(&site).expect("a lab");
    assert_eq!(lab.wires(), [Wire::Loopback]);
    let before = lab.links()["loopback"].sender.taps.expect("a number of taps");
    let every = i32::from((libc::ETH_P_ALL as u16).to_be());
    // SAFETY: a system call that touches no memory of ours.
    let tap = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, every) };
    assert!(tap >= 0, "a packet socket");
    let link = lab.read_link(Wire::Loopback).expect("the wire");
    // SAFETY: the descriptor is this test's own, and used no more.
    unsafe { libc::close(tap) };
    assert_eq!((link.sender.taps, &lab.links()["loopback"]), (Some(before + 1), &link));
    let receiver = link.receiver.as_ref().expect("the receiver's end");
    assert_eq!(receiver.taps, Some(before + 1));
    let host = &lab.agent(copycost::lab::Side::Sender).0.host;
    let reasons = copies_below_tcp(&link, host, host);
    assert!(reasons.iter().any(|reason| reason.contains("the sender's lo")), "{reasons:?}");
    assert!(lab.read_link(Wire::Nic).is_err());
}

#[test]
fn scatter_gather_that_is_off_is_a_reason_in_the_manifest_and_in_the_report() {
    const TEST: &str = "scatter_gather_that_is_off_is_a_reason_in_the_manifest_and_in_the_report";
    if !has_netns(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlink: {scatter-gather: false}"));
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let path = directory(&ended);
    let manifest = manifest(&path);
    let link = &manifest.wires["veth"];
    assert_eq!(manifest.schema_version, copycost::record::SCHEMA_VERSION);
    let reasons = copies_below_tcp(link, &manifest.sender.host, &manifest.receiver.host);
    assert!(reasons.len() == 1 && reasons[0].contains("scatter-gather off"), "{reasons:?}");
    let path = path.to_str().expect("text");
    let reported = run(copycost(["report", path]));
    assert_eq!(reported.code(), Some(0), "{reported:?}");
    let text = std::fs::read_to_string(format!("{path}/report.md")).expect("the report");
    assert!(text.contains(&reasons[0]) && text.contains("read from the interfaces of both ends"), "{text}");
    assert_eq!(run(copycost(["validate", path])).code(), Some(0));
}

/// Refuses netlink sockets to the process from now on, as a sandbox does.
fn refuse_netlink() -> std::io::Result<()> {
    // Load the number of the call; is it socket()? Load its first argument; is it AF_NETLINK? EACCES; else go on.
    put_on(&[
        step(0x20, 0, 0, 0),
        step(0x15, 0, 3, libc::SYS_socket as u32),
        step(0x20, 0, 0, 16),
        step(0x15, 0, 1, libc::AF_NETLINK as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EACCES as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}

#[test]
fn a_wire_that_cannot_be_read_is_the_users_word_and_never_a_guess() {
    let receiver = Agent::start(&[]);
    let mut command = copycost(["agent", "--listen", "127.0.0.1:0"]);
    // SAFETY: system calls alone; nothing is allocated between fork and exec.
    unsafe { command.pre_exec(refuse_netlink) };
    let mut sender = Running::start(command);
    sender.wait_for("listening on ");
    assert!(until(PATIENCE, || sender.stderr().contains('\n')));
    let said = sender.stderr();
    let (_, at) = said.trim().split_once("listening on ").expect("its address");
    let at = at.to_owned();
    let receiver_at = receiver.at();
    let ends = ["--sender", &at, "--receiver", &receiver_at];
    let unnamed = run(copycost(["measure", "--messages", "1"].into_iter().chain(ends)));
    // The receiver's `lo` is read; of the sender's interface nothing is known.
    assert_eq!(unnamed.code(), Some(2), "{unnamed:?}");
    assert!(unnamed.stderr.contains("the wire cannot be read (the sender: netlink"), "{unnamed:?}");
    assert!(unnamed.stderr.contains("--wire"), "{unnamed:?}");

    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let more = [&ends[..], &["--wire", "loopback"]].concat();
    let ended = run(sweep(&grid, &scratch.path("results"), &more));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let manifest = manifest(&directory(&ended));
    let link = &manifest.wires["loopback"];
    assert_eq!((link.read, link.kind.as_str()), (Some(false), "loopback"));
    assert!(link.why_not_read.as_ref().is_some_and(|why| why.contains("netlink")), "{link:?}");
    assert_eq!(link.sender.interface, None);
    assert_eq!(link.receiver.as_ref().and_then(|end| end.interface.as_deref()), Some("lo"));
}
