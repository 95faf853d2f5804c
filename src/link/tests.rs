//! Real namespaces, real pairs. Each namespace is a forked child's: the test process stays where it is.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::unistd::{Gid, Uid};

use super::child::{Child, answer};
use super::disturbance::{tap, xdp};
use super::pair::delete;
use super::wire::{describe, interface_of, interface_towards};
use super::*;
use crate::record::below_tcp::XdpMode;

/// An end: answers each line with a line, in a namespace of its own. The first thing it says is how it came
/// there.
fn end(rootless: bool, beside: Option<u32>) -> Child {
    Child::spawn(move |mut stream| {
        let entered = (|| {
            if rootless {
                drop_root()?;
            }
            beside.map_or_else(enter_new_netns, join_user_ns_then_new_netns)
        })();
        match entered {
            Ok(entered) => writeln!(stream, "{entered:?}")?,
            Err(error) => writeln!(stream, "refused: {error:#}")?,
        }
        let mut commands = std::io::BufReader::new(stream.try_clone()?);
        loop {
            let mut line = String::new();
            if std::io::BufRead::read_line(&mut commands, &mut line)? == 0 {
                return Ok(());
            }
            let reply = obey(line.trim()).unwrap_or_else(|error| format!("failed: {error:#}"));
            writeln!(stream, "{reply}")?;
        }
    })
    .unwrap()
}

fn obey(command: &str) -> Result<String> {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    Ok(match verb {
        "serve" => {
            let address: IpAddr = rest.parse()?;
            let listener = TcpListener::bind((address, 7))?;
            std::thread::spawn(move || {
                let (mut peer, _) = listener.accept().unwrap();
                let mut bytes = [0; 5];
                peer.read_exact(&mut bytes).unwrap();
                peer.write_all(&bytes).unwrap();
            });
            "serving".to_owned()
        }
        "ping" => {
            let started = std::time::Instant::now();
            let mut peer =
                TcpStream::connect_timeout(&(rest.parse::<IpAddr>()?, 7).into(), Duration::from_secs(5))?;
            peer.write_all(b"hello")?;
            let mut bytes = [0; 5];
            peer.read_exact(&mut bytes)?;
            ensure!(&bytes == b"hello");
            // A SYN dropped by an interface that was not ready yet is sent again after a second.
            ensure!(started.elapsed() < Duration::from_millis(900), "took {:?}", started.elapsed());
            "pong".to_owned()
        }
        "describe" => serde_json::to_string(&describe(rest)?)?,
        "of" => interface_of(rest.parse()?).unwrap_or_default(),
        "towards" => interface_towards(rest.parse()?).unwrap_or_default(),
        "tap" => TAP.set(tap(rest)?).map_or("twice", |()| "tapped").to_owned(),
        "xdp" => {
            let (name, mode) = rest.split_once(' ').context("a mode")?;
            xdp(name, mode.parse().map_err(anyhow::Error::msg)?)?
        }
        "lo" => format!("{:?}", rtnl::Rtnl::open()?.by_name("lo")?.context("no lo")?.is_up),
        "names" => names()?.join(" "),
        "neighbours" => neighbours()?,
        "offer" => OFFERED.set(PairNetns::offer()?).map_or("twice", |()| "offered").to_owned(),
        "names-within" => offered()?.within(names)??.join(" "),
        "reaches" => offered()?.reaches(rest.parse()?).to_string(),
        "index" => {
            rtnl::Rtnl::open()?.by_name(rest)?.map(|found| found.index.to_string()).unwrap_or_default()
        }
        _ => unreachable!("{command}"),
    })
}

/// The packet socket of this end.
static TAP: OnceLock<OwnedFd> = OnceLock::new();

/// What this end keeps for direct pairs.
static OFFERED: OnceLock<Arc<PairNetns>> = OnceLock::new();

fn offered() -> Result<&'static PairNetns> {
    OFFERED.get().map(Arc::as_ref).context("nothing was offered")
}

/// Interfaces of the namespace that the calling thread is in; `/sys` would show those of where it was mounted.
fn names() -> Result<Vec<String>> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    Ok(text.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect())
}

/// Addresses that this namespace knows for good: what it has to ask for has other flags (ATF_COM | ATF_PERM).
fn neighbours() -> Result<String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/arp")?;
    let known = text.lines().skip(1).filter(|line| line.split_whitespace().nth(2) == Some("0x6"));
    Ok(known.filter_map(|line| line.split_whitespace().next()).collect::<Vec<_>>().join(" "))
}

fn drop_root() -> Result<()> {
    let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)?;
    // A program started by that user would be readable to it through /proc; one that changed hands is not.
    nix::sys::prctl::set_dumpable(true)?;
    Ok(())
}

fn read_line(child: &mut Child) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while child.stream.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

fn ask(child: &mut Child, command: &str) -> String {
    writeln!(child.stream, "{command}").unwrap();
    read_line(child)
}

/// Two ends in namespaces of their own, or `None` after saying what the machine lacks.
fn two_ends(test: &str, rootless: bool) -> Option<(Child, Child)> {
    if rootless && !Uid::effective().is_root() {
        crate::skip::skip(test, "not root, so the other test covers the way without root");
        return None;
    }
    let mut sender = end(rootless, None);
    let said = read_line(&mut sender);
    if said.starts_with("refused") {
        crate::skip::skip(test, said);
        return None;
    }
    let mut receiver = end(rootless, Some(sender.id()));
    assert_eq!(read_line(&mut receiver), said, "the two ends came there in different ways");
    assert_eq!(said == "Rootless", rootless || !Uid::effective().is_root());
    Some((sender, receiver))
}

/// `create` in a process of its own, as the same user as the ends.
fn create_in_child(spec: &LinkSpec, rootless: bool) -> Result<serde_json::Value> {
    let text = answer(|| {
        if rootless {
            drop_root()?;
        }
        Ok(serde_json::to_string(&create(spec)?)?)
    })?;
    Ok(serde_json::from_str(&text)?)
}

fn spec_of(sender: &Child, receiver: &Child) -> LinkSpec {
    LinkSpec::between(NsRef::Pid(sender.id()), NsRef::Pid(receiver.id()))
}

fn a_pair_joins_two_namespaces(test: &str, rootless: bool) {
    let Some((mut sender, mut receiver)) = two_ends(test, rootless) else { return };
    let before = names().unwrap();
    assert_eq!(ask(&mut sender, "lo"), "false");

    let wanted = BTreeMap::from([(Offload::Tso, false), (Offload::Gro, true), (Offload::Gso, false)]);
    let spec = LinkSpec { mtu: Some(9000), offloads: wanted, ..spec_of(&sender, &receiver) };
    let made = create_in_child(&spec, rootless).unwrap();
    assert_eq!(made["sender"]["address"], "198.19.0.1");
    assert_eq!(made["receiver"]["mtu"], 9000);

    assert_eq!(ask(&mut sender, "neighbours"), "198.19.0.2");
    assert_eq!(ask(&mut receiver, "neighbours"), "198.19.0.1");
    assert_eq!(ask(&mut sender, "serve 198.19.0.1"), "serving");
    assert_eq!(ask(&mut receiver, "ping 198.19.0.1"), "pong");
    for end in [&mut sender, &mut receiver] {
        let shown: WireEnd = serde_json::from_str(&ask(end, "describe copycost0")).unwrap();
        let facts = shown.facts;
        assert_eq!((facts.device.as_deref(), facts.driver.as_deref()), (Some("veth"), Some("veth")));
        assert_eq!((facts.mtu, facts.xdp.as_deref(), facts.taps), (Some(9000), Some("none"), Some(0)));
        let state = |name: &str| facts.offloads[name];
        assert_eq!(
            (state("tso"), state("gso"), state("gro"), state("scatter-gather")),
            (false, false, true, true)
        );
        assert_eq!(ask(end, "lo"), "true");
        assert_eq!(ask(end, "names"), "lo copycost0");
    }
    assert_eq!(ask(&mut sender, "of 198.19.0.1"), "copycost0");
    assert_eq!(ask(&mut sender, "of 198.19.0.2"), "");
    assert_eq!(ask(&mut sender, "towards 198.19.0.2"), "copycost0");
    assert_eq!(ask(&mut sender, "towards 198.19.0.1"), "lo");
    assert_eq!(ask(&mut sender, "towards 203.0.113.1"), "");

    // The pair of a killed run is still there: it is replaced, with what is asked for now.
    let spec = spec_of(&sender, &receiver);
    let made = create_in_child(&spec, rootless).unwrap();
    assert_eq!(made["sender"]["mtu"], 1500);
    assert_eq!(made["sender"]["offloads"]["tso"], true);
    assert_eq!(ask(&mut sender, "names"), "lo copycost0");
    assert_eq!(ask(&mut receiver, "serve 198.19.0.2"), "serving");
    assert_eq!(ask(&mut sender, "ping 198.19.0.2"), "pong");

    assert_eq!(names().unwrap(), before, "the host's own namespace was touched");
    drop(receiver);
    let gone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        ask(&mut sender, "names") == "lo"
    });
    assert!(gone, "the pair outlived one of its namespaces");
}

#[test]
fn a_pair_goes_into_the_namespaces_that_agents_keep_for_it() {
    let Some((mut sender, mut receiver)) =
        two_ends("a_pair_goes_into_the_namespaces_that_agents_keep_for_it", false)
    else {
        return;
    };
    for end in [&mut sender, &mut receiver] {
        assert_eq!(ask(end, "offer"), "offered");
        assert!(ask(end, "offer").contains("another agent in this network namespace"));
        assert_eq!(ask(end, "reaches 198.19.0.2"), "false");
    }
    let spec = LinkSpec { keep: true, ..spec_of(&sender, &receiver) };
    for _ in 0..2 {
        create_in_child(&spec, false).unwrap();
        for end in [&mut sender, &mut receiver] {
            assert_eq!(ask(end, "names"), "lo", "the pair is where the filters are");
            assert_eq!(ask(end, "names-within"), "lo copycost0");
            assert_eq!(ask(end, "reaches 198.19.0.1"), "true");
            assert_eq!(ask(end, "reaches 203.0.113.1"), "false");
        }
    }
    assert!(answer(|| Ok(delete(&spec)?.to_string())).unwrap() == "true");
    assert_eq!(ask(&mut sender, "names-within"), "lo");
}

#[test]
fn a_pair_joins_two_namespaces_with_the_rights_at_hand() {
    a_pair_joins_two_namespaces("a_pair_joins_two_namespaces_with_the_rights_at_hand", false);
}

#[test]
fn a_pair_joins_two_namespaces_without_root() {
    a_pair_joins_two_namespaces("a_pair_joins_two_namespaces_without_root", true);
}

#[test]
fn a_pair_carries_ipv6_at_once() {
    let mut answers = Vec::new();
    // Now and then a busy kernel drops a first packet; an address that is not ready yet drops every one.
    while answers.len() < 4 {
        let Some((mut sender, mut receiver)) = two_ends("a_pair_carries_ipv6_at_once", false) else { return };
        let spec = LinkSpec {
            sender_addr: "fd00::1/64".parse().unwrap(),
            receiver_addr: "fd00::2/64".parse().unwrap(),
            ..spec_of(&sender, &receiver)
        };
        create_in_child(&spec, false).unwrap();
        assert_eq!(ask(&mut sender, "of fd00::1"), "copycost0");
        assert_eq!(ask(&mut sender, "serve fd00::1"), "serving");
        answers.push(ask(&mut receiver, "ping fd00::1"));
        if answers.last().is_some_and(|answer| answer == "pong") {
            return;
        }
    }
    panic!("no pair carried it at once: {answers:?}");
}

#[test]
fn taps_and_xdp_programs_are_seen() {
    const TEST: &str = "taps_and_xdp_programs_are_seen";
    let Some((mut sender, mut receiver)) = two_ends(TEST, false) else { return };
    create_in_child(&spec_of(&sender, &receiver), false).unwrap();
    let facts =
        |end: &mut Child| serde_json::from_str::<WireEnd>(&ask(end, "describe copycost0")).unwrap().facts;
    assert_eq!(facts(&mut sender).taps, Some(0));
    assert_eq!(ask(&mut sender, "tap copycost0"), "tapped");
    assert_eq!((facts(&mut sender).taps, facts(&mut receiver).taps), (Some(1), Some(0)));
    for mode in [XdpMode::Driver, XdpMode::Generic] {
        let seen = ask(&mut receiver, &format!("xdp copycost0 {mode}"));
        if seen.starts_with("refused") {
            crate::skip::skip(TEST, seen);
            return;
        }
        assert_eq!(seen, mode.word());
    }
    assert_eq!(facts(&mut receiver).xdp.as_deref(), Some("none"));
}

#[test]
fn a_pair_that_is_as_asked_for_is_kept() {
    let Some((mut sender, mut receiver)) = two_ends("a_pair_that_is_as_asked_for_is_kept", false) else {
        return;
    };
    let kept = LinkSpec { keep: true, ..spec_of(&sender, &receiver) };
    let made = create_in_child(&kept, false).unwrap();
    let first = ask(&mut sender, "index copycost0");
    assert_eq!(create_in_child(&kept, false).unwrap(), made);
    assert_eq!(ask(&mut sender, "index copycost0"), first);

    let off = BTreeMap::from([(Offload::Tso, false)]);
    let mut last = first;
    for other in [
        LinkSpec { keep: false, ..kept.clone() },
        LinkSpec { mtu: Some(9000), ..kept.clone() },
        LinkSpec { offloads: off, ..kept.clone() },
        LinkSpec {
            sender_addr: "198.19.0.5/29".parse().unwrap(),
            receiver_addr: "198.19.0.6/29".parse().unwrap(),
            ..kept.clone()
        },
    ] {
        create_in_child(&other, false).unwrap();
        let now = ask(&mut sender, "index copycost0");
        assert_ne!(now, last, "{other:?} was not made anew");
        last = now;
    }

    // Half of a pair that leads elsewhere joins nothing: the receiver gets a new partner, then comes back.
    let Some((mut third, _fourth)) = two_ends("a_pair_that_is_as_asked_for_is_kept", false) else { return };
    let elsewhere = LinkSpec { receiver_name: "copycost1".into(), ..spec_of(&third, &receiver) };
    create_in_child(&elsewhere, false).unwrap();
    let crossed = LinkSpec { keep: true, ..spec_of(&third, &receiver) };
    create_in_child(&crossed, false).unwrap();
    assert_eq!(ask(&mut third, "serve 198.19.0.1"), "serving");
    assert_eq!(ask(&mut receiver, "ping 198.19.0.1"), "pong");
}

#[test]
fn a_link_is_deleted_once() {
    let Some((mut sender, receiver)) = two_ends("a_link_is_deleted_once", false) else { return };
    let spec = spec_of(&sender, &receiver);
    create_in_child(&spec, false).unwrap();
    let delete_in_child = || answer(|| Ok(delete(&spec)?.to_string())).unwrap();
    assert_eq!(delete_in_child(), "true");
    assert_eq!(ask(&mut sender, "names"), "lo");
    assert_eq!(delete_in_child(), "false");
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let Some((mut sender, mut receiver)) = two_ends("a_step_that_fails_leaves_nothing", false) else {
        return;
    };
    // Without scatter-gather there is no TSO, so the two cannot both hold.
    let impossible = BTreeMap::from([(Offload::ScatterGather, false), (Offload::Tso, true)]);
    let spec = LinkSpec { offloads: impossible, ..spec_of(&sender, &receiver) };
    let error = create_in_child(&spec, false).unwrap_err().to_string();
    assert!(error.contains("tso of copycost0 off"), "{error}");
    assert_eq!(ask(&mut sender, "names"), "lo");
    assert_eq!(ask(&mut receiver, "names"), "lo");
}

#[test]
fn refusals_say_why() {
    let Some((sender, receiver)) = two_ends("refusals_say_why", false) else { return };
    let same = LinkSpec { receiver_ns: NsRef::Pid(sender.id()), ..spec_of(&sender, &receiver) };
    let error = create_in_child(&same, false).unwrap_err().to_string();
    assert!(error.contains("same network namespace"), "{error}");

    let gone = LinkSpec { sender_ns: NsRef::Path("/run/netns/no-such".into()), ..same.clone() };
    let error = create_in_child(&gone, false).unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");

    let no_namespace = LinkSpec { sender_ns: NsRef::Path("/proc/self/status".into()), ..same };
    let error = create_in_child(&no_namespace, false).unwrap_err().to_string();
    assert!(error.contains("is not a network namespace"), "{error}");

    if Uid::effective().is_root() {
        // Another user may neither look into root's process nor enter its namespace.
        let error = create_in_child(&spec_of(&sender, &receiver), true).unwrap_err().to_string();
        assert!(error.contains("the network namespace of process"), "{error}");
        assert!(error.contains("run as root"), "{error}");
    }
}
