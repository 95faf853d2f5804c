//! The axes of what a grid varies.

use crate::plot::Axis;
use crate::prose::words;

/// Message sizes: logarithmic, a tick for each, or for every second or third of many.
pub(super) fn sizes(sizes: &[u64]) -> Axis {
    let labelled: Vec<_> = sizes.iter().map(|&size| (size as f64, words::bytes(size))).collect();
    Axis::choices("message size", &labelled, 8)
}

/// Thread counts: logarithmic, a tick for each.
pub(super) fn threads(threads: &[u32]) -> Axis {
    let labelled: Vec<_> = threads.iter().map(|&n| (f64::from(n), n.to_string())).collect();
    Axis::choices("threads", &labelled, 10)
}
