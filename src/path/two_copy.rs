//! two-copy (A1): the eight fields are gathered into a staging buffer in user space, then sent with
//! `send()`: one copy by the program, one by the kernel.

use socket2::Socket;

use super::plain_send::send_all;
use super::supply::open_by_payload;
use super::{Copies, Entry, Rewrite, SendPath, Setup, Supply, Tally};
use crate::failure::Failure;
use crate::message::Message;

pub(super) const ENTRY: Entry = Entry {
    name: "two-copy",
    alias: Some("A1"),
    about: "8 fields gathered into a staging buffer, send()",
    copies: Copies { user: "1", local: "1", nic: "1" },
    open: open_by_payload!(TwoCopy),
};

struct TwoCopy<R> {
    supply: Supply<Message, R>,
    staging: Box<[u8]>,
}

impl<R: Rewrite> TwoCopy<R> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        Ok(Self { supply: Supply::new(setup, 1), staging: vec![0; setup.message_bytes].into_boxed_slice() })
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
