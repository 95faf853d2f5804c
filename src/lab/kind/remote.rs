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
    let Some(agents) = &site.agents else { bail!("no agent is named; give one with --sender or --receiver") };
    if site.link != LinkOptions::default() {
        let what =
            "`link` is for a lab that makes its own link; with agents that run already the link is there";
        return Err(UsageError(what.to_owned()).into());
    }
    if let Some((wire, _)) = site.wires.iter().find(|(wire, _)| !ENTRY.wires.contains(wire)) {
        let what =
            format!("the wire {wire} is made by a lab on this machine; leave --sender and --receiver out");
        return Err(UsageError(what).into());
    }
    let (heard, replies) = channel();
    let reach = |side, address: &Option<String>| match address {
        Some(address) => {
            let (peer, there, here) = connect(side, address, &agents.token, heard.clone())?;
            anyhow::Ok((peer, Some((there, here))))
        }
        None => Ok((spawn(side, &[], heard.clone())?, None)),
    };
    let (sender, to_sender) = reach(Side::Sender, &agents.sender)?;
    let (receiver, to_receiver) = reach(Side::Receiver, &agents.receiver)?;
    // A sender of our own is where the receiver's host sees us.
    let at = to_sender.map(|(there, _)| there).or(to_receiver.map(|(_, here)| here));
    let Some(at) = at else { bail!("no agent is named; give one with --sender or --receiver") };
    let route = |&(wire, address): &(Wire, Option<IpAddr>)| (Some(wire), address.unwrap_or(at));
    let mut routes: Vec<_> = site.wires.iter().map(route).collect();
    for (index, (wire, _)) in site.wires.iter().enumerate() {
        if site.wires[..index].iter().any(|(earlier, _)| earlier == wire) {
            bail!(
                "--wire {wire} is given twice, and the rows name a wire by that word alone; give each once"
            );
        }
    }
    if routes.is_empty() {
        routes.push((None, at));
    }
    Lab::of(ENTRY.name, [sender, receiver], replies, &routes, ())
}

/// The agent, its address, and ours as it sees it.
fn connect(
    side: Side,
    address: &str,
    token: &Token,
    heard: Sender<(Side, Heard)>,
) -> anyhow::Result<(Peer, IpAddr, IpAddr)> {
    let candidates = address
        .to_socket_addrs()
        .with_context(|| format!("--{side} {address}: no such address; write HOST:PORT"))?;
    let mut last = None;
    for candidate in candidates {
        match dial(candidate) {
            Ok(socket) => {
                let here = socket.local_addr().ok().and_then(|here| here.as_socket());
                let here = here.context("the connection has no address")?.ip();
                let peer = Peer::new(side, socket, address.to_owned(), token, None, heard)
                    .map_err(|why| anyhow::anyhow!("the {side} agent at {address}: {why}"))?;
                return Ok((peer, candidate.ip(), here));
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
