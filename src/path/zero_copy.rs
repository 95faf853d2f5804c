//! zero-copy (A3): the iovec of one-copy with MSG_ZEROCOPY: the kernel pins the pages and reads them where
//! they are. When the skb is delivered on the same host it copies them after all (`skb_orphan_frags_rx` →
//! `skb_copy_ubufs`): a deferred copy, which the completions flag.

use std::io::IoSlice;
use std::time::Instant;

use rustix::io::Errno;
use socket2::Socket;

use super::error_queue::ErrorQueue;
use super::lent::{self, Lent};
use super::one_copy::iovec;
use super::supply::open_by_payload;
use super::{Entry, KernelInterface, Promise, Rewrite, SendPath, Supply, Tally, call};
use crate::failure::Failure;
use crate::message::Message;
use crate::plot::palette::VERMILLION;
use crate::plot::{Marker, Style};
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::socket;

pub(super) const ENTRY: Entry = Entry {
    name: "zero-copy",
    alias: Some("A3"),
    about: "the same iovec with MSG_ZEROCOPY (SO_ZEROCOPY set and read back)",
    interface: KernelInterface::MsgZerocopy,
    promise: Promise { user: 0, kernel: 0, is_deferred: true },
    style: Style { colour: VERMILLION, marker: Marker::Up },
    open: open_by_payload!(ZeroCopySend),
};

struct ZeroCopySend<R> {
    supply: Supply<Message, R>,
    lent: Lent<ErrorQueue>,
}

impl<R: Rewrite> ZeroCopySend<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        socket::enable_zero_copy(socket)?;
        let supply: Supply<_, _> = lent::supply(setup)?;
        Ok(Self { lent: Lent::new(ErrorQueue::new(), supply.count()), supply })
    }
}

impl<R: Rewrite> SendPath for ZeroCopySend<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.lent.make_room(socket)?;
        let mut fields = iovec(self.supply.take());
        let mut left = &mut fields[..];
        while !left.is_empty() {
            match call::sendmsg(socket, left, libc::MSG_ZEROCOPY) {
                Ok(sent) => {
                    IoSlice::advance_slices(&mut left, sent);
                    self.lent.sent(left.is_empty());
                    tally.calls += 1;
                }
                Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => self.lent.relieve(socket)?,
                Err(errno) => return Err(refused(errno)),
            }
        }
        Ok(())
    }

    fn drain(&mut self, socket: &Socket, deadline: Instant) -> Result<(), Failure> {
        self.lent.drain(socket, deadline)
    }

    fn usage(&self) -> ZeroCopy {
        self.lent.usage()
    }
}

impl<R> Drop for ZeroCopySend<R> {
    fn drop(&mut self) {
        self.lent.give_up(&mut self.supply);
    }
}

/// What a refused send means: that the kernel will not do it on this socket, or that the stream is broken.
#[cold]
fn refused(errno: Errno) -> Failure {
    let why = format!("sendmsg with MSG_ZEROCOPY: {errno}");
    match errno {
        Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM | ENOTSUPP => Failure::Unsupported(why),
        _ => Failure::Failed(why),
    }
}

/// The kernel's own ENOTSUPP, which has no name in user space.
const ENOTSUPP: Errno = Errno::from_raw_os_error(524);
