//! Whether intervals hold the truth as often as they claim, at the sizes that cells usually have.

mod support;

use copycost::stats::{median_interval, paired_ratio, unpaired_ratio};
use copycost::tables::Tables;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::simulate::{Noise, PathCost, Simulation};

/// Trials of a cell whose true median is 40: 4 % noise, and one in fifty takes 30 % longer.
struct Cell(ChaCha8Rng);

impl Cell {
    fn new() -> Self {
        Self(ChaCha8Rng::seed_from_u64(7))
    }

    fn trial(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt();
        let noise = radius * (std::f64::consts::TAU * self.0.random::<f64>()).cos();
        let far_off = if self.0.random::<f64>() < 0.02 { 1.0 / 1.3 } else { 1.0 };
        40.0 * (0.04 * noise).exp() * far_off
    }

    fn trials(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.trial()).collect()
    }
}

const EXPERIMENTS: usize = 4000;

/// Share of experiments in which the interval held the truth.
fn coverage(mut holds: impl FnMut() -> bool) -> f64 {
    (0..EXPERIMENTS).filter(|_| holds()).count() as f64 / EXPERIMENTS as f64
}

#[test]
fn intervals_of_a_median_hold_it() {
    let mut cell = Cell::new();
    for count in [2, 3, 4, 5, 6, 7, 10, 15, 30] {
        let held = coverage(|| median_interval(&cell.trials(count)).unwrap().contains(40.0));
        println!("median of {count}: {:.1} %", held * 100.0);
        assert!((0.935..=0.99).contains(&held), "{count} trials: {held}");
    }
}

/// The reason that intervals of a median are not percentile bootstraps: with seven trials the bootstrap's
/// 95 % interval goes from the second smallest to the second largest trial. The chance that the median of a
/// resample is at most the smallest is that of at least four draws of seven being the smallest: 1.0 %; at most
/// the second smallest: 10.2 %.
#[test]
fn a_percentile_bootstrap_would_hold_it_less_often() {
    let binomial = |share: f64| -> f64 {
        let ways = [35.0, 21.0, 7.0, 1.0];
        (4..=7).zip(ways).map(|(k, ways)| ways * share.powi(k) * (1.0 - share).powi(7 - k)).sum()
    };
    assert!(binomial(1.0 / 7.0) < 0.025 && binomial(2.0 / 7.0) > 0.025);
    let mut cell = Cell::new();
    let held = coverage(|| {
        let mut trials = cell.trials(7);
        trials.sort_by(f64::total_cmp);
        trials[1] <= 40.0 && 40.0 <= trials[5]
    });
    println!("percentile bootstrap of 7: {:.1} %", held * 100.0);
    assert!(held < 0.90, "{held}");
}

#[test]
fn intervals_of_ratios_hold_them() {
    let mut cell = Cell::new();
    for count in [2, 3, 5, 6, 7, 10, 20] {
        let paired = coverage(|| {
            let pairs: Vec<(f64, f64)> = (0..count).map(|_| (cell.trial() * 1.2, cell.trial())).collect();
            paired_ratio(&pairs).unwrap().interval.unwrap().contains(1.2)
        });
        let unpaired = coverage(|| {
            let above: Vec<f64> = cell.trials(count).iter().map(|trial| trial * 1.2).collect();
            unpaired_ratio(&above, &cell.trials(count)).unwrap().interval.unwrap().contains(1.2)
        });
        println!("ratio of {count}: paired {:.1} %, unpaired {:.1} %", paired * 100.0, unpaired * 100.0);
        assert!(paired >= 0.935 && unpaired >= 0.935, "{count} trials: {paired} {unpaired}");
    }
}

#[test]
fn probabilities_are_not_smaller_than_they_should_be() {
    let mut cell = Cell::new();
    for count in [3, 5, 6, 8, 10] {
        let chances: Vec<f64> = (0..5 * EXPERIMENTS)
            .map(|_| {
                let pairs: Vec<(f64, f64)> = (0..count).map(|_| (cell.trial(), cell.trial())).collect();
                paired_ratio(&pairs).unwrap().p.unwrap()
            })
            .collect();
        for level in [0.05, 0.01, 0.002] {
            let called = chances.iter().filter(|&&p| p <= level).count() as f64 / chances.len() as f64;
            // Three standard errors of a share.
            let error = 3.0 * (level / chances.len() as f64).sqrt();
            println!("{count} pairs, level {level}: {called:.4}");
            assert!(called <= level + error, "{count} pairs, level {level}: {called}");
        }
    }
}

#[test]
fn intervals_of_the_cost_model_and_of_its_crossing_hold_them() {
    for repetitions in [5, 10] {
        let (mut fixed, mut per_kib, mut crossing, mut all) = (0, 0, 0, 0);
        for seed in 0..150 {
            let simulation = Simulation {
                paths: vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new("splice", 5900.0, 106.0)],
                message_sizes: vec![64, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10],
                threads: vec![1],
                // Without outliers: those delay trials and so move the true median a little.
                noise: Noise { outliers: 0.0, ..Noise::default() },
                repetitions,
                seed,
                ..Simulation::default()
            };
            let tables = Tables::of(&simulation.run());
            let cost = tables.cost_model.iter().find(|row| row.path == "splice").unwrap();
            fixed += usize::from(cost.fixed_ns.interval().unwrap().contains(5900.0));
            per_kib += usize::from(cost.per_kib_ns.interval().unwrap().contains(106.0));
            let row = tables.crossovers.iter().find(|row| row.path == "splice").unwrap();
            let truth = 5000.0 / 90.0 * 1024.0;
            crossing += usize::from(
                row.predicted_low.is_none_or(|low| low <= truth)
                    && row.predicted_high.is_none_or(|high| high >= truth),
            );
            all += 1;
        }
        println!(
            "cost model of {repetitions} blocks: fixed {fixed}, per KiB {per_kib}, crossing {crossing} of {all}"
        );
        assert!([fixed, per_kib, crossing].iter().all(|&held| held * 100 >= all * 90));
    }
}
