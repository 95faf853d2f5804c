//! Messages in a mapping of their own, for paths whose pages the kernel may still read when the stream is gone.
//!
//! The kernel counts who uses a page: one that is unmapped while it is read stays as it is, and is nobody else's, until
//! the kernel has let go of it. So a stream that dies waits for nothing and leaves nothing behind, and neither does the
//! process. Memory of the heap would be handed out again, and its next owner would write over what is still to be sent.

use std::io::IoSlice;
use std::ops::{Deref, Range};

use memmap2::{Advice, Mmap, MmapMut};

use super::Rewrite;
use super::supply::count;
use crate::buffer::refused;
use crate::failure::Failure;
use crate::message::{Body, FIELDS};
use crate::pattern;
use crate::setup::Setup;

pub(super) const PAGE: usize = 4096;
pub(super) const CACHE_LINE: usize = 64;
const HUGE_PAGE: usize = 2 << 20;
/// What the heap keeps before each allocation.
const HEAP_HEADER: usize = 16;

/// How the parts of messages lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As the heap would put them that begin at a cache line: apart, so that no two are one piece to the kernel.
    Apart,
    /// One behind the other, each from a cache line.
    Packed,
    /// Packed, but those of a page and more begin on a page, so that no page is handed over twice.
    Paged,
}

impl Layout {
    /// Distance between the beginnings of two parts of so many bytes.
    fn stride(self, bytes: usize) -> usize {
        match self {
            Self::Apart => (bytes + HEAP_HEADER).next_multiple_of(CACHE_LINE),
            Self::Paged if bytes >= PAGE => bytes.next_multiple_of(PAGE),
            Self::Packed | Self::Paged => bytes.next_multiple_of(CACHE_LINE),
        }
    }
}

/// Messages of so many parts each; the last part of a message has what does not divide.
pub(super) struct Mapped<M = MmapMut> {
    memory: M,
    parts: usize,
    part: usize,
    last: usize,
    stride: usize,
    count: usize,
}

impl Mapped {
    /// Maps and writes at least `least` messages, more where the working set asks for them.
    pub(super) fn new(setup: &Setup, parts: usize, layout: Layout, least: usize) -> Result<Self, Failure> {
        let part = setup.message_bytes / parts;
        let last = setup.message_bytes - part * (parts - 1);
        let (stride, count) = (layout.stride(last), count(setup, least));
        let bytes = count * parts * stride;
        let memory = MmapMut::map_anon(bytes).map_err(|_| refused(bytes))?;
        if layout == Layout::Apart && stride < HUGE_PAGE {
            // Allocations of this size are made of ordinary pages; in a huge one the kernel would take parts for one piece.
            // Refused where it has no huge pages.
            let _ = memory.advise(Advice::NoHugePage);
        }
        let mut mapped = Self { memory, parts, part, last, stride, count };
        (0..count).for_each(|message| mapped.slot(message).fill(setup.pattern.key(0)));
        Ok(mapped)
    }

    /// A message, to be written.
    pub(super) fn slot(&mut self, message: usize) -> Slot<'_> {
        Slot { mapped: self, message }
    }

    /// Makes it memory that nobody can write to.
    pub(super) fn seal(self) -> Result<Mapped<Mmap>, Failure> {
        let Self { memory, parts, part, last, stride, count } = self;
        let memory = memory.make_read_only().map_err(Failure::io("memory for messages"))?;
        Ok(Mapped { memory, parts, part, last, stride, count })
    }
}

impl<M> Mapped<M> {
    /// How many messages there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Pages that one message touches, as a pipe counts them.
    pub(super) fn pages(&self) -> usize {
        (self.parts - 1) * self.part.div_ceil(PAGE) + self.last.div_ceil(PAGE)
    }

    /// Distance between the beginnings of two parts.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    fn range(&self, message: usize, index: usize) -> Range<usize> {
        let from = (message * self.parts + index) * self.stride;
        from..from + if index + 1 < self.parts { self.part } else { self.last }
    }
}

impl<M: Deref<Target = [u8]>> Mapped<M> {
    /// All of it.
    pub(super) fn memory(&self) -> &[u8] {
        &self.memory
    }

    /// A part of a message.
    #[inline]
    pub(super) fn part(&self, message: usize, index: usize) -> &[u8] {
        &self.memory[self.range(message, index)]
    }

    /// A message of eight fields as an iovec.
    #[inline]
    pub(super) fn iovec(&self, message: usize) -> [IoSlice<'_>; FIELDS] {
        std::array::from_fn(|index| IoSlice::new(self.part(message, index)))
    }
}

/// A message of a mapping, to be written.
pub(super) struct Slot<'a> {
    mapped: &'a mut Mapped,
    message: usize,
}

impl Body for Slot<'_> {
    fn fill(&mut self, key: u64) {
        for index in 0..self.mapped.parts {
            let range = self.mapped.range(self.message, index);
            pattern::fill(key, index * self.mapped.part, &mut self.mapped.memory[range]);
        }
    }
}

/// The messages of one stream in a mapping, taken round and round.
pub(super) struct MappedSupply<R> {
    pub(super) mapped: Mapped,
    next: usize,
    rewrite: R,
}

impl<R: Rewrite> MappedSupply<R> {
    /// Maps at least `least` messages, more where the working set asks for them.
    pub(super) fn new(setup: &Setup, parts: usize, layout: Layout, least: usize) -> Result<Self, Failure> {
        let mapped = Mapped::new(setup, parts, layout, least)?;
        Ok(Self { mapped, next: 0, rewrite: R::new(setup.pattern) })
    }

    /// The number of the next message, prepared. The caller must know that the kernel no longer reads it.
    #[inline]
    pub(super) fn take(&mut self) -> usize {
        let now = self.next;
        self.next = if now + 1 == self.mapped.count { 0 } else { now + 1 };
        self.rewrite.rewrite(&mut self.mapped.slot(now));
        now
    }

    /// Keeps the addresses for ever, where the kernel may still read by address what it has no pages of yet.
    pub(super) fn leak(&mut self) {
        if let Ok(nothing) = MmapMut::map_anon(0) {
            std::mem::forget(std::mem::replace(&mut self.mapped.memory, nothing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Fresh, Static};
    use crate::pattern::Pattern;

    fn setup(message_bytes: usize, working_set: Option<u64>) -> Setup {
        Setup { working_set, ..Setup::of_messages(message_bytes, Pattern::new(4, 0)) }
    }

    fn parts(mapped: &Mapped, message: usize) -> Vec<Vec<u8>> {
        (0..mapped.parts).map(|index| mapped.part(message, index).to_vec()).collect()
    }

    #[test]
    fn parts_lie_as_the_layout_says_and_the_working_set_is_covered() {
        for (layout, bytes, stride, count) in [
            (Layout::Apart, 64, 64, 1563),
            (Layout::Apart, 64 << 10, 8192 + 64, 2),
            (Layout::Packed, 64 << 10, 8192, 2),
            (Layout::Paged, 64, 64, 1563),
            (Layout::Paged, 65_537, 3 * PAGE, 2),
        ] {
            let mapped = Mapped::new(&setup(bytes, Some(100_000)), FIELDS, layout, 1).unwrap();
            assert_eq!((mapped.stride, mapped.count()), (stride, count), "{layout:?} {bytes}");
        }
        let mapped = Mapped::new(&setup(65_537, None), FIELDS, Layout::Paged, 3).unwrap();
        assert_eq!((mapped.pages(), mapped.count()), (17, 3));
        let lengths: Vec<_> = mapped.iovec(1).iter().map(|field| field.len()).collect();
        assert_eq!(lengths, [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8193]);
    }

    #[test]
    fn messages_come_round_and_round_each_with_the_bytes_of_its_key() {
        let setup = setup(100, None);
        for parts_of in [1, FIELDS] {
            let mut fresh = MappedSupply::<Fresh>::new(&setup, parts_of, Layout::Apart, 2).unwrap();
            let mut expected = vec![0; 100];
            for sequence in 0..5 {
                pattern::fill(setup.pattern.key(sequence), 0, &mut expected);
                let message = fresh.take();
                assert_eq!(message as u64, sequence % 2);
                assert_eq!(parts(&fresh.mapped, message).concat(), expected, "{sequence}");
            }
            let mut same = MappedSupply::<Static>::new(&setup, parts_of, Layout::Packed, 2).unwrap();
            let (one, other) = (same.take(), same.take());
            assert_eq!(parts(&same.mapped, one), parts(&same.mapped, other));
        }
    }
}
