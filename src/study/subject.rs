//! The run that a report is about, with what every part of the report looks up in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::condition::Condition;
use crate::cell::{Side, Workload};
use crate::histogram::Delays;
use crate::path;
use crate::prose::words;
use crate::record::histogram_log::StreamDelays;
use crate::record::{Attribution, Trial};
use crate::tables::{
    CellRow, CrossoverRow, DerivedRow, Flag, Metric, Paired, RatioRow, Run, Sample, Setting, THROUGHPUT,
    Tables, samples,
};

/// The path that the others are compared with, where the run has it: what most programs do.
pub(crate) const BASELINE: &str = path::BASELINE.name;

/// A run and its tables, indexed.
pub struct Subject<'a> {
    /// The run as its files have it.
    pub run: &'a Run,
    /// What its trials say.
    pub tables: &'a Tables,
    /// Its conditions, in the order of the grid.
    pub conditions: Vec<Condition>,
    rows: HashMap<(usize, &'a str, u64, u32), &'a DerivedRow>,
    samples: HashMap<String, Sample<'a>>,
    delays: HashMap<(&'a str, u32), Vec<&'a StreamDelays>>,
    costs: HashMap<(&'a str, Side), Vec<&'a Attribution>>,
    ratios: HashMap<(&'a Setting, u64, &'a str, &'a str), Vec<&'a RatioRow>>,
    crossovers: HashMap<(&'a Setting, &'a str, &'a str), &'a CrossoverRow>,
}

impl<'a> Subject<'a> {
    /// Indexes a run and its tables.
    pub fn new(run: &'a Run, tables: &'a Tables) -> Self {
        let mut conditions: Vec<Condition> = Vec::new();
        let mut sets: Vec<(BTreeSet<u64>, BTreeSet<u32>)> = Vec::new();
        let mut rows = HashMap::with_capacity(tables.derived.len());
        for row in &tables.derived {
            let cell = &row.cell;
            let place = conditions.iter().position(|condition| condition.holds(cell)).unwrap_or_else(|| {
                conditions.push(Condition::of(cell));
                sets.push(Default::default());
                conditions.len() - 1
            });
            let condition = &mut conditions[place];
            if !condition.paths.contains(&cell.send_path) {
                condition.paths.push(cell.send_path.clone());
            }
            sets[place].0.insert(cell.message_bytes);
            sets[place].1.insert(cell.threads);
            rows.insert((place, cell.send_path.as_str(), cell.message_bytes, cell.threads), row);
        }
        for (condition, (sizes, threads)) in conditions.iter_mut().zip(sets) {
            condition.sizes = sizes.into_iter().collect();
            condition.threads = threads.into_iter().collect();
        }
        let samples = samples(run).into_iter().map(|sample| (sample.cell.key(), sample)).collect();
        let mut costs: HashMap<_, Vec<_>> = HashMap::new();
        for row in &run.xray.costs {
            costs.entry((row.cell.as_str(), row.side)).or_default().push(row);
        }
        let mut delays: HashMap<_, Vec<_>> = HashMap::new();
        for one in &run.delays {
            delays.entry((one.cell.as_str(), one.rep)).or_default().push(one);
        }
        let mut ratios: HashMap<_, Vec<_>> = HashMap::new();
        for row in &tables.ratios {
            let key = (&row.setting, row.message_bytes, row.path.as_str(), row.over.as_str());
            ratios.entry(key).or_default().push(row);
        }
        let crossover = |row: &'a CrossoverRow| ((&row.setting, row.path.as_str(), row.over.as_str()), row);
        let crossovers = tables.crossovers.iter().filter(|row| row.metric == THROUGHPUT.name);
        Self {
            run,
            tables,
            conditions,
            rows,
            samples,
            delays,
            costs,
            ratios,
            crossovers: crossovers.map(crossover).collect(),
        }
    }

    /// The conditions whose streams send as fast as they can, with their places: those that throughput says something of.
    pub fn streams(&self) -> impl Iterator<Item = (usize, &Condition)> {
        self.conditions.iter().enumerate().filter(|(_, condition)| condition.workload().is_stream())
    }

    /// The conditions whose delays were measured, one of those that differ in the rate alone: that with the highest rate
    /// that every path holds, else the lowest.
    pub fn paced(&self) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for (place, condition) in self.conditions.iter().enumerate() {
            let rates = self.rates(place);
            if condition.workload().is_stream() || rates[0] != place {
                continue;
            }
            let held = rates.iter().take_while(|&&rate| !self.is_beyond(rate));
            found.push(held.last().copied().unwrap_or(place));
        }
        found
    }

    /// The conditions that differ from one in the rate alone, itself among them, from the lowest rate.
    pub fn rates(&self, place: usize) -> Vec<usize> {
        let without_rate = |condition: &Condition| {
            let workload = Some(Workload { rate: None, ..condition.workload() }.to_string());
            Setting { workload, ..condition.setting(0) }
        };
        let own = without_rate(&self.conditions[place]);
        let alike = |&other: &usize| without_rate(&self.conditions[other]) == own;
        let mut rates: Vec<usize> = (0..self.conditions.len()).filter(alike).collect();
        rates.sort_by_key(|&other| self.conditions[other].workload().rate);
        rates
    }

    /// Whether a path does not hold the rate of a condition in one of its cells.
    fn is_beyond(&self, place: usize) -> bool {
        let condition = &self.conditions[place];
        self.tables.cells.iter().any(|cell| condition.holds(cell) && cell.flags.has(Flag::Beyond))
    }

    /// The response times of a cell, one distribution a trial that went well, all streams together.
    pub fn distributions(&self, cell: &CellRow) -> Vec<Delays> {
        let of_trial = |trial: &Trial| {
            let streams = self.delays.get(&(cell.cell.as_str(), trial.rep))?;
            Delays::sum(streams.iter().map(|one| Delays::decode(&one.histogram))).ok()?
        };
        self.trials(cell).filter_map(of_trial).collect()
    }

    /// A cell's figures.
    pub fn row(&self, condition: usize, path: &str, size: u64, threads: u32) -> Option<&'a DerivedRow> {
        self.rows.get(&(condition, path, size, threads)).copied()
    }

    /// A cell's figures, where at least one trial went well.
    pub fn measured(&self, condition: usize, path: &str, size: u64, threads: u32) -> Option<&'a DerivedRow> {
        self.row(condition, path, size, threads).filter(|row| row.cell.trials > 0)
    }

    /// A cell's trials that went well.
    pub fn trials(&self, row: &CellRow) -> impl Iterator<Item = &'a Trial> + '_ {
        self.samples.get(&row.cell).into_iter().flat_map(Sample::ok)
    }

    /// What the x-ray says of the CPU time of one end of a cell, a category each.
    pub fn costs(&self, cell: &str, side: Side) -> Vec<&'a Attribution> {
        self.costs.get(&(cell, side)).cloned().unwrap_or_default()
    }

    /// One path's throughput over another's.
    pub fn ratio(&self, setting: &Setting, size: u64, path: &str, over: &str) -> Option<&'a RatioRow> {
        self.ratio_of(&THROUGHPUT, setting, size, path, over)
    }

    /// A figure of one path over another's.
    pub fn ratio_of(
        &self,
        metric: &Metric,
        setting: &Setting,
        size: u64,
        path: &str,
        over: &str,
    ) -> Option<&'a RatioRow> {
        self.ratios.get(&(setting, size, path, over))?.iter().find(|row| row.is_of(metric)).copied()
    }

    /// From which size one path has the higher throughput.
    pub fn crossover(&self, setting: &Setting, path: &str, over: &str) -> Option<&'a CrossoverRow> {
        self.crossovers.get(&(setting, path, over)).copied()
    }

    /// The path that the others of a condition are compared with: [`path::BASELINE`], else
    /// [`path::PLAIN`], else the first.
    pub fn baseline(&self, condition: usize) -> Option<&str> {
        let paths = &self.conditions[condition].paths;
        let wanted = [path::BASELINE.name, path::PLAIN.name];
        let known = wanted.into_iter().find(|wanted| paths.iter().any(|path| path == wanted));
        known.or_else(|| paths.first().map(String::as_str))
    }

    /// The paths of a condition that are compared with its baseline.
    pub fn rivals(&self, condition: usize) -> Vec<&str> {
        let baseline = self.baseline(condition);
        let paths = self.conditions[condition].paths.iter().map(String::as_str);
        paths.filter(|path| Some(*path) != baseline).collect()
    }

    /// A path's name in a result. Where the kernel copied every completed call after all, the label does not
    /// hold, and the name says so.
    pub fn name(&self, condition: usize, path: &str) -> String {
        let Condition { sizes, threads, .. } = &self.conditions[condition];
        let cells = sizes.iter().flat_map(|&size| threads.iter().map(move |&count| (size, count)));
        let rows: Vec<_> =
            cells.filter_map(|(size, count)| self.measured(condition, path, size, count)).collect();
        let flagged = |flag| rows.iter().filter(|row| row.cell.flags.has(flag)).count();
        let (all, some) = (flagged(Flag::DeferredCopy), flagged(Flag::PartlyCopied));
        match (all, some) {
            (0, 0) => path.to_owned(),
            (all, 0) if all == rows.len() => format!("{path} (deferred copy)"),
            _ => format!("{path} (deferred copy in part)"),
        }
    }

    /// A path's name in the result of one cell.
    pub fn name_of(cell: &CellRow) -> String {
        if cell.flags.has(Flag::DeferredCopy) {
            format!("{} (deferred copy)", cell.send_path)
        } else if cell.flags.has(Flag::PartlyCopied) {
            format!("{} (deferred copy in part)", cell.send_path)
        } else {
            cell.send_path.clone()
        }
    }

    /// A figure of two cells in each block that holds both.
    pub fn pairs(
        &self,
        above: &CellRow,
        below: &CellRow,
        of: impl Fn(&Trial) -> Option<f64>,
    ) -> Vec<(f64, f64)> {
        let by_block = |row: &CellRow| {
            let mut blocks = BTreeMap::new();
            for (block, value) in self.trials(row).filter_map(|trial| Some((trial.block, of(trial)?))) {
                blocks.entry(block).or_insert(value);
            }
            blocks
        };
        let (above, below) = (by_block(above), by_block(below));
        above.iter().filter_map(|(block, value)| Some((*value, *below.get(block)?))).collect()
    }

    /// A figure of one cell over that of another, within the blocks that hold both.
    pub fn paired(
        &self,
        above: &CellRow,
        below: &CellRow,
        of: impl Fn(&Trial) -> Option<f64> + Copy,
    ) -> Paired {
        let samples = self.samples.get(&above.cell).zip(self.samples.get(&below.cell));
        samples.map(|(above, below)| Paired::of(above, below, of)).unwrap_or_default()
    }

    /// The same of a column of `derived.csv`; absent where its clock cannot tell it.
    pub fn paired_metric(&self, above: &CellRow, below: &CellRow, metric: &Metric) -> Paired {
        let samples = self.samples.get(&above.cell).zip(self.samples.get(&below.cell));
        samples.map(|(above, below)| Paired::of_metric(above, below, metric)).unwrap_or_default()
    }

    /// Why no cell has some counters, as a clause: what the manifest says of them at the sender's end, those with
    /// the same reason together. The names are those of the columns.
    pub fn why_no_counter(&self, counters: &[&str]) -> String {
        let mut by_reason: Vec<(String, Vec<&str>)> = Vec::new();
        for &counter in counters {
            let named = |name: &str| name.replace('-', "_") == counter;
            let said = self.run.manifest.sender.counters.iter().find(|(name, _)| named(name));
            let reason = match said.map(|(_, source)| source) {
                Some(source) if source.is_there() => "available, but in no trial that went well".to_owned(),
                Some(reason) => format!("not available ({reason})"),
                None => "in no trial, and the manifest does not say why".to_owned(),
            };
            match by_reason.iter_mut().find(|(one, _)| *one == reason) {
                Some((_, alike)) => alike.push(counter),
                None => by_reason.push((reason, vec![counter])),
            }
        }
        let clause = |(reason, counters): &(String, Vec<&str>)| {
            format!("{} {} {reason}", words::list(counters), if counters.len() == 1 { "was" } else { "were" })
        };
        by_reason.iter().map(clause).collect::<Vec<_>>().join("; ")
    }
}
