//! Notifications of SEND_ZC, which come by the ring's completion queue: of each request one completion with its result, and,
//! where that has F_MORE, another one once the kernel has let go of the bytes.
//!
//! Requests are labelled as [`Calls`] numbers them, so that each notification is of one call.

use std::io;
use std::time::{Duration, Instant};

use io_uring::{cqueue, opcode};
use linux_raw_sys::io_uring::{IORING_NOTIF_USAGE_ZC_COPIED, IORING_SEND_ZC_REPORT_USAGE};
use socket2::Socket;

use super::chain::Piece;
use super::linked;
use super::queue::Queue;
use super::ring::{Ring, SOCKET};
use crate::failure::Failure;
use crate::path::lent::{Calls, Done, Notifier, wait_for_errors};

/// Most notifications that are waited for at a time: each wake-up is a switch of the CPU.
const BATCH: usize = 64;
/// How long is waited at a time.
const LOOK_UP: Duration = Duration::from_millis(100);
/// What a send passes: the socket is a stream's, so that a short send is an error of its chain.
pub(super) const FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;

/// A request to send without a copy: from any memory, or from a registered buffer.
pub(in crate::path) trait Request: Send {
    /// Whether its memory is registered.
    const IS_FIXED: bool;
}

/// From any memory: the kernel pins the pages at each send.
#[derive(Debug)]
pub(in crate::path) struct AnyMemory;

/// From a registered buffer, whose pages are pinned already.
#[derive(Debug)]
pub(in crate::path) struct Registered;

impl Request for AnyMemory {
    const IS_FIXED: bool = false;
}

impl Request for Registered {
    const IS_FIXED: bool = true;
}

/// The queues of a ring by which messages are lent.
pub(in crate::path) struct Notifications<Q> {
    pub(in crate::path) ring: Ring,
    /// Flags of each request.
    asked: u16,
    /// Of which calls the kernel has let go, while nobody asked.
    told: Vec<Done>,
    /// Notifications that are yet to come.
    awaited: usize,
    request: std::marker::PhantomData<Q>,
}

impl<Q: Request> Notifications<Q> {
    /// Those of a ring, which are asked for what became of the bytes where the kernel tells.
    ///
    /// # Errors
    /// `Unsupported` where the kernel does not know SEND_ZC.
    pub(in crate::path) fn of(mut ring: Ring) -> Result<Self, Failure> {
        let asked = IORING_SEND_ZC_REPORT_USAGE as u16;
        let asked = if knows(&mut ring, asked)? {
            asked
        } else if knows(&mut ring, 0)? {
            0
        } else {
            return Err(Failure::Unsupported(
                "io_uring SEND_ZC: this kernel does not know it; it takes Linux 6.0".to_owned(),
            ));
        };
        Ok(Self {
            ring,
            asked,
            told: Vec::with_capacity(1024),
            awaited: 0,
            request: std::marker::PhantomData,
        })
    }

    /// Whether the kernel tells of each call whether it copied.
    pub(in crate::path) fn are_reports(&self) -> bool {
        self.asked != 0
    }

    /// Takes what has come: notifications to be told of later, results by `take`.
    #[inline]
    fn collect(&mut self, mut take: impl FnMut(u32, i32)) {
        for completion in self.ring.completions() {
            let (label, result, flags) =
                (completion.user_data() as u32, completion.result(), completion.flags());
            if cqueue::notif(flags) {
                let copied = result.cast_unsigned() & IORING_NOTIF_USAGE_ZC_COPIED != 0;
                self.told.push(Done { first: label, last: label, copied });
                self.awaited = self.awaited.saturating_sub(1);
                continue;
            }
            if cqueue::more(flags) {
                self.awaited += 1;
            } else {
                self.told.push(Done { first: label, last: label, copied: false });
            }
            take(label, result);
        }
    }
}

/// Whether the kernel takes SEND_ZC with these flags: it looks at them before it looks for the socket, and there is none
/// with this number.
fn knows(ring: &mut Ring, asked: u16) -> Result<bool, Failure> {
    let nobody = io_uring::types::Fixed(u32::MAX >> 1);
    let request = opcode::SendZc::new(nobody, std::ptr::null(), 0).zc_flags(asked).build();
    ring.push(std::iter::once(request));
    let (mut result, mut open) = (0, 1);
    while open > 0 {
        ring.enter(1).map_err(Failure::io("io_uring_enter"))?;
        for completion in ring.completions() {
            // Its notification comes too, where F_MORE says so.
            open = if cqueue::more(completion.flags()) { open } else { open - 1 };
            if !cqueue::notif(completion.flags()) {
                result = completion.result();
            }
        }
    }
    Ok(result == -libc::EBADF)
}

impl<Q: Request> Queue for Notifications<Q> {
    #[inline]
    fn push(&mut self, first: u32, pieces: &[Piece]) {
        let asked = self.asked;
        self.ring.push(linked(first, pieces, |piece| {
            let send = opcode::SendZc::new(SOCKET, piece.pointer(), piece.left).flags(FLAGS).zc_flags(asked);
            if Q::IS_FIXED { send.buf_index(Some(piece.buffer)).build() } else { send.build() }
        }));
    }

    #[inline]
    fn wait(&mut self, count: usize, take: impl FnMut(u32, i32)) -> io::Result<()> {
        self.ring.enter(count)?;
        self.collect(take);
        Ok(())
    }
}

impl<Q: Request> Notifier for Notifications<Q> {
    const CALL: &'static str = "io_uring SEND_ZC";
    const REMEDY: &'static str = "raise the locked-memory limit (ulimit -l), or grant CAP_IPC_LOCK";

    fn reap(&mut self, _: &Socket, calls: &mut Calls) -> io::Result<()> {
        drop(self.ring.news()?);
        self.collect(|_, _| {});
        self.told.drain(..).for_each(|done| calls.complete(done));
        Ok(())
    }

    fn wait(&mut self, socket: &Socket, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now()).min(LOOK_UP);
        self.ring.wait((self.awaited / 4).clamp(1, BATCH), left)?;
        // The ring tells nothing of a socket that is shut down while its bytes are queued.
        wait_for_errors(socket, Duration::ZERO)
    }
}
