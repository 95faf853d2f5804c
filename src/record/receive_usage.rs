//! What became of received bytes, on a path where the kernel may map pages instead of copying, or where nobody reads
//! and the sender is acknowledged for all the same.

use serde::{Deserialize, Serialize};

use super::row::row;
use super::sum_of;

row! {
    /// Received bytes of one stream, or of all, by what became of them. Absent on paths on which there is nothing to tell.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ReceiveUsage {
        /// Bytes that the kernel mapped into the receiver's memory instead of copying them, from connection to EOF.
        mapped_bytes: Option<u64> in "B" since "1.4.0",
        /// Bytes that it copied there after all.
        copied_bytes: Option<u64> in "B" since "1.4.0",
        /// Acknowledgements that were sent in place of a receiver, on the sink wire, from connection to EOF.
        acks: Option<u64> since "1.5.0",
        /// CPU time of the threads that sent them, in their windows (CLOCK_THREAD_CPUTIME_ID): no receiver's, so that the
        /// receiver's own columns are empty.
        acks_cpu_s: Option<f64> in "s" since "1.5.0",
    }
}

impl ReceiveUsage {
    /// The share of the bytes that the kernel copied; absent where it did not say.
    pub fn copied_share(&self) -> Option<f64> {
        let (mapped, copied) = (self.mapped_bytes? as f64, self.copied_bytes? as f64);
        (mapped + copied > 0.0).then(|| copied / (mapped + copied))
    }

    /// The figures of several streams together; one that a stream lacks is absent from the sum.
    #[must_use]
    pub fn sum(streams: &[Self]) -> Self {
        let is_any = !streams.is_empty();
        let add = |of: fn(&Self) -> Option<u64>| sum_of(streams.iter().map(of)).filter(|_| is_any);
        Self {
            mapped_bytes: add(|usage| usage.mapped_bytes),
            copied_bytes: add(|usage| usage.copied_bytes),
            acks: add(|usage| usage.acks),
            acks_cpu_s: streams.iter().map(|usage| usage.acks_cpu_s).sum::<Option<f64>>().filter(|_| is_any),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_added_and_those_of_no_path_that_maps_stay_absent() {
        let one = ReceiveUsage { mapped_bytes: Some(4096), copied_bytes: Some(0), ..ReceiveUsage::default() };
        let two = ReceiveUsage { mapped_bytes: Some(8192), copied_bytes: Some(7), ..ReceiveUsage::default() };
        let sum =
            ReceiveUsage { mapped_bytes: Some(12288), copied_bytes: Some(7), ..ReceiveUsage::default() };
        assert_eq!(ReceiveUsage::sum(&[one.clone(), two]), sum);
        assert_eq!(ReceiveUsage::sum(&[one, ReceiveUsage::default()]), ReceiveUsage::default());
        assert_eq!(ReceiveUsage::sum(&[]), ReceiveUsage::default());
    }
}
