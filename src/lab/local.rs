//! Labs on this machine: two child processes, on loopback or in two network namespaces of their own.
//!
//! The namespaces have no name: they live as long as the agents do, and the agents end when the
//! coordinator's end of their socket is closed, by whatever signal. Nothing can be left behind.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};

use anyhow::{Context, bail};
use ipnet::IpNet;

use super::Lab;
use super::peer::{Heard, Peer, Side};
use crate::agent::handshake::Token;
use crate::cell::Wire;
use crate::exit::UsageError;
use crate::grid::{LabKind, LinkOptions};
use crate::link::{Borrowed, Loan, Reading, pair};

/// This program, whatever has become of its file.
fn this_program(arguments: &[String]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("copycost").args(arguments);
    command
}

/// Starts an agent as a child, with its end of a socket pair as standard input.
pub(super) fn spawn(side: Side, arguments: &[&str], heard: Sender<(Side, Heard)>) -> anyhow::Result<Peer> {
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    let mut words = vec!["agent".to_owned(), "--inherited".to_owned()];
    words.extend(arguments.iter().map(|&word| word.to_owned()));
    let child = this_program(&words)
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        // Ctrl-C on the terminal is for the coordinator, which lets the row in hand be finished.
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting the {side} agent"))?;
    Peer::new(side, ours.into(), "child".to_owned(), &Token::default(), Some(child), heard)
        .map_err(|why| anyhow::anyhow!("the {side} agent: {why}"))
}

impl Lab {
    /// Makes a lab on this machine. `link` is for the one that makes a link, or borrows interfaces for it; `wanted`
    /// are the wires that somebody named.
    ///
    /// # Errors
    /// When the agents or the link cannot be made; nothing is left then.
    pub fn local(kind: LabKind, link: &LinkOptions, wanted: &[Wire]) -> anyhow::Result<Self> {
        match kind {
            LabKind::Loopback => Self::loopback(),
            LabKind::Netns => Self::netns(link, wanted),
        }
    }

    fn loopback() -> anyhow::Result<Self> {
        let (heard, replies) = channel();
        let sender = spawn(Side::Sender, &[], heard.clone())?;
        let receiver = spawn(Side::Receiver, &[], heard)?;
        let route = (Some(Wire::Loopback), IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self::of(LabKind::Loopback.word(), [sender, receiver], replies, &[route], None)
    }

    fn netns(link: &LinkOptions, wanted: &[Wire]) -> anyhow::Result<Self> {
        let loan = link.interfaces.as_ref().map(Loan::of).transpose()?;
        let wires = netns_wires(loan.as_ref().map(|loan| &loan.reading), wanted).map_err(UsageError)?;
        // Interfaces that no named wire goes over are left where they are.
        let loan = loan.filter(|loan| wires.contains(&loan.reading.wire));
        let (heard, replies) = channel();
        let sender = spawn(Side::Sender, &["--netns"], heard.clone())?;
        let first = sender.welcome.pid.to_string();
        let receiver = spawn(Side::Receiver, &["--netns", "--beside", &first], heard)?;
        let agents = [sender.welcome.pid, receiver.welcome.pid];
        let Some(loan) = loan else {
            join(agents, link, None)?;
            let route = (Some(Wire::Veth), pair::DEFAULT_SENDER.addr());
            return Self::of(LabKind::Netns.word(), [sender, receiver], replies, &[route], None);
        };
        let own = loan.reading.wire;
        let borrowed = loan.take(agents, give_back)?;
        adopt(&borrowed, link)?;
        let mut routes = Vec::new();
        for wire in wires {
            let address = if wire == own { pair::DEFAULT_SENDER } else { pair::BESIDE_SENDER };
            if wire != own {
                join(agents, link, Some([pair::BESIDE_SENDER, pair::BESIDE_RECEIVER]))?;
            }
            routes.push((Some(wire), address.addr()));
        }
        Self::of(LabKind::Netns.word(), [sender, receiver], replies, &routes, Some(borrowed))
    }
}

/// The wires that a netns lab gets: what the interfaces are, and a veth pair where that is named beside it, or where
/// there are no interfaces.
fn netns_wires(interfaces: Option<&Reading>, wanted: &[Wire]) -> Result<Vec<Wire>, String> {
    let Some(Reading { wire: own, what, .. }) = interfaces else {
        return match wanted {
            [] => Ok(vec![Wire::Veth]),
            _ if wanted.contains(&Wire::Nic) => Err(
                "a lab on this machine has a nic wire only over two interfaces of yours that are joined: name them, as \
                 --interfaces ens1f0,ens1f1 or link: {interfaces: [ens1f0, ens1f1]}"
                    .to_owned(),
            ),
            _ if wanted.contains(&Wire::Veth) => Ok(vec![Wire::Veth]),
            [first, ..] => Err(format!(
                "the wire is said to be {first}, and the netns lab makes a veth pair; reach agents at its ends with \
                 --sender and --receiver, or leave the word out"
            )),
        };
    };
    if wanted.is_empty() {
        return Ok(vec![*own]);
    }
    match wanted.iter().find(|&wire| wire != own && *wire != Wire::Veth) {
        Some(other) => Err(format!("the wire is said to be {other}, but {what}: call it {own}")),
        None => Ok(wanted.to_vec()),
    }
}

/// Joins the agents' namespaces by a veth pair.
fn join(agents: [u32; 2], link: &LinkOptions, addresses: Option<[IpNet; 2]>) -> anyhow::Result<()> {
    let mut words = vec!["create".to_owned()];
    for (end, pid) in ["sender", "receiver"].into_iter().zip(agents) {
        words.extend([format!("--{end}-pid"), pid.to_string()]);
    }
    for (end, address) in ["sender", "receiver"].into_iter().zip(addresses.into_iter().flatten()) {
        words.extend([format!("--{end}-addr"), address.to_string()]);
    }
    words.extend(settings(link));
    run_link(words).context("joining the two namespaces")
}

/// Makes borrowed interfaces, in the agents' namespaces by now, the ends of a wire.
fn adopt(borrowed: &Borrowed, link: &LinkOptions) -> anyhow::Result<()> {
    let mut words = vec!["create".to_owned(), "--existing".to_owned()];
    words.extend(ends(borrowed));
    words.extend(settings(link));
    run_link(words).context("joining the two namespaces")
}

/// Moves borrowed interfaces back into the coordinator's namespace.
fn give_back(borrowed: &Borrowed) -> anyhow::Result<()> {
    let mut words = vec!["give-back".to_owned()];
    words.extend(ends(borrowed));
    run_link(words).context("giving the interfaces back")
}

fn ends(borrowed: &Borrowed) -> Vec<String> {
    let mut words = Vec::new();
    let ends = borrowed.names().iter().zip(borrowed.namespaces());
    for (end, (name, namespace)) in ["sender", "receiver"].into_iter().zip(ends) {
        words.extend([
            format!("--{end}-ns"),
            namespace.display().to_string(),
            format!("--{end}-name"),
            name.clone(),
        ]);
    }
    words
}

fn settings(link: &LinkOptions) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(mtu) = link.mtu {
        words.extend(["--mtu".to_owned(), mtu.to_string()]);
    }
    for (name, on) in &link.offloads {
        words.extend(["--offload".to_owned(), format!("{name}={}", if *on { "on" } else { "off" })]);
    }
    words
}

/// Runs `copycost link` in a process of its own: it must enter both namespaces.
fn run_link(arguments: Vec<String>) -> anyhow::Result<()> {
    let words: Vec<String> = std::iter::once("link".to_owned()).chain(arguments).collect();
    // Ctrl-C on the terminal is for the coordinator: half a link is none.
    let output = this_program(&words).stdin(Stdio::null()).process_group(0).output();
    let output = output.context("starting `copycost link`")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{}", said.trim().trim_start_matches("copycost: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_are_what_the_interfaces_are_and_a_pair_beside_them() {
        let cards = Reading { wire: Wire::Nic, possible: &[Wire::Nic], what: "two cards".to_owned() };
        let of = |wanted: &[Wire]| netns_wires(Some(&cards), wanted);
        assert_eq!(of(&[]), Ok(vec![Wire::Nic]));
        assert_eq!(of(&[Wire::Nic]), Ok(vec![Wire::Nic]));
        assert_eq!(of(&[Wire::Veth]), Ok(vec![Wire::Veth]));
        assert_eq!(of(&[Wire::Veth, Wire::Nic]), Ok(vec![Wire::Veth, Wire::Nic]));
        assert!(of(&[Wire::Bridge]).unwrap_err().contains("two cards: call it nic"));

        assert_eq!(netns_wires(None, &[]), Ok(vec![Wire::Veth]));
        assert_eq!(netns_wires(None, &[Wire::Bridge, Wire::Veth]), Ok(vec![Wire::Veth]));
        assert!(netns_wires(None, &[Wire::Veth, Wire::Nic]).unwrap_err().contains("--interfaces"));
        assert!(netns_wires(None, &[Wire::Overlay]).unwrap_err().contains("overlay"));
    }
}
