//! The message: eight separately heap-allocated fields, as a real program's record would be.

use crate::buffer::{Buffer, buffer};
use crate::failure::Failure;
use crate::pattern;

/// Number of fields of a message.
pub(crate) const FIELDS: usize = 8;
/// Smallest message, bytes.
pub(crate) const SMALLEST: u64 = 64;
/// Largest message, bytes: far beyond any figure of interest, and small enough to allocate.
pub(crate) const LARGEST: u64 = 256 << 20;

/// A message that can be (re)written.
pub trait Body {
    /// Writes the message with this key into it.
    fn fill(&mut self, key: u64);
}

/// A message on the heap.
pub trait OnHeap: Body + Send {
    /// Allocates room for a message of this many bytes.
    ///
    /// # Errors
    /// `Unsupported` where there is no memory.
    fn new(bytes: usize) -> Result<Self, Failure>
    where
        Self: Sized;
}

/// Eight heap allocations; each holds an eighth of the bytes, the last one the remainder too.
#[derive(Debug)]
pub(crate) struct Message {
    fields: [Buffer; FIELDS],
}

impl Message {
    /// The fields, in the order in which they are sent.
    pub(crate) fn fields(&self) -> &[Buffer; FIELDS] {
        &self.fields
    }
}

impl OnHeap for Message {
    fn new(bytes: usize) -> Result<Self, Failure> {
        let field = bytes / FIELDS;
        let last = bytes - field * (FIELDS - 1);
        let [a, b, c, d, e, f, g] = [field; FIELDS - 1].map(buffer);
        Ok(Self { fields: [a?, b?, c?, d?, e?, f?, g?, buffer(last)?] })
    }
}

impl Body for Message {
    fn fill(&mut self, key: u64) {
        let mut offset = 0;
        for field in &mut self.fields {
            pattern::fill(key, offset, field);
            offset += field.len();
        }
    }
}

/// The same bytes in one allocation, for the path that has nothing to gather.
#[derive(Debug)]
pub(crate) struct Contiguous(pub Buffer);

impl OnHeap for Contiguous {
    fn new(bytes: usize) -> Result<Self, Failure> {
        Ok(Self(buffer(bytes)?))
    }
}

impl Body for Contiguous {
    fn fill(&mut self, key: u64) {
        pattern::fill(key, 0, &mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_field_holds_the_remainder() {
        let message = Message::new(100).unwrap();
        let lengths: Vec<_> = message.fields().iter().map(|field| field.len()).collect();
        assert_eq!(lengths, [12, 12, 12, 12, 12, 12, 12, 16]);
    }

    #[test]
    fn fields_in_order_are_the_contiguous_message() {
        let (mut message, mut whole) = (Message::new(75).unwrap(), Contiguous::new(75).unwrap());
        message.fill(5);
        whole.fill(5);
        let fields: Vec<&[u8]> = message.fields().iter().map(|field| &**field).collect();
        assert_eq!(fields.concat(), whole.0.to_vec());
    }
}
