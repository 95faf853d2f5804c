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
use crate::options::{LinkOptions, parse_interfaces};
use crate::spelling;
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
    /// The sender's, HOST:PORT; absent, here as below: the coordinator starts one of its own.
    pub sender: Option<String>,
    /// The receiver's.
    pub receiver: Option<String>,
    /// The token that they were started with.
    pub token: Token,
}

/// The variable that names the interfaces to be lent where the wire is to be a nic and nothing else names them.
pub(crate) const INTERFACES: &str = "COPYCOST_INTERFACES";

/// One kind of lab, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids and manifests, and of the flag `--lab`.
    pub name: &'static str,
    /// One line: where the agents are and what joins them.
    pub about: &'static str,
    /// The wires that it has without anything being lent to it; the first is what cells get that name none.
    pub wires: &'static [Wire],
    /// What ends its agents and takes away what was made, however the coordinator ends.
    pub guard: &'static str,
    /// Whether interfaces of this host can be lent to it, and its wire then is what they are.
    pub borrows: bool,
    /// The wire of cells that name none, before the lab is made.
    pub first_wire: fn(&Site) -> Wire,
    /// Makes the lab. Nothing is left when that fails.
    pub make: fn(&Site) -> anyhow::Result<Lab>,
}

/// The lab of a command that names none.
pub const DEFAULT: &Entry = &netns::ENTRY;

/// The lab of agents that are reached by address.
pub const REMOTE: &Entry = &remote::ENTRY;

/// Every lab: a new one is a new file and one line here.
pub const REGISTRY: &[Entry] = &[netns::ENTRY, loopback::ENTRY, remote::ENTRY];

/// The labs on this machine.
pub fn here() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.iter().filter(|entry| entry.name != REMOTE.name)
}

/// The lab on this machine of this name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    here().find(|entry| entry.name == name).ok_or_else(|| {
        let known: Vec<_> = here().map(|entry| entry.name).collect();
        spelling::not_one_of(name, known)
    })
}

impl Entry {
    /// Whether a wire can be had here, if need be over interfaces that are lent.
    fn can_have(&self, wire: Wire) -> bool {
        self.wires.contains(&wire) || self.borrows && wire == Wire::Nic
    }

    /// Whether one of these wires is to be had only over interfaces that are lent.
    fn must_borrow(&self, wanted: &[Wire]) -> bool {
        self.borrows && wanted.contains(&Wire::Nic)
    }

    /// The interfaces that the environment lends for these wires.
    ///
    /// # Errors
    /// When they are needed, and what the variable holds are no two names.
    pub fn lent_by_environment(&self, wanted: &[Wire]) -> Result<Option<[String; 2]>, String> {
        let text = std::env::var(INTERFACES).ok().filter(|text| !text.is_empty() && self.must_borrow(wanted));
        text.map(|text| parse_interfaces(&text).map_err(|what| format!("{INTERFACES}: {what}"))).transpose()
    }

    /// Whether the wires that it has will do for those that somebody named.
    fn check(&self, wanted: &[Wire]) -> Result<(), String> {
        let has = |wire: &Wire| self.wires.contains(wire);
        match wanted {
            [] => Ok(()),
            _ if self.must_borrow(wanted) => Err(
                "a lab on this machine has a nic wire only over two interfaces of yours that are joined: name them, as \
                 --interfaces ens1f0,ens1f1 or link: {interfaces: [ens1f0, ens1f1]}"
                    .to_owned(),
            ),
            _ if wanted.iter().any(has) => Ok(()),
            [first, ..] => {
                let wires: Vec<&str> = self.wires.iter().map(|wire| wire.word()).collect();
                let remedy = match here().find(|other| other.can_have(*first)) {
                    Some(other) => format!("use --lab {}", other.name),
                    None => "reach agents at its ends with --sender and --receiver, or leave the word out".to_owned(),
                };
                Err(format!(
                    "the wire is said to be {first}, but the {} lab has only {}; {remedy}",
                    self.name,
                    wires.join(" and ")
                ))
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_lab_says_what_it_is() {
        for (place, entry) in REGISTRY.iter().enumerate() {
            assert!(REGISTRY[..place].iter().all(|other| other.name != entry.name), "{}", entry.name);
            assert!(!entry.about.is_empty() && !entry.guard.is_empty() && !entry.wires.is_empty());
        }
    }

    #[test]
    fn a_lab_does_for_its_own_wires_and_else_names_the_one_that_has_them() {
        for entry in here() {
            assert_eq!(entry.check(&[]), Ok(()));
            assert_eq!(entry.check(&[Wire::Bridge, entry.wires[0]]), Ok(()));
            assert!(entry.check(&[Wire::Overlay]).unwrap_err().contains("overlay"));
        }
        let netns = find("netns").unwrap();
        assert!(netns.check(&[Wire::Veth, Wire::Nic]).unwrap_err().contains("--interfaces"));
        assert!(
            netns
                .check(&[Wire::Loopback])
                .unwrap_err()
                .ends_with("has only veth and sink; use --lab loopback")
        );
        for wire in [Wire::Veth, Wire::Nic] {
            assert!(find("loopback").unwrap().check(&[wire]).unwrap_err().ends_with("use --lab netns"));
        }
        assert!(netns.check(&[Wire::Bridge]).unwrap_err().contains("--sender"));
    }
}
