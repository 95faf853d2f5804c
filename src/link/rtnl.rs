//! Interfaces, addresses and routes of one network namespace, over rtnetlink(7).
//!
//! A netlink socket stays in the namespace in which it was opened, whatever the process enters later.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressHeaderFlags, AddressMessage,
};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, State,
    XdpAttached,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::record::Received;
use crate::record::below_tcp::XdpMode;

/// An rtnetlink socket.
#[derive(Debug)]
pub(super) struct Rtnl {
    socket: Socket,
    sequence: u32,
}

/// What copycost asks of an interface.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NetDevice {
    pub(super) index: u32,
    pub(super) name: String,
    /// The driver's kind (`veth`, `bridge`, …) where it has one; a NIC has none.
    pub(super) kind: Option<String>,
    pub(super) mtu: Option<u32>,
    pub(super) is_up: bool,
    pub(super) is_loopback: bool,
    /// Whether it passes traffic: up, with a carrier and its queue attached.
    pub(super) is_ready: bool,
    /// The bridge or bond that it is a port of.
    pub(super) controller: Option<u32>,
    /// Index of the far end of a pair, in whichever namespace that is.
    pub(super) far_end: Option<u32>,
    /// The same, where the far end is in this namespace.
    pub(super) peer: Option<u32>,
    /// Up and with a carrier, from a driver that reports no more than that.
    pub(super) has_carrier: bool,
    /// XDP programs, by where they run; absent where the kernel does not tell.
    pub(super) xdp: Option<String>,
    /// The address that the device was made with, or the one it has where the driver does not tell.
    pub(super) hardware_address: Vec<u8>,
    /// The address that it has on the link now; none where the link has no addresses.
    pub(super) link_layer_address: Vec<u8>,
    /// Whether it can be moved into another namespace, as far as the kernel says.
    pub(super) is_bound_to_netns: bool,
}

/// One end of a pair to be made.
#[derive(Debug)]
pub(super) struct VethEnd<'a> {
    pub(super) name: &'a str,
    /// The namespace to put it into; absent: the socket's own.
    pub(super) namespace: Option<RawFd>,
}

impl Rtnl {
    /// Opens a socket in the namespace that the calling thread is in.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The socket, for ioctls on interfaces of its namespace.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The interface of this name, where there is one.
    pub(super) fn by_name(&mut self, name: &str) -> io::Result<Option<NetDevice>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.find(message)
    }

    /// The interface of this index, where there is one.
    pub(super) fn by_index(&mut self, index: u32) -> io::Result<Option<NetDevice>> {
        self.find(link(index))
    }

    /// What an interface has received since it was made; absent where there is none or it does not count.
    pub(super) fn received(&mut self, index: u32) -> io::Result<Option<Received>> {
        let replies = self.call(RouteNetlinkMessage::GetLink(link(index)), 0)?;
        let attributes = replies.into_iter().filter_map(|reply| match reply {
            RouteNetlinkMessage::NewLink(link) => Some(link.attributes),
            _ => None,
        });
        Ok(attributes.flatten().find_map(|attribute| match attribute {
            LinkAttribute::Stats64(stats) => {
                Some(Received { bytes: stats.rx_bytes, packets: stats.rx_packets })
            }
            _ => None,
        }))
    }

    fn find(&mut self, message: LinkMessage) -> io::Result<Option<NetDevice>> {
        match self.call(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(replies) => Ok(replies.into_iter().find_map(|reply| match reply {
                RouteNetlinkMessage::NewLink(link) => Some(interface(link)),
                _ => None,
            })),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a veth pair, both ends down.
    pub(super) fn create_veth(
        &mut self,
        near: &VethEnd<'_>,
        far: &VethEnd<'_>,
        mtu: Option<u32>,
    ) -> io::Result<()> {
        let end = |end: &VethEnd<'_>| {
            let mut message = LinkMessage::default();
            message.attributes.push(LinkAttribute::IfName(end.name.to_owned()));
            message.attributes.extend(end.namespace.map(LinkAttribute::NetNsFd));
            message.attributes.extend(mtu.map(LinkAttribute::Mtu));
            message
        };
        let mut message = end(near);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(end(far)))),
        ]));
        self.call(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Every interface.
    pub(super) fn all(&mut self) -> io::Result<Vec<NetDevice>> {
        let replies = self.call(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
        let link = |reply| match reply {
            RouteNetlinkMessage::NewLink(link) => Some(interface(link)),
            _ => None,
        };
        Ok(replies.into_iter().filter_map(link).collect())
    }

    /// Brings an interface up.
    pub(super) fn set_up(&mut self, index: u32) -> io::Result<()> {
        self.set_state(index, LinkFlags::Up)
    }

    /// Brings an interface down.
    pub(super) fn set_down(&mut self, index: u32) -> io::Result<()> {
        self.set_state(index, LinkFlags::empty())
    }

    fn set_state(&mut self, index: u32, state: LinkFlags) -> io::Result<()> {
        let mut message = link(index);
        message.header.flags = state;
        message.header.change_mask = LinkFlags::Up;
        self.call(RouteNetlinkMessage::SetLink(message), 0).map(drop)
    }

    /// Changes one thing of an interface: its name, its MTU or its namespace.
    pub(super) fn set(&mut self, index: u32, what: LinkAttribute) -> io::Result<()> {
        let mut message = link(index);
        message.attributes.push(what);
        self.call(RouteNetlinkMessage::SetLink(message), 0).map(drop)
    }

    /// Gives an interface an address, usable at once (IPv6 without duplicate address detection).
    pub(super) fn add_address(&mut self, index: u32, address: IpNet) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header = AddressHeader {
            family: family(address.addr()),
            prefix_len: address.prefix_len(),
            flags: AddressHeaderFlags::empty(),
            index,
            ..AddressHeader::default()
        };
        message.attributes =
            vec![AddressAttribute::Local(address.addr()), AddressAttribute::Address(address.addr())];
        if address.addr().is_ipv6() {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        self.call(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Deletes an interface; of a veth pair, both ends go.
    pub(super) fn delete(&mut self, index: u32) -> io::Result<()> {
        self.call(RouteNetlinkMessage::DelLink(link(index)), 0).map(drop)
    }

    /// Index of the interface that has this local address.
    pub(super) fn index_of(&mut self, local: IpAddr) -> io::Result<Option<u32>> {
        let dump = self.call(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        Ok(dump.into_iter().find_map(|reply| match reply {
            RouteNetlinkMessage::NewAddress(message) => {
                // On a point-to-point interface IFA_ADDRESS is the far end's; IPv6 sends no IFA_LOCAL otherwise.
                let own = |attribute: &AddressAttribute| match attribute {
                    AddressAttribute::Local(address) => Some((true, *address)),
                    AddressAttribute::Address(address) => Some((false, *address)),
                    _ => None,
                };
                let (_, address) = message.attributes.iter().filter_map(own).max_by_key(|(is, _)| *is)?;
                (address == local).then_some(message.header.index)
            }
            _ => None,
        }))
    }

    /// Index of the interface that traffic to this address leaves by.
    pub(super) fn index_towards(&mut self, remote: IpAddr) -> io::Result<Option<u32>> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: family(remote),
            destination_prefix_length: if remote.is_ipv4() { 32 } else { 128 },
            ..RouteHeader::default()
        };
        message.attributes = vec![RouteAttribute::Destination(match remote {
            IpAddr::V4(address) => RouteAddress::Inet(address),
            IpAddr::V6(address) => RouteAddress::Inet6(address),
        })];
        let replies = match self.call(RouteNetlinkMessage::GetRoute(message), 0) {
            Err(error) if error.raw_os_error() == Some(libc::ENETUNREACH) => return Ok(None),
            replies => replies?,
        };
        Ok(replies.into_iter().find_map(|reply| match reply {
            RouteNetlinkMessage::NewRoute(route) => {
                route.attributes.into_iter().find_map(|attribute| match attribute {
                    RouteAttribute::Oif(index) => Some(index),
                    _ => None,
                })
            }
            _ => None,
        }))
    }

    /// Sends one request and reads replies up to the acknowledgement, or to the end of a dump.
    pub(super) fn call(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut packet = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(request));
        packet.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        packet.header.sequence_number = self.sequence;
        packet.finalize();
        let mut buffer = vec![0; packet.buffer_len()];
        packet.serialize(&mut buffer);
        self.socket.send(&buffer, 0)?;

        let mut replies = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                // Messages are padded to four bytes; the last one need not be.
                let length = (reply.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
                if reply.header.sequence_number != self.sequence {
                    continue;
                }
                match reply.payload {
                    NetlinkPayload::Error(error) => match error.code {
                        Some(code) => return Err(io::Error::from_raw_os_error(-code.get())),
                        None => return Ok(replies),
                    },
                    NetlinkPayload::Done(_) => return Ok(replies),
                    NetlinkPayload::InnerMessage(message) => replies.push(message),
                    _ => {}
                }
            }
        }
    }
}

fn link(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

pub(super) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn interface(message: LinkMessage) -> NetDevice {
    let flags = message.header.flags;
    let mut found = NetDevice {
        index: message.header.index,
        is_up: flags.contains(LinkFlags::Up),
        is_loopback: flags.contains(LinkFlags::Loopback),
        ..NetDevice::default()
    };
    let (mut is_elsewhere, mut state, mut permanent) = (false, State::Down, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.name = name,
            LinkAttribute::Mtu(mtu) => found.mtu = Some(mtu),
            LinkAttribute::Controller(index) => found.controller = Some(index),
            LinkAttribute::Link(index) => found.far_end = Some(index),
            LinkAttribute::LinkNetNsId(_) => is_elsewhere = true,
            LinkAttribute::OperState(now) => state = now,
            LinkAttribute::Xdp(told) => found.xdp = xdp(&told),
            LinkAttribute::Address(address) => found.link_layer_address = address,
            LinkAttribute::PermAddress(address) => permanent = Some(address),
            LinkAttribute::NetnsImmutable(is) => found.is_bound_to_netns = is,
            LinkAttribute::LinkInfo(infos) => {
                found.kind = infos.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    found.is_ready = state == State::Up;
    found.has_carrier =
        found.is_ready || state == State::Unknown && flags.contains(LinkFlags::Up | LinkFlags::LowerUp);
    found.peer = found.far_end.filter(|_| !is_elsewhere);
    found.hardware_address = permanent.unwrap_or_else(|| found.link_layer_address.clone());
    found
}

/// Where the XDP programs of an interface run, in one word or several with `+` between them.
fn xdp(told: &[LinkXdp]) -> Option<String> {
    let attached = told.iter().find_map(|one| match one {
        LinkXdp::Attached(attached) => Some(*attached),
        _ => None,
    })?;
    let modes: Vec<XdpMode> = match attached {
        XdpAttached::None => return Some("none".to_owned()),
        XdpAttached::Driver => vec![XdpMode::Driver],
        XdpAttached::SocketBuffer => vec![XdpMode::Generic],
        XdpAttached::Hardware => vec![XdpMode::Offload],
        _ => {
            let mode = |one: &LinkXdp| match one {
                LinkXdp::DrvProgId(_) => Some(XdpMode::Driver),
                LinkXdp::SkbProgId(_) => Some(XdpMode::Generic),
                LinkXdp::HwProgId(_) => Some(XdpMode::Offload),
                _ => None,
            };
            told.iter().filter_map(mode).collect()
        }
    };
    let words: Vec<&str> = modes.into_iter().map(XdpMode::word).collect();
    (!words.is_empty()).then(|| words.join("+"))
}
