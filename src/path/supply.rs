//! The messages that a stream cycles through, and whether each is rewritten before it is sent.

use crate::buffer::refused;
use crate::failure::Failure;
use crate::message::{Body, OnHeap};
use crate::pattern::Pattern;
use crate::setup::Setup;

/// What happens to a message's bytes before it is sent: chosen by type, so that the loop has no branch.
pub trait Rewrite: Send {
    /// Makes the rule for one stream.
    fn new(pattern: Pattern) -> Self;
    /// Prepares the next message.
    fn rewrite(&mut self, body: &mut impl Body);
}

/// The same bytes again and again.
#[derive(Debug)]
pub struct Static;

impl Rewrite for Static {
    fn new(_: Pattern) -> Self {
        Self
    }

    fn rewrite(&mut self, _: &mut impl Body) {}
}

/// New bytes in every message.
#[derive(Debug)]
pub struct Fresh {
    pattern: Pattern,
    sequence: u64,
}

impl Fresh {
    /// The key of the next message.
    pub(super) fn key(&mut self) -> u64 {
        let key = self.pattern.key(self.sequence);
        self.sequence += 1;
        key
    }
}

impl Rewrite for Fresh {
    fn new(pattern: Pattern) -> Self {
        Self { pattern, sequence: 0 }
    }

    fn rewrite(&mut self, body: &mut impl Body) {
        body.fill(self.key());
    }
}

/// The messages of one stream, taken round and round.
#[derive(Debug)]
pub struct Supply<B, R> {
    bodies: Vec<B>,
    next: usize,
    rewrite: R,
}

/// How many messages a stream has: at least `least`, more where the working set asks for them.
pub(super) fn count(setup: &Setup, least: usize) -> usize {
    let asked = setup.working_set.unwrap_or(0).div_ceil(setup.message_bytes as u64);
    usize::try_from(asked).unwrap_or(usize::MAX).max(least).max(1)
}

impl<B: OnHeap, R: Rewrite> Supply<B, R> {
    /// Allocates at least `least` messages, more where the working set asks for them.
    ///
    /// # Errors
    /// `Unsupported` where there is no memory for all of them.
    pub fn new(setup: &Setup, least: usize) -> Result<Self, Failure> {
        let count = count(setup, least);
        let mut bodies: Vec<B> = Vec::new();
        let no_memory = || refused(count.saturating_mul(setup.message_bytes));
        bodies.try_reserve_exact(count).map_err(|_| no_memory())?;
        for _ in 0..count {
            bodies.push(B::new(setup.message_bytes).map_err(|_| no_memory())?);
        }
        for body in &mut bodies {
            body.fill(setup.pattern.key(0));
        }
        Ok(Self { bodies, next: 0, rewrite: R::new(setup.pattern) })
    }

    /// The next message, prepared. The caller must know that no call still reads it.
    pub fn take(&mut self) -> &B {
        let now = self.next;
        self.next = if now + 1 == self.bodies.len() { 0 } else { now + 1 };
        let body = &mut self.bodies[now];
        self.rewrite.rewrite(body);
        body
    }

    /// How many messages there are.
    pub fn count(&self) -> usize {
        self.bodies.len()
    }
}

impl<B, R> Supply<B, R> {
    /// Gives up the memory without freeing it: a request that is still under way names it.
    pub fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.bodies));
    }
}

/// Makes a path of the generic type `$path<Static>` or `$path<Fresh>`, by the cell's payload.
macro_rules! open_by_payload {
    ($path:ident) => {
        |setup, socket| {
            Ok(match setup.payload {
                $crate::cell::Payload::Static => {
                    Box::new($path::<$crate::path::Static>::open(setup, socket)?)
                }
                $crate::cell::Payload::Fresh => Box::new($path::<$crate::path::Fresh>::open(setup, socket)?),
            })
        }
    };
}
pub(super) use open_by_payload;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Contiguous, Message};

    fn setup(working_set: Option<u64>) -> Setup {
        Setup { working_set, ..Setup::of_messages(100, Pattern::new(1, 0)) }
    }

    #[test]
    fn the_working_set_is_covered_by_whole_messages() {
        assert_eq!(Supply::<Message, Static>::new(&setup(None), 1).unwrap().count(), 1);
        assert_eq!(Supply::<Message, Static>::new(&setup(Some(1001)), 1).unwrap().count(), 11);
        assert_eq!(Supply::<Message, Static>::new(&setup(Some(100)), 4).unwrap().count(), 4);
    }

    #[test]
    fn fresh_messages_differ_and_static_ones_do_not() {
        let mut fresh = Supply::<Contiguous, Fresh>::new(&setup(None), 1).unwrap();
        let first = fresh.take().0.clone();
        assert_ne!(fresh.take().0, first);
        let mut same = Supply::<Contiguous, Static>::new(&setup(None), 2).unwrap();
        let first = same.take().0.clone();
        assert_eq!(same.take().0, first);
    }
}
