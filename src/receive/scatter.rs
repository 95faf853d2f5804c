//! scatter: `recvmsg()` into sixteen buffers with a heap allocation each; the kernel copies each byte once, in as many
//! pieces.

use std::io::IoSliceMut;

use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};
use socket2::Socket;

use super::check::{Check, open_by_check};
use super::{Entry, KernelInterface, MovedBytes, Parameters, ReceivePath, nothing_or_failure};
use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::setup::Setup;

/// Buffers that one call fills.
const PARTS: usize = 16;

pub(super) const ENTRY: Entry = Entry {
    name: "scatter",
    about: "recvmsg() into 16 buffers",
    interface: KernelInterface {
        name: "recvmsg()",
        moved: MovedBytes::Results(&[libc::SYS_recvmsg]),
        completions: None,
    },
    promised_copies: 1,
    parameters: Parameters::NONE,
    open: open_by_check!(Scatter),
};

struct Scatter<C> {
    parts: [Buffer; PARTS],
    check: C,
}

impl<C: Check> Scatter<C> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        // The first ones have one byte more where the size is no multiple of their number.
        let part = |index| buffer((setup.read_size + PARTS - 1 - index) / PARTS);
        let parts = (0..PARTS).map(part).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { parts: parts.try_into().expect("as many as were made"), check: C::new(setup) })
    }
}

impl<C: Check> ReceivePath for Scatter<C> {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        let mut iovec = self.parts.each_mut().map(|part| IoSliceMut::new(part));
        match recvmsg(socket, &mut iovec, &mut RecvAncillaryBuffer::default(), RecvFlags::empty()) {
            Ok(received) => {
                let mut left = received.bytes;
                for part in &self.parts {
                    let filled = left.min(part.len());
                    self.check.check(&part[..filled])?;
                    left -= filled;
                }
                Ok(Some(received.bytes))
            }
            Err(errno) => nothing_or_failure(errno),
        }
    }
}
