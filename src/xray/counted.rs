//! What records add up to: how many copies, and of how many bytes, in how many calls.

use serde::{Deserialize, Serialize};

use crate::record::copies::Place;

/// What the records of one end add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Bytes that the whole calls between the first and the last record moved.
    pub bytes: u64,
    /// How many such calls there were.
    pub calls: u64,
    /// Records lost; the calls around them are in no sum.
    pub lost: u64,
    /// What was copied in the same calls.
    pub copies: Vec<Copied>,
}

/// Copies of one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// The place that these copies were counted in.
    pub place: Place,
    /// How many; or why they cannot be counted here.
    pub counted: Result<Count, String>,
}

/// How many copies, and of how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Copies that can be of payload.
    pub times: u64,
    /// Bytes of them; absent where the records have no length.
    pub bytes: Option<u64>,
}

impl Count {
    /// Adds others of the same place.
    pub fn add(&mut self, other: Self) {
        self.times += other.times;
        self.bytes = match (self.bytes, other.bytes) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
}

/// What a copied piece of an skb may hold beside payload: the headers of Ethernet, IP and TCP with every option,
/// and of an overlay around them. So much of each piece is not counted, and smaller pieces not at all.
const HEADERS: u64 = 192;

/// What of a piece that was copied can be payload: none of it, or so many bytes where it has a length.
pub(super) fn payload(place: Place, length: Option<u64>, field_bytes: u64) -> Option<Option<u64>> {
    match (place, length) {
        (Place::User, Some(bytes)) => (bytes >= field_bytes).then_some(Some(bytes)),
        (Place::BelowTcp, Some(bytes)) => (bytes > HEADERS).then(|| Some(bytes - HEADERS)),
        (_, length) => Some(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_no_payload_and_copies_without_length_have_no_bytes() {
        assert_eq!(payload(Place::BelowTcp, Some(1514), 0), Some(Some(1514 - HEADERS)));
        assert_eq!(payload(Place::BelowTcp, Some(66), 0), None);
        assert_eq!(payload(Place::User, Some(99), 100), None);
        assert_eq!(payload(Place::Kernel, Some(64), 100), Some(Some(64)));
        let mut count = Count::default();
        count.add(Count { times: 1, bytes: payload(Place::Deferred, None, 0).unwrap() });
        assert_eq!(count, Count { times: 1, bytes: None });
    }
}
