//! remote: agents that are reached by address: containers, other hosts, a cluster.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Entry, Site};
use crate::agent::handshake::Token;
use crate::agent::serve::keep_alive;
use crate::cell::Wire;
use crate::channel::{Sender, channel};
use crate::exit::UsageError;
use crate::lab::child::spawn;
use crate::lab::peer::{Heard, Peer};
use crate::lab::{Lab, Side};
use crate::options::LinkOptions;

const CONNECT: Duration = Duration::from_secs(5);

pub(super) const ENTRY: Entry = Entry {
    name: "remote",
    about: "agents that run already, reached by address: containers, other hosts",
    wires: &[Wire::Loopback, Wire::Veth, Wire::Bridge, Wire::Overlay, Wire::Nic],
    guard: "the agents are others' children; a session ends with its connection",
    borrows: false,
    first_wire: |site| site.wires.first().map_or(Wire::Veth, |&(wire, _)| wire),
    make,
};

fn make(site: &Site) -> anyhow::Result<Lab> {
    let Some(agents) = &site.agents else { bail!("no agent is named; give one with --sender") };
    if site.link != LinkOptions::default() {
        let what = "`link` is for a lab that makes its own link; with --sender the link is there already";
        return Err(UsageError(what.to_owned()).into());
    }
    if let Some((wire, _)) = site.wires.iter().find(|(wire, _)| !ENTRY.wires.contains(wire)) {
        let what = format!("the wire {wire} is made by a lab on this machine; leave --sender out");
        return Err(UsageError(what).into());
    }
    let (heard, replies) = channel();
    let (sender, at) = connect(Side::Sender, &agents.sender, &agents.token, heard.clone())?;
    let receiver = match &agents.receiver {
        Some(address) => connect(Side::Receiver, address, &agents.token, heard)?.0,
        None => spawn(Side::Receiver, &[], heard)?,
    };
    let route = |&(wire, address): &(Wire, Option<IpAddr>)| (Some(wire), address.unwrap_or(at.ip()));
    let mut routes: Vec<_> = site.wires.iter().map(route).collect();
    for (index, (wire, _)) in site.wires.iter().enumerate() {
        if site.wires[..index].iter().any(|(earlier, _)| earlier == wire) {
            bail!(
                "--wire {wire} is given twice, and the rows name a wire by that word alone; give each once"
            );
        }
    }
    if routes.is_empty() {
        routes.push((None, at.ip()));
    }
    Lab::of(ENTRY.name, [sender, receiver], replies, &routes, ())
}

fn connect(
    side: Side,
    address: &str,
    token: &Token,
    heard: Sender<(Side, Heard)>,
) -> anyhow::Result<(Peer, SocketAddr)> {
    let candidates = address
        .to_socket_addrs()
        .with_context(|| format!("--{side} {address}: no such address; write HOST:PORT"))?;
    let mut last = None;
    for candidate in candidates {
        match dial(candidate) {
            Ok(socket) => {
                let peer = Peer::new(side, socket, address.to_owned(), token, None, heard)
                    .map_err(|why| anyhow::anyhow!("the {side} agent at {address}: {why}"))?;
                return Ok((peer, candidate));
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => bail!(
            "the {side} agent at {address} cannot be reached: {error}; does `copycost agent` run there?"
        ),
        None => bail!("--{side} {address}: no such address"),
    }
}

/// Connects to an agent's port, within seconds or not at all.
pub fn dial(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.connect_timeout(&address.into(), CONNECT)?;
    keep_alive(&socket);
    Ok(socket)
}
