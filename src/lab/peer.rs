//! One agent, as the coordinator sees it.

use std::process::Child;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::plausible;
use crate::agent::handshake::{self, CHILD_PATIENCE, PATIENCE, SILENT, Token};
use crate::agent::protocol::{Reply, Request, Welcome};
pub use crate::cell::Side;
use crate::channel::{Receiver, Sender};
use crate::frame::{self, CAP, FrameError};
use crate::host::policy;
use crate::socket;

/// What came from an agent.
pub(super) enum Heard {
    Reply(Reply),
    Lost(FrameError),
}

/// What comes from both agents.
pub(super) type Replies = Receiver<(Side, Heard)>;

/// One agent. Dropping it ends the agent's session, and the agent itself when it is a child.
pub(super) struct Peer {
    side: Side,
    control: Socket,
    pub(super) welcome: Welcome,
    pub(super) address: String,
    /// When something last came from it.
    pub(super) heard_at: Instant,
    child: Option<Child>,
}

impl Peer {
    /// Shakes hands on a connection and begins to listen to it.
    pub(super) fn new(
        side: Side,
        control: Socket,
        address: String,
        token: &Token,
        mut child: Option<Child>,
        heard: Sender<(Side, Heard)>,
    ) -> Result<Self, String> {
        let patience = if child.is_some() { CHILD_PATIENCE } else { PATIENCE };
        let welcome = match handshake::coordinator(&control, token, patience) {
            Ok(welcome) => welcome,
            Err(error) => {
                let status = child.as_mut().and_then(|child| end(child, error == SILENT));
                return Err(status.map_or(error, |status| format!("it {status} before it answered")));
            }
        };
        plausible::welcome(&welcome, side).map_err(|failure| failure.to_string())?;
        let mut input = control.try_clone().map_err(|error| error.to_string())?;
        std::thread::Builder::new()
            .name(format!("{side} replies"))
            .spawn(move || {
                policy::attend();
                loop {
                    let news = match frame::read_harmless(&mut input, CAP) {
                        Ok(reply) => Heard::Reply(reply),
                        Err(error) => Heard::Lost(error),
                    };
                    let last = matches!(news, Heard::Lost(_));
                    if heard.send((side, news)).is_err() || last {
                        return;
                    }
                }
            })
            .map_err(|error| error.to_string())?;
        Ok(Self { side, control, welcome, address, heard_at: Instant::now(), child })
    }

    pub(super) fn tell(&mut self, request: &Request) -> std::io::Result<()> {
        frame::write(&mut self.control, request)
    }

    pub(super) fn is_reached_by_address(&self) -> bool {
        self.child.is_none()
    }

    pub(super) fn path_mtu(&self) -> Option<u32> {
        socket::path_mtu(&self.control)
    }

    /// What to say of an agent that does not answer.
    pub(super) fn silent(&self) -> String {
        let Self { side, address, child, .. } = self;
        let place = if child.is_some() { String::new() } else { format!(" at {address}") };
        format!("the {side} agent{place} does not answer: it is stopped, or its host is gone or overloaded")
    }

    /// What became of an agent that is lost.
    pub(super) fn why_lost(&mut self, heard: &FrameError) -> String {
        let Self { side, address, .. } = self;
        match self.child.as_mut() {
            None => format!("the {side} agent at {address} is lost: {heard}"),
            Some(child) => {
                let status = patiently(child).unwrap_or_else(|| format!("is lost: {heard}"));
                format!("the {side} agent {status}")
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.control.shutdown(std::net::Shutdown::Both);
        if let Some(child) = &mut self.child
            && patiently(child).is_none()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ends a child that did not answer, and says how it ended when it did so by itself.
fn end(child: &mut Child, is_silent: bool) -> Option<String> {
    let status = if is_silent { None } else { patiently(child) };
    let _ = child.kill();
    let _ = child.wait();
    status
}

/// How a child ended, once it has; none when it is still there after two seconds.
fn patiently(child: &mut Child) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(how_it_ended(status)),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => return None,
        }
    }
}

fn how_it_ended(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(number), _) => match nix::sys::signal::Signal::try_from(number) {
            Ok(signal) => format!("was killed by signal {number} ({signal})"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}
