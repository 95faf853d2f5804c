//! What an interface was before a lab borrowed it, and how it becomes that again.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context, Result};
use netlink_packet_core::{Emitable, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, Parseable};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags, RouteProtocol, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use super::offload::{self, Offload};
use super::rtnl::{NetDevice, Rtnl};

/// An interface as it was. Addresses and routes are the kernel's own messages, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) name: String,
    index: u32,
    hardware_address: Vec<u8>,
    /// What the kernel calls a device in software; a card has no such word.
    pub(super) kind: Option<String>,
    is_up: bool,
    mtu: Option<u32>,
    offloads: BTreeMap<Offload, bool>,
    addresses: Vec<Vec<u8>>,
    routes: Vec<Vec<u8>>,
}

impl Saved {
    /// Reads what is to be restored.
    pub(super) fn read(rtnl: &mut Rtnl, interface: &NetDevice) -> io::Result<Self> {
        let addresses = rtnl.call(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        let address = |reply| match reply {
            RouteNetlinkMessage::NewAddress(message)
                if message.header.index == interface.index && is_static(&message) =>
            {
                Some(bytes(&message))
            }
            _ => None,
        };
        let routes = routes(rtnl)?;
        let own = |route: &&RouteMessage| leads_over(route, interface.index) && is_to_be_kept(route);
        Ok(Self {
            name: interface.name.clone(),
            index: interface.index,
            hardware_address: interface.hardware_address.clone(),
            kind: interface.kind.clone(),
            is_up: interface.is_up,
            mtu: interface.mtu,
            offloads: offload::read(rtnl.as_raw_fd(), &interface.name),
            addresses: addresses.into_iter().filter_map(address).collect(),
            routes: routes.iter().filter(own).map(bytes).collect(),
        })
    }

    /// The interface in the namespace of this socket, whatever it is called by now.
    pub(super) fn find(&self, rtnl: &mut Rtnl) -> io::Result<Option<NetDevice>> {
        let all = rtnl.all()?;
        let is_it = |one: &&NetDevice| one.hardware_address == self.hardware_address && one.kind == self.kind;
        let mut found: Vec<&NetDevice> = all.iter().filter(is_it).collect();
        found.sort_by_key(|one| (one.name != self.name, one.index != self.index));
        Ok(found.first().map(|&one| one.clone()))
    }

    /// The card's address, for people.
    pub(super) fn hardware_address(&self) -> String {
        self.hardware_address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
    }

    /// Makes the interface what it was. What cannot be restored is reported, and the rest is done all the same.
    pub(super) fn restore(&self, rtnl: &mut Rtnl, found: &NetDevice) -> Vec<String> {
        let mut troubles = Vec::new();
        let mut note = |result: Result<()>| troubles.extend(result.err().map(|error| format!("{error:#}")));
        let index = found.index;
        let mut name = found.name.clone();
        note(rtnl.set_down(index).context("bringing it down"));
        if name != self.name {
            match rtnl.set(index, LinkAttribute::IfName(self.name.clone())) {
                Ok(()) => name = self.name.clone(),
                Err(error) => note(Err(error).with_context(|| format!("it is {name} now, and renaming it"))),
            }
        }
        if let Some(mtu) = self.mtu {
            note(rtnl.set(index, LinkAttribute::Mtu(mtu)).with_context(|| format!("its MTU of {mtu}")));
        }
        note(self.restore_offloads(rtnl, &name));
        // Going up makes the link-local address, and IPv6 takes no route before.
        if self.is_up {
            note(rtnl.set_up(index).context("bringing it up"));
        }
        for bytes in &self.addresses {
            note(self.restore_address(rtnl, index, bytes));
        }
        for bytes in &self.routes {
            note(self.restore_route(rtnl, index, bytes));
        }
        troubles
    }

    /// Off in the order of dependence backwards, then on in that order.
    fn restore_offloads(&self, rtnl: &Rtnl, name: &str) -> Result<()> {
        let socket = rtnl.as_raw_fd();
        let changed = |offload: &Offload, on| {
            self.offloads.get(offload) == Some(&on) && offload::read(socket, name).get(offload) == Some(&!on)
        };
        for offload in Offload::ALL.into_iter().rev().filter(|offload| changed(offload, false)) {
            offload::set(socket, name, offload, false).with_context(|| format!("switching {offload} off"))?;
        }
        for offload in Offload::ALL.into_iter().filter(|offload| changed(offload, true)) {
            offload::set(socket, name, offload, true).with_context(|| format!("switching {offload} on"))?;
        }
        Ok(())
    }

    fn restore_address(&self, rtnl: &mut Rtnl, index: u32, bytes: &[u8]) -> Result<()> {
        let mut message = AddressMessage::parse(bytes).context("an address in the journal")?;
        message.header.index = index;
        let address = address_of(&message);
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        rtnl.call(RouteNetlinkMessage::NewAddress(message), flags)
            .with_context(|| format!("its address {address}"))
            .map(drop)
    }

    fn restore_route(&self, rtnl: &mut Rtnl, index: u32, bytes: &[u8]) -> Result<()> {
        let mut route = RouteMessage::parse(bytes).context("a route in the journal")?;
        // The rest of the flags tells a state.
        route.header.flags &= RouteFlags::Onlink;
        route.attributes.retain(|it| !matches!(it, RouteAttribute::CacheInfo(_) | RouteAttribute::NhId(_)));
        for attribute in &mut route.attributes {
            match attribute {
                RouteAttribute::Oif(oif) => *oif = index,
                RouteAttribute::MultiPath(hops) => {
                    for hop in hops {
                        hop.flags &= RouteNextHopFlags::Onlink;
                        if hop.interface_index == self.index {
                            hop.interface_index = index;
                        }
                    }
                }
                _ => {}
            }
        }
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        let length = route.header.destination_prefix_length;
        rtnl.call(RouteNetlinkMessage::NewRoute(route), flags)
            .with_context(|| format!("a route to a network of {length} bits"))
            .map(drop)
    }
}

/// A route, as the kernel reports it.
pub(super) type Route = RouteMessage;

/// Every route of both families, whatever its table.
pub(super) fn routes(rtnl: &mut Rtnl) -> io::Result<Vec<RouteMessage>> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let replies = rtnl.call(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)?;
        all.extend(replies.into_iter().filter_map(|reply| match reply {
            RouteNetlinkMessage::NewRoute(route) => Some(route),
            _ => None,
        }));
    }
    Ok(all)
}

/// Whether a route leads over an interface, alone or with others.
pub(super) fn leads_over(route: &RouteMessage, index: u32) -> bool {
    route.attributes.iter().any(|attribute| match attribute {
        RouteAttribute::Oif(oif) => *oif == index,
        RouteAttribute::MultiPath(hops) => hops.iter().any(|hop| hop.interface_index == index),
        _ => false,
    })
}

/// Those of the main table that somebody made: the kernel makes its own again.
fn is_to_be_kept(route: &RouteMessage) -> bool {
    let is_made = !matches!(
        route.header.protocol,
        RouteProtocol::Kernel | RouteProtocol::Ra | RouteProtocol::IcmpRedirect
    );
    let is_cached = route.header.flags.contains(RouteFlags::Cloned);
    is_made
        && !is_cached
        && route.header.table == RouteHeader::RT_TABLE_MAIN
        && route.header.kind == RouteType::Unicast
}

/// IPv4 addresses, leased ones with what is left of their time; of IPv6 those that nobody advertised.
fn is_static(message: &AddressMessage) -> bool {
    let is_permanent = message.attributes.iter().any(|attribute| match attribute {
        AddressAttribute::Flags(flags) => flags.contains(AddressFlags::Permanent),
        _ => false,
    });
    message.header.family == AddressFamily::Inet || is_permanent
}

fn address_of(message: &AddressMessage) -> String {
    let addresses = message.attributes.iter().filter_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    addresses.map(|address| address.to_string()).next().unwrap_or_default()
}

fn bytes(message: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}
