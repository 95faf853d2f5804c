//! Messages that the kernel copies in the call, a request each.

use std::io;

use io_uring::opcode;
use socket2::Socket;

use super::chain::{self, Chain, Piece};
use super::notifications::FLAGS;
use super::queue::Queue;
use super::ring::{Ring, SOCKET};
use super::{Messages, by_calls, depth, is_polled, linked};
use crate::failure::Failure;
use crate::path::{SendPath, Tally};
use crate::setup::Setup;
use crate::span::Span;

/// The queues of a ring that sends copies.
struct Copies(Ring);

impl Queue for Copies {
    #[inline]
    fn push(&mut self, first: u32, pieces: &[Piece]) {
        self.0.push(linked(first, pieces, |piece| {
            opcode::Send::new(SOCKET, piece.pointer(), piece.left).flags(FLAGS).build()
        }));
    }

    #[inline]
    fn wait(&mut self, count: usize, mut take: impl FnMut(u32, i32)) -> io::Result<()> {
        self.0.enter(count)?;
        self.0.completions().for_each(|one| take(one.user_data() as u32, one.result()));
        Ok(())
    }
}

/// A stream's messages, sent by chains of so many requests.
pub(in crate::path) struct Copying<M: Messages> {
    queue: Copies,
    chain: Chain,
    messages: M,
    depth: u64,
}

impl<M: Messages> Copying<M> {
    pub(in crate::path) fn of(
        setup: &Setup,
        socket: &Socket,
        messages: impl FnOnce(usize) -> Result<M, Failure>,
    ) -> Result<Self, Failure> {
        let depth = depth(setup)?;
        let queue = Copies(Ring::open(socket, is_polled(setup), depth, 0)?);
        Ok(Self { queue, chain: Chain::of(depth), messages: messages(depth)?, depth: depth as u64 })
    }

    #[inline]
    fn send(&mut self, count: u64, tally: &mut Tally) -> Result<(), Failure> {
        (0..count).for_each(|_| self.chain.add(self.messages.take()));
        while !self.chain.is_sent() {
            tally.calls += self.chain.carry_out(&mut self.queue).map_err(Failure::io("io_uring_enter"))?;
            if let Some(error) = self.chain.settle(|_| {})? {
                chain::judge("io_uring SEND", error)?;
            }
        }
        Ok(())
    }
}

impl<M: Messages> SendPath for Copying<M> {
    fn send_message(&mut self, _: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.send(1, tally)
    }

    fn run(&mut self, _: &Socket, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        by_calls(self.depth, span, tally, |count, tally| self.send(count, tally))
    }

    fn kernel_cpu_s(&self) -> Option<f64> {
        self.queue.0.kernel_cpu_s()
    }
}

impl<M: Messages> Drop for Copying<M> {
    fn drop(&mut self) {
        if self.chain.is_idle() { self.queue.0.let_go() } else { self.messages.leak() }
    }
}
