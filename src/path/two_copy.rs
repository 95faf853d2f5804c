//! two-copy (A1): the eight fields are gathered into a staging buffer in user space, then sent with
//! `send()`: one copy by the program, one by the kernel.

use socket2::Socket;

use super::plain_send::send_all;
use super::supply::open_by_payload;
use super::{Entry, KernelInterface, Parameters, Promise, Rewrite, SendPath, Supply, Tally};
use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::message::Message;
use crate::setup::Setup;
use crate::style::{BLUE, Marker, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "two-copy",
    alias: Some("A1"),
    about: "8 fields gathered into a staging buffer, send()",
    interface: KernelInterface::SEND,
    promise: Promise { user: 1, kernel: 1, is_deferred: false },
    style: Style { colour: BLUE, marker: Marker::Disc },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: open_by_payload!(TwoCopy),
};

struct TwoCopy<R> {
    supply: Supply<Message, R>,
    staging: Buffer,
}

impl<R: Rewrite> TwoCopy<R> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        // First the staging buffer: allocated behind the fields it would lie a few bytes ahead of each of them
        // within a page, where a processor takes loads to depend on the stores before them (4 KiB aliasing).
        let staging = buffer(setup.message_bytes)?;
        Ok(Self { supply: Supply::new(setup, 1)?, staging })
    }
}

impl<R: Rewrite> SendPath for TwoCopy<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let mut staged = 0;
        for field in self.supply.take().fields() {
            self.staging[staged..staged + field.len()].copy_from_slice(field);
            staged += field.len();
        }
        send_all(socket, &self.staging, tally)
    }
}
