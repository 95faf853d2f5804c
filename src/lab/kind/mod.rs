//! Kinds of lab: one file each and one line in [`REGISTRY`].
//!
//! A command in a virtual machine makes its lab in there, and agents in containers are reached by address, whether a
//! bridge joins them or a direct pair: neither is a kind of its own.

mod interfaces;
mod loopback;
mod netns;
mod remote;

use std::net::IpAddr;

use super::Lab;
use crate::agent::handshake::Token;
use crate::cell::Wire;
use crate::options::LinkOptions;
pub use remote::dial;

/// What a lab is made from: what the flags and the grid say.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// What is asked of the link that the lab makes, or of the interfaces that it borrows.
    pub link: LinkOptions,
    /// The wires that somebody named, and the sender's address on each where it is not that of its agent.
    pub wires: Vec<(Wire, Option<IpAddr>)>,
    /// The agents, where they run already.
    pub agents: Option<Agents>,
}

/// Agents that run already.
#[derive(Clone, Debug)]
pub struct Agents {
    /// The sender's, HOST:PORT.
    pub sender: String,
    /// The receiver's; absent: the coordinator starts one of its own.
    pub receiver: Option<String>,
    /// The token that they were started with.
    pub token: Token,
}

/// One kind of lab, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids and manifests, and of the flag `--lab`.
    pub name: &'static str,
    /// One line: where the agents are and what joins them.
    pub about: &'static str,
    /// The wires that it can have.
    pub wires: &'static [Wire],
    /// What ends its agents and takes away what was made, however the coordinator ends.
    pub guard: &'static str,
    /// Whether interfaces of this host can be lent to it.
    pub borrows: bool,
    /// The wire of cells that name none, before the lab is made.
    pub first_wire: fn(&Site) -> anyhow::Result<Wire>,
    /// Makes the lab. Nothing is left when that fails.
    pub make: fn(&Site) -> anyhow::Result<Lab>,
}

/// The lab of a command that names none.
pub const DEFAULT: &Entry = &netns::ENTRY;

/// The lab of agents that are reached by address.
pub const REMOTE: &Entry = &remote::ENTRY;

/// Every lab: a new one is a new file and one line here.
pub const REGISTRY: &[Entry] = &[netns::ENTRY, loopback::ENTRY, remote::ENTRY];

/// The lab on this machine of this name.
///
/// # Errors
/// One sentence that lists the names there are.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    let mut here = REGISTRY.iter().filter(|entry| entry.name != REMOTE.name);
    here.clone().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = here.by_ref().map(|entry| entry.name).collect();
        format!("`{name}` is not one of {}", names.join(", "))
    })
}

impl Site {
    /// The wires by name alone, for a lab on this machine, which has addresses of its own.
    fn wires_here(&self) -> Result<Vec<Wire>, String> {
        let here = |&(wire, address): &(Wire, Option<IpAddr>)| match address {
            None => Ok(wire),
            Some(_) => Err(format!(
                "--wire {wire}=ADDR is for agents that --sender names; a lab on this machine has its own"
            )),
        };
        self.wires.iter().map(here).collect()
    }
}
