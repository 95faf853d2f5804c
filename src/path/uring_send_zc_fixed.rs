//! uring-send-zc-fixed: uring-send-zc from registered buffers, whose pages are pinned once and not at each send.

use socket2::Socket;

use super::supply::open_by_payload;
use super::{Entry, Promise, Rewrite, uring};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::style::{Marker, SKY, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "uring-send-zc-fixed",
    alias: None,
    about: "one contiguous buffer, registered, io_uring SEND_ZC",
    interface: uring::SEND_ZC,
    promise: Promise { user: 0, kernel: 0, is_deferred: true },
    style: Style { colour: SKY, marker: Marker::Plus },
    parameters: uring::REQUESTS,
    prepare_receiver: None,
    open: open_by_payload!(UringSendZcFixed),
};

type UringSendZcFixed<R> = uring::Lending<uring::Region<R>, uring::Registered>;

impl<R: Rewrite> UringSendZcFixed<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        Self::of(setup, socket, |least, ring| {
            let region = uring::Region::new(setup, least)?;
            ring.register_buffers(&region.buffers())?;
            Ok(region)
        })
    }
}
