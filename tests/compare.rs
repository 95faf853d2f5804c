//! Two simulated runs compared, where what changed is known.

mod support;

use std::path::PathBuf;

use copycost::command::compare::{CompareArgs, ComparisonFormat};
use copycost::compare::{Comparison, GateOutcome, Group, Judgement};
use copycost::record::manifest::Vm;
use copycost::record::{Disturbance, Disturbances, Status, Trial, csv_file};
use copycost::tables::{Metric, Run, THROUGHPUT};
use support::simulate::{Noise, Simulation};

fn seeded(seed: u64) -> Simulation {
    Simulation { repetitions: 10, seed, ..Simulation::default() }
}

/// The same with one path that takes longer.
fn slowed(simulation: Simulation, path: &str, factor: f64) -> Simulation {
    let mut simulation = simulation;
    for cost in simulation.paths.iter_mut().filter(|cost| cost.name == path) {
        cost.fixed_ns *= factor;
        cost.per_kib_ns *= factor;
    }
    simulation
}

fn compare(base: &Simulation, new: &Simulation, limit: Option<f64>) -> Comparison {
    Comparison::of(&base.run(), &new.run(), &THROUGHPUT, limit)
}

const PAIRS_OF_RUNS: u64 = 40;

#[test]
fn two_runs_of_the_same_thing_are_called_different_in_at_most_one_cell_of_twenty() {
    let (mut cells, mut different, mut groups, mut different_groups, mut gates) = (0, 0, 0, 0, 0);
    for seed in 0..PAIRS_OF_RUNS {
        let found = compare(&seeded(2 * seed), &seeded(2 * seed + 1), Some(0.05));
        cells += found.cells.len();
        different += found.count(Judgement::Better) + found.count(Judgement::Worse);
        groups += found.groups.len();
        different_groups += found.groups.iter().filter(|one| one.judgement != Judgement::Indistinct).count();
        gates += usize::from(!found.regressions().is_empty());
    }
    println!("A/A: {different} of {cells} cells, {different_groups} of {groups} groups, {gates} gates");
    assert_eq!(cells, 24 * PAIRS_OF_RUNS as usize);
    assert!(different * 20 <= cells, "{different} of {cells} cells were called different");
    assert!(different_groups * 10 <= groups, "{different_groups} of {groups} groups were called different");
    assert_eq!(gates, 0, "a gate of 5 % was closed by noise");
}

/// What a slowdown of one path by 5 % looks like: cells of the path, those called worse, whether the path was, and
/// whether another path was.
fn plant(seed: u64, noise: &Noise) -> (usize, usize, bool, bool) {
    let base = Simulation { noise: noise.clone(), ..seeded(2 * seed) };
    let new = Simulation { noise: noise.clone(), ..slowed(seeded(2 * seed + 1), "one-copy", 1.0 / 0.95) };
    let found = compare(&base, &new, None);
    let of_path: Vec<_> = found.cells.iter().filter(|cell| cell.cell.contains("/one-copy/")).collect();
    let worse = of_path.iter().filter(|cell| cell.judgement == Judgement::Worse).count();
    let is_worse = |path: &str| {
        let group = Group::Path(path.to_owned());
        found.groups.iter().find(|one| one.group == group).unwrap().judgement == Judgement::Worse
    };
    (of_path.len(), worse, is_worse("one-copy"), is_worse("two-copy"))
}

#[test]
fn a_path_slowed_by_five_per_cent_is_found_and_no_other_is_blamed() {
    let (mut found, mut blamed) = (0, 0);
    for seed in 0..PAIRS_OF_RUNS {
        let (_, _, this, other) = plant(seed, &Noise::default());
        found += u64::from(this);
        blamed += u64::from(other);
    }
    println!("noise of 2 to 5 %: {found} of {PAIRS_OF_RUNS} paths found, {blamed} others blamed");
    assert!(found * 100 >= PAIRS_OF_RUNS * 95, "{found} of {PAIRS_OF_RUNS} slowed paths were found");
    assert!(blamed * 10 <= PAIRS_OF_RUNS, "another path was blamed {blamed} times");
}

/// A cell stands alone, and ten trials carry only so much: at 5 % noise no method finds a change of 5 % more often
/// than two times in three.
#[test]
fn a_single_cell_slowed_by_five_per_cent_is_found_as_often_as_its_noise_allows() {
    for (within, least) in [(0.02, 0.90), (0.03, 0.75), (0.04, 0.55), (0.05, 0.40)] {
        let noise = Noise { within: (within, within), ..Noise::default() };
        let (mut cells, mut found) = (0, 0);
        for seed in 0..PAIRS_OF_RUNS / 2 {
            let (all, worse, _, _) = plant(seed, &noise);
            cells += all;
            found += worse;
        }
        let share = found as f64 / cells as f64;
        println!("noise of {:.0} %: {:.0} % of slowed cells found", within * 100.0, share * 100.0);
        assert!(share >= least, "noise of {within}: {share}");
    }
}

/// Runs the command on directories: whether all is well.
fn is_well(base: PathBuf, new: PathBuf, max_regression: Option<f64>) -> bool {
    let args = CompareArgs { base, new, max_regression, measure: None, format: ComparisonFormat::Json };
    args.print(&mut Vec::new()).unwrap()
}

#[test]
fn all_is_not_well_only_when_an_interval_lies_beyond_the_limit() {
    let parent = tempfile::tempdir().unwrap();
    let written = |name: &str, simulation: Simulation| {
        Simulation { name: name.to_owned(), ..simulation }.write(parent.path()).unwrap()
    };
    let base = written("base", seeded(1));
    let same = written("same", seeded(2));
    let slow = written("slow", slowed(seeded(3), "two-copy", 1.25));
    assert!(is_well(base.clone(), same, Some(0.05)));
    assert!(!is_well(base.clone(), slow.clone(), Some(0.05)));
    assert!(is_well(base.clone(), slow.clone(), Some(0.40)));
    assert!(is_well(base.clone(), slow.clone(), None));
    // Faster is no regression.
    assert!(is_well(slow, base.clone(), Some(0.05)));
    // One trial a cell can prove nothing, however large the difference looks; and that is no success.
    let once = written("once", Simulation { repetitions: 1, ..slowed(seeded(4), "two-copy", 2.0) });
    let args = CompareArgs {
        base,
        new: once,
        max_regression: Some(0.05),
        measure: None,
        format: ComparisonFormat::Json,
    };
    let error = args.print(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("no cell could be gated") && error.contains("repetitions"), "{error}");
}

#[test]
fn a_figure_that_should_fall_regresses_upwards() {
    let parent = tempfile::tempdir().unwrap();
    let written = |name: &str, simulation: Simulation| {
        Simulation { name: name.to_owned(), ..simulation }.write(parent.path()).unwrap()
    };
    let args = CompareArgs {
        base: written("base", seeded(1)),
        new: written("slow", slowed(seeded(3), "two-copy", 1.25)),
        max_regression: Some(0.05),
        measure: Metric::judged("mean_recv_us").ok(),
        format: ComparisonFormat::Bencher,
    };
    assert!(!args.print(&mut Vec::new()).unwrap());
}

#[test]
fn cells_that_one_run_lacks_are_told_and_the_others_are_compared() {
    let base = Simulation { unsupported: vec!["zero-copy".into()], ..seeded(1) };
    let new = Simulation { message_sizes: vec![1 << 10, 16 << 10, 64 << 10, 256 << 10], ..seeded(2) };
    let mut new = new.run();
    let broken = "veth/one-copy/recv/static/1024B/t1";
    for trial in new.trials.iter_mut().filter(|trial| trial.cell == broken) {
        trial.status = Status::Failed;
        trial.reason = "the link went down".into();
    }
    let found = Comparison::of(&base.run(), &new, &THROUGHPUT, Some(0.05));
    let judgement = |cell: &str| found.cells.iter().find(|one| one.cell == cell).unwrap().judgement;
    assert_eq!(judgement("veth/two-copy/recv/static/1024B/t1"), Judgement::Indistinct);
    assert_eq!(judgement("veth/two-copy/recv/static/64B/t1"), Judgement::OnlyBase);
    assert_eq!(judgement("veth/two-copy/recv/static/262144B/t1"), Judgement::OnlyNew);
    assert_eq!(judgement("veth/zero-copy/recv/static/1024B/t1"), Judgement::OnlyNew);
    assert_eq!(judgement("veth/zero-copy/recv/static/64B/t1"), Judgement::Neither);
    assert_eq!(judgement(broken), Judgement::OnlyBase);
    assert_eq!(found.cells.len(), 30);
    let row = found.cells.iter().find(|one| one.cell == broken).unwrap();
    assert!(row.remarks().contains("failed-trials"), "{}", row.remarks());
    assert!(found.groups.iter().all(|one| one.group != Group::Path("zero-copy".into())));
    assert!(found.regressions().is_empty());
}

#[test]
fn runs_without_a_common_cell_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let one = Simulation { name: "one".into(), ..seeded(1) }.write(parent.path()).unwrap();
    let other = Simulation { name: "other".into(), message_sizes: vec![128], ..seeded(1) };
    let args = CompareArgs {
        base: one,
        new: other.write(parent.path()).unwrap(),
        max_regression: None,
        measure: None,
        format: ComparisonFormat::Table,
    };
    assert!(args.print(&mut Vec::new()).unwrap_err().to_string().contains("no cell in common"));
}

#[test]
fn without_noise_the_ratio_is_the_planted_one() {
    let quiet = |seed| Simulation { noise: Noise::NONE, ..seeded(seed) };
    let found = compare(&quiet(1), &slowed(quiet(2), "two-copy", 1.1), None);
    for cell in found.cells.iter().filter(|cell| cell.cell.contains("/two-copy/")) {
        assert!((cell.ratio.value.unwrap() * 1.1 - 1.0).abs() < 0.02, "{cell:?}");
        assert_eq!(cell.judgement, Judgement::Worse);
    }
}

/// A run under the instruction clock, on this kernel, whose cells all took this many times as long.
fn counted(kernel: &str, factor: f64) -> Run {
    let mut run = Simulation { noise: Noise::NONE, ..seeded(1) }.run();
    run.manifest.vm = Some(Vm { clock: "instructions".into(), accel: "tcg".into(), ..Vm::default() });
    run.manifest.sender.host.kernel = kernel.into();
    for trial in &mut run.trials {
        trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps / factor);
    }
    run
}

#[test]
fn counted_instructions_differ_beyond_a_thousandth_and_are_alike_within_it() {
    let compare =
        |factor| Comparison::of(&counted("6.12", 1.0), &counted("6.12", factor), &THROUGHPUT, Some(0.001));
    let alike = compare(1.000_5);
    assert_eq!(alike.count(Judgement::Indistinct), alike.cells.len());
    assert_eq!((alike.regressions(), &alike.unlike), (Vec::new(), &Vec::new()));
    let worse = compare(1.003);
    assert_eq!(worse.count(Judgement::Worse), worse.cells.len());
    assert!(worse.cells.iter().all(|cell| cell.gate == GateOutcome::Beyond));
    assert_eq!(compare(0.997).count(Judgement::Better), worse.cells.len());
}

#[test]
fn one_counted_trial_is_enough_and_another_kernel_is_named() {
    let one = |kernel| {
        let mut run = counted(kernel, 1.0);
        run.trials.retain(|trial| trial.rep == 1);
        run
    };
    let found = Comparison::of(&one("6.1"), &one("6.12"), &THROUGHPUT, None);
    assert_eq!(found.count(Judgement::Indistinct), found.cells.len());
    assert!(found.unlike[0].contains("kernels differ (6.1 and 6.12)"), "{:?}", found.unlike);
}

#[test]
fn instructions_and_time_are_not_held_against_each_other() {
    let parent = tempfile::tempdir().unwrap();
    let time = Simulation { name: "time".into(), ..seeded(1) }.write(parent.path()).unwrap();
    let counts = Simulation { name: "counts".into(), ..seeded(1) }.write(parent.path()).unwrap();
    counted("6.12", 1.0).manifest.write(&counts.join("manifest.json")).unwrap();
    let args = |max_regression| CompareArgs {
        base: time.clone(),
        new: counts.clone(),
        max_regression,
        measure: None,
        format: ComparisonFormat::Table,
    };
    let refused = args(Some(0.05)).print(&mut Vec::new()).unwrap_err().to_string();
    assert!(refused.contains("same clock"), "{refused}");
    let mut printed = Vec::new();
    assert!(args(None).print(&mut printed).unwrap(), "nothing is judged");
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("say nothing of each other") && printed.contains("not comparable"), "{printed}");
    assert!(!printed.contains("cells judged"), "{printed}");
}

#[test]
fn a_busy_neighbour_is_no_regression() {
    let base = seeded(1).run();
    let slow = |disturbed: usize| {
        let mut run = slowed(seeded(2), "one-copy", 1.6).run();
        for trial in run.trials.iter_mut().filter(|trial| trial.rep as usize <= disturbed) {
            trial.disturbed = Disturbances(vec![Disturbance::ForeignLoad]);
        }
        Comparison::of(&base, &run, &THROUGHPUT, Some(0.05))
    };
    let quiet = slow(0);
    assert!(!quiet.regressions().is_empty());
    let half = slow(5);
    assert_eq!(half.regressions(), quiet.regressions(), "five undisturbed trials are enough");
    let busy = slow(6);
    assert_eq!(busy.regressions(), Vec::<String>::new());
    assert!(busy.cells.iter().all(|cell| cell.gate == GateOutcome::Disturbed), "four are not");
    assert_eq!(busy.count(Judgement::Worse), quiet.count(Judgement::Worse), "what was measured is shown");
}

#[test]
fn a_gate_that_could_judge_nothing_is_an_error() {
    let parent = tempfile::tempdir().unwrap();
    let base = Simulation { name: "base".into(), ..seeded(1) }.write(parent.path()).unwrap();
    let new = Simulation { name: "new".into(), ..seeded(2) }.write(parent.path()).unwrap();
    let mut rows = csv_file::read::<Trial>(&new).unwrap().rows;
    for row in &mut rows {
        row.disturbed = Disturbances(vec![Disturbance::ForeignLoad]);
    }
    csv_file::replace(&new, &rows).unwrap();
    let args = |max_regression| CompareArgs {
        base: base.clone(),
        new: new.clone(),
        max_regression,
        measure: None,
        format: ComparisonFormat::Table,
    };
    let mut out = Vec::new();
    let error = args(Some(0.05)).print(&mut out).unwrap_err().to_string();
    assert!(error.contains("no cell could be gated") && error.contains("--against"), "{error}");
    assert!(String::from_utf8(out).unwrap().contains("Not gated"));
    assert!(args(None).print(&mut Vec::new()).unwrap(), "without a limit there is no gate");
}
