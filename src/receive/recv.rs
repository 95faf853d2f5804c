//! recv: `recv()` into one buffer that is used again and again; the kernel copies each byte once.

use rustix::net::RecvFlags;
use socket2::Socket;

use super::{Entry, ReceivePath, nothing_or_failure};
use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::pattern::Verifier;

pub(super) const ENTRY: Entry = Entry {
    name: "recv",
    about: "recv() into a buffer",
    copies: "1",
    open: |read_size, verifier| {
        let buffer = buffer(read_size);
        Ok(match verifier {
            None => Box::new(Recv { buffer, check: Trust }),
            Some(verifier) => Box::new(Recv { buffer, check: verifier }),
        })
    },
};

/// What is done with received bytes: chosen by type, so that the loop has no branch.
trait Check: Send {
    fn check(&mut self, bytes: &[u8]) -> Result<(), Failure>;
}

struct Trust;

impl Check for Trust {
    fn check(&mut self, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

impl Check for Verifier {
    fn check(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Self::check(self, bytes).map_err(|mismatch| Failure::Failed(format!("verification: {mismatch}")))
    }
}

struct Recv<C> {
    buffer: Buffer,
    check: C,
}

impl<C: Check> ReceivePath for Recv<C> {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        match rustix::net::recv(socket, &mut *self.buffer, RecvFlags::empty()) {
            Ok((bytes, _)) => {
                self.check.check(&self.buffer[..bytes])?;
                Ok(Some(bytes))
            }
            Err(errno) => nothing_or_failure(errno),
        }
    }
}
