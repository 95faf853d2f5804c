//! uring-send-zc: uring-send with SEND_ZC: the kernel pins the pages of each message and reads them where they are. Delivered
//! on the same host they are copied after all, as those of zero-copy are.

use socket2::Socket;

use super::mapped::{Layout, MappedSupply};
use super::supply::open_by_payload;
use super::{Entry, Promise, Rewrite, uring};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::style::{Marker, OLIVE, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "uring-send-zc",
    alias: None,
    about: "one contiguous buffer, io_uring SEND_ZC",
    interface: uring::SEND_ZC,
    promise: Promise { user: 0, kernel: 0, is_deferred: true },
    style: Style { colour: OLIVE, marker: Marker::Up },
    parameters: uring::REQUESTS,
    prepare_receiver: None,
    open: open_by_payload!(UringSendZc),
};

type UringSendZc<R> = uring::Lending<MappedSupply<R>, uring::AnyMemory>;

impl<R: Rewrite> UringSendZc<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        Self::of(setup, socket, |least, _| MappedSupply::new(setup, 1, Layout::Apart, least))
    }
}
