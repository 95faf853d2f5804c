//! Sending by io_uring: what its paths have in common.
//!
//! A path adds messages to a [`chain::Chain`], carries it out on its [`ring::Ring`] by one io_uring_enter(2), which submits and waits
//! at once, and goes on when all of it has ended. Messages that are copied in the call are free then; those that are lent
//! are free when the ring says so ([`notifications`]).

mod bundle;
mod chain;
mod copying;
mod lending;
mod notifications;
mod queue;
mod region;
mod ring;
mod threads;

use io_uring::squeue::{Entry, Flags};

use super::mapped::MappedSupply;
use super::supply::Supply;
use super::{Completions, MovedBytes, Rewrite, Tally};
use crate::choice::{Choice, Parameter, Parameters, SWITCH, Values};
use crate::failure::Failure;
use crate::interface::{FlagProof, KernelInterface};
use crate::message::Contiguous;
use crate::setup::Setup;
use crate::span::Span;
use crate::units;
pub(super) use bundle::Bundles;
use chain::Piece;
pub(super) use copying::Copying;
pub(super) use lending::Lending;
pub(super) use notifications::{AnyMemory, Registered};
pub(super) use region::Region;

/// Most requests, or provided buffers, of one call: as many as the kernel takes into one bundle (PEEK_MAX_IMPORT).
const MOST_DEEP: u64 = 256;
/// Most bytes of one call: what it has sent must fit into the result of a request.
const MOST_BYTES: u64 = 1 << 30;
/// Most memory for the messages of all streams.
const MOST_MEMORY: u64 = 8 << 30;

pub(super) const DEPTH: &str = "depth";
const CHAIN: &str = "chain";
const SQPOLL: &str = "sqpoll";

/// Places among the words of `chain`.
const SINGLE: u64 = 0;
const BUNDLE: u64 = 2;

const POLL: Parameter = Parameter {
    key: SQPOLL,
    about: "a thread of the kernel submits (IORING_SETUP_SQPOLL); its CPU time is the sender's",
    values: SWITCH,
    usual: 0,
};

/// Those of the paths whose requests are messages.
pub(super) const REQUESTS: Parameters = Parameters {
    list: &[
        Parameter {
            key: DEPTH,
            about: "messages of one call, where nobody waits for each of them",
            values: Values::Count { least: 1, most: MOST_DEEP },
            usual: 1,
        },
        Parameter {
            key: CHAIN,
            about: "how the requests of one call are kept in order",
            values: Values::Words(&["single", "link", "bundle"]),
            usual: SINGLE,
        },
        POLL,
    ],
    check,
};

/// Those of the path that sends provided buffers.
pub(super) const BUFFERS: Parameters = Parameters::of(&[
    Parameter {
        key: DEPTH,
        about: "messages of one call, a provided buffer each, where nobody waits for each of them",
        values: Values::Count { least: 1, most: MOST_DEEP },
        usual: 8,
    },
    POLL,
]);

/// Several requests that nothing keeps in order may be carried out in any.
fn check(choice: &Choice) -> Result<(), String> {
    match (choice.value(CHAIN), choice.value(DEPTH)) {
        (BUNDLE, _) => Err(format!(
            "{} sends no bundles: the path uring-bundle does, which has depth and sqpoll",
            choice.name()
        )),
        (SINGLE, depth) if depth > 1 => Err(format!(
            "{} with depth={depth} would send bytes out of order: unlinked requests on one connection overtake one \
             another; add chain=link, or use uring-bundle",
            choice.name()
        )),
        _ => Ok(()),
    }
}

/// IORING_OP_SEND, from one buffer.
pub(super) const SEND: KernelInterface =
    KernelInterface { name: "io_uring SEND", moved: MovedBytes::Tracepoints, completions: None };

/// IORING_OP_SEND_ZC, from one buffer; notifications come by the completion queue.
pub(super) const SEND_ZC: KernelInterface = KernelInterface {
    name: "io_uring SEND_ZC",
    moved: MovedBytes::Tracepoints,
    completions: Some(Completions {
        takes: "Linux 6.2 or newer",
        copied_flag: "IORING_NOTIF_USAGE_ZC_COPIED",
        proof: FlagProof::WhereUnset,
        none_flagged: "A request without it was not copied: the kernel sets it as soon as one of its packets is \
                       (`io_tx_ubuf_complete` in io_uring/notif.c, read in Linux 6.12).",
        some_flagged: "the flag proves no copy: since Linux 6.10 requests whose notifications are stacked on one packet have \
                       it all but the first, copied or not, so the share is an upper bound",
    }),
};

/// The messages of one stream, taken round and round, as requests name them.
pub(super) trait Messages: Send {
    /// The next message, prepared. The caller must know that the kernel no longer reads it.
    fn take(&mut self) -> Piece;
    /// How many there are.
    fn count(&self) -> usize;
    /// Gives up the memory without freeing it, because a request may still be under way, which names its address. That is
    /// so only where io_uring_enter(2) itself has failed.
    fn leak(&mut self);
}

impl<R: Rewrite> Messages for MappedSupply<R> {
    #[inline]
    fn take(&mut self) -> Piece {
        let message = MappedSupply::take(self);
        Piece::of(self.mapped.part(message, 0), 0)
    }

    fn count(&self) -> usize {
        self.mapped.count()
    }

    fn leak(&mut self) {
        MappedSupply::leak(self);
    }
}

impl<R: Rewrite> Messages for Supply<Contiguous, R> {
    #[inline]
    fn take(&mut self) -> Piece {
        Piece::of(&Supply::take(self).0, 0)
    }

    fn count(&self) -> usize {
        Supply::count(self)
    }

    fn leak(&mut self) {
        Supply::leak(self);
    }
}

/// Messages of one call.
///
/// # Errors
/// `Unsupported` where they are more bytes than one call, or all streams together, can have.
pub(super) fn depth(setup: &Setup) -> Result<usize, Failure> {
    let depth = setup.choice.value(DEPTH).max(1);
    let call = depth * setup.message_bytes as u64;
    let all = call.saturating_mul(u64::from(setup.streams));
    if call > MOST_BYTES || all > MOST_MEMORY {
        return Err(Failure::Unsupported(format!(
            "{depth} messages of a call are {}, and {} for all streams, but at most {} and {} are possible; lower the depth",
            units::size(call),
            units::size(all),
            units::size(MOST_BYTES),
            units::size(MOST_MEMORY)
        )));
    }
    Ok(depth as usize)
}

/// Sends messages until the span is over, so many by each call, and no more than the span's limit.
#[inline]
fn by_calls(
    depth: u64,
    span: Span,
    tally: &mut Tally,
    mut send: impl FnMut(u64, &mut Tally) -> Result<(), Failure>,
) -> Result<(), Failure> {
    while span.goes_on(tally.messages) {
        let count = depth.min(span.limit - tally.messages);
        send(count, tally)?;
        tally.messages += count;
    }
    Ok(())
}

/// Whether a thread of the kernel is to submit.
fn is_polled(setup: &Setup) -> bool {
    setup.choice.is_on(SQPOLL)
}

/// The requests of a chain: each but the last is linked to the next.
#[inline]
fn linked(first: u32, pieces: &[Piece], request: impl Fn(&Piece) -> Entry) -> impl Iterator<Item = Entry> {
    let last = pieces.len().wrapping_sub(1);
    pieces.iter().enumerate().map(move |(place, piece)| {
        let flags = if place == last { Flags::empty() } else { Flags::IO_LINK };
        request(piece).user_data(u64::from(first.wrapping_add(place as u32))).flags(flags)
    })
}

#[cfg(test)]
mod tests;
