//! What the kernel did with received bytes, on a path where it may map pages instead of copying.

use serde::{Deserialize, Serialize};

use super::row::row;

row! {
    /// Received bytes of one stream, or of all, by what the kernel did with them. Absent on paths that always copy, or
    /// never.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ReceiveUsage {
        /// Bytes that the kernel mapped into the receiver's memory instead of copying them, from connection to EOF.
        mapped_bytes: Option<u64> in "B" since "1.4.0",
        /// Bytes that it copied there after all.
        copied_bytes: Option<u64> in "B" since "1.4.0",
    }
}

impl ReceiveUsage {
    /// The share of the bytes that the kernel copied; absent where it did not say.
    pub fn copied_share(&self) -> Option<f64> {
        let (mapped, copied) = self.mapped_bytes.zip(self.copied_bytes)?;
        (mapped + copied > 0).then(|| copied as f64 / (mapped + copied) as f64)
    }

    /// The figures of several streams together; one that a stream lacks is absent from the sum.
    #[must_use]
    pub fn sum(streams: &[Self]) -> Self {
        let add = |of: fn(&Self) -> Option<u64>| -> Option<u64> {
            if streams.is_empty() { None } else { streams.iter().map(of).sum() }
        };
        Self { mapped_bytes: add(|usage| usage.mapped_bytes), copied_bytes: add(|usage| usage.copied_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_added_and_those_of_no_path_that_maps_stay_absent() {
        let one = ReceiveUsage { mapped_bytes: Some(4096), copied_bytes: Some(0) };
        let two = ReceiveUsage { mapped_bytes: Some(8192), copied_bytes: Some(7) };
        let sum = ReceiveUsage { mapped_bytes: Some(12288), copied_bytes: Some(7) };
        assert_eq!(ReceiveUsage::sum(&[one.clone(), two]), sum);
        assert_eq!(ReceiveUsage::sum(&[one, ReceiveUsage::default()]), ReceiveUsage::default());
        assert_eq!(ReceiveUsage::sum(&[]), ReceiveUsage::default());
    }
}
