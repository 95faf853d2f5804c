//! The figure that two runs are compared by.

use std::collections::BTreeMap;

use crate::record::Trial;
use crate::tables::{self, Better, METRICS, Metric, Sample};

/// A figure of a trial, and which way it improves.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its column.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// The figure of one trial.
    pub of: fn(&Trial) -> Option<f64>,
}

impl Measure {
    /// The figures of a cell's trials; none where the clock that they come from is too coarse for its windows.
    #[must_use]
    pub fn values(&self, sample: &Sample) -> Vec<f64> {
        if self.is_told(sample) { sample.values(self.of) } else { Vec::new() }
    }

    /// The same by block.
    pub(super) fn by_block(&self, sample: &Sample) -> BTreeMap<u32, f64> {
        if self.is_told(sample) { sample.by_block(self.of) } else { BTreeMap::new() }
    }

    fn is_told(&self, sample: &Sample) -> bool {
        tables::metric(self.name).is_none_or(|metric| metric.is_told(sample))
    }

    /// Throughput, the figure that is compared unless another is asked for.
    pub const THROUGHPUT: Self = Self {
        name: "throughput_gbps",
        unit: "Gb/s",
        better: Better::Higher,
        of: |trial| trial.throughput_gbps,
    };

    /// The measure of a column that has a better side.
    ///
    /// # Errors
    /// One sentence with the columns that there are.
    pub fn named(name: &str) -> Result<Self, String> {
        if name == Self::THROUGHPUT.name {
            return Ok(Self::THROUGHPUT);
        }
        let judged = |metric: &&Metric| metric.better != Better::Neither;
        let found = tables::metric(name).filter(judged).map(|metric| Self {
            name: metric.name,
            unit: metric.unit,
            better: metric.better,
            of: metric.of,
        });
        found.ok_or_else(|| {
            let names: Vec<&str> = METRICS.iter().filter(judged).map(|metric| metric.name).collect();
            format!("`{name}` is none of {}, {}", Self::THROUGHPUT.name, names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_columns() {
        assert_eq!(Measure::named("throughput_gbps").unwrap().better, Better::Higher);
        assert_eq!(Measure::named("receiver_cpu_ns_per_kib").unwrap().better, Better::Lower);
        assert!(Measure::named("cpus").is_err(), "busy CPUs are neither good nor bad");
        assert!(Measure::named("speed").unwrap_err().contains("cpu_ns_per_kib"));
    }
}
