//! zero-copy (A3): the iovec of one-copy with MSG_ZEROCOPY: the kernel pins the pages and reads them where
//! they are. When the skb is delivered on the same host it copies them after all (`skb_orphan_frags_rx` →
//! `skb_copy_ubufs`): a deferred copy, which the completions flag.

use std::io::IoSlice;
use std::time::Instant;

use nix::sys::socket::ControlMessageOwned;
use rustix::io::Errno;
use socket2::Socket;

use super::lent::{self, ErrorQueue, Lent, Notifier};
use super::mapped::{Layout, MappedSupply};
use super::supply::open_by_payload;
use super::{
    Completions, Entry, KernelInterface, MovedBytes, Parameters, Promise, Rewrite, SendPath, Tally, call,
};
use crate::failure::Failure;
use crate::interface::FlagProof;
use crate::message::FIELDS;
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::socket;
use crate::style::{Marker, Style, VERMILLION};

pub(super) const ENTRY: Entry = Entry {
    name: "zero-copy",
    alias: Some("A3"),
    about: "the same iovec with MSG_ZEROCOPY (SO_ZEROCOPY set and read back)",
    interface: MSG_ZEROCOPY,
    promise: Promise { user: 0, kernel: 0, is_deferred: true },
    style: Style { colour: VERMILLION, marker: Marker::Up },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: open_by_payload!(ZeroCopySend),
};

/// sendmsg(2) with MSG_ZEROCOPY; completions come by the error queue.
const MSG_ZEROCOPY: KernelInterface = KernelInterface {
    name: "MSG_ZEROCOPY",
    moved: MovedBytes::Results(&[libc::SYS_sendmsg]),
    completions: Some(Completions {
        takes: "Linux 4.14 or newer",
        copied_flag: "SO_EE_CODE_ZEROCOPY_COPIED",
        proof: FlagProof::WhereSet,
        none_flagged: "That does not prove that no byte was copied: when the kernel merges notifications, the flag is that of the \
                       first call (net/core/skbuff.c and net/ipv4/tcp.c, read in Linux 6.12).",
        some_flagged: "the flag of merged notifications is that of the first call, so the share is a lower bound",
    }),
};

struct ZeroCopySend<R> {
    supply: MappedSupply<R>,
    lent: Lent<ErrorQueue>,
}

impl<R: Rewrite> ZeroCopySend<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        socket::enable_zero_copy(socket)?;
        let supply = MappedSupply::new(setup, FIELDS, Layout::Apart, lent::ring(setup, 1)?)?;
        Ok(Self { lent: Lent::new(ErrorQueue::new(), supply.mapped.count()), supply })
    }
}

impl<R: Rewrite> SendPath for ZeroCopySend<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.lent.make_room(socket, 1)?;
        let message = self.supply.take();
        let mut fields = self.supply.mapped.iovec(message);
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

    fn drain(
        &mut self,
        socket: &Socket,
        deadline: Instant,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        self.lent.drain(socket, deadline, goes_on)
    }

    fn released(&self) -> Option<u64> {
        Some(self.lent.released())
    }

    fn reap(&mut self, socket: &Socket) -> Result<(), Failure> {
        self.lent.reap(socket)
    }

    fn hear(&mut self, part: &ControlMessageOwned) {
        self.lent.hear(part);
    }

    fn usage(&self) -> ZeroCopy {
        self.lent.usage()
    }
}

/// What a refused send means: that the kernel will not do it on this socket, or that the stream is broken.
#[cold]
fn refused(errno: Errno) -> Failure {
    let why = format!("{}: {errno}", ErrorQueue::CALL);
    match errno {
        Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM | ENOTSUPP => Failure::Unsupported(why),
        _ => Failure::Failed(why),
    }
}

/// The kernel's own ENOTSUPP, which has no name in user space.
const ENOTSUPP: Errno = Errno::from_raw_os_error(524);
