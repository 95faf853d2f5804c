//! Messages in one piece of memory, as it is registered with a ring: a page is pinned once, however many messages lie in it.

use super::chain::Piece;
use crate::failure::Failure;
use crate::path::Rewrite;
use crate::path::mapped::{Layout, MappedSupply};
use crate::setup::Setup;

/// Most bytes of one registered buffer (`io_buffer_validate`, io_uring/rsrc.c).
const MOST_BYTES: usize = 1 << 30;

/// The messages of one stream, taken round and round.
pub(in crate::path) struct Region<R> {
    supply: MappedSupply<R>,
    /// Messages in one registered buffer.
    per_buffer: usize,
}

impl<R: Rewrite> Region<R> {
    /// Maps at least `least` messages, more where the working set asks for them.
    pub(in crate::path) fn new(setup: &Setup, least: usize) -> Result<Self, Failure> {
        let supply = MappedSupply::new(setup, 1, Layout::Packed, least)?;
        let per_buffer = (MOST_BYTES / supply.mapped.stride()).max(1);
        Ok(Self { supply, per_buffer })
    }

    /// The buffers that are to be registered: one, or as many as it takes.
    pub(in crate::path) fn buffers(&self) -> Vec<&[u8]> {
        self.supply.mapped.memory().chunks(self.per_buffer * self.supply.mapped.stride()).collect()
    }
}

impl<R: Rewrite> super::Messages for Region<R> {
    #[inline]
    fn take(&mut self) -> Piece {
        let message = self.supply.take();
        Piece::of(self.supply.mapped.part(message, 0), (message / self.per_buffer) as u16)
    }

    fn count(&self) -> usize {
        self.supply.mapped.count()
    }

    fn leak(&mut self) {
        self.supply.leak();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Messages;
    use super::*;
    use crate::path::Static;
    use crate::pattern::Pattern;

    fn setup(bytes: usize) -> Setup {
        Setup::of_messages(bytes, Pattern::new(4, 0))
    }

    fn lengths(region: &Region<Static>) -> Vec<usize> {
        region.buffers().iter().map(|buffer| buffer.len()).collect()
    }

    #[test]
    fn messages_begin_at_cache_lines_and_come_round_and_round() {
        let mut region = Region::<Static>::new(&setup(100), 3).unwrap();
        assert_eq!(lengths(&region), [3 * 128]);
        let taken: Vec<Piece> = (0..4).map(|_| region.take()).collect();
        assert!(taken.iter().all(|piece| piece.at % 64 == 0 && piece.left == 100 && piece.buffer == 0));
        assert_eq!((taken[1].at - taken[0].at, taken[3]), (128, taken[0]));
    }

    #[test]
    fn what_one_buffer_does_not_hold_is_in_the_next() {
        let mut region = Region::<Static>::new(&setup(100), 5).unwrap();
        region.per_buffer = 2;
        assert_eq!(lengths(&region), [256, 256, 128]);
        let buffers: Vec<u16> = (0..5).map(|_| region.take().buffer).collect();
        assert_eq!(buffers, [0, 0, 1, 1, 2]);
    }
}
