//! Two runs, compared.

use std::collections::HashMap;

use super::change::{CellChange, GateOutcome, Group, GroupChange, Judgement};
use super::environment::{self, EnvironmentChange};
use super::footing::{self, Footing};
use super::together;
use crate::tables::{Drift, Metric, Run, Sample, samples};

/// Two runs, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Name of the base run.
    pub base: String,
    /// Name of the new run.
    pub new: String,
    /// What the comparison stands on.
    pub footing: Footing,
    /// The metric by which cells are compared.
    pub measure: &'static Metric,
    /// The regression allowed, a share.
    pub limit: Option<f64>,
    /// Every cell that one of the runs knows, in the order of the new run's grid.
    pub cells: Vec<CellChange>,
    /// All cells together, then those of each path.
    pub groups: Vec<GroupChange>,
    /// What differs between the environments.
    pub environment: Vec<EnvironmentChange>,
    /// What a reader must know of the two runs before any figure, a sentence each.
    pub unlike: Vec<String>,
    /// What the order of the runs' trials says of them, a sentence each.
    pub drift: Vec<String>,
    /// What was left out of either run, a sentence each.
    pub left_out: Vec<String>,
}

impl Comparison {
    /// Compares a run with a base run.
    #[must_use]
    pub fn of(base: &Run, new: &Run, measure: &'static Metric, limit: Option<f64>) -> Self {
        let footing = Footing::of(&base.manifest, &new.manifest);
        let (base_samples, new_samples) = (samples(base), samples(new));
        let by_key = |samples: &[Sample]| -> HashMap<String, usize> {
            samples.iter().enumerate().map(|(place, sample)| (sample.cell.key(), place)).collect()
        };
        let (in_base, in_new) = (by_key(&base_samples), by_key(&new_samples));
        let mut cells = Vec::new();
        let mut pairs: Vec<(&Sample, &Sample)> = Vec::new();
        for sample in &new_samples {
            let key = sample.cell.key();
            let other = in_base.get(&key).map(|&place| &base_samples[place]);
            let mut change = CellChange::of(&key, other, Some(sample), footing, measure, limit);
            if let (Footing::Blocks, Some(other), true) = (footing, other, change.is_compared()) {
                together::cell(&mut change, other, sample, measure, limit);
            }
            if change.is_compared() {
                pairs.extend(other.map(|other| (other, sample)));
            }
            cells.push(change);
        }
        for sample in &base_samples {
            let key = sample.cell.key();
            if !in_new.contains_key(&key) {
                cells.push(CellChange::of(&key, Some(sample), None, footing, measure, limit));
            }
        }
        let mut groups = groups(&pairs, footing, measure, limit);
        if footing == Footing::Blocks {
            together::correct(&mut cells);
            together::correct(&mut groups);
        }
        let unlike = match footing {
            Footing::Instructions => footing::unlike(&base.manifest, &new.manifest),
            Footing::Time | Footing::Blocks => Vec::new(),
            Footing::Nothing => {
                let clocks =
                    [base, new].map(|run| format!("{} {}", name(run), footing::clock(&run.manifest)));
                vec![format!("{}: their figures say nothing of each other.", clocks.join(" and "))]
            }
        };
        let drift = match footing {
            Footing::Time => {
                let runs = [(base, &base_samples), (new, &new_samples)];
                let said = |(run, samples): (&Run, &Vec<Sample>)| {
                    Drift::of(samples).sentence().map(|sentence| format!("{}: {sentence}", name(run)))
                };
                runs.into_iter().filter_map(said).collect()
            }
            // Within blocks it cancels, and instructions have none.
            _ => Vec::new(),
        };
        let left_out = base.left_out.iter().chain(&new.left_out).cloned().collect();
        Self {
            base: name(base),
            new: name(new),
            footing,
            measure,
            limit,
            cells,
            groups,
            environment: environment::differences(&base.manifest, &new.manifest),
            unlike,
            drift,
            left_out,
        }
    }

    /// How many cells a judgement was made of.
    #[must_use]
    pub fn count(&self, judgement: Judgement) -> usize {
        self.cells.iter().filter(|cell| cell.judgement == judgement).count()
    }

    /// The names of the cells and paths whose interval lies beyond the limit.
    #[must_use]
    pub fn regressions(&self) -> Vec<String> {
        self.gated(GateOutcome::Beyond)
    }

    /// The names of the cells and paths of which a gate says this.
    #[must_use]
    pub fn gated(&self, gate: GateOutcome) -> Vec<String> {
        let cells = self.cells.iter().filter(|cell| cell.gate == gate).map(|cell| cell.cell.clone());
        let groups =
            self.groups.iter().filter(|group| group.gate == gate).map(|group| group.group.to_string());
        cells.chain(groups).collect()
    }
}

/// All cells together, then each path with two cells or more.
fn groups(
    pairs: &[(&Sample, &Sample)],
    footing: Footing,
    measure: &'static Metric,
    limit: Option<f64>,
) -> Vec<GroupChange> {
    let mut paths: Vec<&str> = Vec::new();
    for (_, new) in pairs {
        if !paths.contains(&new.cell.send_path.as_str()) {
            paths.push(&new.cell.send_path);
        }
    }
    let of_path = |path: &str| -> Vec<(&Sample, &Sample)> {
        pairs.iter().copied().filter(|(_, new)| new.cell.send_path == path).collect()
    };
    let change = |group: Group, cells: &[(&Sample, &Sample)]| {
        let mut change =
            (cells.len() > 1).then(|| GroupChange::of(group, cells, footing, measure, limit))??;
        if footing == Footing::Blocks {
            together::group(&mut change, cells, measure, limit);
        }
        Some(change)
    };
    let by_path = paths.iter().filter_map(|path| change(Group::Path((*path).to_owned()), &of_path(path)));
    change(Group::All, pairs).into_iter().chain(by_path).collect()
}

fn name(run: &Run) -> String {
    if run.manifest.run_id.is_empty() { run.dir.display().to_string() } else { run.manifest.run_id.clone() }
}
