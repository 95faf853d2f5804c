//! Messages in one piece of memory, as it is registered with a ring: a page is pinned once, however many messages lie in it.

use crate::buffer::{Buffer, buffer};
use crate::message::Body;
use crate::path::Rewrite;
use crate::path::supply::count;
use crate::pattern;
use crate::setup::Setup;

use super::chain::Piece;

/// Messages begin at cache lines, as those that have their own memory.
const LINE: usize = 64;
/// Most bytes of one registered buffer (`io_buffer_validate`, io_uring/rsrc.c).
const MOST_BYTES: usize = 1 << 30;

/// The messages of one stream, taken round and round.
pub(in crate::path) struct Region<R> {
    slots: Slots,
    rewrite: R,
    /// Messages in one registered buffer.
    per_buffer: usize,
    count: usize,
}

/// The memory, and which message is looked at.
struct Slots {
    memory: Buffer,
    message_bytes: usize,
    now: usize,
}

impl Slots {
    fn message(&mut self) -> &mut [u8] {
        let at = self.now * self.message_bytes.next_multiple_of(LINE);
        &mut self.memory[at..at + self.message_bytes]
    }
}

impl Body for Slots {
    fn new(bytes: usize) -> Self {
        Self { memory: buffer(bytes.next_multiple_of(LINE)), message_bytes: bytes, now: 0 }
    }

    fn fill(&mut self, key: u64) {
        pattern::fill(key, 0, self.message());
    }
}

impl<R: Rewrite> Region<R> {
    /// Allocates at least `least` messages, more where the working set asks for them.
    pub(in crate::path) fn new(setup: &Setup, least: usize) -> Self {
        let slot = setup.message_bytes.next_multiple_of(LINE);
        let count = count(setup, least);
        let mut slots = Slots { memory: buffer(slot * count), message_bytes: setup.message_bytes, now: 0 };
        for now in (0..count).rev() {
            slots.now = now;
            slots.fill(setup.pattern.key(0));
        }
        Self { slots, rewrite: R::new(setup.pattern), per_buffer: (MOST_BYTES / slot).max(1), count }
    }

    /// The buffers that are to be registered: one, or as many as it takes.
    pub(in crate::path) fn buffers(&self) -> Vec<&[u8]> {
        let slot = self.slots.message_bytes.next_multiple_of(LINE);
        self.slots.memory.chunks(self.per_buffer * slot).collect()
    }
}

impl<R: Rewrite> super::Messages for Region<R> {
    #[inline]
    fn take(&mut self) -> Piece {
        self.rewrite.rewrite(&mut self.slots);
        let buffer = self.slots.now / self.per_buffer;
        let piece = Piece::of(self.slots.message(), buffer as u16);
        self.slots.now = if self.slots.now + 1 == self.count { 0 } else { self.slots.now + 1 };
        piece
    }

    fn count(&self) -> usize {
        self.count
    }

    fn leak(&mut self) {
        std::mem::forget(std::mem::replace(&mut self.slots.memory, buffer(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Messages;
    use super::*;
    use crate::path::{Fresh, Static};
    use crate::pattern::Pattern;

    fn setup(bytes: usize) -> Setup {
        Setup::of_messages(bytes, Pattern::new(4, 0))
    }

    #[test]
    fn messages_begin_at_cache_lines_and_come_round_and_round() {
        let mut region = Region::<Static>::new(&setup(100), 3);
        assert_eq!(region.buffers().iter().map(|buffer| buffer.len()).collect::<Vec<_>>(), [3 * 128]);
        let taken: Vec<Piece> = (0..4).map(|_| region.take()).collect();
        assert!(taken.iter().all(|piece| piece.at % 64 == 0 && piece.left == 100 && piece.buffer == 0));
        assert_eq!((taken[1].at - taken[0].at, taken[3]), (128, taken[0]));
    }

    #[test]
    fn what_one_buffer_does_not_hold_is_in_the_next() {
        let mut region = Region::<Static>::new(&setup(100), 5);
        region.per_buffer = 2;
        assert_eq!(region.buffers().iter().map(|buffer| buffer.len()).collect::<Vec<_>>(), [256, 256, 128]);
        let buffers: Vec<u16> = (0..5).map(|_| region.take().buffer).collect();
        assert_eq!(buffers, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn each_message_has_the_bytes_of_its_key() {
        let setup = setup(100);
        let mut expected = vec![0; 100];
        let mut fresh = Region::<Fresh>::new(&setup, 2);
        for sequence in 0..5 {
            pattern::fill(setup.pattern.key(sequence), 0, &mut expected);
            let now = fresh.slots.now;
            fresh.take();
            fresh.slots.now = now;
            assert_eq!(fresh.slots.message(), expected, "{sequence}");
            fresh.slots.now = (now + 1) % 2;
        }
    }
}
