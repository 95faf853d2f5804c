//! netns: two processes in network namespaces of their own, joined by a veth pair.
//!
//! The namespaces have no name: they live as long as the agents do, and the agents end when the
//! coordinator's end of their socket is closed, by whatever signal. Nothing can be left behind.

use anyhow::Context;
use ipnet::IpNet;

use super::{Entry, Site, interfaces};
use crate::cell::Wire;
use crate::channel::channel;
use crate::exit::UsageError;
use crate::lab::child::{LINK_PATIENCE, run_link, spawn};
use crate::lab::peer::{Peer, Replies};
use crate::lab::wires::WireAddress;
use crate::lab::{Lab, Side};
use crate::link::pair;
use crate::options::LinkOptions;

pub(super) const ENTRY: Entry = Entry {
    name: "netns",
    about: "two network namespaces joined by a veth pair, which is also a sink, or by interfaces of this host that are \
            joined",
    wires: &[Wire::Veth, Wire::Sink],
    guard: "namespaces and the veth pair live as long as the agents, and these as long as the coordinator's end of \
            their socket; a journal gives back borrowed interfaces",
    borrows: true,
    first_wire: |site| match &site.link.interfaces {
        None => Wire::Veth,
        Some(names) => interfaces::wire(names),
    },
    make,
};

fn make(site: &Site) -> anyhow::Result<Lab> {
    let wanted = site.wires_here().map_err(UsageError)?;
    if let Some(names) = &site.link.interfaces {
        return interfaces::make(names, &site.link, &wanted);
    }
    ENTRY.check(&wanted).map_err(UsageError)?;
    let (agents, replies) = agents()?;
    join(pids(&agents), &site.link, None)?;
    Lab::of(ENTRY.name, agents, replies, &over_pair(&wanted, pair::DEFAULT_SENDER), ())
}

/// The ways over a veth pair: as a veth wire, as a sink, whose receiving end drops what arrives, or as both.
pub(super) fn over_pair(wanted: &[Wire], sender: IpNet) -> Vec<WireAddress> {
    let own = wanted.iter().filter(|wire| ENTRY.wires.contains(wire)).copied();
    let wires: Vec<Wire> = if wanted.is_empty() { vec![ENTRY.wires[0]] } else { own.collect() };
    wires.into_iter().map(|wire| (Some(wire), sender.addr())).collect()
}

/// The two agents, each in a namespace of its own that nothing joins yet.
pub(super) fn agents() -> anyhow::Result<([Peer; 2], Replies)> {
    let (heard, replies) = channel();
    let sender = spawn(Side::Sender, &["--netns"], heard.clone())?;
    let first = sender.welcome.pid.to_string();
    let receiver = spawn(Side::Receiver, &["--netns", "--beside", &first], heard)?;
    Ok(([sender, receiver], replies))
}

/// The process ids of the sender's and the receiver's agent.
pub(super) fn pids(agents: &[Peer; 2]) -> [u32; 2] {
    agents.each_ref().map(|agent| agent.welcome.pid)
}

/// Joins the agents' namespaces by a veth pair.
pub(super) fn join(
    agents: [u32; 2],
    link: &LinkOptions,
    addresses: Option<[IpNet; 2]>,
) -> anyhow::Result<()> {
    let mut words = vec!["create".to_owned()];
    for (end, pid) in ["sender", "receiver"].into_iter().zip(agents) {
        words.extend([format!("--{end}-pid"), pid.to_string()]);
    }
    for (end, address) in ["sender", "receiver"].into_iter().zip(addresses.into_iter().flatten()) {
        words.extend([format!("--{end}-addr"), address.to_string()]);
    }
    words.extend(settings(link));
    run_link(words, LINK_PATIENCE).context("joining the two namespaces")
}

pub(super) fn settings(link: &LinkOptions) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(mtu) = link.mtu {
        words.extend(["--mtu".to_owned(), mtu.to_string()]);
    }
    for (name, on) in &link.offloads {
        words.extend(["--offload".to_owned(), format!("{name}={}", if *on { "on" } else { "off" })]);
    }
    if let Some(netem) = &link.netem {
        let json = serde_json::to_string(netem).expect("numbers alone");
        words.extend(["--netem".to_owned(), json]);
    }
    words
}
