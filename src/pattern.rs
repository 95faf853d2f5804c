//! The bytes of a message, so chosen that a displaced, repeated or stale message shows.
//!
//! The bytes at offset `8 i` of message `m` are the little-endian word `key(m) + i × STEP` (modulo 2^64,
//! STEP odd): a displacement by whole words changes the sum, one by less than a word tears it, and
//! another message, another stream or another trial has another key. A static payload has one key for
//! all of a stream's messages, so there only their count can show a repetition.

use std::fmt;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The keys of one stream's messages.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    seed: u64,
}

impl Pattern {
    /// The pattern of stream `stream` of the trial whose connections carry `nonce`.
    pub fn new(nonce: u64, stream: u32) -> Self {
        Self { seed: mix(nonce ^ mix(u64::from(stream))) }
    }

    /// The key of message number `sequence`.
    pub fn key(self, sequence: u64) -> u64 {
        mix(self.seed.wrapping_add(sequence))
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every input bit reaches every output bit.
fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(STEP);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn word(key: u64, index: usize) -> [u8; 8] {
    key.wrapping_add((index as u64).wrapping_mul(STEP)).to_le_bytes()
}

/// Writes the bytes of the message with this key that begin at `offset` in it.
pub(crate) fn fill(key: u64, offset: usize, out: &mut [u8]) {
    let torn = (offset.wrapping_neg() % 8).min(out.len());
    let (head, rest) = out.split_at_mut(torn);
    head.copy_from_slice(&word(key, offset / 8)[offset % 8..][..torn]);

    let first = offset.div_ceil(8);
    let (words, tail) = rest.as_chunks_mut::<8>();
    for (index, out) in words.iter_mut().enumerate() {
        *out = word(key, first + index);
    }
    tail.copy_from_slice(&word(key, first + words.len())[..tail.len()]);
}

/// Compares a stream's bytes, as they come, with what was sent.
#[derive(Debug)]
pub(crate) struct Verifier {
    pattern: Pattern,
    message_bytes: u64,
    fresh: bool,
    position: u64,
    expected: Vec<u8>,
}

/// The first byte that differs from what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    message: u64,
    offset: u64,
    got: u8,
    sent: u8,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, offset, got, sent } = self;
        write!(out, "byte {offset} of message {message} arrived as {got:#04x} but was sent as {sent:#04x}")
    }
}

impl Verifier {
    /// A verifier of one stream from its first byte.
    pub(crate) fn new(pattern: Pattern, message_bytes: u64, fresh: bool) -> Self {
        Self { pattern, message_bytes, fresh, position: 0, expected: Vec::new() }
    }

    /// Compares the next bytes of the stream.
    pub(crate) fn check(&mut self, mut bytes: &[u8]) -> Result<(), Mismatch> {
        while !bytes.is_empty() {
            let message = self.position / self.message_bytes;
            let offset = self.position % self.message_bytes;
            let left = usize::try_from(self.message_bytes - offset).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(left));
            let key = self.pattern.key(if self.fresh { message } else { 0 });
            self.expected.resize(now.len(), 0);
            fill(key, offset as usize, &mut self.expected);
            if self.expected != now {
                let at = (0..now.len()).find(|&at| now[at] != self.expected[at]).unwrap_or_default();
                let (got, sent) = (now[at], self.expected[at]);
                return Err(Mismatch { message, offset: offset + at as u64, got, sent });
            }
            self.position += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(key: u64, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        fill(key, 0, &mut out);
        out
    }

    fn sent(pattern: Pattern, bytes: usize, messages: u64, fresh: bool) -> Vec<u8> {
        (0..messages).flat_map(|m| message(pattern.key(if fresh { m } else { 0 }), bytes)).collect()
    }

    proptest! {
        #[test]
        fn any_part_of_a_message_is_filled_as_in_the_whole(key: u64, from in 0_usize..70, len in 0_usize..70) {
            let whole = message(key, 140);
            let mut part = vec![0; len];
            fill(key, from, &mut part);
            prop_assert_eq!(&part[..], &whole[from..from + len]);
        }

        #[test]
        fn what_was_sent_passes_in_any_chunks(size in 64_usize..300, chunk in 1_usize..500, fresh: bool) {
            let pattern = Pattern::new(7, 3);
            let mut verifier = Verifier::new(pattern, size as u64, fresh);
            for part in sent(pattern, size, 6, fresh).chunks(chunk) {
                prop_assert_eq!(verifier.check(part), Ok(()));
            }
        }

        #[test]
        fn displaced_bytes_show(size in 64_usize..300, by in 1_usize..64, fresh: bool) {
            let pattern = Pattern::new(7, 3);
            let all = sent(pattern, size, 4, fresh);
            prop_assert!(Verifier::new(pattern, size as u64, fresh).check(&all[by..]).is_err());
        }

        #[test]
        fn one_changed_byte_shows_where_it_is(at in 0_usize..400) {
            let pattern = Pattern::new(1, 0);
            let mut all = sent(pattern, 100, 4, true);
            all[at] ^= 0x10;
            let mismatch = Verifier::new(pattern, 100, true).check(&all).unwrap_err();
            prop_assert_eq!((mismatch.message, mismatch.offset), (at as u64 / 100, at as u64 % 100));
        }
    }

    #[test]
    fn a_repeated_or_stale_fresh_message_shows() {
        let pattern = Pattern::new(9, 0);
        let first = message(pattern.key(0), 64);
        let mut verifier = Verifier::new(pattern, 64, true);
        assert_eq!(verifier.check(&first), Ok(()));
        assert_eq!(verifier.check(&first).unwrap_err().message, 1);
    }

    #[test]
    fn another_streams_message_shows() {
        let other = message(Pattern::new(9, 1).key(0), 64);
        assert!(Verifier::new(Pattern::new(9, 0), 64, false).check(&other).is_err());
    }
}
