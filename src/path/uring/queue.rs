//! Where requests to send are put and carried out: a ring, and in tests what stands for one.

use std::io;

use super::chain::Piece;

/// A queue of requests to send on one connection.
pub(in crate::path) trait Queue {
    /// Puts a chain of requests in the queue, one for each piece, with labels from this one on. All of them are put there
    /// at once: a thread of the kernel that took a part of a chain would take it for the whole.
    fn push(&mut self, first: u32, pieces: &[Piece]);

    /// Submits what was put there, waits for so many completions, or fewer where something disturbs it, and hands on
    /// label and result of each that ended a request.
    fn wait(&mut self, count: usize, take: impl FnMut(u32, i32)) -> io::Result<()>;
}

#[cfg(test)]
pub(in crate::path) mod tests {
    use super::*;

    /// A queue that carries out as it is told.
    #[derive(Debug, Default)]
    pub(in crate::path) struct Scripted {
        /// What the next requests take at most, or the error that they end with; then all that they are given.
        pub(in crate::path) limits: Vec<i32>,
        /// A request that is linked to one that was short goes on all the same.
        pub(in crate::path) goes_on: bool,
        /// A completion of a request that was never put there comes first.
        pub(in crate::path) stranger: bool,
        /// Completions that come at a time.
        pub(in crate::path) batch: Option<usize>,
        /// Addresses of what was sent, in order.
        pub(in crate::path) bytes: Vec<usize>,
        pub(in crate::path) asked: Vec<(u32, Piece)>,
        pub(in crate::path) done: Vec<(u32, i32)>,
    }

    impl Scripted {
        fn carry_out(&mut self) {
            let mut is_cancelled = false;
            for (label, piece) in self.asked.split_off(0) {
                let result = if is_cancelled && !self.goes_on {
                    -libc::ECANCELED
                } else {
                    let limit = if self.limits.is_empty() { i32::MAX } else { self.limits.remove(0) };
                    limit.min(piece.left as i32)
                };
                self.bytes.extend(piece.at..piece.at + result.max(0) as usize);
                is_cancelled = result != piece.left as i32;
                self.done.push((label, result));
            }
        }
    }

    impl Queue for Scripted {
        fn push(&mut self, first: u32, pieces: &[Piece]) {
            let labels = (0..).map(|place| first.wrapping_add(place));
            self.asked.extend(labels.zip(pieces.iter().copied()));
        }

        fn wait(&mut self, count: usize, mut take: impl FnMut(u32, i32)) -> io::Result<()> {
            self.carry_out();
            assert!(count <= self.done.len(), "more is waited for than can come");
            if std::mem::take(&mut self.stranger) {
                take(u32::MAX / 2, 7);
            }
            let batch = self.batch.unwrap_or(count).min(self.done.len());
            self.done.drain(..batch).for_each(|(label, result)| take(label, result));
            Ok(())
        }
    }
}
