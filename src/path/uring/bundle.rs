//! Messages that lie in provided buffers, of which one request sends as many as there are: a bundle.
//!
//! The kernel takes the buffers in the order in which they were provided, so that their bytes are in order too. What a
//! short send leaves over is provided anew, in a ring that begins anew: which buffers the kernel takes for used up then
//! need not be known.

use std::io;

use io_uring::{cqueue, opcode};
use memmap2::MmapMut;
use socket2::Socket;

use super::chain::{self, Chain, Piece, out_of_order};
use super::ring::{Ring, SOCKET};
use super::{Messages, by_calls, depth, is_polled};
use crate::failure::Failure;
use crate::path::{SendPath, Tally};
use crate::setup::Setup;
use crate::span::Span;

/// Bytes of an entry: address, length and number of a buffer, of 64, 32 and 16 bits (`struct io_uring_buf`).
const ENTRY: usize = 16;
/// Where the ring's end stands, in the first entry (`struct io_uring_buf_ring`).
const TAIL: usize = 14;

/// The ring of provided buffers. The kernel looks at it only when a request is carried out, which is submitted after it was
/// written.
struct Provided {
    memory: MmapMut,
    entries: u16,
    /// How many were provided so far; it wraps.
    tail: u16,
}

impl Provided {
    fn of(entries: u16) -> io::Result<Self> {
        Ok(Self { memory: MmapMut::map_anon(usize::from(entries) * ENTRY)?, entries, tail: 0 })
    }

    /// Provides buffers behind those that are there. Returns the number of the first.
    fn add(&mut self, pieces: &[Piece]) -> u16 {
        let mask = self.entries - 1;
        let first = self.tail & mask;
        for piece in pieces {
            let number = self.tail & mask;
            let entry = &mut self.memory[usize::from(number) * ENTRY..][..TAIL];
            entry[..8].copy_from_slice(&(piece.at as u64).to_ne_bytes());
            entry[8..12].copy_from_slice(&piece.left.to_ne_bytes());
            entry[12..].copy_from_slice(&number.to_ne_bytes());
            self.tail = self.tail.wrapping_add(1);
        }
        self.memory[TAIL..ENTRY].copy_from_slice(&self.tail.to_ne_bytes());
        first
    }

    /// Begins anew, empty.
    fn clear(&mut self) {
        self.tail = 0;
        self.memory[TAIL..ENTRY].fill(0);
    }
}

/// A stream's messages, sent by bundles of so many.
pub(in crate::path) struct Bundles<M: Messages> {
    ring: Ring,
    provided: Provided,
    chain: Chain,
    messages: M,
    depth: u64,
    is_open: bool,
}

impl<M: Messages> Bundles<M> {
    pub(in crate::path) fn of(
        setup: &Setup,
        socket: &Socket,
        messages: impl FnOnce(usize) -> Result<M, Failure>,
    ) -> Result<Self, Failure> {
        let depth = depth(setup)?;
        // A bundle that is sent in parts has a completion for each.
        let mut ring = Ring::open(socket, is_polled(setup), 1, 2 * depth)?;
        if !ring.has_bundles() {
            return Err(Failure::Unsupported(
                "io_uring: this kernel sends no bundles (IORING_FEAT_RECVSEND_BUNDLE); they take Linux 6.10"
                    .to_owned(),
            ));
        }
        let entries = depth.next_power_of_two() as u16;
        let provided = Provided::of(entries).map_err(Failure::io("memory for provided buffers"))?;
        ring.register_provided(&provided.memory, entries)?;
        let (chain, messages) = (Chain::of(depth), messages(depth)?);
        Ok(Self { ring, provided, chain, messages, depth: depth as u64, is_open: false })
    }

    #[inline]
    fn send(&mut self, count: u64, tally: &mut Tally) -> Result<(), Failure> {
        (0..count).for_each(|_| self.chain.add(self.messages.take()));
        loop {
            let first = self.provided.add(self.chain.pieces());
            let sent = self.carry_out(first, tally)?;
            if !self.chain.take_off(sent.bytes) {
                return Err(out_of_order());
            }
            if self.chain.is_sent() {
                return Ok(());
            }
            self.go_on(sent)?;
        }
    }

    /// Sends all buffers that are provided, of which this is the first.
    #[inline]
    fn carry_out(&mut self, first: u16, tally: &mut Tally) -> Result<Sent, Failure> {
        let request = opcode::SendBundle::new(SOCKET, 0).flags(libc::MSG_NOSIGNAL).build();
        self.ring.push(std::iter::once(request));
        self.is_open = true;
        let mut sent = Sent::default();
        let mut is_wrong = false;
        while self.is_open {
            tally.calls += 1;
            self.ring.enter(1).map_err(Failure::io("io_uring_enter"))?;
            for completion in self.ring.completions() {
                let (result, flags) = (completion.result(), completion.flags());
                if result > 0 {
                    is_wrong |= sent.bytes == 0 && cqueue::buffer_select(flags) != Some(first);
                    sent.bytes += u64::from(result.cast_unsigned());
                } else {
                    sent.error = Some(-result);
                }
                self.is_open = cqueue::more(flags);
            }
        }
        if is_wrong { Err(out_of_order()) } else { Ok(sent) }
    }

    /// After a bundle that was not sent whole: lets what is left be provided anew, unless the stream is broken.
    #[cold]
    fn go_on(&mut self, sent: Sent) -> Result<(), Failure> {
        if let Some(error) = sent.error {
            chain::judge("io_uring SEND of a bundle", error)?;
        }
        self.ring.take_provided_back().map_err(Failure::io("taking provided buffers back"))?;
        self.provided.clear();
        self.ring.register_provided(&self.provided.memory, self.provided.entries)
    }
}

/// What came of a bundle.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    bytes: u64,
    error: Option<i32>,
}

impl<M: Messages> SendPath for Bundles<M> {
    fn send_message(&mut self, _: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.send(1, tally)
    }

    fn run(&mut self, _: &Socket, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        by_calls(self.depth, span, tally, |count, tally| self.send(count, tally))
    }

    fn kernel_cpu_s(&self) -> Option<f64> {
        self.ring.kernel_cpu_s()
    }
}

impl<M: Messages> Drop for Bundles<M> {
    fn drop(&mut self) {
        if self.is_open { self.messages.leak() } else { self.ring.let_go() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(at: usize, left: u32) -> Piece {
        Piece { at, left, buffer: 0 }
    }

    #[test]
    fn entries_are_laid_out_as_the_kernel_reads_them_and_wrap() {
        let mut provided = Provided::of(4).unwrap();
        assert_eq!(provided.add(&[piece(0x1000, 7), piece(0x2000, 8), piece(0x3000, 9)]), 0);
        assert_eq!(provided.add(&[piece(0x4000, 10), piece(0x5000, 11)]), 3);
        let entry = |at: usize| {
            let bytes = &provided.memory[at * ENTRY..][..TAIL];
            let word = |range: std::ops::Range<usize>| {
                bytes[range].iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
            };
            (word(0..8), word(8..12), word(12..14))
        };
        assert_eq!(entry(0), (0x5000, 11, 0), "the fifth took the first one's place");
        assert_eq!((entry(1), entry(3)), ((0x2000, 8, 1), (0x4000, 10, 3)));
        assert_eq!(provided.memory[TAIL..ENTRY], 5_u16.to_ne_bytes());
        provided.clear();
        assert_eq!(
            (provided.add(&[piece(1, 1)]), &provided.memory[TAIL..ENTRY]),
            (0, &1_u16.to_ne_bytes()[..])
        );
    }
}
