//! How long a worker goes on: while the trial is in a phase, and up to a limit.

use std::sync::atomic::{AtomicU32, Ordering};

/// A stretch of a stream's life.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The phase that the trial is in, as the gate has it.
    pub now: &'a AtomicU32,
    /// The phase that the stretch lasts for.
    pub phase: u32,
    /// What is enough: messages at the end that sends; at the end that receives, bytes since the connection was made.
    pub limit: u64,
}

impl Span<'_> {
    /// Whether the worker goes on once it has done so much.
    #[inline]
    pub fn goes_on(&self, done: u64) -> bool {
        self.now.load(Ordering::Relaxed) == self.phase && done < self.limit
    }
}
