//! Receive paths: how bytes leave the socket. One file each and one line in [`REGISTRY`], as for send paths.

mod recv;
mod trunc;

use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::Errno;
use socket2::Socket;

use crate::failure::Failure;
use crate::pattern::Verifier;

/// What a stream has received since its tally was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Payload bytes.
    pub bytes: u64,
    /// Receive calls that brought bytes.
    pub calls: u64,
}

/// What ended a run of receive calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The phase changed, or the limit was reached.
    Told,
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

    /// Receives until the phase is no longer `phase`, the tally has `limit` bytes, or the stream ends.
    ///
    /// # Errors
    /// As [`ReceivePath::receive`].
    fn run(
        &mut self,
        socket: &Socket,
        now: &AtomicU8,
        phase: u8,
        limit: u64,
        tally: &mut Tally,
    ) -> Result<Ended, Failure> {
        while now.load(Ordering::Relaxed) == phase && tally.bytes < limit {
            match self.receive(socket)? {
                Some(0) => return Ok(Ended::Eof),
                Some(bytes) => {
                    tally.bytes += bytes as u64;
                    tally.calls += 1;
                }
                None => {}
            }
        }
        Ok(Ended::Told)
    }
}

/// Makes a stream's path; a verifier compares every byte.
pub type Open = fn(read_size: usize, verifier: Option<Verifier>) -> Result<Box<dyn ReceivePath>, Failure>;

/// One receive path, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids, flags and rows.
    pub name: &'static str,
    /// One line: what it does.
    pub about: &'static str,
    /// Bytes that it copies on the receiver's side per payload byte.
    pub copies: &'static str,
    /// Makes a stream's path.
    pub open: Open,
}

/// Every receive path.
pub const REGISTRY: &[Entry] = &[recv::ENTRY, trunc::ENTRY];

/// The path of this name.
///
/// # Errors
/// One sentence that lists the names there are.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    REGISTRY.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = REGISTRY.iter().map(|entry| entry.name).collect();
        format!("`{name}` is no receive path; there are {}", names.join(", "))
    })
}

/// What a receive call's error means: none when there is simply nothing yet.
fn nothing_or_failure(errno: Errno) -> Result<Option<usize>, Failure> {
    match errno {
        Errno::INTR | Errno::AGAIN => Ok(None),
        _ => Err(Failure::Failed(format!("recv: {errno}"))),
    }
}
