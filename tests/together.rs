//! Two sides that ran in the same blocks, on a machine that is slow for blocks on end: what is said of them, and what
//! is said of the same trials as two runs apart.

mod support;

use copycost::compare::{Comparison, Footing, Group, Judgement};
use copycost::record::manifest::{ComparisonSide, Together};
use copycost::stats::unpaired_ratio;
use copycost::tables::{Run, THROUGHPUT};
use support::simulate::{Noise, Simulation};

/// Two sides of one thing; the machine's speed in each block is that of the last one, and half again some noise.
fn sides(seed: u64, apart: bool) -> [Run; 2] {
    let side = |number: u64| {
        let simulation = Simulation {
            name: format!("side-{number}"),
            seed: 2 * seed + number,
            repetitions: 10,
            threads: vec![1],
            noise: Noise { block: 0.0, ..Noise::default() },
            ..Simulation::default()
        };
        let mut run = simulation.run();
        // The noise of the blocks is another one where the runs are apart.
        let mut speed = Simulation { seed: 7000 + 2 * seed + if apart { number } else { 0 }, ..simulation };
        speed.noise = Noise { within: (0.0, 0.0), block: 0.05, outliers: 0.0, outlier_delay: 0.0 };
        let of_blocks = speed.run();
        let steady = Simulation { noise: Noise::NONE, ..speed }.run();
        let mut carried = Vec::<f64>::new();
        for block in 1..=10 {
            let of = |run: &Run| {
                let mut own = run.trials.iter().filter(|trial| trial.cell == steady.trials[0].cell);
                own.find(|trial| trial.block == block).and_then(|trial| trial.throughput_gbps).unwrap()
            };
            carried.push(0.6 * carried.last().copied().unwrap_or(0.0) + (of(&of_blocks) / of(&steady)).ln());
        }
        for trial in &mut run.trials {
            let factor = carried[trial.block as usize - 1].exp();
            trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps * factor);
        }
        if !apart {
            let side = if number == 0 { ComparisonSide::Base } else { ComparisonSide::New };
            run.manifest.together = Some(Together { blocks: format!("{seed}"), side, what: "itself".into() });
        }
        run
    };
    [side(0), side(1)]
}

fn slow(run: &mut Run, path: &str, factor: f64) {
    for trial in run.trials.iter_mut().filter(|trial| trial.send_path == path) {
        trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps / factor);
    }
}

/// Cells that would be called different if their trials were taken for independent.
fn plain(base: &Run, new: &Run) -> usize {
    let values = |run: &Run, cell: &str| -> Vec<f64> {
        let own = run.trials.iter().filter(|trial| trial.cell == cell);
        own.filter_map(|trial| trial.throughput_gbps).collect()
    };
    let differs = |cell: &&String| {
        let found = unpaired_ratio(&values(new, cell), &values(base, cell)).unwrap();
        !found.interval.unwrap().contains(1.0)
    };
    new.manifest.cells.iter().filter(differs).count()
}

/// Cells that are called different, cells, and comparisons in which a gate of 5 % fired.
fn alarms(rounds: u64, apart: bool) -> (usize, usize, usize) {
    let (mut called, mut cells, mut fired) = (0, 0, 0);
    for seed in 0..rounds {
        let [base, new] = sides(seed, apart);
        let found = Comparison::of(&base, &new, &THROUGHPUT, Some(0.05));
        assert_eq!(found.footing, if apart { Footing::Time } else { Footing::Blocks });
        called += found.count(Judgement::Better) + found.count(Judgement::Worse);
        cells += found.cells.len();
        fired += usize::from(!found.regressions().is_empty());
    }
    (called, cells, fired)
}

#[test]
fn what_is_alike_is_not_called_different_within_blocks() {
    let (called, cells, fired) = alarms(40, false);
    println!("in the same blocks: {called} of {cells} cells called different, {fired} of 40 gates fired");
    assert!(called * 20 <= cells && fired == 0, "{called} of {cells}, {fired} gates");
    let apart = alarms(40, true);
    let unwidened: usize = (0..40).map(|seed| sides(seed, true)).map(|[base, new]| plain(&base, &new)).sum();
    assert!(apart.0 < unwidened, "{} widened, {unwidened} not", apart.0);
    println!("apart, as if trials were independent: {unwidened}");
    println!("apart: {} of {} cells called different, {} of 40 gates fired", apart.0, apart.1, apart.2);
    assert!(apart.0 > 4 * called.max(1), "the machine's mood is no noise to runs apart: {apart:?}");
}

#[test]
fn a_path_that_became_five_per_cent_slower_is_found_and_no_other() {
    let mut found = 0;
    for seed in 0..20 {
        let [base, mut new] = sides(seed, false);
        slow(&mut new, "one-copy", 1.0 / 0.95);
        let comparison = Comparison::of(&base, &new, &THROUGHPUT, None);
        let judgement = |path: &str| {
            let group = Group::Path(path.to_owned());
            comparison.groups.iter().find(|one| one.group == group).expect("a group").judgement
        };
        found += usize::from(judgement("one-copy") == Judgement::Worse);
        assert_ne!(judgement("one-copy"), Judgement::Better);
    }
    println!("found in {found} of 20");
    assert!(found >= 16, "{found} of 20");
}

#[test]
fn a_gate_fires_on_what_lies_beyond_it_and_says_which() {
    let [base, mut new] = sides(3, false);
    slow(&mut new, "zero-copy", 1.25);
    let found = Comparison::of(&base, &new, &THROUGHPUT, Some(0.05));
    let regressions = found.regressions();
    assert!(regressions.contains(&"zero-copy".to_owned()), "{regressions:?}");
    assert!(
        regressions.iter().all(|name| name.contains("zero-copy") || name == "all paths"),
        "{regressions:?}"
    );
}

#[test]
fn sides_of_different_comparisons_are_two_runs_apart() {
    let ([base, _], [_, new]) = (sides(1, false), sides(2, false));
    assert_eq!(Comparison::of(&base, &new, &THROUGHPUT, None).footing, Footing::Time);
}
