//! The addresses of a link on which frames are written by hand.

use std::net::IpAddr;

use anyhow::{Context, Result};
use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};

use super::rtnl::Rtnl;

/// An Ethernet interface, and who is at its far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ethernet {
    /// The interface's name in the namespace that the calling thread is in.
    pub(crate) name: String,
    /// Its index there.
    pub(crate) index: u32,
    /// Its own address.
    pub(crate) ours: [u8; 6],
    /// The address of the far end.
    pub(crate) theirs: [u8; 6],
}

impl Ethernet {
    /// The interface that leads to a neighbour, whose address the neighbour table has.
    ///
    /// # Errors
    /// When there is no such interface or entry, or netlink does not answer.
    pub(crate) fn towards(neighbour: IpAddr) -> Result<Self> {
        let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
        let index =
            rtnl.index_towards(neighbour)?.with_context(|| format!("there is no route to {neighbour}"))?;
        let found = rtnl.by_index(index)?.context("the interface has vanished")?;
        let theirs = known(&mut rtnl, index, neighbour)?
            .with_context(|| format!("the neighbour table of {} lacks {neighbour}", found.name))?;
        let ours = found.link_layer_address.try_into();
        let ours = ours.map_err(|_| anyhow::anyhow!("{} is no Ethernet interface", found.name))?;
        Ok(Self { name: found.name, index, ours, theirs })
    }
}

/// The link-layer address that the neighbour table has.
fn known(rtnl: &mut Rtnl, index: u32, neighbour: IpAddr) -> Result<Option<[u8; 6]>> {
    let table = rtnl
        .call(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()), NLM_F_DUMP)
        .context("neighbours")?;
    let wanted = NeighbourAddress::from(neighbour);
    Ok(table.into_iter().find_map(|reply| match reply {
        RouteNetlinkMessage::NewNeighbour(entry) if entry.header.ifindex == index => {
            let is_it = entry.attributes.contains(&NeighbourAttribute::Destination(wanted.clone()));
            entry.attributes.into_iter().filter(|_| is_it).find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(address) => address.try_into().ok(),
                _ => None,
            })
        }
        _ => None,
    }))
}
