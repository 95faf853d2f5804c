//! loopback: two processes on 127.0.0.1.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::channel;

use super::{Entry, Site};
use crate::cell::Wire;
use crate::exit::UsageError;
use crate::lab::child::spawn;
use crate::lab::{Lab, Side};
use crate::options::LinkOptions;

pub(super) const ENTRY: Entry = Entry {
    name: "loopback",
    about: "two processes on 127.0.0.1",
    wires: &[Wire::Loopback],
    guard: "the agents end when the coordinator's end of their socket closes",
    borrows: false,
    first_wire: |_| Ok(Wire::Loopback),
    make,
};

fn make(site: &Site) -> anyhow::Result<Lab> {
    if site.link != LinkOptions::default() {
        let what = "the loopback lab makes no link: drop `link` and --interfaces, or use --lab netns";
        return Err(UsageError(what.to_owned()).into());
    }
    let wires = site.wires_here().map_err(UsageError)?;
    if !wires.is_empty() && !wires.contains(&Wire::Loopback) {
        let what = format!(
            "the wire is said to be {}, but the loopback lab has only loopback; use --lab netns",
            wires[0]
        );
        return Err(UsageError(what).into());
    }
    let (heard, replies) = channel();
    let sender = spawn(Side::Sender, &[], heard.clone())?;
    let receiver = spawn(Side::Receiver, &[], heard)?;
    let route = (Some(Wire::Loopback), IpAddr::V4(Ipv4Addr::LOCALHOST));
    Lab::of(ENTRY.name, [sender, receiver], replies, &[route], None)
}
