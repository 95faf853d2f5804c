//! Which wire joins two agents, from what both read of their interfaces.

use super::wire::WireEnd;
use crate::cell::Wire;
use crate::record::manifest::Link;

/// What the two interfaces of a wire say it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireReading {
    /// The wire that they show.
    pub wire: Wire,
    /// Wires that they may be part of, `wire` among them: what lies behind a container's interface is out of
    /// its sight.
    pub possible: &'static [Wire],
    /// The two interfaces, in words.
    pub what: String,
}

/// What an interface is to its packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Device {
    /// One end of a veth pair.
    Veth,
    /// A switch in software, or a way into one.
    Switch,
    /// Into other packets, or to a program.
    Tunnel,
    /// A card, or what is laid over cards.
    Card,
}

/// Reads the wire from its two ends. `one_machine` is whether both agents run under one kernel.
pub(crate) fn read(sender: &WireEnd, receiver: &WireEnd, one_machine: bool) -> WireReading {
    use Wire::{Bridge, Loopback, Nic, Overlay, Veth};
    let what = format!("the sender's {} and the receiver's {}", words(sender), words(receiver));
    let of = |possible: &'static [Wire], what| WireReading { wire: possible[0], possible, what };
    let loops = sender.is_loopback || receiver.is_loopback;
    match (device(sender, one_machine), device(receiver, one_machine)) {
        _ if loops => of(&[Loopback], format!("{what}: the traffic does not leave one network namespace")),
        (Device::Tunnel, _) | (_, Device::Tunnel) => of(&[Overlay], what),
        (Device::Veth, Device::Veth) if one_machine && are_peers(sender, receiver) => {
            of(&[Veth], format!("{what} are the two ends of one pair"))
        }
        (Device::Card, Device::Card) => of(&[Nic], what),
        _ if one_machine => of(&[Bridge, Overlay], format!("{what} are not the two ends of one pair")),
        _ => of(&[Bridge, Overlay, Nic], what),
    }
}

/// Whether two ends are each other's far end. Indices count within a namespace, so both must agree.
fn are_peers(one: &WireEnd, other: &WireEnd) -> bool {
    one.far_end == Some(other.index) && other.far_end == Some(one.index)
}

fn device(end: &WireEnd, one_machine: bool) -> Device {
    match end.facts.device.as_deref() {
        None | Some("bond" | "team" | "vlan") => Device::Card,
        Some("veth") => Device::Veth,
        Some(
            "vxlan" | "geneve" | "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap" | "ip6erspan" | "ipip"
            | "ip6tnl" | "sit" | "vti" | "vti6" | "xfrm" | "tun" | "wireguard",
        ) => Device::Tunnel,
        // Within a host they are a switch between their branches; beyond it they pass packets to their card.
        Some("macvlan" | "macvtap" | "ipvlan" | "ipvtap") if !one_machine => Device::Card,
        Some(_) => Device::Switch,
    }
}

fn words(end: &WireEnd) -> String {
    let name = end.facts.interface.as_deref().unwrap_or_default();
    match (end.facts.device.as_deref(), end.facts.driver.as_deref()) {
        _ if end.is_loopback => name.to_owned(),
        (Some(device), _) => format!("{name} ({device})"),
        (None, Some(driver)) => format!("{name} (a card, driver {driver})"),
        (None, None) => format!("{name} (a card)"),
    }
}

/// The wire and its facts for the manifest, from what the two ends said and what the user calls it.
///
/// # Errors
/// In one sentence, when the word is not what the interfaces show, or nothing could be read and there is no word.
pub(crate) fn settle(
    word: Option<Wire>,
    sender: Result<WireEnd, String>,
    receiver: Result<WireEnd, String>,
    one_machine: bool,
) -> Result<(Wire, Link), String> {
    let (sender, receiver) = match (sender, receiver) {
        (Ok(sender), Ok(receiver)) => (sender, receiver),
        (sender, receiver) => return unread(word, sender, receiver),
    };
    let WireReading { wire, possible, what } = read(&sender, &receiver, one_machine);
    let wire = match word {
        Some(word) if possible.contains(&word) => word,
        // What a sink drops is dropped at the end of a pair, while a trial runs.
        Some(Wire::Sink) if wire == Wire::Veth => Wire::Sink,
        Some(word) => return Err(format!("the wire is said to be {word}, but {what}: call it {wire}")),
        None => wire,
    };
    let (mut near, mut far) = (sender.facts, receiver.facts);
    if matches!(wire, Wire::Veth | Wire::Sink) {
        (near.far_end, far.far_end) = (Some("the other agent's".into()), Some("the other agent's".into()));
    }
    let link = Link {
        kind: wire.to_string(),
        read: Some(true),
        sender: near,
        receiver: Some(far),
        ..Link::default()
    };
    Ok((wire, link))
}

/// Nothing is guessed: the user's word stands, and the manifest says that it was not read.
fn unread(
    word: Option<Wire>,
    sender: Result<WireEnd, String>,
    receiver: Result<WireEnd, String>,
) -> Result<(Wire, Link), String> {
    let reasons = [("sender", &sender), ("receiver", &receiver)];
    let reasons =
        reasons.into_iter().filter_map(|(end, seen)| Some(format!("the {end}: {}", seen.as_ref().err()?)));
    let why = reasons.collect::<Vec<_>>().join("; ");
    let wire = word.ok_or_else(|| {
        format!("the wire cannot be read ({why}); name it: --wire loopback, veth, bridge, overlay or nic")
    })?;
    let link = Link {
        kind: wire.to_string(),
        read: Some(false),
        why_not_read: Some(why),
        sender: sender.map(|end| end.facts).unwrap_or_default(),
        receiver: receiver.ok().map(|end| end.facts),
    };
    Ok((wire, link))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::manifest::Interface;

    fn end(device: Option<&str>, index: u32, far_end: Option<u32>) -> WireEnd {
        let facts = Interface {
            interface: Some(format!("x{index}")),
            device: device.map(str::to_owned),
            driver: device.is_none().then(|| "e1000e".to_owned()),
            ..Interface::default()
        };
        WireEnd { index, far_end, is_loopback: false, facts }
    }

    fn lo() -> WireEnd {
        WireEnd { is_loopback: true, ..end(None, 1, None) }
    }

    #[test]
    fn two_ends_of_one_pair_are_a_veth_wire_and_others_are_not() {
        let (one, other) = (end(Some("veth"), 2, Some(7)), end(Some("veth"), 7, Some(2)));
        assert_eq!(read(&one, &other, true).wire, Wire::Veth);
        let elsewhere = end(Some("veth"), 7, Some(3));
        assert_eq!(read(&one, &elsewhere, true).wire, Wire::Bridge);
        // Under two kernels the same indices mean nothing.
        assert_eq!(read(&one, &other, false).wire, Wire::Bridge);
    }

    #[test]
    fn each_pair_of_devices_is_a_wire() {
        let of = |name| if name == "card" { end(None, 2, None) } else { end(Some(name), 2, None) };
        for (one, other, together, wire) in [
            ("card", "card", true, Wire::Nic),
            ("card", "card", false, Wire::Nic),
            ("bond", "vlan", false, Wire::Nic),
            ("macvlan", "macvlan", true, Wire::Bridge),
            ("macvlan", "ipvlan", false, Wire::Nic),
            ("bridge", "veth", true, Wire::Bridge),
            ("veth", "card", false, Wire::Bridge),
            ("vxlan", "card", false, Wire::Overlay),
            ("veth", "wireguard", true, Wire::Overlay),
            ("netkit", "netkit", true, Wire::Bridge),
        ] {
            assert_eq!(read(&of(one), &of(other), together).wire, wire, "{one} {other} {together}");
        }
        assert_eq!(read(&of("card"), &lo(), true).wire, Wire::Loopback);
    }

    #[test]
    fn a_word_that_contradicts_the_interfaces_is_refused_with_what_they_are() {
        let pair = || (Ok(end(Some("veth"), 2, Some(7))), Ok(end(Some("veth"), 7, Some(2))));
        let settle_pair = |word| settle(word, pair().0, pair().1, true);
        assert_eq!(settle_pair(None).unwrap().0, Wire::Veth);
        let (wire, link) = settle_pair(Some(Wire::Veth)).unwrap();
        assert_eq!((wire, link.read, link.kind.as_str()), (Wire::Veth, Some(true), "veth"));
        assert_eq!(link.sender.far_end.as_deref(), Some("the other agent's"));
        let error = settle_pair(Some(Wire::Nic)).unwrap_err();
        assert_eq!(
            error,
            "the wire is said to be nic, but the sender's x2 (veth) and the receiver's x7 (veth) are the two ends of \
             one pair: call it veth"
        );
        // What lies behind a container's interface cannot be seen from it.
        let container = || Ok(end(Some("veth"), 2, Some(9)));
        let word =
            |word, together| settle(Some(word), container(), container(), together).map(|(wire, _)| wire);
        assert_eq!(word(Wire::Overlay, true), Ok(Wire::Overlay));
        assert_eq!(word(Wire::Nic, false), Ok(Wire::Nic));
        assert!(word(Wire::Nic, true).is_err() && word(Wire::Veth, true).is_err());
        assert!(word(Wire::Loopback, false).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_said_and_not_guessed() {
        let refused = || Err("netlink is refused to it".to_owned());
        let error = settle(None, Ok(end(None, 2, None)), refused(), false).unwrap_err();
        assert!(
            error.contains("the receiver: netlink is refused to it") && error.contains("--wire"),
            "{error}"
        );
        let (wire, link) = settle(Some(Wire::Overlay), Ok(end(None, 2, None)), refused(), false).unwrap();
        assert_eq!((wire, link.read, link.kind.as_str()), (Wire::Overlay, Some(false), "overlay"));
        assert_eq!(link.why_not_read.as_deref(), Some("the receiver: netlink is refused to it"));
        assert_eq!((link.sender.interface.as_deref(), link.receiver), (Some("x2"), None));
    }
}
