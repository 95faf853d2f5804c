//! zero-copy (A3): the iovec of one-copy with MSG_ZEROCOPY: the kernel pins the pages and reads them where
//! they are. When the skb is delivered on the same host it copies them after all (`skb_orphan_frags_rx` →
//! `skb_copy_ubufs`): a deferred copy, which the completions flag.
//!
//! A message may be touched again only after its completion, so a stream has a ring of them. Completions are
//! reaped in batches: polling at every call costs a context switch each.

use std::io::{ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::Socket;

use super::completions::Completions;
use super::one_copy::iovec;
use super::supply::open_by_payload;
use super::{Copies, Entry, Rewrite, SendPath, Setup, Supply, Tally, call};
use crate::failure::Failure;
use crate::message::Message;
use crate::record::stream::ZeroCopy;
use crate::{socket, units};

pub(super) const ENTRY: Entry = Entry {
    name: "zero-copy",
    alias: Some("A3"),
    about: "the same iovec with MSG_ZEROCOPY (SO_ZEROCOPY set and read back)",
    copies: Copies { user: "0", local: "1, deferred", nic: "0" },
    open: open_by_payload!(ZeroCopySend),
};

/// Sends between two looks at the error queue.
const BATCH: usize = 64;
/// Memory for messages in flight: of one stream at most, and of all streams together.
const STREAM_BYTES: usize = 4 << 20;
const TRIAL_BYTES: usize = 32 << 20;
/// Most memory for messages of a size of which even the fewest in flight are many bytes.
const MOST_BYTES: u64 = 8 << 30;
/// A completion that takes longer than this while a stream sends means that the peer is gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a stream with nothing in flight asks again for locked memory that others hold.
const STARVED: Duration = Duration::from_secs(3);
/// How often a stream looks again where nothing would wake it.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

struct ZeroCopySend<R> {
    supply: Supply<Message, R>,
    completions: Completions,
    since_reap: usize,
    drain_s: Option<f64>,
}

/// Messages in a ring: enough to keep the connection full, few enough to be held in memory.
fn ring(setup: &Setup) -> usize {
    let bytes = (TRIAL_BYTES / setup.streams.max(1) as usize).min(STREAM_BYTES);
    (bytes / setup.message_bytes).clamp(8, 1024)
}

impl<R: Rewrite> ZeroCopySend<R> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        socket::enable_zero_copy(socket)?;
        let ring = ring(setup);
        let all = ring as u64 * setup.message_bytes as u64 * u64::from(setup.streams);
        if all > MOST_BYTES {
            return Err(Failure::Unsupported(format!(
                "zero-copy keeps {ring} messages a stream in flight: {} for all streams, and {} are the most",
                units::size(all),
                units::size(MOST_BYTES)
            )));
        }
        Ok(Self {
            supply: Supply::new(setup, ring),
            completions: Completions::new(),
            since_reap: 0,
            drain_s: None,
        })
    }

    /// Makes sure that the next message of the ring is no longer read by the kernel.
    fn make_room(&mut self, socket: &Socket) -> Result<(), Failure> {
        self.since_reap += 1;
        if self.since_reap >= BATCH {
            self.since_reap = 0;
            self.completions.reap(socket).map_err(Failure::io("reading completions"))?;
        }
        if self.completions.in_flight() >= self.supply.count() {
            self.wait_for_room(socket)?;
        }
        Ok(())
    }

    /// Waits until a good part of the ring is free: one wake-up for many messages.
    #[cold]
    fn wait_for_room(&mut self, socket: &Socket) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.completions.in_flight() >= self.supply.count() {
            if Instant::now() >= deadline {
                return Err(Failure::Failed(format!("no completion came for {PATIENCE:?}")));
            }
            self.completions.wait(socket, deadline).map_err(Failure::io("waiting for completions"))?;
        }
        Ok(())
    }
}

impl<R: Rewrite> SendPath for ZeroCopySend<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.make_room(socket)?;
        let mut fields = iovec(self.supply.take());
        let mut left = &mut fields[..];
        let mut starved = None;
        while !left.is_empty() {
            match call::sendmsg(socket, left, libc::MSG_ZEROCOPY) {
                Ok(sent) => {
                    IoSlice::advance_slices(&mut left, sent);
                    self.completions.sent(left.is_empty());
                    tally.calls += 1;
                }
                Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => relieve(&mut self.completions, socket, &mut starved)?,
                Err(errno) => return Err(refused(errno)),
            }
        }
        Ok(())
    }

    fn drain(&mut self, socket: &Socket, deadline: Instant) -> Result<(), Failure> {
        let started = Instant::now();
        while !self.completions.is_idle() && Instant::now() < deadline {
            match self.completions.wait(socket, deadline) {
                // Both ends have closed, which poll reports at once; a network card may still hold the last
                // buffers, and let go of them later.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => std::thread::sleep(LOOK_AGAIN),
                other => other.map_err(Failure::io("draining completions"))?,
            }
        }
        self.drain_s = Some(started.elapsed().as_secs_f64());
        Ok(())
    }

    fn zero_copy(&self) -> ZeroCopy {
        ZeroCopy { drain_s: self.drain_s, ..self.completions.counts() }
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

/// After ENOBUFS (locked memory or net.core.optmem_max is used up): reap; if nothing came, wait for
/// something. With nothing of this stream in flight it is the other streams that hold all there is, because
/// locked memory is counted for a user: they let go of it, or the limit is too small for one call.
#[cold]
fn relieve(
    completions: &mut Completions,
    socket: &Socket,
    starved: &mut Option<Instant>,
) -> Result<(), Failure> {
    completions.enobufs += 1;
    if completions.is_idle() {
        if starved.get_or_insert_with(Instant::now).elapsed() >= STARVED {
            return Err(Failure::Unsupported(format!(
                "sendmsg with MSG_ZEROCOPY: ENOBUFS for {STARVED:?} with nothing in flight; raise the \
                 locked-memory limit (ulimit -l) or net.core.optmem_max, or grant CAP_IPC_LOCK"
            )));
        }
        std::thread::sleep(LOOK_AGAIN);
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    completions.wait(socket, deadline).map_err(Failure::io("waiting for completions after ENOBUFS"))
}

impl<R> Drop for ZeroCopySend<R> {
    fn drop(&mut self) {
        if !self.completions.is_idle() {
            // The kernel may yet read these pages; freed, they could carry other bytes to the peer.
            self.supply.leak();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn a_ring_fits_its_memory() {
        let ring = |message_bytes, streams| {
            let setup = Setup { message_bytes, working_set: None, streams, pattern: Pattern::new(0, 0) };
            super::ring(&setup)
        };
        assert_eq!(ring(64, 1), 1024);
        assert_eq!(ring(64 << 10, 8), 64);
        assert_eq!(ring(64 << 10, 256), 8);
        assert_eq!(ring(4 << 20, 1), 8);
    }
}
