//! What the traffic of this process goes through, as the kernel reports it inside the process's own network
//! namespace.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::rtnl::Rtnl;
use super::{ethtool, netem, offload, taps};
use crate::cell::Side;
use crate::record::manifest;

/// What the names of our interfaces begin with.
pub(crate) const NAME_PREFIX: &str = "copycost";

/// Name of the interface that has the address `local`; absent when none has, or netlink does not say.
pub(crate) fn interface_of(local: IpAddr) -> Option<String> {
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
pub(crate) fn interface_towards(remote: IpAddr) -> Option<String> {
    let mut rtnl = Rtnl::open().ok()?;
    let index = rtnl.index_towards(remote).ok()??;
    Some(rtnl.by_index(index).ok()??.name)
}

/// One end of a wire, as the agent there sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireEnd {
    /// The interface's index in its network namespace.
    pub index: u32,
    /// The index of a pair's far end, in whichever namespace that is.
    pub far_end: Option<u32>,
    /// Whether it is `lo`.
    pub is_loopback: bool,
    /// What the manifest records of it.
    pub facts: manifest::Interface,
}

/// An interface as its own kernel shows it.
///
/// # Errors
/// When there is no such interface, or netlink does not answer.
pub(crate) fn describe(interface: &str) -> Result<WireEnd> {
    let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
    let found = rtnl
        .by_name(interface)
        .with_context(|| format!("cannot read {interface}"))?
        .with_context(|| format!("there is no interface {interface}"))?;
    let offloads = offload::read(rtnl.as_raw_fd(), interface);
    let far_end = match (found.far_end, found.peer) {
        (Some(_), Some(_)) => Some("in this namespace"),
        (Some(_), None) => Some("in another namespace"),
        (None, _) => None,
    };
    Ok(WireEnd {
        index: found.index,
        far_end: found.far_end,
        is_loopback: found.is_loopback,
        facts: manifest::Interface {
            driver: ethtool::driver(rtnl.as_raw_fd(), interface),
            interface: Some(found.name),
            device: found.kind,
            mtu: found.mtu,
            offloads: offloads.into_iter().map(|(offload, on)| (offload.to_string(), on)).collect(),
            xdp: found.xdp,
            taps: taps::on(found.index),
            netem: netem::read(&mut rtnl, found.index),
            far_end: far_end.map(str::to_owned),
        },
    })
}

/// The end of a wire on this side: the sender's interface has the address, the receiver's leads to it.
pub(crate) fn end_of(side: Side, address: IpAddr) -> Result<WireEnd> {
    Rtnl::open().context("netlink, by which interfaces are read, is refused to it")?;
    let name = match side {
        Side::Sender => {
            interface_of(address).with_context(|| format!("it has no interface with {address}"))?
        }
        Side::Receiver => {
            interface_towards(address).with_context(|| format!("it has no route to {address}"))?
        }
    };
    describe(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_read_back() {
        let lo = interface_of([127, 0, 0, 1].into()).expect("127.0.0.1 is on no interface");
        assert_eq!(interface_towards([127, 0, 0, 1].into()), Some(lo.clone()));
        let end = describe(&lo).unwrap();
        assert!(end.is_loopback && end.index > 0, "{end:?}");
        assert!(end.facts.mtu.unwrap() >= 1500);
        assert!(end.facts.offloads.contains_key("tso"), "{end:?}");
        assert_eq!((end.facts.interface, end.facts.xdp.as_deref()), (Some(lo), Some("none")));
        for side in [Side::Sender, Side::Receiver] {
            assert!(end_of(side, [127, 0, 0, 1].into()).unwrap().is_loopback);
        }
        let error = end_of(Side::Sender, [203, 0, 113, 1].into()).unwrap_err();
        assert!(error.to_string().contains("no interface with 203.0.113.1"), "{error}");
        assert!(describe("copycost-none").unwrap_err().to_string().contains("no interface"));
    }
}
