//! What an interface received in a window: the witness beside what the streams say they received.

use std::ops::{RangeInclusive, Sub};

use serde::{Deserialize, Serialize};

/// Headers of a TCP segment: IPv4 and TCP without options, for some drivers take Ethernet's off before they count; and
/// Ethernet, IPv6 and TCP with all of them.
const HEADERS: RangeInclusive<u64> = 20 + 20..=14 + 40 + 60;
/// How far what was received may lie from what came, as a share.
const NEAR: f64 = 0.03;

/// What an interface has received. A packet is what the driver handed over or, before segmentation, took: on a pair it
/// may have 64 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Bytes, with the headers.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
}

impl Received {
    /// The most payload that these may have carried.
    pub fn most_payload(self) -> u64 {
        self.bytes.saturating_sub(self.packets.saturating_mul(*HEADERS.start()))
    }

    /// So many bytes of payload, or as many as these can have carried, if that is less.
    pub fn bound(self, payload: u64) -> u64 {
        payload.min(self.most_payload())
    }

    /// So many bytes of payload out of `all`, or their part of as many as these can have carried, if that is less.
    pub fn bound_part(self, payload: u64, all: u64) -> u64 {
        match self.bound(all) {
            bound if bound == all => payload,
            bound => (payload as f64 * (bound as f64 / all as f64)) as u64,
        }
    }

    /// Whether so much payload may well be what these carried.
    pub fn is_near(self, payload: u64) -> bool {
        let least = self.bytes.saturating_sub(self.packets.saturating_mul(*HEADERS.end()));
        let payload = payload as f64;
        payload <= self.most_payload() as f64 * (1.0 + NEAR) && payload >= least as f64 * (1.0 - NEAR)
    }
}

impl Sub for Received {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            packets: self.packets.saturating_sub(earlier.packets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_bounded_as_the_whole_is() {
        let came = Received { bytes: 1_040_000, packets: 1000 };
        assert_eq!(
            (came.bound_part(250_000, 1_000_000), came.bound_part(1_000_000, 2_000_000)),
            (250_000, 500_000)
        );
    }

    #[test]
    fn payload_is_what_the_headers_leave() {
        let came = Received { bytes: 1_066_000, packets: 1000 };
        assert_eq!(came.most_payload(), 1_026_000);
        assert_eq!((came.bound(5), came.bound(2_000_000)), (5, 1_026_000));
        assert!(came.is_near(1_000_000) && came.is_near(960_000));
        assert!(!came.is_near(900_000) && !came.is_near(1_060_000));
        assert_eq!((Received { bytes: 10, packets: 1 }).most_payload(), 0);
    }
}
