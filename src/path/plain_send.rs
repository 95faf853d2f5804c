//! plain-send: the message is contiguous already; one `send()` hands it to the kernel, which copies it once.

use rustix::io::Errno;
use socket2::Socket;

use super::supply::open_by_payload;
use super::{Entry, KernelInterface, Parameters, Promise, Rewrite, SendPath, Supply, Tally, call};
use crate::failure::Failure;
use crate::message::Contiguous;
use crate::setup::Setup;
use crate::style::{GREY, Marker, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "plain-send",
    alias: None,
    about: "one contiguous buffer, send()",
    interface: KernelInterface::SEND,
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: GREY, marker: Marker::Diamond },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: open_by_payload!(PlainSend),
};

struct PlainSend<R> {
    supply: Supply<Contiguous, R>,
}

impl<R: Rewrite> PlainSend<R> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        Ok(Self { supply: Supply::new(setup, 1)? })
    }
}

impl<R: Rewrite> SendPath for PlainSend<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        send_all(socket, &self.supply.take().0, tally)
    }
}

/// Sends a contiguous buffer whole.
pub(super) fn send_all(socket: &Socket, mut bytes: &[u8], tally: &mut Tally) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match call::send(socket, bytes) {
            Ok(sent) => {
                bytes = &bytes[sent..];
                tally.calls += 1;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::Failed(format!("send: {error}"))),
        }
    }
    Ok(())
}
