//! Messages that are sent by a chain of linked requests, one for each, and what of them is sent.
//!
//! Unlinked sends that are in flight at once on one TCP connection put bytes in the wrong place: each that finds the
//! socket full waits for room by itself. In a chain a request begins when the one before it has ended well, so the bytes
//! stay in order, but only as long as no second chain is begun before the first has ended. A request that sends less than
//! all of its bytes, which MSG_WAITALL makes a failure, ends its chain (`req_set_fail`, io_uring/net.c): those behind it
//! end with ECANCELED, and go into the next one.

use std::io;

use super::queue::Queue;
use crate::failure::Failure;

/// What is left to send of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::path) struct Piece {
    /// Address of the next byte.
    pub(super) at: usize,
    /// Bytes.
    pub(super) left: u32,
    /// Number of the registered buffer that it lies in, where it does.
    pub(super) buffer: u16,
}

impl Piece {
    /// A whole message.
    pub(in crate::path) fn of(message: &[u8], buffer: u16) -> Self {
        Self { at: message.as_ptr().expose_provenance(), left: message.len() as u32, buffer }
    }

    /// The bytes' address.
    pub(super) fn pointer(self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.at)
    }

    fn advance(&mut self, bytes: u32) {
        self.at += bytes as usize;
        self.left -= bytes;
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::path) enum Fate {
    /// It took bytes.
    Took {
        /// They were the last of their message.
        last: bool,
    },
    /// It took none.
    Void,
}

/// The messages of one chain, in order.
#[derive(Debug)]
pub(in crate::path) struct Chain {
    /// What is not sent yet.
    pieces: Vec<Piece>,
    /// What the requests of the last chain came to.
    results: Vec<i32>,
    /// Label of the next request: they are counted, and wrap.
    next: u32,
    /// Requests that have not ended.
    open: usize,
}

impl Chain {
    /// A chain of so many messages at most.
    pub(in crate::path) fn of(depth: usize) -> Self {
        Self { pieces: Vec::with_capacity(depth), results: Vec::with_capacity(depth), next: 0, open: 0 }
    }

    /// Adds a message.
    pub(in crate::path) fn add(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// Whether all that was added is sent.
    pub(in crate::path) fn is_sent(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether no request is under way, which none is but after an error.
    pub(in crate::path) fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// What is not sent yet.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Sends what is not sent yet by one chain, and waits until it has ended. Returns how many calls that took.
    pub(in crate::path) fn carry_out(&mut self, queue: &mut impl Queue) -> io::Result<u64> {
        let (count, first) = (self.pieces.len(), self.next);
        queue.push(first, &self.pieces);
        self.next = first.wrapping_add(count as u32);
        self.results.clear();
        self.results.resize(count, 0);
        self.open = count;
        let mut calls = 0;
        while self.open > 0 {
            calls += 1;
            queue.wait(self.open, |label, result| {
                if let Some(place) = self.results.get_mut(label.wrapping_sub(first) as usize) {
                    *place = result;
                    self.open -= 1;
                }
            })?;
        }
        Ok(calls)
    }

    /// Takes off what the ended chain has sent, and tells the fate of each of its requests, in order. Returns the error
    /// that ended it early; none where it ended well, or after a short send.
    ///
    /// # Errors
    /// When a request took bytes behind one that had not sent all of its own: they are in the wrong place.
    pub(in crate::path) fn settle(&mut self, mut tell: impl FnMut(Fate)) -> Result<Option<i32>, Failure> {
        let (mut whole, mut broken, mut lost, mut error) = (0, false, false, None);
        for (piece, &result) in self.pieces.iter_mut().zip(&self.results) {
            if result <= 0 {
                tell(Fate::Void);
                if !broken {
                    error = Some(-result);
                }
                broken = true;
                continue;
            }
            lost |= broken || result.cast_unsigned() > piece.left;
            piece.advance(result.cast_unsigned().min(piece.left));
            let last = piece.left == 0;
            tell(Fate::Took { last });
            whole += usize::from(last && !broken);
            broken |= !last;
        }
        self.pieces.drain(..whole);
        if lost { Err(out_of_order()) } else { Ok(error) }
    }

    /// Takes off so many bytes, which were sent in order. Returns false where there are not so many.
    pub(super) fn take_off(&mut self, mut bytes: u64) -> bool {
        let mut whole = 0;
        for piece in &mut self.pieces {
            let taken = bytes.min(u64::from(piece.left));
            piece.advance(taken as u32);
            bytes -= taken;
            if piece.left > 0 {
                break;
            }
            whole += 1;
        }
        self.pieces.drain(..whole);
        bytes == 0
    }
}

/// Bytes arrived in another order than they were to be sent in.
#[cold]
pub(super) fn out_of_order() -> Failure {
    Failure::Failed(
        "io_uring sent bytes behind others that it had not sent: the stream is not in order".to_owned(),
    )
}

/// What an error means that a request ended with: none where it is to be made again.
///
/// # Errors
/// `Unsupported` where the kernel will not do it, `Failed` where the stream is broken.
#[cold]
pub(in crate::path) fn judge(call: &str, error: i32) -> Result<(), Failure> {
    let why = || match error {
        0 => format!("{call}: no byte was taken"),
        _ => format!("{call}: {}", io::Error::from_raw_os_error(error)),
    };
    match error {
        libc::EINTR | libc::EAGAIN => Ok(()),
        libc::EINVAL | libc::EOPNOTSUPP | libc::EPERM => Err(Failure::Unsupported(why())),
        _ => Err(Failure::Failed(why())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::Scripted;
    use super::*;
    use proptest::prelude::*;

    const BYTES: u32 = 100;

    fn chain(messages: usize) -> Chain {
        let mut chain = Chain::of(messages);
        // Addresses that are nobody's: what stands for a ring reads none of them.
        (0..messages)
            .for_each(|place| chain.add(Piece { at: place * BYTES as usize, left: BYTES, buffer: 0 }));
        chain
    }

    fn fates(chain: &mut Chain) -> (Vec<Fate>, Result<Option<i32>, Failure>) {
        let mut told = Vec::new();
        let error = chain.settle(|fate| told.push(fate));
        (told, error)
    }

    #[test]
    fn a_chain_that_ends_well_takes_one_call() {
        let mut queue = Scripted::default();
        let mut chain = chain(3);
        assert_eq!(chain.carry_out(&mut queue).unwrap(), 1);
        assert_eq!(fates(&mut chain), (vec![Fate::Took { last: true }; 3], Ok(None)));
        assert!(chain.is_sent() && chain.is_idle());
    }

    #[test]
    fn what_a_short_send_cancels_is_sent_by_the_next_chain() {
        let mut queue = Scripted { limits: vec![100, 30], ..Scripted::default() };
        let mut chain = chain(3);
        chain.carry_out(&mut queue).unwrap();
        let (told, error) = fates(&mut chain);
        assert_eq!(told, [Fate::Took { last: true }, Fate::Took { last: false }, Fate::Void]);
        assert_eq!((error, chain.pieces()[0].left, chain.pieces().len()), (Ok(None), 70, 2));
        chain.carry_out(&mut queue).unwrap();
        assert_eq!(fates(&mut chain).0, [Fate::Took { last: true }; 2]);
        assert_eq!(queue.bytes, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_is_the_one_that_counts() {
        let mut queue = Scripted { limits: vec![-libc::EPIPE], ..Scripted::default() };
        let mut chain = chain(2);
        chain.carry_out(&mut queue).unwrap();
        assert_eq!(fates(&mut chain), (vec![Fate::Void; 2], Ok(Some(libc::EPIPE))));
        assert!(
            matches!(judge("send", libc::EPIPE), Err(Failure::Failed(why)) if why.contains("Broken pipe"))
        );
        assert_eq!(judge("send", libc::EINTR), Ok(()));
        assert!(matches!(judge("send", libc::EOPNOTSUPP), Err(Failure::Unsupported(_))));
    }

    #[test]
    fn a_kernel_that_goes_on_behind_a_short_send_has_lost_the_order() {
        let mut queue = Scripted { limits: vec![30], goes_on: true, ..Scripted::default() };
        let mut chain = chain(2);
        chain.carry_out(&mut queue).unwrap();
        let (told, error) = fates(&mut chain);
        assert_eq!(told, [Fate::Took { last: false }, Fate::Took { last: true }], "each of them took bytes");
        assert!(error.unwrap_err().reason().contains("not in order"));
    }

    #[test]
    fn labels_wrap_and_completions_of_nobody_are_no_news() {
        let mut queue = Scripted { stranger: true, ..Scripted::default() };
        let mut chain = Chain { next: u32::MAX, ..chain(2) };
        chain.carry_out(&mut queue).unwrap();
        assert_eq!(fates(&mut chain).0.len(), 2);
        assert_eq!(chain.next, 1);
    }

    proptest! {
        #[test]
        fn bytes_are_in_order_whatever_is_short_or_refused(messages in 1_usize..20, limits in prop::collection::vec(prop_oneof![1..=100_i32, Just(-libc::EINTR)], 0..60), batch in 1_usize..7) {
            let mut queue = Scripted { limits, batch: Some(batch), ..Scripted::default() };
            let mut chain = chain(messages);
            let mut last = 0;
            while !chain.is_sent() {
                chain.carry_out(&mut queue).unwrap();
                let (told, error) = fates(&mut chain);
                if let Some(error) = error.unwrap() {
                    judge("send", error).unwrap();
                }
                last += told.iter().filter(|fate| **fate == Fate::Took { last: true }).count();
            }
            prop_assert_eq!(last, messages);
            prop_assert_eq!(queue.bytes, (0..messages * BYTES as usize).collect::<Vec<_>>());
        }

        #[test]
        fn bytes_are_taken_off_in_order(messages in 1_usize..20, cuts in prop::collection::vec(0_u64..500, 0..20)) {
            let mut chain = chain(messages);
            let mut left = messages as u64 * u64::from(BYTES);
            for cut in cuts {
                let whole = chain.take_off(cut);
                prop_assert_eq!(whole, cut <= left);
                left = left.saturating_sub(cut);
                prop_assert_eq!(chain.pieces().iter().map(|piece| u64::from(piece.left)).sum::<u64>(), left);
                if let Some(piece) = chain.pieces().first() {
                    prop_assert_eq!(piece.at as u64, messages as u64 * u64::from(BYTES) - left);
                }
            }
        }
    }
}
