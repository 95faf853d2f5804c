//! Two programs against each other in the same blocks: `sweep --against`.
//!
//! Each trial is a process of its own: `PROGRAM sweep -` with a grid of one cell and one repetition, which is a
//! command that every version has. So no two versions have to speak one protocol, each side makes its own lab with
//! its own agents, and what a process happens to be dealt (addresses, buckets, queues) is drawn anew for each trial
//! instead of standing for one side as a whole. The two trials of a cell follow one another at once, in an order
//! that a coin decides and that the next block turns round.

mod grid;
mod other;
mod revision;
mod scratch;
mod side;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::cell::{Cell, Rate, Workload};
use crate::grid::Grid;
use crate::record::manifest::{ComparisonSide, Manifest, Together};
use crate::record::{SCHEMA_VERSION, Status, Trial, TrialRows};
use crate::sweep::plan::{Next, Plan};
use crate::sweep::progress::Progress;
use crate::sweep::run_dir::RunDir;
use crate::sweep::{Ended, capacities};
use crate::workload;
pub(crate) use other::{Other, grid_of_run};
use side::{Produced, SideRunner};

/// Name of the base side's directory within the new side's.
pub(crate) const BASE: &str = "against";

/// Both sides' directories.
pub(crate) struct Pair {
    /// That of this program.
    pub new: RunDir,
    /// That of the program that it is compared with.
    pub base: RunDir,
}

impl Pair {
    fn of(&mut self, side: ComparisonSide) -> &mut RunDir {
        match side {
            ComparisonSide::New => &mut self.new,
            ComparisonSide::Base => &mut self.base,
        }
    }

    fn both(&mut self) -> [&mut RunDir; 2] {
        [&mut self.new, &mut self.base]
    }

    /// Says in both manifests how it ended.
    pub(crate) fn finish(&mut self, ended: &Ended) -> anyhow::Result<()> {
        for run in self.both() {
            run.manifest.finish(ended.word());
            run.write_manifest()?;
        }
        Ok(())
    }
}

/// A sweep of two programs.
pub(crate) struct Against<'a> {
    /// Both sides' cells, order and bounds.
    pub grid: &'a Grid,
    /// The wire of cells that name none.
    pub wire: crate::cell::Wire,
    /// Flags that say where the agents are, for both sides.
    pub lab: Vec<String>,
    /// Seed of the order.
    pub seed: u64,
    /// Directory that run directories are made in.
    pub results: &'a Path,
}

impl Against<'_> {
    /// The cells, each once a block: the other side is the control.
    pub(crate) fn plan(&self) -> Plan {
        let cells = self.grid.cells(self.wire);
        let times = vec![1; cells.len()];
        // A comparison that ended when it had become clear would be wrong more often than it says.
        Plan::new(cells, times, self.grid.repetitions.all(), self.seed)
    }

    /// Runs a trial of each side that does not count, and makes the directories by what it says of the lab.
    ///
    /// # Errors
    /// When a side cannot run, or the directories cannot be made; nothing is left then.
    pub(crate) fn begin(&self, other: &Other) -> anyhow::Result<(Sides, Pair)> {
        let sides = Sides {
            new: SideRunner::new(Path::new("/proc/self/exe"), "this program", &self.lab)?,
            base: SideRunner::new(other.path(), &other.what, &self.lab)?,
        };
        let cells = self.grid.cells(self.wire);
        let first = cells.first().context("the grid has no cell")?;
        let manifest = |side: &SideRunner| match side.run(self.grid, first) {
            Produced::Row(row, _, manifest) => {
                if row.cell != first.key() {
                    bail!(
                        "{} ran {} where {} was asked for; say with --wire what joins the agents",
                        side.what,
                        row.cell,
                        first
                    );
                }
                Ok(*manifest)
            }
            Produced::Nothing { why, .. } => bail!("{} ran no trial: {why}", side.what),
        };
        let (new, base) = (manifest(&sides.new)?, manifest(&sides.base)?);
        let rows: u64 = cells.iter().map(|cell| u64::from(cell.threads) + 1).sum();
        let rows = 2 * rows * u64::from(self.grid.repetitions.max);
        let mut new = RunDir::create(self.results, self.manifest(new, &cells), rows)?;
        let id = new.manifest.run_id.clone();
        new.manifest.together =
            Some(Together { blocks: id.clone(), side: ComparisonSide::New, what: other.what.clone() });
        new.write_manifest()?;
        let mut manifest = self.manifest(base, &cells);
        manifest.run_id = format!("{id}/{BASE}");
        manifest.together =
            Some(Together { blocks: id, side: ComparisonSide::Base, what: other.what.clone() });
        let base = RunDir::inside(&new, BASE, manifest)?;
        Ok((sides, Pair { new, base }))
    }

    /// What a side's first trial said, made into the manifest of the whole.
    fn manifest(&self, of_one: Manifest, cells: &[Cell]) -> Manifest {
        Manifest {
            schema_version: SCHEMA_VERSION.to_owned(),
            command_line: std::env::args().collect(),
            finished_at: None,
            outcome: None,
            resumed: 0,
            grid: self.grid.text.clone(),
            grid_sha256: hex::encode(Sha256::digest(&self.grid.text)),
            measurement: (!self.grid.measurement).then_some(false),
            cells: cells.iter().map(Cell::key).collect(),
            seed: self.seed,
            ..of_one
        }
    }

    /// Runs what the plan has, and appends each row to its side's run.
    ///
    /// # Errors
    /// When a row cannot be written; the rows before it are whole.
    pub(crate) fn run(
        &self,
        sides: &Sides,
        plan: &mut Plan,
        pair: &mut Pair,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> anyhow::Result<(Ended, Vec<Trial>)> {
        let mut rows = Vec::new();
        while let Some(next) = plan.next() {
            let cell = plan.cells()[next.place].clone();
            let asked = asked_for(&cell, &rows);
            let mut of_new = None;
            for side in order(self.seed, &next) {
                if stop.load(Ordering::Relaxed) {
                    return Ok((Ended::Interrupted, rows));
                }
                let left = 2 * plan.remaining() - u64::from(side.1);
                progress.begin(&cell, plan.so_far(next.place));
                let run = pair.of(side.0);
                let produced = sides.of(side.0).run(self.grid, &asked);
                let (mut row, beside) = numbered(produced, [&cell, &asked], &next, run);
                row.bound.get_or_insert(self.grid.trial.bound.kind());
                run.append(&row, &beside)?;
                progress.end_of(side.0.word(), &row, left - 1);
                match (side.0, row.status) {
                    (ComparisonSide::New, _) => of_new = Some(row.clone()),
                    // What one side cannot run is asked of neither again.
                    (ComparisonSide::Base, Status::Unsupported) => plan.note(&row),
                    _ => {}
                }
                rows.push(row);
            }
            plan.note(&of_new.expect("both sides have run"));
        }
        Ok((Ended::Complete, rows))
    }
}

/// The two sides of a comparison.
pub(crate) struct Sides {
    new: SideRunner,
    base: SideRunner,
}

impl Sides {
    fn of(&self, side: ComparisonSide) -> &SideRunner {
        match side {
            ComparisonSide::New => &self.new,
            ComparisonSide::Base => &self.base,
        }
    }
}

/// Which side goes first, each with whether it is the second: a coin decides for a cell in two blocks, of which the
/// second turns the order round. So neither side is always second.
fn order(seed: u64, next: &Next) -> [(ComparisonSide, bool); 2] {
    let mut coin = ChaCha8Rng::seed_from_u64(seed);
    // Streams of the cipher that no block's shuffle uses.
    coin.set_stream(1 << 63 | (next.place as u64) << 32 | u64::from(next.block.div_ceil(2)));
    let heads = coin.random::<bool>() ^ next.block.is_multiple_of(2);
    let [first, second] = if heads {
        [ComparisonSide::New, ComparisonSide::Base]
    } else {
        [ComparisonSide::Base, ComparisonSide::New]
    };
    [(first, false), (second, true)]
}

/// The cell that a program is asked for. Each runs one trial alone, and knows no other from which to take a share: it is
/// given the rate that both sides have together, so that they carry the same load.
fn asked_for(cell: &Cell, rows: &[Trial]) -> Cell {
    let capacity = capacities(std::slice::from_ref(cell), rows).into_values().next();
    match (cell.workload.rate, workload::rate(&cell.workload, capacity)) {
        (Some(Rate::Percent(_)), Ok(Some(rate))) => {
            let workload =
                Workload { rate: Some(Rate::PerSecond((rate as u64).max(1))), ..cell.workload.clone() };
            Cell { workload, ..cell.clone() }
        }
        _ => cell.clone(),
    }
}

/// A side's trial as a row of the whole.
fn numbered(produced: Produced, [cell, asked]: [&Cell; 2], next: &Next, run: &RunDir) -> (Trial, TrialRows) {
    let id = &run.manifest.run_id;
    let now = || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let empty = || Trial::new(id, cell, next.rep, next.order, next.block, now());
    let without = |status, reason| (Trial { status, reason, ..empty() }, TrialRows::default());
    match produced {
        Produced::Row(row, _, _) if row.cell != asked.key() => {
            without(Status::Failed, format!("another cell was run: {}", row.cell))
        }
        Produced::Row(row, mut beside, _) => {
            let (rep, order) = (next.rep, next.order);
            let (key, workload) = (cell.key(), row.workload.as_ref().map(|_| cell.workload.to_string()));
            let row =
                Trial { run_id: id.clone(), cell: key, workload, rep, order, block: next.block, ..*row };
            beside.assign(&row);
            (row, beside)
        }
        Produced::Nothing { why, refused: true } => without(Status::Unsupported, why),
        Produced::Nothing { why, refused: false } => without(Status::Failed, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_goes_first_in_one_of_two_blocks_and_which_one_is_chance() {
        let next = |place, block| Next { place, block, rep: block, order: 1 };
        let new_first = |place, block| order(7, &next(place, block))[0].0 == ComparisonSide::New;
        let mut heads = 0;
        for place in 0..200 {
            assert_ne!(new_first(place, 1), new_first(place, 2));
            assert_ne!(new_first(place, 3), new_first(place, 4));
            assert_eq!(new_first(place, 5), new_first(place, 5));
            heads += usize::from(new_first(place, 1));
        }
        assert!((60..140).contains(&heads), "{heads} of 200");
    }
}
