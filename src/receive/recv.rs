//! recv: `recv()` into one buffer that is used again and again; the kernel copies each byte once.

use rustix::net::RecvFlags;
use socket2::Socket;

use super::check::{Check, open_by_check};
use super::{Entry, KernelInterface, Parameters, ReceivePath, nothing_or_failure};
use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::setup::Setup;

pub(super) const ENTRY: Entry = Entry {
    name: "recv",
    about: "recv() into a buffer",
    interface: KernelInterface::RECV,
    promised_copies: 1,
    parameters: Parameters::NONE,
    open: open_by_check!(Recv),
};

struct Recv<C> {
    buffer: Buffer,
    check: C,
}

impl<C: Check> Recv<C> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        Ok(Self { buffer: buffer(setup.read_size)?, check: C::new(setup) })
    }
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
