//! Histories of simulated runs, where what changed is known.

use super::Step;
use super::past_run::PastRun;
use super::path_step::path_steps;
use super::track::{Track, tracks};
use crate::compare::Judgement;
use crate::record::manifest::Vm;
use crate::simulate::Simulation;
use crate::tables::{Run, metric};

/// The `number`th run of the same thing, whose paths of a name take so many times as long.
fn run(number: u64, slowed: &str, factor: f64) -> Run {
    let mut simulation = Simulation { repetitions: 10, seed: 100 + number, ..Simulation::default() };
    for cost in simulation.paths.iter_mut().filter(|cost| cost.name == slowed) {
        cost.fixed_ns *= factor;
        cost.per_kib_ns *= factor;
    }
    simulation.run()
}

/// The same with the paths as wholes: name, run and judgement of those that changed.
fn changed_paths(runs: Vec<Run>) -> Vec<(String, usize, Judgement)> {
    let number = |(number, run)| PastRun::of(format!("run-{number}"), run, None);
    let (runs, figures): (Vec<_>, Vec<_>) = runs.into_iter().enumerate().map(number).unzip();
    let steps = path_steps(&runs, &tracks(&runs, figures));
    assert!(steps.iter().all(|step| step.cells == 8), "each path has eight cells");
    let changed = steps.into_iter().filter(|step| step.judged.judgement.is_difference());
    changed.map(|step| (step.path, step.run, step.judged.judgement)).collect()
}

fn alike(number: u64) -> Run {
    run(number, "", 1.0)
}

fn history(runs: Vec<Run>) -> Vec<Track> {
    let number = |(number, run)| PastRun::of(format!("run-{number}"), run, None);
    let (runs, figures): (Vec<_>, Vec<_>) = runs.into_iter().enumerate().map(number).unzip();
    tracks(&runs, figures)
}

/// The judgements of a cell by the run that is judged.
fn judgements(tracks: &[Track], cell: &str) -> Vec<(usize, Judgement)> {
    let track = tracks.iter().find(|one| one.cell.key() == cell).expect("the cell");
    track.steps().map(|step| (step.point.run, step.change.judged.judgement)).collect()
}

const CELL: &str = "veth/two-copy/recv/static/1024B/t1";

#[test]
fn runs_of_the_same_thing_differ_in_nothing() {
    let found = history((0..6).map(alike).collect());
    let steps: Vec<_> = found.iter().flat_map(Track::steps).collect();
    assert_eq!((found.len(), steps.len()), (24, 24 * 5));
    let uncorrected = |step: &Step<'_>| step.change.judged.judgement == Judgement::Uncorrected;
    assert!(steps.iter().any(uncorrected), "among so many some would be called different by themselves");
    assert!(steps.iter().all(|step| !step.is_difference()));
}

#[test]
fn a_path_that_was_slow_once_is_worse_then_better_and_no_other_is_blamed() {
    let runs = (0..6).map(|number| if number == 3 { run(3, "two-copy", 1.3) } else { alike(number) });
    let found = history(runs.collect());
    let steps: Vec<_> = found.iter().flat_map(Track::steps).collect();
    let (slowed, others): (Vec<&Step<'_>>, Vec<&Step<'_>>) = steps
        .iter()
        .partition(|step| step.track.cell.send_path == "two-copy" && [3, 4].contains(&step.point.run));
    assert_eq!(slowed.len(), 16);
    for step in slowed {
        let expected = if step.point.run == 3 { Judgement::Worse } else { Judgement::Better };
        assert_eq!(step.change.judged.judgement, expected, "{}", step.track.cell);
    }
    let blamed = others.iter().filter(|step| step.is_difference()).count();
    assert!(blamed <= 1, "{blamed} of {} others", others.len());
}

#[test]
fn what_is_lost_in_the_noise_of_each_cell_is_plain_in_all_cells_of_a_path() {
    let slow = 1.0 / 0.95;
    let runs: Vec<Run> =
        (0..4).map(|number| if number == 3 { run(3, "one-copy", slow) } else { alike(number) }).collect();
    assert_eq!(changed_paths(runs), [("one-copy".to_owned(), 3, Judgement::Worse)]);
    assert_eq!(changed_paths((0..6).map(alike).collect()), []);
}

#[test]
fn a_run_without_the_cell_is_passed_over_and_hides_no_change() {
    let other_grid = Simulation { message_sizes: vec![256 << 10], ..Simulation::default() }.run();
    let found = history(vec![alike(0), other_grid, run(2, "two-copy", 1.3)]);
    assert_eq!(judgements(&found, CELL), [(2, Judgement::Worse)]);
    assert_eq!(judgements(&found, "veth/two-copy/recv/static/262144B/t1"), []);
    assert_eq!(found[0].points.iter().map(|point| point.run).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn figures_of_another_clock_are_another_track() {
    let counted = |number, factor| {
        let mut run = run(number, "two-copy", factor);
        run.manifest.vm = Some(Vm { clock: "instructions".into(), accel: "tcg".into(), ..Vm::default() });
        run
    };
    let found = history(vec![alike(0), counted(1, 5.0), alike(2), counted(1, 5.1)]);
    assert_eq!(found.len(), 48);
    let of_cell: Vec<_> = found.iter().filter(|one| one.cell.key() == CELL).collect();
    let runs = |track: &Track| track.points.iter().map(|point| point.run).collect::<Vec<_>>();
    assert_eq!(of_cell.iter().map(|track| runs(track)).collect::<Vec<_>>(), [vec![1, 3], vec![0, 2]]);
    let judged: Vec<_> = of_cell.iter().flat_map(|track| track.steps()).collect();
    let said: Vec<_> = judged.iter().map(|step| step.change.judged.judgement).collect();
    assert_eq!(said, [Judgement::Worse, Judgement::Indistinct], "two per cent of instructions are no noise");
}

#[test]
fn nothing_is_judged_by_what_is_no_measurement() {
    let mut smoke = run(1, "two-copy", 3.0);
    smoke.manifest.measurement = Some(false);
    let found = history(vec![alike(0), smoke, alike(2)]);
    assert_eq!(judgements(&found, CELL), [(2, Judgement::Indistinct)]);
    let track = found.iter().find(|one| one.cell.key() == CELL).expect("the cell");
    assert_eq!(track.points.len(), 3, "it is shown");
    assert_eq!(track.points[2].change.as_ref().map(|change| change.before), Some(0));
}

#[test]
fn one_trial_in_a_run_is_shown_and_not_judged_and_absent_is_no_figure() {
    let mut once = alike(1);
    once.trials.retain(|trial| trial.rep == 1);
    let found = history(vec![alike(0), once]);
    assert_eq!(judgements(&found, CELL), [(1, Judgement::Unjudged)]);
    let unsupported = Simulation { unsupported: vec!["two-copy".into()], ..Simulation::default() }.run();
    let found = history(vec![alike(0), unsupported]);
    assert_eq!(judgements(&found, CELL), []);
    let track = found.iter().find(|one| one.cell.key() == CELL).expect("the cell");
    assert_eq!(track.points[1].figure.estimate.value, None);
    assert!(track.points[1].figure.reason.contains("newer kernel"));
}

#[test]
fn a_metric_that_is_asked_for_is_judged_by_its_better_side() {
    let asked = metric("mean_recv_us").expect("a column");
    let of = |number, run| PastRun::of(format!("run-{number}"), run, Some(asked));
    let (runs, figures): (Vec<_>, Vec<_>) =
        [of(0, alike(0)), of(1, run(1, "two-copy", 1.5))].into_iter().unzip();
    let found = tracks(&runs, figures);
    let step =
        found.iter().flat_map(Track::steps).find(|step| step.track.cell.key() == CELL).expect("a step");
    assert_eq!(step.change.judged.judgement, Judgement::Worse);
    assert!(step.change.judged.ratio.value.is_some_and(|ratio| ratio > 1.2), "it rose");
}
