//! `copycost sweep`: from a grid file to a run directory.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::lab::{LabArgs, Wanted};
use super::source::{grid_of, read_grid, read_manifest};
use super::verbosity::VerbosityArgs;
use super::xray::conclude as conclude_xray;
use super::{Exit, UsageError, against, dry_run, known, print, stop_flag};
use crate::cell::{Cell, Wire};
use crate::failure::chain;
use crate::grid::{Assignment, Changes, Grid};
use crate::lab::{Lab, kind};
use crate::output::{harmless, hint, say};
use crate::record::manifest::{Basis, Vm};
use crate::record::{Status, Trial};
use crate::report;
use crate::sweep::passes::Passes;
use crate::sweep::plan::Plan;
use crate::sweep::progress::Progress;
use crate::sweep::run_dir::RunDir;
use crate::sweep::samples::{Samples, SamplingLab};
use crate::sweep::{Ended, capacities, expected, manifest, run as sweep, table};
use crate::tables::{Metric, Run};

/// Flags of `copycost sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Grid file, - for standard input, or the name of a built-in grid [default: quick]
    #[arg(value_name = "GRID", conflicts_with = "resume", value_parser = known::grid(), hide_possible_values = true)]
    pub grid: Option<PathBuf>,
    /// Run the grid of this run again, with its seed
    #[arg(long, help_heading = "Grid", value_name = "RUN", conflicts_with_all = ["grid", "resume", "seed"])]
    pub reproduce: Option<PathBuf>,
    /// Set a key of the grid, such as duration=1s, threads=1,4 or socket.nodelay=true; `copycost help grid` lists the keys
    #[arg(long, help_heading = "Grid", value_name = "KEY=VALUE", conflicts_with_all = ["resume", "reproduce"])]
    pub set: Vec<Assignment>,
    /// Run a part of the grid: path=zero-copy,one-copy or threads=1; also receive_path, size, payload, workload, wire,
    /// working_set
    #[arg(long, help_heading = "Grid", value_name = "DIMENSION=VALUES", conflicts_with_all = ["resume", "reproduce"])]
    pub only: Vec<Assignment>,
    /// Directory that run directories are made in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Resume a run that was killed or interrupted
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Compare this program with another in the same blocks, trial by trial: a copycost binary, the one that made a
    /// run (whose grid and seed are used where no GRID is given), or one built from a git revision here. Both sides
    /// run every repetition; the grid's `control` and `xray` are left out
    #[arg(long, help_heading = "Comparison", value_name = "BINARY|RUN|REVISION", conflicts_with_all = ["resume", "reproduce", "agents"])]
    pub against: Option<String>,
    /// With --against: exit with 3 when the interval of a cell or a path lies wholly beyond this, such as 5%
    #[arg(long, help_heading = "Comparison", value_name = "PERCENT", requires = "against", value_parser = crate::units::parse_percent)]
    pub max_regression: Option<f64>,
    /// With --against: figure to judge by, as in `compare`
    #[arg(long, help_heading = "Comparison", visible_alias = "metric", value_name = "COLUMN", requires = "against", value_parser = Metric::judged)]
    pub measure: Option<&'static Metric>,
    /// Seed of the order of trials, instead of the grid's
    #[arg(long, help_heading = "Grid", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Print the cells and the expected time, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Make no report at the end: no tables, figures, page or Markdown
    #[arg(long)]
    pub no_report: bool,
    /// How much is said on standard error.
    #[command(flatten)]
    pub said: VerbosityArgs,
    /// Where the agents are. Last, as its heading would stand over all that follows.
    #[command(flatten)]
    pub lab: LabArgs,
}

impl SweepArgs {
    /// What of the grid the flags change.
    pub(super) fn changes(&self) -> Changes {
        Changes { set: self.set.clone(), only: self.only.clone() }
    }
}

/// Runs the sweep.
pub fn run(arguments: &SweepArgs) -> anyhow::Result<Exit> {
    if let Some(what) = &arguments.against {
        return against::run(arguments, what);
    }
    let resumed = arguments.resume.as_deref().map(RunDir::resume).transpose()?;
    let mut grid = match (&resumed, &arguments.reproduce) {
        (Some((run, _)), _) => grid_of(&run.manifest, run.path())?,
        (None, Some(path)) => grid_and_seed_of(path)?,
        (None, None) => read_grid(arguments.grid.as_deref(), &arguments.changes())?,
    };
    let said = resumed.as_ref().and_then(|(run, _)| run.manifest.clocks_within_us);
    grid.trial.clocks_within =
        arguments.lab.clock_synchronised.or_else(|| Duration::try_from_secs_f64(said? / 1e6).ok());
    if arguments.dry_run {
        return dry_run::run(&grid, &arguments.lab, &arguments.results);
    }
    grid.check_wires(expected_wire(&grid, &arguments.lab)?).map_err(UsageError)?;
    // Not before: reading a grid from a pipe would wait on after the first signal.
    let stop = stop_flag()?;
    // A run is resumed in the lab that it began in, whatever flag that was chosen by.
    let began_in =
        resumed.as_ref().map(|(run, _)| run.manifest.lab.as_str()).filter(|&lab| kind::find(lab).is_ok());
    let wanted = Wanted::of(&grid);
    let mut lab = arguments.lab.make(Wanted { lab: began_in.or(wanted.lab), ..wanted })?;
    let cells = grid.cells(lab.wires()[0]);
    let (mut run, mut rows) = match resumed {
        Some((run, rows)) => {
            check_can_resume(&run, &lab, &cells)?;
            (run, rows)
        }
        None => (new_run(arguments, &grid, &lab, &cells)?, Vec::new()),
    };
    let times = cells.iter().map(|cell| grid.times_per_block(cell)).collect();
    let mut plan = Plan::new(cells, times, grid.repetitions, run.manifest.seed);
    rows.iter().for_each(|row| plan.note(row));

    if let Some(caveat) = report::basis::caveat(run.manifest.basis()) {
        say(caveat);
    }
    let xrayed = if rows.is_empty() { grid.repetitions.max } else { 0 };
    let steps = expected::steps(&grid, plan.cells().len(), plan.remaining(), xrayed);
    let mut progress = Progress::new(steps, arguments.said.verbosity());
    let mut samples = Samples::new(grid.repetitions.min, &grid.trial);
    let mut sampled = SamplingLab::new(&mut lab, &mut samples);
    // A resumed run would have samples of some of its blocks alone.
    let ended = if grid.xray && rows.is_empty() {
        sweep(&mut sampled, &mut plan, &grid.trial, &mut run, &mut rows, &mut progress, &stop)
    } else {
        sweep(&mut lab, &mut plan, &grid.trial, &mut run, &mut rows, &mut progress, &stop)
    };
    let ended = match ended {
        Ok(Ended::Complete) if grid.xray => {
            grid.trial.capacities = capacities(plan.cells(), &rows);
            xray(&mut lab, plan.cells(), &mut samples, &grid, &run, &mut progress, &stop)
        }
        ended => ended,
    };
    progress.finish();
    let ended = ended?;
    drop(lab);
    run.manifest.finish(ended.word());
    run.write_manifest()?;
    conclude(&ended, &plan, &run, &rows, arguments)
}

/// The grid of a run, with its seed.
fn grid_and_seed_of(run: &Path) -> anyhow::Result<Grid> {
    let manifest = read_manifest(run)?;
    Ok(Grid { seed: Some(manifest.seed), ..grid_of(&manifest, run)? })
}

/// The directory of a run that begins, with room for all of its rows.
fn new_run(arguments: &SweepArgs, grid: &Grid, lab: &Lab, cells: &[Cell]) -> anyhow::Result<RunDir> {
    let seed = seed(arguments.seed.or(grid.seed))?;
    let rows = |cell: &Cell| u64::from(cell.threads + 1) * u64::from(grid.times_per_block(cell));
    let rows = cells.iter().map(rows).sum::<u64>() * u64::from(grid.repetitions.max);
    RunDir::create(&arguments.results, manifest(grid, &grid.trial, seed, lab), rows)
}

/// The seed that was given, or one that is drawn.
pub(super) fn seed(given: Option<u64>) -> anyhow::Result<u64> {
    match given {
        Some(seed) => Ok(seed),
        None if counts_instructions() => Ok(STILL_SEED),
        None => Ok(u64::from(getrandom::u32().map_err(|error| anyhow::anyhow!("getrandom: {error}"))?)),
    }
}

/// The seed where two runs shall be the same and none is given.
const STILL_SEED: u64 = 1;

/// Whether the clock counts instructions here.
fn counts_instructions() -> bool {
    Vm::of_this_process().is_some_and(|vm| vm.basis() == Basis::Instructions)
}

/// The attribution passes other than samples, after the timing trials.
fn xray(
    lab: &mut Lab,
    cells: &[Cell],
    samples: &mut Samples,
    grid: &Grid,
    run: &RunDir,
    progress: &mut Progress,
    stop: &AtomicBool,
) -> anyhow::Result<Ended> {
    let mut passes = Passes::open(run.path())?;
    let whole = passes.run(lab, cells, &grid.trial, samples, progress, stop);
    progress.finish();
    print(&format!("{}\n", conclude_xray(cells, &passes, &run.manifest)))?;
    Ok(match whole {
        Ok(true) => Ended::Complete,
        Ok(false) => Ended::Interrupted,
        // The trials are there, and what was x-rayed before.
        Err(error) => Ended::Broken(format!("{error:#}")),
    })
}

/// The table, the report, what is to be said about the end, and the run's directory as the last line.
fn conclude(
    ended: &Ended,
    plan: &Plan,
    run: &RunDir,
    rows: &[Trial],
    arguments: &SweepArgs,
) -> anyhow::Result<Exit> {
    let path = run.path().display();
    let basis = run.manifest.basis();
    // What the figures are figures of comes before any of them.
    if let Some(caveat) = report::basis::caveat(basis) {
        print(&format!("{caveat}\n\n"))?;
    }
    print(&format!("{}\n\n", table::of(plan.cells(), rows)))?;
    if basis == Basis::Instructions {
        print(&format!("{}\n\n", table::instructions(plan.cells(), rows)))?;
    }
    if !arguments.no_report && rows.iter().any(|row| row.status == Status::Ok) {
        match make_report(run) {
            Ok(verdict) => print(&verdict)?,
            // The trials are safe: what is made from them can be made again.
            Err(error) => say(format_args!(
                "copycost: {}; `{}` makes the report again",
                chain(&error),
                hint(&["report".to_owned(), path.to_string()])
            )),
        }
    }
    let exit = say_how_it_ended(ended, run.path(), rows, arguments);
    print(&format!("{path}\n"))?;
    Ok(exit)
}

/// What is to be said about the end, and the exit code for it.
fn say_how_it_ended(ended: &Ended, path: &Path, rows: &[Trial], arguments: &SweepArgs) -> Exit {
    let path = path.display();
    let words = [vec!["sweep".to_owned(), "--resume".to_owned(), path.to_string()], arguments.lab.words()];
    let resume = hint(&words.concat());
    let failed = rows.iter().filter(|row| row.status == Status::Failed).count();
    match ended {
        Ended::Complete if failed > 0 => {
            say(format_args!(
                "copycost: {failed} of {} trials failed; their reasons are in {path}/trials.csv",
                rows.len()
            ));
            Exit::FailedTrials
        }
        Ended::Complete if rows.iter().all(|row| row.status != Status::Ok) => {
            let why = rows.iter().map(|row| row.reason.as_str()).find(|reason| !reason.is_empty());
            let why = why.unwrap_or("no trial was started");
            say(format_args!(
                "copycost: nothing ran: {}; `{}` shows what this host lacks",
                harmless(why),
                hint(&["doctor".to_owned()])
            ));
            Exit::FailedTrials
        }
        Ended::Complete => Exit::Success,
        Ended::Interrupted => {
            say(format_args!("copycost: interrupted after {} trials; resume with `{resume}`", rows.len()));
            Exit::Interrupted
        }
        Ended::Broken(why) => {
            let when = match rows.last().filter(|row| row.status == Status::Failed) {
                Some(row) => format!("during {} #{}; that trial is recorded as failed", row.cell, row.rep),
                None => "in the x-ray that follows the trials".to_owned(),
            };
            say(format_args!("copycost: {why}, {when}; resume with `{resume}`"));
            Exit::Unable
        }
    }
}

/// Writes the report of the run; its verdict, for the terminal.
fn make_report(run: &RunDir) -> anyhow::Result<String> {
    let written = report::write(&Run::load(run.path())?)?;
    // It has been said above the table.
    let said = report::basis::caveat(run.manifest.basis());
    let rest = written.verdict.iter().filter(|line| Some(line.as_str()) != said);
    Ok(rest.map(|line| format!("{line}\n")).collect::<String>() + "\n")
}

/// The wire that a lab will have for cells that name none, before it is made.
pub(super) fn expected_wire(grid: &Grid, lab: &LabArgs) -> anyhow::Result<Wire> {
    let (kind, site) = lab.site(Wanted::of(grid))?;
    match lab.wires.first() {
        Some(&(wire, _)) => Ok(wire),
        None => Ok((kind.first_wire)(&site)),
    }
}

/// A run is resumed in the lab that it began in, or its rows would not compare.
fn check_can_resume(run: &RunDir, lab: &Lab, cells: &[Cell]) -> anyhow::Result<()> {
    ensure!(
        run.manifest.together.is_none(),
        "{} is one side of a comparison, whose blocks cannot be resumed; start it again",
        run.path().display()
    );
    let keys: Vec<String> = cells.iter().map(Cell::key).collect();
    ensure!(
        run.manifest.lab == lab.kind() && run.manifest.cells == keys,
        "{} began in a {} lab on {}; resume it there, with the same flags",
        run.path().display(),
        run.manifest.lab,
        run.manifest.wires.keys().map(String::as_str).collect::<Vec<_>>().join(" and ")
    );
    run.write_manifest().context("resuming")
}
