//! loopback: two processes on 127.0.0.1.

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
    about: "two processes on 127.0.0.1",
    wires: &[Wire::Loopback],
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
    site.wires_here().and_then(|wanted| ENTRY.check(&wanted)).map_err(UsageError)?;
    let (heard, replies) = channel();
    let sender = spawn(Side::Sender, &[], heard.clone())?;
    let receiver = spawn(Side::Receiver, &[], heard)?;
    let route = (Some(Wire::Loopback), IpAddr::V4(Ipv4Addr::LOCALHOST));
    Lab::of(ENTRY.name, [sender, receiver], replies, &[route], ())
}
