//! Who is at the far end: said once and for good, so that no end has to ask.
//!
//! A neighbour that ARP (or IPv6's discovery) found is asked for again while it is in use, some seconds after the
//! last answer: packets that are nobody's payload, and timers and a longer way for those that are, somewhere in a
//! window. On a link of two ends the answer is known when it is made.

use anyhow::{Context, Result};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAttribute, NeighbourHeader, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;

use super::pair::PairEnd;
use super::rtnl::{NetDevice, family};

/// Tells an end of a link for good who is at the far one.
///
/// # Errors
/// When CAP_NET_ADMIN is missing, or an interface is gone.
pub(super) fn introduce(end: &mut PairEnd<'_>, far: &mut PairEnd<'_>) -> Result<()> {
    let (here, there) = (interface(end)?, interface(far)?);
    // A link whose ends have no addresses of their own asks for none.
    if there.link_layer_address.is_empty() {
        return Ok(());
    }
    let address = far.address.addr();
    let mut message = NeighbourMessage::default();
    message.header = NeighbourHeader {
        family: family(address),
        ifindex: here.index,
        state: NeighbourState::Permanent,
        kind: RouteType::Unicast,
        ..NeighbourHeader::default()
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(address.into()),
        NeighbourAttribute::LinkLayerAddress(there.link_layer_address),
    ];
    let told = end.rtnl.call(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE);
    told.map(drop).with_context(|| format!("cannot tell {} its neighbour {address}", end.name))
}

fn interface(end: &mut PairEnd<'_>) -> Result<NetDevice> {
    end.rtnl.by_name(end.name)?.with_context(|| format!("{} has vanished", end.name))
}
