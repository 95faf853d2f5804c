//! What the traffic of this process goes through, as the kernel tells it inside the process's own network
//! namespace.

use std::net::IpAddr;

use anyhow::{Context, Result};

use super::offload;
use super::rtnl::{Interface, Rtnl};
use crate::cell::Wire;
use crate::record::manifest::Link;

/// What the names of our interfaces begin with.
pub const NAME_PREFIX: &str = "copycost";

/// Name of the interface that has the address `local`; absent when none has, or netlink does not say.
#[must_use]
pub fn interface_of(local: IpAddr) -> Option<String> {
    if local.is_loopback() {
        // 127.0.0.0/8 is one address with a prefix; each of its hosts is local.
        return interface_towards(local);
    }
    let mut rtnl = Rtnl::open().ok()?;
    let index = rtnl.index_of(local).ok()??;
    Some(rtnl.by_index(index).ok()??.name)
}

/// Name of the interface that traffic to `remote` leaves by. It is `lo` for an address of this host, even
/// one that belongs to a network card.
#[must_use]
pub fn interface_towards(remote: IpAddr) -> Option<String> {
    let mut rtnl = Rtnl::open().ok()?;
    let index = rtnl.index_towards(remote).ok()??;
    Some(rtnl.by_index(index).ok()??.name)
}

/// An interface as the manifest records it: kind of wire, MTU, offloads.
///
/// The kind is exact for `lo`, for a pair that copycost made, for a bridge and for a tunnel. The far end of
/// another veth lies outside a container and cannot be seen from inside; container engines put it on a
/// bridge, so `bridge` is what it is taken for.
///
/// # Errors
/// When there is no such interface, or netlink does not answer.
pub fn describe(interface: &str) -> Result<Link> {
    let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
    let found = rtnl
        .by_name(interface)
        .with_context(|| format!("cannot read {interface}"))?
        .with_context(|| format!("there is no interface {interface}"))?;
    let offloads = offload::read(rtnl.as_raw_fd(), interface);
    Ok(Link {
        kind: wire_of(&found).to_string(),
        interface: Some(found.name),
        mtu: found.mtu,
        offloads: offloads.into_iter().map(|(offload, on)| (offload.to_string(), on)).collect(),
    })
}

fn wire_of(interface: &Interface) -> Wire {
    match interface.kind.as_deref() {
        _ if interface.is_loopback => Wire::Loopback,
        Some("veth") if interface.name.starts_with(NAME_PREFIX) => Wire::Veth,
        // A pair whose two ends are in one namespace, and this one on no bridge: nothing is in between.
        Some("veth") if interface.peer.is_some() && interface.controller.is_none() => Wire::Veth,
        Some("veth" | "bridge") => Wire::Bridge,
        Some(
            "vxlan" | "geneve" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "ipip" | "ip6tnl" | "sit"
            | "tun" | "wireguard",
        ) => Wire::Overlay,
        _ => Wire::Nic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, kind: Option<&str>) -> Interface {
        Interface {
            index: 2,
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            mtu: None,
            is_up: true,
            is_loopback: name == "lo",
            is_ready: true,
            controller: None,
            far_end: None,
            peer: None,
        }
    }

    #[test]
    fn each_kind_of_interface_is_a_wire() {
        for (name, kind, wire) in [
            ("lo", None, Wire::Loopback),
            ("copycost0", Some("veth"), Wire::Veth),
            ("eth0", Some("veth"), Wire::Bridge),
            ("br0", Some("bridge"), Wire::Bridge),
            ("vx1", Some("vxlan"), Wire::Overlay),
            ("eth0", None, Wire::Nic),
        ] {
            assert_eq!(wire_of(&interface(name, kind)), wire, "{name} {kind:?}");
        }
    }

    #[test]
    fn loopback_is_read_back() {
        let lo = interface_of([127, 0, 0, 1].into()).expect("127.0.0.1 is on no interface");
        assert_eq!(interface_towards([127, 0, 0, 1].into()), Some(lo.clone()));
        let link = describe(&lo).unwrap();
        assert_eq!((link.kind.as_str(), link.interface), ("loopback", Some(lo)));
        assert!(link.mtu.unwrap() >= 1500);
        assert!(link.offloads.contains_key("tso"), "{:?}", link.offloads);
        assert!(describe("copycost-none").unwrap_err().to_string().contains("no interface"));
    }
}
