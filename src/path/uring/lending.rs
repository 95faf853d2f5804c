//! Messages that are lent to the kernel by a ring, a request each.

use std::time::Instant;

use socket2::Socket;

use super::chain::{self, Chain, Fate};
use super::notifications::{Notifications, Request};
use super::ring::Ring;
use super::{Messages, by_calls, depth, is_polled};
use crate::failure::Failure;
use crate::path::lent::{self, Lent, Notifier};
use crate::path::{SendPath, Tally};
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::span::Span;

/// A stream's messages, lent by chains of so many requests.
pub(in crate::path) struct Lending<M: Messages, Q: Request> {
    lent: Lent<Notifications<Q>>,
    chain: Chain,
    messages: M,
    depth: u64,
}

impl<M: Messages, Q: Request> Lending<M, Q> {
    /// Makes the ring, and by `messages` as many of them as are kept in flight.
    pub(in crate::path) fn of(
        setup: &Setup,
        socket: &Socket,
        messages: impl FnOnce(usize, &mut Ring) -> Result<M, Failure>,
    ) -> Result<Self, Failure> {
        let depth = depth(setup)?;
        let least = lent::ring(setup, depth)?;
        let mut notifications = Notifications::of(Ring::open(socket, is_polled(setup), depth, 2 * least)?)?;
        let messages = messages(least, &mut notifications.ring)?;
        let lent = Lent::new(notifications, messages.count());
        Ok(Self { lent, chain: Chain::of(depth), messages, depth: depth as u64 })
    }

    #[inline]
    fn send(&mut self, socket: &Socket, count: u64, tally: &mut Tally) -> Result<(), Failure> {
        let Self { lent, chain, messages, .. } = self;
        lent.make_room(socket, count as usize)?;
        (0..count).for_each(|_| chain.add(messages.take()));
        while !chain.is_sent() {
            tally.calls += chain.carry_out(&mut lent.notifier).map_err(Failure::io("io_uring_enter"))?;
            let error = chain.settle(|fate| match fate {
                Fate::Took { last } => lent.sent(last),
                Fate::Void => lent.skipped(),
            })?;
            match error {
                None => {}
                Some(libc::ENOBUFS) => lent.relieve(socket)?,
                Some(error) => chain::judge(Notifications::<Q>::CALL, error)?,
            }
        }
        Ok(())
    }
}

impl<M: Messages, Q: Request> SendPath for Lending<M, Q> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        self.send(socket, 1, tally)
    }

    fn run(&mut self, socket: &Socket, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        by_calls(self.depth, span, tally, |count, tally| self.send(socket, count, tally))
    }

    fn drain(
        &mut self,
        socket: &Socket,
        deadline: Instant,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        self.lent.drain(socket, deadline, goes_on)
    }

    fn released(&self) -> Option<u64> {
        Some(self.lent.released())
    }

    fn reap(&mut self, socket: &Socket) -> Result<(), Failure> {
        self.lent.reap(socket)
    }

    /// Absent where the kernel does not tell whether it copied.
    fn usage(&self) -> ZeroCopy {
        if self.lent.notifier.are_reports() { self.lent.usage() } else { ZeroCopy::default() }
    }

    fn kernel_cpu_s(&self) -> Option<f64> {
        self.lent.notifier.ring.kernel_cpu_s()
    }
}

impl<M: Messages, Q: Request> Drop for Lending<M, Q> {
    fn drop(&mut self) {
        match (self.chain.is_idle(), self.lent.is_idle()) {
            (true, true) => self.lent.notifier.ring.let_go(),
            // The kernel has the pages of what it still reads.
            (true, false) => {}
            (false, _) => self.messages.leak(),
        }
    }
}
