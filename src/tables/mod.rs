//! The tables that are made from a run's trials: `cells.csv`, `derived.csv`, `ratios.csv`,
//! `cost_model.csv`, `crossovers.csv`, `noise.csv` and `account.csv`.
//!
//! [`Run::load`] reads a run's directory, [`Tables::of`] computes, [`Tables::write`] puts the files beside
//! the trials. Nothing here knows of sockets, so an old run always gives its tables.

mod account;
mod cell_row;
mod cost_model;
mod cost_row;
mod crossing;
mod crossover_row;
mod derived_row;
mod drift;
mod estimate;
mod figures;
mod flag;
mod hosts;
mod instructions;
mod limit;
mod metric;
mod noise_row;
mod paired;
mod ratio_row;
mod run;
mod sample;
mod setting;
mod ticks;
mod xray;

use std::io;
use std::path::{Path, PathBuf};

pub use account::{AccountRow, WorkByCategory};
pub use cell_row::CellRow;
pub use cost_row::{CostRow, MOST_ERROR};
pub use crossover_row::{CrossoverRow, CrossoverVerdict};
pub use derived_row::DerivedRow;
pub use drift::Drift;
pub use estimate::{Estimate, TOO_FEW_TRIALS};
pub use figures::{DELAYS, DelayFigures, EndFigures, Figures, METRICS};
pub use flag::{
    ENOUGH_TRIALS, Flag, Flags, HELD, OUTLIER_DISTANCE, STEAL_CPUS, UNSTEADY_SPREAD, WHOLE_RUNNING, is_beyond,
};
pub use hosts::{Hosts, USUAL_TICK_HZ};
pub use instructions::Instructions;
pub use limit::{APART, FEW_SLEEPS, Limit, WORKING};
pub use metric::{Better, Drawn, Metric, THROUGHPUT, metric};
pub use noise_row::NoiseRow;
pub use paired::{MOST_ZEROS, Paired};
pub use ratio_row::{Difference, RatioRow, SIGNIFICANCE};
pub use run::{Run, RunError, StreamRate};
pub use sample::{Sample, samples};
pub use setting::Setting;
pub use ticks::{LEAST_TICKS, TickClock, Ticked};
pub use xray::XrayRows;

use crate::record::csv_file;
use cost_model::CostModel;

/// What a run's trials say, as rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// One row a cell, in the order of the grid.
    pub cells: Vec<CellRow>,
    /// One row a cell, in the same order.
    pub derived: Vec<DerivedRow>,
    /// One row a setting, message size and ordered pair of paths.
    pub ratios: Vec<RatioRow>,
    /// One row a setting and path that ran at two sizes or more.
    pub cost_model: Vec<CostRow>,
    /// One row a setting and ordered pair of paths.
    pub crossovers: Vec<CrossoverRow>,
    /// One row a control cell: what the run calls different when nothing is. Empty without a control.
    pub noise: Vec<NoiseRow>,
    /// One row a comparison whose two cells the x-ray sampled: what is saved, and where. Empty without an x-ray.
    pub account: Vec<AccountRow>,
}

impl Tables {
    /// Makes the tables of a run.
    pub fn of(run: &Run) -> Self {
        let samples = samples(run);
        let groups = sample::groups(&samples);
        let noise: Vec<NoiseRow> = samples.iter().flat_map(NoiseRow::all).collect();
        // What looks at each cell and what looks at pairs of paths take about as long; each takes a core.
        let (derived, (ratios, cost_model, crossovers)) = std::thread::scope(|scope| {
            let derived = scope.spawn(|| samples.iter().map(DerivedRow::of).collect::<Vec<_>>());
            let ratios = ratio_row::ratios(&groups, &noise);
            let models: Vec<Vec<_>> = groups.iter().map(CostModel::of_group).collect();
            let cost_model = cost_row::cost_rows(&groups, &models);
            let crossovers = crossover_row::crossovers(&groups, &models, &ratios);
            (derived.join().expect("medians do not panic"), (ratios, cost_model, crossovers))
        });
        let cells = derived.iter().map(|row| row.cell.clone()).collect();
        let account = account::accounts(&samples, &ratios, &run.xray);
        Self { cells, derived, ratios, cost_model, crossovers, noise, account }
    }

    /// Puts each table in the place of its old file, so that a reader sees one or the other, and gives the files.
    pub fn write(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(vec![
            csv_file::replace(dir, &self.cells)?,
            csv_file::replace(dir, &self.derived)?,
            csv_file::replace(dir, &self.ratios)?,
            csv_file::replace(dir, &self.cost_model)?,
            csv_file::replace(dir, &self.crossovers)?,
            csv_file::replace(dir, &self.noise)?,
            csv_file::replace(dir, &self.account)?,
        ])
    }
}
