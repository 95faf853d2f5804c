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

use super::Lab;
use super::peer::{Heard, Peer, Side};
use crate::agent::handshake::Token;
use crate::cell::Wire;
use crate::grid::{LabKind, LinkOptions};
use crate::link::pair;

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
    /// Makes a lab on this machine. `link` is for the one that makes a link.
    ///
    /// # Errors
    /// When the agents or the link cannot be made; nothing is left then.
    pub fn local(kind: LabKind, link: &LinkOptions) -> anyhow::Result<Self> {
        let (heard, replies) = channel();
        let (sender, receiver, route) = match kind {
            LabKind::Loopback => {
                let sender = spawn(Side::Sender, &[], heard.clone())?;
                let receiver = spawn(Side::Receiver, &[], heard)?;
                (sender, receiver, (Wire::Loopback, IpAddr::V4(Ipv4Addr::LOCALHOST)))
            }
            LabKind::Netns => {
                let sender = spawn(Side::Sender, &["--netns"], heard.clone())?;
                let first = sender.welcome.pid.to_string();
                let receiver = spawn(Side::Receiver, &["--netns", "--beside", &first], heard)?;
                join(&sender, &receiver, link)?;
                (sender, receiver, (Wire::Veth, pair::DEFAULT_SENDER.addr()))
            }
        };
        Self::of(kind.word(), sender, receiver, replies, vec![route])
    }
}

/// Joins the agents' namespaces by a veth pair, in a process of its own: it must enter both.
fn join(sender: &Peer, receiver: &Peer, link: &LinkOptions) -> anyhow::Result<()> {
    let mut words: Vec<String> = ["link", "create", "--sender-pid"].map(str::to_owned).to_vec();
    words.extend([sender.welcome.pid.to_string(), "--receiver-pid".into(), receiver.welcome.pid.to_string()]);
    if let Some(mtu) = link.mtu {
        words.extend(["--mtu".to_owned(), mtu.to_string()]);
    }
    for (name, on) in &link.offloads {
        words.extend(["--offload".to_owned(), format!("{name}={}", if *on { "on" } else { "off" })]);
    }
    let output = this_program(&words).stdin(Stdio::null()).output().context("starting `copycost link`")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("copycost: ");
    bail!("joining the two namespaces: {said}")
}
