//! Messages that are lent to the kernel: it reads them where they are, after the call too, until it notifies that it
//! has let go of them. Whoever sends so has a ring of messages in a mapping of its own ([`super::mapped`]: the kernel may read
//! on when it is gone), and waits when all are lent.
//!
//! Who notifies differs ([`Notifier`]): the socket's error queue, or the completion queue of a ring. Notifications are
//! reaped in batches: polling at every call costs a context switch each.

mod calls;
mod error_queue;

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::ControlMessageOwned;
use socket2::Socket;

use crate::failure::Failure;
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::units;
pub(super) use calls::{Calls, Done};
pub(super) use error_queue::ErrorQueue;

/// Sends between two looks at the notifications.
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

/// Where the kernel says of which calls it has let go.
pub(super) trait Notifier: Send {
    /// What the call is called that lends.
    const CALL: &'static str;
    /// What helps where the kernel refuses it for want of what it pins memory or keeps notifications with (ENOBUFS).
    const REMEDY: &'static str;

    /// Completes every call of which there is news.
    fn reap(&mut self, socket: &Socket, calls: &mut Calls) -> io::Result<()>;

    /// Waits until there is news, or the deadline has passed, or for a while. `BrokenPipe` where nothing would wake it any
    /// more, because both ends have closed.
    fn wait(&mut self, socket: &Socket, deadline: Instant) -> io::Result<()>;
}

/// Waits until something is in the socket's error queue, for so long at most; `BrokenPipe` where both ends have closed.
pub(super) fn wait_for_errors(socket: &Socket, time: Duration) -> io::Result<()> {
    let timeout = PollTimeout::try_from(time.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
    // POLLERR and POLLHUP are reported without being asked for.
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    match polled[0].revents() {
        Some(events) if events.contains(PollFlags::POLLHUP) => Err(ErrorKind::BrokenPipe.into()),
        _ => Ok(()),
    }
}

/// The messages of one stream that are lent.
pub(super) struct Lent<N> {
    calls: Calls,
    /// For calls that are made through it.
    pub(super) notifier: N,
    /// How many there are to lend.
    ring: usize,
    since_reap: usize,
    /// Since when a call with nothing in flight has been refused.
    starved: Option<Instant>,
    drain_s: Option<f64>,
}

/// How many messages a stream needs that lends so many at a time.
pub(super) fn ring(setup: &Setup, least: usize) -> Result<usize, Failure> {
    let ring = most_lent(setup.message_bytes, setup.streams).max(least);
    let all = ring as u64 * setup.message_bytes as u64 * u64::from(setup.streams);
    if all > MOST_BYTES {
        return Err(Failure::Unsupported(format!(
            "{ring} messages per stream are kept in flight: {} for all streams, but at most {} are possible",
            units::size(all),
            units::size(MOST_BYTES)
        )));
    }
    Ok(ring)
}

/// Most messages of a stream that are lent at a time, whatever their size.
pub const MOST_LENT: usize = 1024;

/// Messages in the ring of one of so many streams: enough to keep the connection full, few enough to be held in memory.
pub fn most_lent(message_bytes: usize, streams: u32) -> usize {
    let bytes = (TRIAL_BYTES / streams.max(1) as usize).min(STREAM_BYTES);
    (bytes / message_bytes).clamp(8, MOST_LENT)
}

impl Lent<ErrorQueue> {
    /// Completes what a message of the error queue says that somebody else has read.
    pub(super) fn hear(&mut self, part: &ControlMessageOwned) {
        if let Some(done) = error_queue::done(part) {
            self.calls.complete(done);
        }
    }
}

impl<N: Notifier> Lent<N> {
    /// None yet, of so many that there are to lend.
    pub(super) fn new(notifier: N, ring: usize) -> Self {
        Self { calls: Calls::default(), notifier, ring, since_reap: 0, starved: None, drain_s: None }
    }

    /// Makes sure that the next messages of the ring, so many, are no longer read by the kernel.
    pub(super) fn make_room(&mut self, socket: &Socket, messages: usize) -> Result<(), Failure> {
        self.starved = None;
        self.since_reap += messages;
        if self.since_reap >= BATCH {
            self.since_reap = 0;
            self.notifier.reap(socket, &mut self.calls).map_err(Failure::io("reading completions"))?;
        }
        if self.calls.in_flight() + messages > self.ring {
            self.wait_for_room(socket, messages)?;
        }
        Ok(())
    }

    /// Waits until a good part of the ring is free: one wake-up for many messages.
    #[cold]
    fn wait_for_room(&mut self, socket: &Socket, messages: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.calls.in_flight() + messages > self.ring {
            if Instant::now() >= deadline {
                return Err(Failure::Failed(format!("no completion came for {PATIENCE:?}")));
            }
            self.wait(socket, deadline).map_err(Failure::io("waiting for completions"))?;
        }
        Ok(())
    }

    /// Reaps; where nothing has come, waits for something once, until the deadline at most.
    fn wait(&mut self, socket: &Socket, deadline: Instant) -> io::Result<()> {
        let open = self.calls.open();
        self.notifier.reap(socket, &mut self.calls)?;
        if self.calls.open() < open {
            return Ok(());
        }
        let waited = self.notifier.wait(socket, deadline);
        self.notifier.reap(socket, &mut self.calls)?;
        if self.calls.open() < open { Ok(()) } else { waited }
    }

    /// Notes a call that took bytes; `last` when they were the last of their message.
    pub(super) fn sent(&mut self, last: bool) {
        self.calls.sent(last);
    }

    /// Notes the number of a call that took none: where calls are numbered before they are made.
    pub(super) fn skipped(&mut self) {
        self.calls.skipped();
    }

    /// Whether the kernel has let go of every message.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }

    /// After ENOBUFS (locked memory, or that for notifications, is used up): reaps; if nothing came, waits for something.
    /// With nothing of this stream in flight it is the other streams that hold all there is, because locked memory is
    /// counted for a user: they let go of it, or the limit is too small for one call.
    #[cold]
    pub(super) fn relieve(&mut self, socket: &Socket) -> Result<(), Failure> {
        self.calls.refused();
        if self.calls.is_idle() {
            if self.starved.get_or_insert_with(Instant::now).elapsed() >= STARVED {
                return Err(Failure::Unsupported(format!(
                    "{}: ENOBUFS for {STARVED:?} with nothing in flight; {}",
                    N::CALL,
                    N::REMEDY
                )));
            }
            std::thread::sleep(LOOK_AGAIN);
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        self.wait(socket, deadline).map_err(Failure::io("waiting for completions after ENOBUFS"))
    }

    /// Waits until the kernel has let go of every message, the deadline has passed, or `goes_on` is false.
    pub(super) fn drain(
        &mut self,
        socket: &Socket,
        deadline: Instant,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        while !self.calls.is_idle() && Instant::now() < deadline && goes_on() {
            match self.wait(socket, deadline) {
                // Both ends have closed, which is told at once; a network card may still hold the last buffers, and
                // let go of them later.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => std::thread::sleep(LOOK_AGAIN),
                other => other.map_err(Failure::io("draining completions"))?,
            }
        }
        self.drain_s = Some(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Messages that the kernel is known to have let go of.
    pub(super) fn released(&self) -> u64 {
        self.calls.released()
    }

    /// Learns which those are.
    pub(super) fn reap(&mut self, socket: &Socket) -> Result<(), Failure> {
        self.since_reap = 0;
        self.notifier.reap(socket, &mut self.calls).map_err(Failure::io("reading completions"))
    }

    /// What the notifications said.
    pub(super) fn usage(&self) -> ZeroCopy {
        ZeroCopy { drain_s: self.drain_s, ..self.calls.usage() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Shutdown;

    use super::*;
    use crate::path::splice::tests::{connected, unacknowledged};
    use crate::path::{Tally, choose, find};
    use crate::pattern::{Pattern, Verifier};

    #[test]
    fn what_was_lent_arrives_unchanged_when_the_stream_is_gone() {
        const TEST: &str = "what_was_lent_arrives_unchanged_when_the_stream_is_gone";
        for name in ["zero-copy", "splice", "uring-send-zc", "uring-send-zc-fixed"] {
            let setup = Setup {
                choice: choose(name).unwrap(),
                working_set: Some(16 << 20),
                ..Setup::of_messages(64 << 10, Pattern::new(6, 0))
            };
            let (socket, mut peer) = connected();
            let other = socket.try_clone().unwrap();
            let sending = std::thread::spawn(move || {
                let mut path = crate::skip::unless(TEST, (find(name).unwrap().open)(&setup, &socket))?;
                let mut tally = Tally::default();
                while path.send_message(&socket, &mut tally).is_ok() {}
                let left = unacknowledged(&socket);
                drop(path);
                // Whoever gets memory next writes to it.
                let noise: Vec<_> = (0..4096).map(|_| vec![0xff_u8; 8 << 10]).collect();
                Some((left, std::hint::black_box(noise)))
            });
            std::thread::sleep(Duration::from_millis(300));
            other.shutdown(Shutdown::Both).unwrap();
            let Some((left, _)) = sending.join().unwrap() else { continue };
            assert!(left > 0, "{name}: nothing was under way");
            let mut verifier = Verifier::new(setup.pattern, setup.message_bytes as u64, false);
            let (mut buffer, mut total) = (vec![0; 64 << 10], 0);
            while let read @ 1.. = peer.read(&mut buffer).unwrap() {
                verifier.check(&buffer[..read]).unwrap_or_else(|what| panic!("{name}: {what}"));
                total += read;
            }
            assert!(total as i32 >= left, "{name}: {total} bytes came of {left}");
        }
    }

    #[test]
    fn a_ring_fits_its_memory() {
        assert_eq!(most_lent(64, 1), 1024);
        assert_eq!(most_lent(64 << 10, 8), 64);
        assert_eq!(most_lent(64 << 10, 256), 8);
        assert_eq!(most_lent(4 << 20, 1), 8);
    }
}
