//! trunc: `recv()` with MSG_TRUNC, which for TCP takes bytes off the queue without copying them.
//!
//! The call's result counts discarded bytes: it says nothing about what the buffer holds.

use rustix::net::{RecvFlags, recv};
use socket2::Socket;

use super::{Entry, KernelInterface, Parameters, ReceivePath, nothing_or_failure};
use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;

pub(super) const ENTRY: Entry = Entry {
    name: "trunc",
    about: "recv() with MSG_TRUNC: bytes are discarded in the kernel",
    interface: KernelInterface::RECV,
    promised_copies: 0,
    parameters: Parameters::NONE,
    open: |setup, _| {
        if setup.verify {
            return Err(Failure::Unsupported(
                "trunc discards the bytes in the kernel, so that none can be verified; use recv, or verify: false"
                    .to_owned(),
            ));
        }
        Ok(Box::new(Trunc { buffer: buffer(setup.read_size)? }))
    },
};

struct Trunc {
    buffer: Buffer,
}

impl ReceivePath for Trunc {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        match recv(socket, &mut *self.buffer, RecvFlags::TRUNC) {
            Ok((_, bytes)) => Ok(Some(bytes)),
            Err(errno) => nothing_or_failure(errno),
        }
    }
}
