//! Whether the trials of a run follow one another, and by how much intervals that take them for independent are too
//! narrow.

use super::metric::{Better, Metric};
use super::sample::Sample;
use crate::record::Trial;
use crate::stats;

/// Probability below which the order of trials is said to matter.
const CALLED: f64 = 0.01;

/// What the order of a run's trials says of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// How successive trials resemble each other, each against the median of its own cell; absent for few.
    pub trials: Option<stats::drift::Autocorrelation>,
    /// Rank correlation of a cell's trial with its trial in the next block, over all cells; absent for few.
    pub blocks: Option<f64>,
}

impl Drift {
    /// What the order of these trials says, by how fast they were.
    pub fn of(samples: &[Sample]) -> Self {
        let mut residuals: Vec<(u64, f64)> = Vec::new();
        for sample in samples {
            let figure = speed(sample);
            let Some(middle) = stats::median(&sample.values(&figure)).filter(|&middle| middle > 0.0) else {
                continue;
            };
            residuals.extend(sample.ok().filter_map(|trial| Some((trial.order, figure(trial)? / middle))));
        }
        residuals.sort_unstable_by_key(|(order, _)| *order);
        let residuals: Vec<f64> = residuals.into_iter().map(|(_, residual)| residual).collect();
        let rows: Vec<Vec<f64>> =
            samples.iter().map(|sample| sample.by_block(speed(sample)).into_values().collect()).collect();
        Self { trials: stats::drift(&residuals), blocks: stats::common_correlation(&rows) }
    }

    /// By how much intervals of a cell's figures reach further than those of independent trials.
    pub fn widening(&self) -> f64 {
        self.blocks.map_or(1.0, stats::widening)
    }

    /// Whether the order of trials matters more than chance explains.
    pub fn is_called(&self) -> bool {
        self.trials.is_some_and(|found| found.correlation > 0.0 && found.p < CALLED)
    }

    /// What a reader must know of it; absent where the order says nothing.
    pub fn sentence(&self) -> Option<String> {
        let found = self.trials.filter(|_| self.is_called())?;
        let chance = if found.p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", found.p) };
        let widened = match self.widening() {
            wide if wide < 1.005 => String::new(),
            wide => format!(" Intervals of single cells are widened {wide:.2}-fold for it."),
        };
        Some(format!(
            "successive trials resemble each other (rank correlation {:.2}, {chance}): the machine was slow or fast for \
             stretches of the sweep. Ratios within blocks are not affected; a comparison with another run is: use \
             `sweep --against` for that.{widened}",
            found.correlation
        ))
    }
}

/// How fast the trials of a cell were: by what such cells are compared by, the inverse of a delay.
fn speed(sample: &Sample) -> impl Fn(&Trial) -> Option<f64> {
    let metric = Metric::main(&sample.cell.workload);
    move |trial| match metric.better {
        Better::Lower => (metric.of)(trial).filter(|&delay| delay > 0.0).map(f64::recip),
        Better::Higher | Better::Neither => (metric.of)(trial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Noise, Simulation};
    use crate::tables::samples;

    #[test]
    fn a_machine_that_slows_down_is_found_and_a_steady_one_is_not() {
        let run = Simulation {
            noise: Noise { block: 0.0, ..Noise::default() },
            repetitions: 8,
            ..Simulation::default()
        };
        let steady = Drift::of(&samples(&run.run()));
        assert!(!steady.is_called() && steady.sentence().is_none(), "{steady:?}");
        let mut slowing = run.run();
        let count = slowing.trials.len() as f64;
        for trial in &mut slowing.trials {
            trial.throughput_gbps =
                trial.throughput_gbps.map(|gbps| gbps * (1.0 - 0.3 * trial.order as f64 / count));
        }
        let found = Drift::of(&samples(&slowing));
        assert!(found.is_called() && found.widening() > 1.2, "{found:?}");
        assert!(found.sentence().unwrap().contains("sweep --against"));
    }

    #[test]
    fn few_trials_say_nothing() {
        let run =
            Simulation { repetitions: 1, message_sizes: vec![64], threads: vec![1], ..Simulation::default() };
        let found = Drift::of(&samples(&run.run()));
        assert_eq!((found.trials, found.blocks, found.widening()), (None, None, 1.0));
    }
}
