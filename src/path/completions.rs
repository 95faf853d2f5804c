//! Completions of MSG_ZEROCOPY: which calls the kernel has let go of, and which of them it copied after all.
//!
//! The kernel numbers the calls of a socket that took bytes, from 0, in 32 bits that wrap. A notification
//! on the error queue is an inclusive range of numbers; it may cover many calls, and its code is that of
//! the range's first call (`skb_zerocopy_notify_extend` in net/core/skbuff.c): a COPIED flag proves
//! copying, its absence proves nothing. Documentation/networking/msg_zerocopy.rst.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::Socket;

use crate::record::stream::ZeroCopy;

const SO_EE_ORIGIN_ZEROCOPY: u8 = 5;
const SO_EE_CODE_ZEROCOPY_COPIED: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    /// The call took the last bytes of its message.
    last: bool,
    done: bool,
}

/// The calls of one socket whose completion has not been read yet, in order, and the counts.
#[derive(Debug, Default)]
pub(super) struct Completions {
    calls: VecDeque<Call>,
    /// Number of the first call in `calls`.
    base: u32,
    /// Messages whose last call is among `calls`.
    in_flight: usize,
    sends: u64,
    completed: u64,
    copied: u64,
    pub(super) enobufs: u64,
    control: Vec<u8>,
}

impl Completions {
    pub(super) fn new() -> Self {
        Self { control: cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6), ..Self::default() }
    }

    /// Notes a call that took bytes.
    pub(super) fn sent(&mut self, last: bool) {
        self.calls.push_back(Call { last, done: false });
        self.in_flight += usize::from(last);
        self.sends += 1;
    }

    /// Messages that the kernel may still read.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether every call is done.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Notes that calls `first..=last` are done. Numbers that are not in flight are no news.
    fn complete(&mut self, first: u32, last: u32, copied: bool) {
        // Distances from the base survive the wrap; one beyond the calls in flight is old or never was.
        let len = self.calls.len() as u64;
        let from = u64::from(first.wrapping_sub(self.base));
        let to = from + u64::from(last.wrapping_sub(first));
        for place in from.min(len)..(to + 1).min(len) {
            let call = &mut self.calls[place as usize];
            if !call.done {
                call.done = true;
                self.completed += 1;
                self.copied += u64::from(copied);
            }
        }
        while let Some(call) = self.calls.pop_front_if(|call| call.done) {
            self.base = self.base.wrapping_add(1);
            self.in_flight -= usize::from(call.last);
        }
    }

    /// Reads the error queue until it is empty. Returns whether anything was there.
    pub(super) fn reap(&mut self, socket: &Socket) -> io::Result<bool> {
        let mut any = false;
        loop {
            let mut control = std::mem::take(&mut self.control);
            let result =
                recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut control), MsgFlags::MSG_ERRQUEUE);
            let ranges: Vec<_> = match result {
                Ok(message) => message.cmsgs().map_err(io::Error::from)?.filter_map(range).collect(),
                Err(errno) => {
                    self.control = control;
                    return match errno {
                        Errno::EAGAIN => Ok(any),
                        Errno::EINTR => continue,
                        _ => Err(errno.into()),
                    };
                }
            };
            self.control = control;
            for Range { first, last, copied } in ranges {
                self.complete(first, last, copied);
                any = true;
            }
        }
    }

    /// Reads the error queue; where it is empty, waits for it once, until the deadline at most.
    pub(super) fn wait(&mut self, socket: &Socket, deadline: Instant) -> io::Result<()> {
        if self.reap(socket)? {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(60));
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        // POLLERR is reported without being asked for.
        let mut polled = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let hung_up = polled[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP));
        if !self.reap(socket)? && hung_up {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> ZeroCopy {
        ZeroCopy {
            sends: Some(self.sends),
            completions: Some(self.completed),
            copied: Some(self.copied),
            unreported: Some(self.sends - self.completed),
            enobufs: Some(self.enobufs),
            drain_s: None,
        }
    }
}

struct Range {
    first: u32,
    last: u32,
    copied: bool,
}

fn range(message: ControlMessageOwned) -> Option<Range> {
    let error = match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => error,
        _ => return None,
    };
    (error.ee_errno == 0 && error.ee_origin == SO_EE_ORIGIN_ZEROCOPY).then_some(Range {
        first: error.ee_info,
        last: error.ee_data,
        copied: error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(base: u32, calls: usize) -> Completions {
        let mut completions = Completions { base, ..Completions::new() };
        (0..calls).for_each(|_| completions.sent(true));
        completions
    }

    #[test]
    fn a_range_frees_its_calls_and_counts_them_copied() {
        let mut completions = at(0, 10);
        completions.complete(0, 6, true);
        assert_eq!((completions.in_flight(), completions.completed, completions.copied), (3, 7, 7));
    }

    #[test]
    fn numbers_wrap() {
        let mut completions = at(u32::MAX - 2, 6);
        completions.complete(u32::MAX - 2, 1, false);
        assert_eq!((completions.in_flight(), completions.base), (1, 2));
        completions.complete(2, 2, true);
        assert!(completions.is_idle());
        assert_eq!((completions.completed, completions.copied), (6, 1));
    }

    #[test]
    fn a_later_range_frees_nothing_before_the_earlier_one() {
        let mut completions = at(0, 4);
        completions.complete(2, 3, false);
        assert_eq!(completions.in_flight(), 4);
        completions.complete(0, 1, false);
        assert!(completions.is_idle());
    }

    #[test]
    fn a_message_in_two_calls_is_in_flight_until_both_are_done() {
        let mut completions = Completions::new();
        completions.sent(false);
        completions.sent(true);
        completions.complete(1, 1, false);
        assert_eq!(completions.in_flight(), 1);
        completions.complete(0, 0, false);
        assert_eq!(completions.in_flight(), 0);
    }

    #[test]
    fn ranges_that_repeat_or_were_never_sent_are_no_news() {
        let mut completions = at(5, 2);
        completions.complete(5, 5, true);
        completions.complete(5, 5, true);
        completions.complete(0, u32::MAX, true);
        completions.complete(100, 4_000_000_000, true);
        assert!(completions.completed <= 2);
        assert_eq!(completions.copied, completions.completed);
    }

    proptest! {
        #[test]
        fn every_call_is_counted_once_whatever_the_ranges(base: u32, calls in 1_usize..200, cuts in prop::collection::vec(1_usize..20, 1..60)) {
            let mut completions = at(base, calls);
            let mut from = 0;
            for cut in cuts {
                let to = (from + cut).min(calls);
                if from < to {
                    let number = |place: usize| base.wrapping_add(place as u32);
                    completions.complete(number(from), number(to - 1), false);
                    from = to;
                }
            }
            prop_assert_eq!(completions.completed, from as u64);
            prop_assert_eq!(completions.in_flight(), calls - from);
        }
    }
}
