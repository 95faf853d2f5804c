//! one-copy (A2): `sendmsg()` with an eight-entry iovec; the kernel gathers the fields, and copies once.

use std::io::IoSlice;

use rustix::io::Errno;
use socket2::Socket;

use super::supply::open_by_payload;
use super::{Entry, KernelInterface, Parameters, Promise, Rewrite, SendPath, Supply, Tally, call};
use crate::failure::Failure;
use crate::message::{FIELDS, Message};
use crate::setup::Setup;
use crate::style::{Marker, ORANGE, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "one-copy",
    alias: Some("A2"),
    about: "sendmsg() with an 8-entry iovec",
    interface: KernelInterface::SENDMSG,
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: ORANGE, marker: Marker::Square },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: open_by_payload!(OneCopy),
};

struct OneCopy<R> {
    supply: Supply<Message, R>,
}

impl<R: Rewrite> OneCopy<R> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        Ok(Self { supply: Supply::new(setup, 1)? })
    }
}

impl<R: Rewrite> SendPath for OneCopy<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        gather(self.supply.take(), "sendmsg", tally, |iovec| call::sendmsg(socket, iovec, 0))
    }
}

/// Sends a message whole, by a call that takes an iovec.
#[inline]
pub(super) fn gather(
    message: &Message,
    name: &str,
    tally: &mut Tally,
    call: impl Fn(&[IoSlice<'_>]) -> rustix::io::Result<usize>,
) -> Result<(), Failure> {
    let mut fields = iovec(message);
    let mut left = &mut fields[..];
    while !left.is_empty() {
        match call(left) {
            Ok(sent) => {
                IoSlice::advance_slices(&mut left, sent);
                tally.calls += 1;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::Failed(format!("{name}: {error}"))),
        }
    }
    Ok(())
}

/// The message's fields as an iovec.
fn iovec(message: &Message) -> [IoSlice<'_>; FIELDS] {
    std::array::from_fn(|index| IoSlice::new(&message.fields()[index]))
}
