//! The trials of one cell, and the cells that are compared with each other.

use std::collections::{BTreeMap, HashMap};

use super::drift::Drift;
use super::hosts::Hosts;
use super::run::Run;
use super::setting::Setting;
use crate::cell::Cell;
use crate::record::manifest::Basis;
use crate::record::{Status, Trial};

/// The trials of one cell.
#[derive(Clone, Debug)]
pub struct Sample<'run> {
    /// What the trials have in common.
    pub cell: Cell,
    /// All of its trials, in the order they ran in.
    pub trials: Vec<&'run Trial>,
    /// The hosts that they ran on.
    pub hosts: Hosts,
    /// By how much intervals reach further than those of independent trials, see [`Drift`].
    pub widening: f64,
}

impl<'run> Sample<'run> {
    /// The trials that went well.
    pub fn ok(&self) -> impl Iterator<Item = &'run Trial> {
        self.trials.iter().copied().filter(|trial| trial.status == Status::Ok)
    }

    /// The same cell without the trials that something disturbed.
    pub fn undisturbed(&self) -> Self {
        let trials = self.trials.iter().copied().filter(|trial| trial.disturbed.is_empty()).collect();
        Self { trials, ..self.clone() }
    }

    /// A figure of each trial that went well and has it.
    pub fn values(&self, of: impl Fn(&Trial) -> Option<f64>) -> Vec<f64> {
        self.ok().filter_map(of).collect()
    }

    /// A figure by block. Of a cell that ran more than once in a block the first counts.
    pub(crate) fn by_block(&self, of: impl Fn(&Trial) -> Option<f64>) -> BTreeMap<u32, f64> {
        let mut blocks = BTreeMap::new();
        for trial in self.ok() {
            if let Some(value) = of(trial) {
                blocks.entry(trial.block).or_insert(value);
            }
        }
        blocks
    }
}

/// The trials of each cell: first the cells of the manifest in the order of the grid, then any others.
pub fn samples(run: &Run) -> Vec<Sample<'_>> {
    let hosts = Hosts::of(&run.manifest);
    let mut samples: Vec<Sample> = run
        .manifest
        .cells
        .iter()
        .filter_map(|key| key.parse().ok())
        .map(|cell| Sample { cell, trials: Vec::new(), hosts, widening: 1.0 })
        .collect();
    let mut places: HashMap<String, usize> =
        samples.iter().enumerate().map(|(place, sample)| (sample.cell.key(), place)).collect();
    for trial in &run.trials {
        let place = match places.get(&trial.cell) {
            Some(&place) => place,
            None => {
                samples.push(Sample { cell: trial.to_cell(), trials: Vec::new(), hosts, widening: 1.0 });
                places.insert(trial.cell.clone(), samples.len() - 1);
                samples.len() - 1
            }
        };
        samples[place].trials.push(trial);
    }
    for sample in &mut samples {
        sample.trials.sort_by_key(|trial| trial.order);
    }
    // Where instructions are counted nothing drifts: what follows itself there is the kernel's own timers.
    if run.manifest.basis() != Basis::Instructions {
        let widening = Drift::of(&samples).widening();
        samples.iter_mut().for_each(|sample| sample.widening = widening);
    }
    samples
}

/// One send path in one setting: its cells by message size.
pub(super) struct PathSeries<'a> {
    pub(super) path: &'a str,
    pub(super) sizes: BTreeMap<u64, &'a Sample<'a>>,
}

/// The send paths that ran in one setting, in the order of the grid.
pub(super) struct SettingGroup<'a> {
    pub(super) setting: Setting,
    pub(super) series: Vec<PathSeries<'a>>,
}

/// All settings of a run, in the order of the grid.
pub(super) fn groups<'a>(samples: &'a [Sample<'a>]) -> Vec<SettingGroup<'a>> {
    let mut groups: Vec<SettingGroup> = Vec::new();
    for sample in samples {
        let setting = Setting::of(&sample.cell);
        let place = groups.iter().position(|group| group.setting == setting).unwrap_or_else(|| {
            groups.push(SettingGroup { setting, series: Vec::new() });
            groups.len() - 1
        });
        let series = &mut groups[place].series;
        let path = sample.cell.send_path.as_str();
        let place = series.iter().position(|one| one.path == path).unwrap_or_else(|| {
            series.push(PathSeries { path, sizes: BTreeMap::new() });
            series.len() - 1
        });
        series[place].sizes.insert(sample.cell.message_bytes, sample);
    }
    groups
}
