//! One figure of a cell: where it comes from and goes to, and which way it improves.

use std::collections::BTreeMap;

use super::derived_row::DerivedRow;
use super::estimate::Estimate;
use super::figures::{DELAYS, METRICS};
use super::sample::Sample;
use super::ticks::Ticked;
use crate::cell::Workload;
use crate::record::Trial;
use crate::spelling;

/// Which way a figure improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: it explains.
    Neither,
}

/// One figure: its column, and where its value comes from and goes to.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The column of `derived.csv`.
    pub name: &'static str,
    /// Its unit, `1` where it has none.
    pub unit: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// The figure of one trial; absent where the trial lacks what it is made of.
    pub of: fn(&Trial) -> Option<f64>,
    /// The cell's figure.
    pub at: fn(&DerivedRow) -> Estimate,
    /// What it rests on where it is sampled by ticks; absent where its source is exact.
    pub ticked: Option<Ticked>,
    /// What each trial has that could have had this: of a percentile, the median. It is told where all of those trials
    /// have it, for those that lack it have the fewest messages, and so the longest delays. Absent where any will do.
    pub in_all: Option<fn(&Trial) -> Option<f64>>,
    /// What the report draws of it by message size, where no figure of its own kind shows it.
    pub drawn: Option<Drawn>,
}

/// What the report draws of a metric by message size.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Name of the figure's files.
    pub file: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What its caption says of the metric.
    pub about: &'static str,
    /// The counter whose absence explains that of the figure.
    pub counter: Option<&'static str>,
}

/// Throughput, which also stands in `cells.csv` and has all trials and flags beside it.
pub const THROUGHPUT: Metric = Metric {
    name: "throughput_gbps",
    unit: "Gb/s",
    better: Better::Higher,
    of: |trial| trial.throughput_gbps,
    at: |row| row.cell.throughput(),
    ticked: None,
    in_all: None,
    drawn: None,
};

/// What cells whose delays were measured are compared by.
const COMPARED_DELAYS: [&str; 4] = ["response_p50_us", "response_p99_us", "one_way_p50_us", "one_way_p99_us"];

impl Metric {
    /// All that cells are compared by: throughput and some delays.
    pub fn comparing() -> impl Iterator<Item = &'static Self> {
        let delays = DELAYS.iter().filter(|metric| COMPARED_DELAYS.contains(&metric.name));
        std::iter::once(&THROUGHPUT).chain(delays)
    }

    /// What cells of a workload are compared by, the first above all.
    pub fn compared(workload: &Workload) -> Vec<&'static Self> {
        Self::comparing().filter(|metric| metric.compares(workload)).collect()
    }

    /// The first of these.
    pub fn main(workload: &Workload) -> &'static Self {
        Self::compared(workload)[0]
    }

    /// Whether it is one of those that a cell of this workload is compared by: throughput where streams send as fast as
    /// they can; else answers or a rate set the pace, and it is delays.
    pub fn compares(&self, workload: &Workload) -> bool {
        (self.name == THROUGHPUT.name) == workload.is_stream()
    }

    /// Whether one figure is better than another.
    pub fn is_better(&self, one: f64, other: f64) -> bool {
        match self.better {
            Better::Higher => one > other,
            Better::Lower => one < other,
            Better::Neither => false,
        }
    }

    /// The figures of the trials of a cell that went well and have it; none where the cell does not tell it.
    pub fn values(&self, sample: &Sample) -> Vec<f64> {
        if self.is_told(sample) { sample.values(self.of) } else { Vec::new() }
    }

    /// The same by block.
    pub fn by_block(&self, sample: &Sample) -> BTreeMap<u32, f64> {
        if self.is_told(sample) { sample.by_block(self.of) } else { BTreeMap::new() }
    }

    /// The cell's figure: the median over its trials, with an interval that allows for trials that follow one another.
    pub fn estimate(&self, sample: &Sample) -> Estimate {
        Estimate::of(&self.values(sample)).widened(sample.widening)
    }

    /// Whether the cell tells it: the clock that it comes from is fine enough for the windows, and no trial lacks it that
    /// would change it.
    pub fn is_told(&self, sample: &Sample) -> bool {
        let in_all = |with: fn(&Trial) -> Option<f64>| {
            sample.ok().all(|trial| with(trial).is_none() || (self.of)(trial).is_some())
        };
        self.ticked.is_none_or(|ticked| ticked.is_told(sample)) && self.in_all.is_none_or(in_all)
    }

    /// The metric of a column that has a better side.
    ///
    /// # Errors
    /// One sentence with the columns that there are.
    pub fn judged(name: &str) -> Result<&'static Self, String> {
        let judged = || all().filter(|metric| metric.better != Better::Neither);
        judged().find(|metric| metric.name == name).ok_or_else(|| {
            let known: Vec<_> = judged().map(|metric| metric.name).collect();
            spelling::not_one_of(name, known)
        })
    }
}

/// The metric of a column of `derived.csv`.
pub fn metric(name: &str) -> Option<&'static Metric> {
    all().find(|metric| metric.name == name)
}

/// Every metric.
fn all() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().chain(DELAYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::record::Status;
    use crate::tables::Hosts;

    #[test]
    fn only_columns_with_a_better_side_judge() {
        assert_eq!(Metric::judged("throughput_gbps").unwrap().better, Better::Higher);
        assert_eq!(Metric::judged("receiver_cpu_ns_per_kib").unwrap().better, Better::Lower);
        assert!(Metric::judged("cpus").is_err(), "busy CPUs are neither good nor bad");
        assert!(Metric::judged("speed").unwrap_err().contains("not one of throughput_gbps, messages_per_s"));
    }

    #[test]
    fn a_percentile_that_some_trials_lack_is_not_the_cells() {
        let trial = |p50, p99| {
            let mut trial = Trial { status: Status::Ok, ..Trial::default() };
            (trial.delays.response.p50_us, trial.delays.response.p99_us) = (p50, p99);
            trial
        };
        let trials = [trial(Some(10.0), Some(90.0)), trial(Some(500.0), None), trial(None, None)];
        let of = |name: &str, trials: &[Trial]| {
            let cell = Cell::example("two-copy", 64);
            let trials = trials.iter().collect();
            let sample = Sample { cell, trials, hosts: Hosts::default(), widening: 1.0 };
            metric(name).unwrap().estimate(&sample).value
        };
        assert_eq!(of("response_p99_us", &trials), None, "the trial that lacks it is the slow one");
        assert_eq!(of("response_p50_us", &trials), Some(255.0));
        assert_eq!(of("response_p99_us", &trials[..1]), Some(90.0));
    }

    #[test]
    fn streams_are_compared_by_throughput_and_what_has_a_pace_by_delays() {
        let names = |text: &str| -> Vec<&str> {
            Metric::compared(&text.parse().unwrap()).iter().map(|metric| metric.name).collect()
        };
        assert_eq!(names("stream"), ["throughput_gbps"]);
        assert_eq!(names("open-loop:rate=50%"), COMPARED_DELAYS);
        assert!(
            Metric::main(&"request".parse().unwrap()).is_better(1.0, 2.0),
            "a shorter delay is the better one"
        );
    }
}
