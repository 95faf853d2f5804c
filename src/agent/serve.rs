//! The agent's two ways to be reached: an inherited socket on standard input, or a TCP port.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{SockRef, Socket, TcpKeepalive};

use super::handshake::{self, PARENT_PATIENCE, PATIENCE, Token};
use super::local_peer;
use super::protocol::Welcome;
use super::session::{Place, Session};
use crate::frame::FrameError;
use crate::link::PairNetns;
use crate::output::{harmless, say};
use crate::{clock, counters, host};

/// Handshakes at once.
const MOST_HANDSHAKES: usize = 16;
/// How long a coordinator waits for the one before it to go.
const CHANGEOVER: Duration = Duration::from_secs(1);

/// Who this agent is.
pub fn welcome() -> Welcome {
    let facts = host::read();
    Welcome {
        proof: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary_sha256: host::binary_sha256(),
        pid: std::process::id(),
        cpus: host::pin_order(&facts.cpus_allowed),
        clock_offset_ns: clock::namespace_offset(),
        host: facts,
        counters: counters::sources(),
    }
}

/// Lets the agent open as many files as it may: a stream has a socket and up to fourteen counters.
fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused, the limit stays as it is, and a trial with too many streams says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Serves the coordinator at the other end of standard input, until it is gone.
///
/// # Errors
/// When standard input is not a socket, or the coordinator is not one.
pub fn inherited() -> anyhow::Result<()> {
    raise_open_files();
    let fd = std::io::stdin().as_fd().try_clone_to_owned()?;
    let control = Socket::from(fd);
    control
        .domain()
        .context("standard input is not a socket; --inherited is for a coordinator's own children")?;
    let shaken = handshake::agent(&control, &Token::default(), PARENT_PATIENCE, || Ok(welcome()));
    let session = || Session::new(control, Place::default()).map_err(FrameError::Io)?.serve();
    match shaken.and_then(|()| session()) {
        // It has said why, or was killed.
        Err(error) if is_gone(&error) => Ok(()),
        other => Ok(other?),
    }
}

/// Whether the coordinator is gone, in the middle of whatever it was told or had begun to say.
fn is_gone(error: &FrameError) -> bool {
    match error {
        FrameError::Closed => true,
        FrameError::Io(error) => matches!(
            error.kind(),
            ErrorKind::BrokenPipe
                | ErrorKind::ConnectionReset
                | ErrorKind::UnexpectedEof
                | ErrorKind::NotConnected
        ),
        _ => false,
    }
}

/// Whether an agent may listen there: beyond loopback only with a token.
pub fn allowed(address: SocketAddr, token: &Token) -> Result<(), String> {
    if address.ip().is_loopback() || !token.is_none() {
        return Ok(());
    }
    Err(format!(
        "{address} can be reached by others: pass --token-file FILE, or listen on a loopback address"
    ))
}

/// Serves coordinators on a TCP port, one at a time, for ever. With `pair_netns` it keeps a network namespace of
/// its own for direct pairs. Streams come in by `data_port`, or where that is 0 by any that is free.
///
/// # Errors
/// When the port cannot be had, or an address beyond loopback has no token.
pub fn listen(address: SocketAddr, token: &Token, pair_netns: bool, data_port: u16) -> anyhow::Result<()> {
    allowed(address, token).map_err(anyhow::Error::msg)?;
    raise_open_files();
    let listener = TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}; is another agent running? choose another address with --listen")
    })?;
    // Refused, a direct pair goes into the namespace that the agent is in, filters and all.
    let pair = pair_netns.then(PairNetns::offer).transpose().unwrap_or_else(|error| {
        say(format_args!("copycost agent: no namespace of its own for direct pairs: {error:#}"));
        None
    });
    let agent = Arc::new(AgentServer {
        token: token.clone(),
        place: Place { pair, data_port },
        // What the host is like is read once, while nobody measures.
        about: welcome(),
        busy: AtomicBool::new(false),
        handshakes: Mutex::default(),
    });
    say(format_args!("copycost agent: listening on {}", listener.local_addr()?));
    for (number, connection) in (0..).zip(listener.incoming()) {
        // Too many open files, most likely: wait for some to be closed.
        let admitted = connection.and_then(|stream| agent.admit(number, stream.into()));
        if admitted.is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// A coordinator that has not yet proved itself.
struct Handshake {
    number: u64,
    /// A second handle: shutting it down ends the handshake.
    socket: Socket,
    thread: JoinHandle<()>,
}

/// What the threads of a listening agent share.
struct AgentServer {
    token: Token,
    place: Place,
    about: Welcome,
    busy: AtomicBool,
    /// Oldest first.
    handshakes: Mutex<VecDeque<Handshake>>,
}

impl AgentServer {
    /// Gives a connection a thread of its own. Where too many have not proved themselves yet, the oldest makes
    /// room: strangers keep silent, and a coordinator's handshake takes a moment.
    fn admit(self: &Arc<Self>, number: u64, connection: Socket) -> io::Result<()> {
        let mut handshakes = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        let (agent, socket) = (Arc::clone(self), connection.try_clone()?);
        let thread = std::thread::Builder::new().name("coordinator".to_owned()).spawn(move || {
            let peer = connection.peer_addr().ok().and_then(|address| address.as_socket());
            if let (Err(error), Some(peer)) = (agent.serve(number, connection), peer)
                && !is_greeting(&error)
            {
                say(format_args!("copycost agent: {peer}: {}", harmless(&error.to_string())));
            }
        })?;
        handshakes.push_back(Handshake { number, socket, thread });
        let surplus = handshakes.len().saturating_sub(MOST_HANDSHAKES);
        let oldest: Vec<_> = handshakes.drain(..surplus).collect();
        drop(handshakes);
        for Handshake { socket, thread, .. } in oldest {
            let _ = socket.shutdown(Shutdown::Both);
            // Waited for, so that strangers who come faster than threads end do not pile up.
            let _ = thread.join();
        }
        Ok(())
    }

    fn serve(&self, number: u64, socket: Socket) -> anyhow::Result<()> {
        keep_alive(&socket);
        let mut taken = None;
        let result = handshake::agent(&socket, &self.token, PATIENCE, || {
            if self.token.is_none() {
                local_peer::check(&socket)?;
            }
            taken = Some(self.take()?);
            Ok(self.about.clone())
        });
        let mut handshakes = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        handshakes.retain(|handshake| handshake.number != number);
        drop(handshakes);
        result?;
        Session::new(socket, self.place.clone())?.serve()?;
        Ok(())
    }

    /// Takes the agent for one coordinator. One that has just gone is waited for: its trial is being dropped.
    fn take(&self) -> Result<Taken<'_>, String> {
        let deadline = Instant::now() + CHANGEOVER;
        while self.busy.swap(true, Ordering::AcqRel) {
            if Instant::now() >= deadline {
                return Err(
                    "the agent serves another coordinator; try again when its sweep is over".to_owned()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Taken(&self.busy))
    }
}

/// Whether somebody only looked whether the agent is there: health checks do, time and again.
fn is_greeting(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(FrameError::Closed))
}

/// The agent is taken while this lives.
struct Taken<'a>(&'a AtomicBool);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Makes the kernel notice, within seconds, that a peer's machine is gone.
pub fn keep_alive(socket: &Socket) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(3))
        .with_interval(Duration::from_secs(2))
        .with_retries(3);
    // A connection without them still works; a dead peer is then noticed at the trial's deadline.
    let socket = SockRef::from(socket);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(10)));
    let _ = socket.set_tcp_nodelay(true);
}
