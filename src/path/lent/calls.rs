//! The calls of one socket whose buffers the kernel may still read, and what became of the others.
//!
//! Calls that took bytes are numbered from 0, in 32 bits that wrap, and notifications tell of ranges of numbers: as the
//! kernel itself numbers those of a socket with MSG_ZEROCOPY, and as a path may label its requests elsewhere.

use std::collections::VecDeque;

use crate::record::stream::ZeroCopy;

/// Calls that the kernel says are done.
#[derive(Clone, Copy, Debug)]
pub(in crate::path) struct Done {
    pub(in crate::path) first: u32,
    pub(in crate::path) last: u32,
    /// They were copied after all, as far as the notification tells.
    pub(in crate::path) copied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    /// The call took the last bytes of its message.
    last: bool,
    done: bool,
}

/// The calls of one socket that are not known to be done, in order, and the counts.
#[derive(Debug, Default)]
pub(in crate::path) struct Calls {
    calls: VecDeque<Call>,
    /// Number of the first call in `calls`.
    base: u32,
    /// Messages whose last call is among `calls`.
    in_flight: usize,
    /// Messages whose last call has taken bytes.
    messages: u64,
    sends: u64,
    completed: u64,
    copied: u64,
    enobufs: u64,
}

impl Calls {
    /// Notes a call that took bytes.
    pub(in crate::path) fn sent(&mut self, last: bool) {
        self.calls.push_back(Call { last, done: false });
        self.in_flight += usize::from(last);
        self.messages += u64::from(last);
        self.sends += 1;
    }

    /// Notes a number that was given to a call that took no bytes.
    pub(in crate::path) fn skipped(&mut self) {
        self.calls.push_back(Call { last: false, done: true });
        self.let_go();
    }

    /// Notes a call that was refused with ENOBUFS.
    pub(in crate::path) fn refused(&mut self) {
        self.enobufs += 1;
    }

    /// Messages that the kernel may still read.
    pub(in crate::path) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Messages before the first one that the kernel may still read.
    pub(super) fn released(&self) -> u64 {
        self.messages - self.in_flight as u64
    }

    /// Calls that are not known to be done.
    pub(in crate::path) fn open(&self) -> u64 {
        self.sends - self.completed
    }

    /// Whether every call is done.
    pub(in crate::path) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Notes calls that are done. Numbers that are not in flight are no news.
    pub(in crate::path) fn complete(&mut self, Done { first, last, copied }: Done) {
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
        self.let_go();
    }

    /// Forgets the calls before the first one that is not done.
    fn let_go(&mut self) {
        while let Some(call) = self.calls.pop_front_if(|call| call.done) {
            self.base = self.base.wrapping_add(1);
            self.in_flight -= usize::from(call.last);
        }
    }

    /// What the notifications said.
    pub(in crate::path) fn usage(&self) -> ZeroCopy {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(base: u32, count: usize) -> Calls {
        let mut sent = Calls { base, ..Calls::default() };
        (0..count).for_each(|_| sent.sent(true));
        sent
    }

    #[test]
    fn a_range_frees_its_calls_and_counts_them_copied() {
        let mut sent = at(0, 10);
        sent.complete(Done { first: 0, last: 6, copied: true });
        assert_eq!((sent.in_flight(), sent.completed, sent.copied), (3, 7, 7));
    }

    #[test]
    fn numbers_wrap() {
        let mut sent = at(u32::MAX - 2, 6);
        sent.complete(Done { first: u32::MAX - 2, last: 1, copied: false });
        assert_eq!((sent.in_flight(), sent.base), (1, 2));
        sent.complete(Done { first: 2, last: 2, copied: true });
        assert!(sent.is_idle());
        assert_eq!((sent.completed, sent.copied), (6, 1));
    }

    #[test]
    fn a_later_range_frees_nothing_before_the_earlier_one() {
        let mut sent = at(0, 4);
        sent.complete(Done { first: 2, last: 3, copied: false });
        assert_eq!(sent.in_flight(), 4);
        sent.complete(Done { first: 0, last: 1, copied: false });
        assert!(sent.is_idle());
    }

    #[test]
    fn a_message_in_two_calls_is_in_flight_until_both_are_done() {
        let mut sent = Calls::default();
        sent.sent(false);
        sent.sent(true);
        sent.complete(Done { first: 1, last: 1, copied: false });
        assert_eq!(sent.in_flight(), 1);
        sent.complete(Done { first: 0, last: 0, copied: false });
        assert_eq!(sent.in_flight(), 0);
    }

    #[test]
    fn ranges_that_repeat_or_were_never_sent_are_no_news() {
        let mut sent = at(5, 2);
        sent.complete(Done { first: 5, last: 5, copied: true });
        sent.complete(Done { first: 5, last: 5, copied: true });
        sent.complete(Done { first: 0, last: u32::MAX, copied: true });
        sent.complete(Done { first: 100, last: 4_000_000_000, copied: true });
        assert!(sent.completed <= 2);
        assert_eq!(sent.copied, sent.completed);
    }

    #[test]
    fn a_number_without_a_call_is_counted_nowhere_and_frees_none_before_it() {
        let mut sent = Calls::default();
        sent.skipped();
        assert!(sent.is_idle() && sent.base == 1);
        sent.sent(true);
        sent.skipped();
        sent.sent(true);
        sent.complete(Done { first: 2, last: 2, copied: true });
        assert_eq!((sent.in_flight(), sent.completed), (2, 0), "its notification is no news");
        sent.complete(Done { first: 1, last: 1, copied: false });
        assert_eq!((sent.in_flight(), sent.base), (1, 3));
        sent.complete(Done { first: 3, last: 3, copied: false });
        assert_eq!((sent.sends, sent.completed, sent.copied, sent.is_idle()), (2, 2, 0, true));
    }

    proptest! {
        #[test]
        fn every_call_is_counted_once_whatever_the_ranges(base: u32, calls in 1_usize..200, cuts in prop::collection::vec(1_usize..20, 1..60)) {
            let mut sent = at(base, calls);
            let mut from = 0;
            for cut in cuts {
                let to = (from + cut).min(calls);
                if from < to {
                    let number = |place: usize| base.wrapping_add(place as u32);
                    sent.complete(Done { first: number(from), last: number(to - 1), copied: false });
                    from = to;
                }
            }
            prop_assert_eq!(sent.completed, from as u64);
            prop_assert_eq!(sent.in_flight(), calls - from);
        }
    }
}
