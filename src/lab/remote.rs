//! Labs whose agents are reached by address: containers, other hosts, a cluster.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};

use super::Lab;
use super::local::spawn;
use super::peer::{Heard, Peer, Side};
use crate::agent::handshake::Token;
use crate::agent::serve::keep_alive;
use crate::cell::Wire;

const CONNECT: Duration = Duration::from_secs(5);

/// Where the agents of a remote lab are.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The sender's agent, `host:port`.
    pub sender: String,
    /// The receiver's; absent: the coordinator starts one of its own.
    pub receiver: Option<String>,
    /// What the user says joins them, and the sender's address on it; absent: the address of its agent. Empty:
    /// whatever the interfaces show.
    pub wires: Vec<(Wire, Option<IpAddr>)>,
}

impl Lab {
    /// Connects to agents that run already.
    ///
    /// # Errors
    /// When one cannot be reached, or does not accept the token.
    pub fn remote(addresses: &Addresses, token: &Token) -> anyhow::Result<Self> {
        let (heard, replies) = channel();
        let (sender, at) = connect(Side::Sender, &addresses.sender, token, heard.clone())?;
        let receiver = match &addresses.receiver {
            Some(address) => connect(Side::Receiver, address, token, heard)?.0,
            None => spawn(Side::Receiver, &[], heard)?,
        };
        let mut routes: Vec<_> =
            addresses.wires.iter().map(|&(wire, address)| (Some(wire), address.unwrap_or(at.ip()))).collect();
        for (index, (wire, _)) in addresses.wires.iter().enumerate() {
            if addresses.wires[..index].iter().any(|(earlier, _)| earlier == wire) {
                bail!("--wire {wire} is given twice, and rows tell wires apart by that word; give each once");
            }
        }
        if routes.is_empty() {
            routes.push((None, at.ip()));
        }
        Self::of("remote", [sender, receiver], replies, &routes, None)
    }
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
///
/// # Errors
/// Those of connect(2).
pub fn dial(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.connect_timeout(&address.into(), CONNECT)?;
    keep_alive(&socket);
    Ok(socket)
}
