//! uring-send: plain-send by io_uring: a request for each message, and one io_uring_enter(2) that submits it and waits for
//! it, or a chain of several.

use socket2::Socket;

use super::supply::open_by_payload;
use super::{Entry, Promise, Rewrite, Supply, uring};
use crate::failure::Failure;
use crate::message::Contiguous;
use crate::setup::Setup;
use crate::style::{GREY, Marker, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "uring-send",
    alias: None,
    about: "one contiguous buffer, io_uring SEND",
    interface: uring::SEND,
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: GREY, marker: Marker::Ring },
    parameters: uring::REQUESTS,
    open: open_by_payload!(UringSend),
};

type UringSend<R> = uring::Copying<Supply<Contiguous, R>>;

impl<R: Rewrite> UringSend<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        Self::of(setup, socket, |least| Supply::new(setup, least))
    }
}
