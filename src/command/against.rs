//! `copycost sweep --against`: two programs in the same blocks, and what differs between them.

use anyhow::Context;

use super::compare::{CompareArgs, ComparisonFormat};
use super::source::{changed, grid_of, read_grid};
use super::sweep::{SweepArgs, expected_wire, seed};
use super::{Exit, UsageError, dry_run, print, stop_flag};
use crate::against::{Against, BASE, Other, Pair, grid_of_run};
use crate::compare::NO_MEASUREMENT;
use crate::failure::chain;
use crate::file;
use crate::grid::Grid;
use crate::output::{Out, harmless, hint, say};
use crate::record::{Status, Trial};
use crate::report;
use crate::sweep::Ended;
use crate::sweep::progress::{Progress, Steps};
use crate::sweep::run_dir::RunDir;
use crate::tables::Run;

/// Runs both sides and compares them.
pub(super) fn run(arguments: &SweepArgs, what: &str) -> anyhow::Result<Exit> {
    let stop = stop_flag()?;
    let changes = arguments.changes();
    let grid = match (&arguments.grid, grid_of_run(what)?) {
        (None, Some(manifest)) => {
            let grid = grid_of(&manifest, what.as_ref())?;
            Grid { seed: Some(manifest.seed), ..changed(&grid.text, &grid.name, &changes)? }
        }
        (grid, _) => read_grid(grid.as_deref(), &changes)?,
    };
    if arguments.max_regression.is_some() && !grid.measurement {
        return Err(UsageError(format!("{} is {NO_MEASUREMENT}", grid.name)).into());
    }
    if arguments.dry_run {
        let grid = Grid { control: None, repetitions: grid.repetitions.all(), ..grid };
        dry_run::run(&grid, &arguments.lab, &arguments.results)?;
        print("Both programs run each trial, so that it takes twice as long.\n")?;
        return Ok(Exit::Success);
    }
    let against = Against {
        grid: &grid,
        wire: expected_wire(&grid, &arguments.lab)?,
        lab: arguments.lab.words(),
        seed: seed(arguments.seed.or(grid.seed))?,
        results: &arguments.results,
    };
    let other = Other::find(what, &stop)?;
    let mut plan = against.plan();
    let (sides, mut pair) = against.begin(&other)?;
    let mut progress = Progress::new(Steps::trials(2 * plan.remaining()), arguments.said.verbosity());
    progress.tell(&format!("copycost: against {}, trial by trial", other.what));
    let ended = against.run(&sides, &mut plan, &mut pair, &mut progress, &stop);
    progress.finish();
    let (ended, rows) = ended?;
    pair.finish(&ended)?;
    let exit = conclude(&ended, &pair, &rows, arguments)?;
    print(&format!("{}\n", pair.new.path().display()))?;
    Ok(exit)
}

/// The comparison, printed and written, and how it ended.
fn conclude(ended: &Ended, pair: &Pair, rows: &[Trial], arguments: &SweepArgs) -> anyhow::Result<Exit> {
    let path = pair.new.path();
    let (failed, well) = (count(rows, Status::Failed), count(rows, Status::Ok));
    let ran =
        |run: &RunDir| rows.iter().any(|row| row.run_id == run.manifest.run_id && row.status == Status::Ok);
    let mut regressed = false;
    if ran(&pair.new) && ran(&pair.base) {
        let compare = |format| CompareArgs {
            base: path.join(BASE),
            new: path.to_owned(),
            max_regression: arguments.max_regression,
            measure: arguments.measure,
            format,
        };
        if !arguments.no_report {
            for run in [&pair.new, &pair.base] {
                // The trials are safe: what is made from them can be made again.
                if let Err(error) = report_of(run) {
                    let path = run.path().display();
                    let what = chain(&error);
                    let again = hint(&["report".to_owned(), path.to_string()]);
                    say(format_args!("copycost: {what}; `{again}` makes the report again"));
                }
            }
        }
        let (mut written, to) = (Vec::new(), path.join("comparison.json"));
        compare(ComparisonFormat::Json).write(&mut written)?;
        file::replace(&to, &written).with_context(|| format!("cannot write {}", to.display()))?;
        regressed = !compare(ComparisonFormat::Table).print(&mut Out)?;
        print("\n")?;
    }
    Ok(match ended {
        Ended::Interrupted | Ended::Broken(_) => {
            say(format_args!("copycost: interrupted after {} trials", rows.len()));
            Exit::Interrupted
        }
        Ended::Complete if regressed => Exit::Found,
        Ended::Complete if failed > 0 => {
            say(format_args!(
                "copycost: {failed} of {} trials failed; their reasons are in {}/trials.csv and {BASE}/trials.csv",
                rows.len(),
                path.display()
            ));
            Exit::FailedTrials
        }
        Ended::Complete if !(ran(&pair.new) && ran(&pair.base)) => {
            let why = rows.iter().map(|row| row.reason.as_str()).find(|reason| !reason.is_empty());
            let what = if well == 0 { "nothing ran" } else { "one side ran nothing" };
            say(format_args!("copycost: {what}: {}", harmless(why.unwrap_or("no trial was started"))));
            Exit::FailedTrials
        }
        Ended::Complete => Exit::Success,
    })
}

fn report_of(run: &RunDir) -> anyhow::Result<()> {
    report::write(&Run::load(run.path())?).map(drop)
}

fn count(rows: &[Trial], status: Status) -> usize {
    rows.iter().filter(|row| row.status == status).count()
}
