//! Two runs, compared.

use std::collections::HashMap;

use super::change::{CellChange, GateOutcome, Group, GroupChange};
use super::environment::{self, EnvironmentChange};
use super::footing::{self, Footing, Terms};
use super::judged::Judgement;
use super::together;
use crate::tables::{Drift, Metric, Run, Sample, THROUGHPUT, metric, samples};

/// Two runs, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Name of the base run.
    pub base: String,
    /// Name of the new run.
    pub new: String,
    /// What the comparison stands on.
    pub footing: Footing,
    /// The metrics by which cells are compared.
    pub measures: Vec<&'static Metric>,
    /// The regression allowed, a share.
    pub limit: Option<f64>,
    /// Every cell that one of the runs knows, by each metric that it is compared by: metric by metric, and in the order
    /// of the new run's grid.
    pub cells: Vec<CellChange>,
    /// By each metric all cells together, then those of each path.
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
    /// Compares a run with a base run by a metric; by none given, streams by throughput, and cells whose answers or rate
    /// set the pace by the median and the 99th percentile of the response time.
    pub fn of(
        base: &Run,
        new: &Run,
        measure: impl Into<Option<&'static Metric>>,
        limit: Option<f64>,
    ) -> Self {
        let footing = Footing::of(&base.manifest, &new.manifest);
        let (base_samples, new_samples) = (samples(base), samples(new));
        let by_measure = chosen(&base_samples, &new_samples, measure.into());
        let (mut all, mut together) = (Vec::new(), Vec::new());
        for (measure, [base, new]) in &by_measure {
            let terms = Terms { footing, measure, limit };
            let (cells, pairs) = cells(base, new, terms);
            all.extend(cells);
            together.extend(groups(&pairs, terms));
        }
        if footing == Footing::Blocks {
            together::correct(&mut all);
            together::correct(&mut together);
        }
        Self {
            base: base.name(),
            new: new.name(),
            footing,
            measures: by_measure.iter().map(|(measure, _)| *measure).collect(),
            limit,
            cells: all,
            groups: together,
            environment: environment::differences(&base.manifest, &new.manifest),
            unlike: unlike(base, new, footing),
            drift: drift([(base, &base_samples), (new, &new_samples)], footing),
            left_out: base.left_out.iter().chain(&new.left_out).cloned().collect(),
        }
    }

    /// How many cells a judgement was made of.
    pub fn count(&self, judgement: Judgement) -> usize {
        self.cells.iter().filter(|cell| cell.judgement == judgement).count()
    }

    /// The names of the cells and paths whose interval lies beyond the limit.
    pub fn regressions(&self) -> Vec<String> {
        self.gated(GateOutcome::Beyond)
    }

    /// The names of the cells and paths of which a gate says this.
    pub fn gated(&self, gate: GateOutcome) -> Vec<String> {
        let named = |name: String, measure: &Metric| match self.measures[..] {
            [_] => name,
            _ => format!("{name} ({})", measure.name),
        };
        let cells = self.cells.iter().filter(|cell| cell.gate == gate);
        let cells = cells.map(|cell| named(cell.cell.clone(), cell.measure));
        let groups = self.groups.iter().filter(|group| group.gate == gate);
        cells.chain(groups.map(|group| named(group.group.to_string(), group.measure))).collect()
    }
}

/// What cells whose answers or rate set the pace are judged by where nothing is said.
const DELAYS: [&str; 2] = ["response_p50_us", "response_p99_us"];

/// What cells are judged by where nothing is said, each those that it compares.
pub(crate) fn usual_measures() -> impl Iterator<Item = &'static Metric> {
    std::iter::once(&THROUGHPUT).chain(DELAYS.into_iter().filter_map(metric))
}

/// The metrics to compare by, each with the cells of the base and of the new run that are compared by it.
fn chosen<'s, 'a>(
    base: &'s [Sample<'a>],
    new: &'s [Sample<'a>],
    measure: Option<&'static Metric>,
) -> Vec<(&'static Metric, [Vec<&'s Sample<'a>>; 2])> {
    if let Some(measure) = measure {
        return vec![(measure, [base, new].map(|samples| samples.iter().collect()))];
    }
    let those = |measure: &'static Metric| {
        let compared = |samples: &'s [Sample<'a>]| {
            samples.iter().filter(|sample| measure.compares(&sample.cell.workload)).collect()
        };
        (measure, [base, new].map(compared))
    };
    let all = usual_measures().map(those);
    all.filter(|(_, [base, new]): &(_, [Vec<_>; 2])| !base.is_empty() || !new.is_empty()).collect()
}

/// Every cell's change, and the samples, base and new, of those that are compared.
fn cells<'s, 'a>(
    base: &[&'s Sample<'a>],
    new: &[&'s Sample<'a>],
    terms: Terms,
) -> (Vec<CellChange>, Vec<(&'s Sample<'a>, &'s Sample<'a>)>) {
    let mut only_base: HashMap<String, &Sample> =
        base.iter().map(|&sample| (sample.cell.key(), sample)).collect();
    let (mut cells, mut pairs) = (Vec::new(), Vec::new());
    for &sample in new {
        let key = sample.cell.key();
        let other = only_base.remove(&key);
        let mut change = CellChange::of(&key, other, Some(sample), terms);
        if let (Some(other), true) = (other, change.is_compared()) {
            if terms.footing == Footing::Blocks {
                together::gate(&mut change, terms);
            }
            pairs.push((other, sample));
        }
        cells.push(change);
    }
    for sample in base {
        let key = sample.cell.key();
        if only_base.contains_key(&key) {
            cells.push(CellChange::of(&key, Some(sample), None, terms));
        }
    }
    (cells, pairs)
}

/// What a reader must know of the two runs before any figure.
fn unlike(base: &Run, new: &Run, footing: Footing) -> Vec<String> {
    match footing {
        Footing::Instructions => footing::unlike(&base.manifest, &new.manifest),
        Footing::Time | Footing::Blocks => Vec::new(),
        Footing::Nothing => {
            let clocks = [base, new].map(|run| format!("{} {}", run.name(), footing::clock(&run.manifest)));
            vec![format!("{}: their figures say nothing of each other.", clocks.join(" and "))]
        }
    }
}

/// What the order of each run's trials says: within blocks it cancels, and instructions have none.
fn drift(runs: [(&Run, &[Sample]); 2], footing: Footing) -> Vec<String> {
    let said = |(run, samples): (&Run, &[Sample])| {
        Drift::of(samples).sentence().map(|sentence| format!("{}: {sentence}", run.name()))
    };
    let runs = runs.into_iter().filter(|_| footing == Footing::Time);
    runs.filter_map(said).collect()
}

/// All cells together, then each path with two cells or more.
fn groups(pairs: &[(&Sample, &Sample)], terms: Terms) -> Vec<GroupChange> {
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
        let mut change = (cells.len() > 1).then(|| GroupChange::of(group, cells, terms))??;
        if terms.footing == Footing::Blocks {
            together::group(&mut change, cells, terms);
        }
        Some(change)
    };
    let by_path = paths.iter().filter_map(|path| change(Group::Path((*path).to_owned()), &of_path(path)));
    change(Group::All, pairs).into_iter().chain(by_path).collect()
}
