//! Processes of this program that a lab on this machine starts.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::peer::{Heard, Peer, Side};
use crate::agent::handshake::Token;
use crate::channel::Sender;

/// This program, whatever became of its file.
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

/// How long `copycost link` may take for a pair that it makes.
pub(super) const LINK_PATIENCE: Duration = Duration::from_secs(9);
/// The same for two cards, which agree on a speed first.
pub(super) const CARDS_PATIENCE: Duration = Duration::from_secs(15);

/// Runs `copycost link` in a process of its own: it must enter both namespaces.
pub(super) fn run_link(arguments: Vec<String>, patience: Duration) -> anyhow::Result<()> {
    let words: Vec<String> = std::iter::once("link".to_owned()).chain(arguments).collect();
    let mut command = this_program(&words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Ctrl-C on the terminal is for the coordinator: half a link is none.
    let mut child = command.process_group(0).spawn().context("starting `copycost link`")?;
    let deadline = Instant::now() + patience;
    while child.try_wait().context("waiting for `copycost link`")?.is_none() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            bail!(
                "`copycost link` did not end within {patience:?}: it is stopped, or this host is overloaded"
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // What it says fits into a pipe.
    let output = child.wait_with_output().context("reading what `copycost link` said")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{}", said.trim().trim_start_matches("copycost: "))
}
