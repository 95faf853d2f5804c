//! Page frames: where in physical memory something lies.

use serde::{Deserialize, Serialize};

/// Bytes of a frame.
pub(crate) const FRAME: u64 = 4096;

/// A set of page frames, as ranges: the number of the first, and how many. Sorted, and none touches the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Frames(Vec<(u64, u64)>);

impl From<Vec<(u64, u64)>> for Frames {
    /// Ranges in any order; they may overlap.
    fn from(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.retain(|&(_, count)| count > 0);
        ranges.sort_unstable();
        let mut frames: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, count) in ranges {
            let end = first.saturating_add(count);
            match frames.last_mut() {
                Some((begin, length)) if first <= *begin + *length => *length = (*length).max(end - *begin),
                _ => frames.push((first, end - first)),
            }
        }
        Self(frames)
    }
}

impl From<Frames> for Vec<(u64, u64)> {
    fn from(frames: Frames) -> Self {
        frames.0
    }
}

impl Frames {
    /// How many frames.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// How many bytes of those at a physical address lie in these frames.
    pub fn bytes_within(&self, address: u64, bytes: u64) -> u64 {
        let end = address.saturating_add(bytes);
        let place = |frame: u64| frame.saturating_mul(FRAME);
        let from = self.0.partition_point(|&(first, count)| place(first + count) <= address);
        let ranges = self.0[from..].iter().map(|&(first, count)| (place(first), place(first + count)));
        let common = ranges.take_while(|&(begin, _)| begin < end);
        common.map(|(begin, until)| until.min(end) - begin.max(address)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sorted_and_joined() {
        let frames = Frames::from(vec![(20, 2), (5, 3), (6, 1), (8, 2), (21, 4), (7, 0), (3, 1)]);
        assert_eq!(frames, Frames(vec![(3, 1), (5, 5), (20, 5)]));
        assert_eq!(frames.count(), 11);
        let text = serde_json::to_string(&frames).unwrap();
        assert_eq!(text, "[[3,1],[5,5],[20,5]]");
        assert_eq!(serde_json::from_str::<Frames>("[[20,5],[5,5],[3,1],[6,2]]").unwrap(), frames);
    }

    #[test]
    fn a_range_beyond_all_memory_does_no_harm() {
        let frames = Frames::from(vec![(u64::MAX, u64::MAX), (u64::MAX - 1, 9)]);
        assert_eq!(frames.bytes_within(0, u64::MAX), 0);
    }

    #[test]
    fn bytes_of_a_read_that_begins_and_ends_within_pages() {
        // Frames 2 and 3, and 5: bytes 8192..16384 and 20480..24576.
        let frames = Frames::from(vec![(5, 1), (2, 2)]);
        assert_eq!(frames.bytes_within(8192, 4096), 4096);
        assert_eq!(frames.bytes_within(8191, 2), 1, "its second byte");
        assert_eq!(frames.bytes_within(16383, 2), 1, "its first byte");
        assert_eq!(frames.bytes_within(16000, 5000), 384 + 520, "the hole between is not counted");
        assert_eq!(frames.bytes_within(0, 1 << 20), 3 * 4096);
        assert_eq!(frames.bytes_within(16384, 4096), 0);
        assert_eq!(frames.bytes_within(24576, 1), 0);
        assert_eq!(frames.bytes_within(9000, 0), 0);
        assert_eq!(Frames::default().bytes_within(0, 100), 0);
    }
}
