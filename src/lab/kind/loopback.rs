//! loopback: two processes of one host, joined by 127.0.0.1, or by Unix-domain sockets, which show what is left without
//! TCP.

use std::net::{IpAddr, Ipv4Addr};

use super::{DEFAULT, Entry, Site};
use crate::cell::Wire;
use crate::channel::channel;
use crate::exit::UsageError;
use crate::lab::child::spawn;
use crate::lab::{Lab, Side};
use crate::options::LinkOptions;

pub(super) const ENTRY: Entry = Entry {
    name: "loopback",
    about: "two processes on 127.0.0.1, or joined by Unix-domain sockets",
    wires: &[Wire::Loopback, Wire::Unix],
    guard: "the agents end when the coordinator's end of their socket closes",
    borrows: false,
    first_wire: |_| Wire::Loopback,
    make,
};

fn make(site: &Site) -> anyhow::Result<Lab> {
    if site.link != LinkOptions::default() {
        let what = format!(
            "the loopback lab makes no link: drop `link` and --interfaces, or use --lab {}",
            DEFAULT.name
        );
        return Err(UsageError(what).into());
    }
    let mut wires = site.wires_here().map_err(UsageError)?;
    ENTRY.check(&wires).map_err(UsageError)?;
    wires.retain(|wire| ENTRY.wires.contains(wire));
    if wires.is_empty() {
        wires.push((ENTRY.first_wire)(site));
    }
    let (heard, replies) = channel();
    let sender = spawn(Side::Sender, &[], heard.clone())?;
    let receiver = spawn(Side::Receiver, &[], heard)?;
    let route = |wire| (Some(wire), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let routes: Vec<_> = wires.into_iter().map(route).collect();
    Lab::of(ENTRY.name, [sender, receiver], replies, &routes, ())
}
