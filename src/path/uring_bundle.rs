//! uring-bundle: messages in provided buffers, of which one request of io_uring sends several.

use socket2::Socket;

use super::supply::open_by_payload;
use super::{Entry, Promise, Rewrite, Supply, uring};
use crate::failure::Failure;
use crate::message::Contiguous;
use crate::setup::Setup;
use crate::style::{GREEN, Marker, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "uring-bundle",
    alias: None,
    about: "contiguous buffers, provided, io_uring SEND of several at once",
    interface: uring::SEND,
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: GREEN, marker: Marker::Cross },
    parameters: uring::BUFFERS,
    open: open_by_payload!(UringBundle),
};

type UringBundle<R> = uring::Bundles<Supply<Contiguous, R>>;

impl<R: Rewrite> UringBundle<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        Self::of(setup, socket, |least| Supply::new(setup, least))
    }
}
