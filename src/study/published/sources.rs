//! The published studies, as `lab/published/` holds them.

use serde::Deserialize;

use crate::cell::Wire;
use crate::tables::{Metric, THROUGHPUT, metric};
use crate::units;

const STUDIES: [&str; 4] = [
    include_str!("../../../lab/published/study-a.yaml"),
    include_str!("../../../lab/published/study-b.yaml"),
    include_str!("../../../lab/published/study-c.yaml"),
    include_str!("../../../lab/published/study-d.yaml"),
];
const LITERATURE: &str = include_str!("../../../lab/published/literature.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Study {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) machine: Option<String>,
    pub(super) wire: Option<Wire>,
    #[serde(default)]
    pub(super) values: Vec<Values>,
    #[serde(default)]
    pub(super) claims: Vec<Claim>,
}

/// Figures of several paths: for each path one a size and number of threads, threads varying fastest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Values {
    pub(super) of: Quantity,
    pub(super) unit: String,
    pub(super) message_sizes: Vec<String>,
    pub(super) threads: Vec<u32>,
    pub(super) paths: std::collections::BTreeMap<String, Vec<f64>>,
}

/// What was measured; named as the column of `derived.csv` where a run has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Quantity {
    ThroughputGbps,
    CyclesPerByte,
    /// In all, of a run of unknown length: only their growth compares.
    ContextSwitches,
}

impl Quantity {
    /// For a reader.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ThroughputGbps => "throughput",
            Self::CyclesPerByte => "cycles a byte",
            Self::ContextSwitches => "context switches",
        }
    }

    /// The figure of a run whose ratios between paths compare.
    pub(super) fn metric(self) -> Option<&'static Metric> {
        match self {
            Self::ThroughputGbps => Some(&THROUGHPUT),
            Self::CyclesPerByte => metric("cycles_per_byte"),
            Self::ContextSwitches => None,
        }
    }
}

/// A statement of a study.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Claim {
    Copied { path: String, share: f64 },
    Fastest { path: String, message_size: String, about_gbps: f64 },
    SlowerBelow { path: String, over: String, message_size: String },
    WinsFrom { path: String, over: String, message_size: String, tested: (String, String) },
}

/// What someone else measured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paper {
    pub(super) source: String,
    pub(super) says: String,
}

impl Values {
    /// The figure of a path at the n-th size and number of threads.
    pub(super) fn at(&self, path: &str, size: usize, threads: usize) -> Option<f64> {
        self.paths.get(path)?.get(size * self.threads.len() + threads).copied()
    }
}

/// The studies, from the files in the program.
///
/// # Panics
/// When a file is not what it should be: a test reads them all.
pub(super) fn studies() -> Vec<Study> {
    STUDIES.iter().map(|text| serde_yaml::from_str(text).expect("a published study reads")).collect()
}

/// Measurements of the same mechanisms elsewhere.
///
/// # Panics
/// As [`studies`].
pub(super) fn literature() -> Vec<Paper> {
    serde_yaml::from_str(LITERATURE).expect("the literature reads")
}

/// A size as the files write it.
pub(super) fn bytes(text: &str) -> u64 {
    units::parse_size(text).expect("a published size reads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_file_reads_and_is_whole() {
        assert_eq!(studies().len(), 4);
        assert!(literature().len() > 3);
        let mut figures = 0;
        for study in studies() {
            for values in &study.values {
                for (path, list) in &values.paths {
                    assert_eq!(
                        list.len(),
                        values.message_sizes.len() * values.threads.len(),
                        "{} {path}",
                        study.name
                    );
                    figures += list.len();
                }
                values.message_sizes.iter().for_each(|size| assert!(bytes(size) >= 64));
                assert!(
                    values.of == Quantity::ContextSwitches || values.of.metric().is_some(),
                    "{} is not a metric of a run",
                    values.of.name()
                );
            }
        }
        assert_eq!(figures, 12 + 2 + 15 + 15);
        let a = &studies()[0].values[0];
        assert_eq!(a.at("zero-copy", 0, 3), Some(16.46));
    }
}
