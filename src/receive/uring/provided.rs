//! Buffers that the kernel takes from a ring as bytes come (IORING_REGISTER_PBUF_RING).

use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use memmap2::MmapMut;

use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::receive::check::Check;
use crate::units;

/// Most memory that the buffers of all streams may take, bytes.
const MOST_BYTES: u64 = 8 << 30;
const CACHE_LINE: usize = 64;

/// Buffers of one size, as many as the ring has places. The kernel takes them in the order of their places, and each is
/// given back to the place that it was taken from: so a buffer's number is its place, for good.
pub(super) struct Provided {
    /// The places, and among them how many were ever filled (`struct io_uring_buf_ring`).
    ring: MmapMut,
    memory: Buffer,
    size: usize,
    stride: usize,
    places: u16,
    given: u16,
}

impl Provided {
    /// So many buffers, a power of two, of so many bytes each; for one of `streams`.
    pub(super) fn new(places: u16, size: usize, streams: u32) -> Result<Self, Failure> {
        let stride = size.next_multiple_of(CACHE_LINE);
        let bytes = usize::from(places) * stride;
        let all = bytes as u64 * u64::from(streams);
        if all > MOST_BYTES {
            return Err(Failure::Unsupported(format!(
                "{places} buffers of {} each are {} for all streams, but at most {} are possible; lower `buffers` or \
                 read_size",
                units::size(size as u64),
                units::size(all),
                units::size(MOST_BYTES)
            )));
        }
        let ring = MmapMut::map_anon(usize::from(places) * size_of::<BufRingEntry>());
        let ring = ring.map_err(Failure::io("memory for a ring of buffers"))?;
        let mut provided = Self { ring, memory: buffer(bytes)?, size, stride, places, given: 0 };
        (0..places).for_each(|place| provided.give(place));
        provided.publish();
        Ok(provided)
    }

    /// The address of the ring, for the kernel.
    pub(super) fn address(&self) -> u64 {
        self.ring.as_ptr().addr() as u64
    }

    /// How many buffers there are.
    pub(super) fn places(&self) -> u16 {
        self.places
    }

    fn entry(&mut self, place: u16) -> *mut BufRingEntry {
        let entries = self.ring.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the ring has as many entries as places, and begins at a page.
        unsafe { entries.add(usize::from(place % self.places)) }
    }

    /// Puts a buffer into its place, which the kernel has left.
    fn give(&mut self, place: u16) {
        let at = usize::from(place) * self.stride;
        let (address, size) = (self.memory[at..].as_ptr().addr() as u64, self.size as u32);
        let entry = self.entry(place);
        // SAFETY: the entry is in the ring, and the kernel does not look at it before it is published. Its last field,
        // in the first entry the number that is published, is left alone.
        let entry = unsafe { &mut *entry };
        entry.set_addr(address);
        entry.set_len(size);
        entry.set_bid(place);
        self.given = self.given.wrapping_add(1);
    }

    /// Lets the kernel see what was given.
    fn publish(&mut self) {
        let first = self.entry(0);
        // SAFETY: the first entry's last field is the number of buffers ever given, which the kernel reads at any time:
        // so it is written as an atomic, which is laid out as a number.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(first).cast_mut()) };
        tail.store(self.given, Ordering::Release);
    }

    /// Looks at so many bytes that the kernel has put into buffers from this place on, and gives those back.
    pub(super) fn take(&mut self, first: u16, bytes: usize, check: &mut impl Check) -> Result<(), Failure> {
        let (mut place, mut left) = (first, bytes);
        while left > 0 {
            // SAFETY: the entry is in the ring. The kernel has left it, with the length that it has used: in a bundle
            // it may have shortened it (io_ring_buffers_peek).
            let room = unsafe { &*self.entry(place) }.len() as usize;
            let filled = left.min(room.min(self.size));
            if filled == 0 {
                return Err(Failure::Failed(format!("io_uring: {left} bytes in a buffer without room")));
            }
            let at = usize::from(place) * self.stride;
            check.check(&self.memory[at..at + filled])?;
            self.give(place);
            left -= filled;
            place = (place + 1) % self.places;
        }
        self.publish();
        Ok(())
    }
}
