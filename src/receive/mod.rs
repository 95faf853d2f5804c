//! Receive paths: how bytes leave the socket. One file each and one line in [`REGISTRY`], as for send paths.

mod check;
mod none;
mod patience;
mod recv;
mod scatter;
mod splice_null;
mod trunc;
mod uring;
mod zc_mmap;

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use socket2::Socket;

use crate::cell::Wire;
use crate::choice::{self, Choice, Parameter, Parameters, Values};
use crate::failure::Failure;
use crate::interface::{KernelInterface, MovedBytes};
use crate::record::{End, ReceiveUsage};
use crate::setup::Setup;
use crate::span::Span;
use crate::spelling;
pub use patience::Patience;
pub use zc_mmap::WHAT_CAN_BE_MAPPED;

/// What a stream has received since it was connected. One thread adds, the worker that receives; any other may look
/// at any time, which is how all streams are read at one instant. Alone on its cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ReceiveCounters {
    bytes: AtomicU64,
    calls: AtomicU64,
}

impl ReceiveCounters {
    /// Payload bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Receive calls that brought bytes.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Adds one call. A load and a store, no locked instruction: nobody else writes.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.store(self.bytes() + bytes, Ordering::Relaxed);
        self.calls.store(self.calls() + 1, Ordering::Relaxed);
    }
}

/// What ended a run of receive calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveEnd {
    /// The phase changed, or the limit was reached.
    Stopped,
    /// The peer has sent all it will send.
    Eof,
}

/// One stream's way of receiving.
pub trait ReceivePath: Send {
    /// One receive call: the bytes it brought, 0 at the end of the stream, none when a time limit on the
    /// socket passed without any.
    ///
    /// # Errors
    /// `Failed` when the connection broke or a byte was not what was sent.
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure>;

    /// Receives until the span is over, or the stream ends.
    fn run(&mut self, socket: &Socket, span: Span, tally: &ReceiveCounters) -> Result<ReceiveEnd, Failure> {
        while span.goes_on(tally.bytes()) {
            match self.receive(socket)? {
                Some(0) => return Ok(ReceiveEnd::Eof),
                Some(bytes) => tally.add(bytes as u64),
                None => {}
            }
        }
        Ok(ReceiveEnd::Stopped)
    }

    /// Waits until there is something to receive, or `goes_on` is false.
    ///
    /// # Errors
    /// When nothing can be learnt of it.
    fn wait(&mut self, socket: &Socket, _goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        let mut readable = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut readable, PollTimeout::NONE);
        Ok(())
    }

    /// Takes out of the window's figures what is no receiver's.
    fn disown(&mut self, _end: &mut End) {}

    /// Tells how long a call is to wait from now on; the socket has been told already.
    fn set_patience(&mut self, _: Patience) {}

    /// What the kernel did with the bytes; absent on paths on which it has no choice.
    fn usage(&self) -> ReceiveUsage {
        ReceiveUsage::default()
    }
}

/// Makes a stream's path on a connected socket.
pub type Open = fn(&Setup, &Socket) -> Result<Box<dyn ReceivePath>, Failure>;

/// One receive path, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids, flags and rows.
    pub name: &'static str,
    /// One line: what it does.
    pub about: &'static str,
    /// The kernel's interface that it uses.
    pub interface: KernelInterface,
    /// How often it copies each byte into user space where nothing stands in its way: the promise that a measurement
    /// confirms or refutes.
    pub promised_copies: u32,
    /// What can be set of it, beside [`COMMON`].
    pub parameters: Parameters,
    /// Makes a stream's path.
    pub open: Open,
}

/// The path that copies nothing: with [`crate::path::LEAST_WORK`] the least that a stream can cost.
pub const LEAST_WORK: &Entry = &trunc::ENTRY;

/// The receive path of a grid that names none.
pub const DEFAULT: &str = recv::ENTRY.name;

/// Every receive path: a new one is a new file and one line here.
pub const REGISTRY: &[Entry] = &[
    recv::ENTRY,
    trunc::ENTRY,
    scatter::ENTRY,
    zc_mmap::ENTRY,
    splice_null::ENTRY,
    uring::MULTISHOT,
    uring::BUNDLE,
];

/// The path of a wire on which nobody reads: found by name, and chosen by that wire.
pub const NOBODY: &Entry = &none::ENTRY;

/// What can be set of every receive path.
pub const COMMON: &[Parameter] = &[Parameter {
    key: RCVLOWAT,
    about: "SO_RCVLOWAT: a call waits for so many bytes; 0: for any",
    values: Values::Bytes { most: 64 << 20 },
    usual: 0,
}];

/// The size of [`COMMON`].
pub const RCVLOWAT: &str = "rcvlowat";

impl Entry {
    /// The path, its parameters as usual.
    #[must_use]
    pub fn usual(&self) -> Choice {
        Choice::usual(self.name, self.parameters.list, COMMON)
    }
}

/// The path of a text that may have parameters behind the name.
///
/// # Errors
/// One sentence with what is allowed.
pub fn choose(text: &str) -> Result<Choice, String> {
    let entry = find(text)?;
    Choice::read(entry.name, &entry.parameters, COMMON, text)
}

/// The path of this name, whatever parameters stand behind it.
pub fn find(text: &str) -> Result<&'static Entry, String> {
    let name = choice::name(text);
    REGISTRY
        .iter()
        .chain([NOBODY])
        .find(|entry| entry.name == name)
        .ok_or_else(|| spelling::unknown(name, "a receive path", REGISTRY.iter().map(|entry| entry.name)))
}

/// Memory that the buffers of one stream take, bytes.
pub fn memory(setup: &Setup) -> u64 {
    setup.choice.value(uring::BUFFERS).max(1).saturating_mul(setup.read_size as u64)
}

/// Refuses a receive path that a wire cannot have.
///
/// # Errors
/// One sentence with the remedy.
pub fn check_wire(name: &str, wire: Wire) -> Result<(), String> {
    if wire == Wire::Unix && name == trunc::ENTRY.name {
        // unix_stream_read_generic knows no MSG_TRUNC.
        return Err(format!(
            "{name} discards nothing on the wire {wire}: MSG_TRUNC is TCP's, and a Unix-domain socket copies all the same; \
             use recv"
        ));
    }
    match (name == NOBODY.name, wire == none::WIRE) {
        (true, false) => Err(format!(
            "the receive path {name} is for the wire {}, where nobody reads; on {wire} choose another, such as {DEFAULT}",
            none::WIRE
        )),
        (false, true) => Err(format!(
            "on the wire {wire} nobody reads, so that {name} cannot be its receive path; leave it out, or name {}",
            NOBODY.name
        )),
        _ => Ok(()),
    }
}

/// Those of these paths that a wire can have; where nobody reads and none of them says so, that one.
#[must_use]
pub fn on(wire: Wire, paths: &[String]) -> Vec<String> {
    let fits = |path: &&String| check_wire(choice::name(path), wire).is_ok();
    let there: Vec<String> = paths.iter().filter(fits).cloned().collect();
    if there.is_empty() && wire == none::WIRE { vec![NOBODY.name.to_owned()] } else { there }
}

/// Refuses a receive path for bytes that the kernel has decrypted, which are new bytes that lie in its memory: only what
/// copies them gets them.
///
/// # Errors
/// One sentence with the remedy.
pub fn check_decrypted(name: &str, send_path: &str) -> Result<(), String> {
    match find(name)?.promised_copies {
        0 => Err(format!(
            "{send_path} makes the receiver's kernel decrypt, and {name} cannot take what it decrypted without a copy; \
             use recv"
        )),
        _ => Ok(()),
    }
}

/// What a receive call's error means: none when there is simply nothing yet.
fn nothing_or_failure(errno: Errno) -> Result<Option<usize>, Failure> {
    match errno {
        Errno::INTR | Errno::AGAIN => Ok(None),
        _ => Err(Failure::Failed(format!("recv: {errno}"))),
    }
}

#[cfg(test)]
mod tests;
