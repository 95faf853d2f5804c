//! The run that a report is about, with what every part of the report looks up in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cell::{Payload, Side, USUAL_WORKLOAD, Wire};
use crate::counters;
use crate::prose::words;
use crate::record::{Attribution, Trial};
use crate::tables::{
    CellRow, CrossoverRow, DerivedRow, Flag, Metric, Paired, RatioRow, Run, Sample, Setting, Tables, samples,
};
use crate::{path, receive, units};

/// The path that the others are compared with, where the run has it: what most programs do.
pub(crate) const BASELINE: &str = path::BASELINE.name;

/// What cells have in common but for send path, message size and threads: one set of figures shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What joined the agents.
    pub wire: Wire,
    /// How bytes left the socket.
    pub receive_path: String,
    /// Whether the bytes changed between sends.
    pub payload: Payload,
    /// Bytes of distinct message buffers a stream cycles through; absent: hot.
    pub working_set_bytes: Option<u64>,
    /// What a stream does; absent in rows of older versions, whose streams all did the same.
    pub workload: Option<String>,
    /// Send paths, in the order of the grid.
    pub paths: Vec<String>,
    /// Message sizes, ascending.
    pub sizes: Vec<u64>,
    /// Numbers of threads, ascending.
    pub threads: Vec<u32>,
}

impl Condition {
    fn of(cell: &CellRow) -> Self {
        Self {
            wire: cell.wire,
            receive_path: cell.receive_path.clone(),
            payload: cell.payload,
            working_set_bytes: cell.working_set_bytes,
            workload: cell.workload.clone(),
            paths: Vec::new(),
            sizes: Vec::new(),
            threads: Vec::new(),
        }
    }

    /// Whether a cell is one of it.
    #[must_use]
    pub fn holds(&self, cell: &CellRow) -> bool {
        self.wire == cell.wire
            && self.receive_path == cell.receive_path
            && self.payload == cell.payload
            && self.working_set_bytes == cell.working_set_bytes
            && self.workload == cell.workload
    }

    /// The condition with a number of threads.
    #[must_use]
    pub fn setting(&self, threads: u32) -> Setting {
        Setting {
            wire: self.wire,
            receive_path: self.receive_path.clone(),
            payload: self.payload,
            working_set_bytes: self.working_set_bytes,
            workload: self.workload.clone(),
            threads,
        }
    }

    /// The condition for a reader: `veth`, `veth, trunc, fresh`. What nearly every grid has goes unsaid.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = vec![self.wire.to_string()];
        if self.receive_path != receive::DEFAULT {
            words.push(format!("received by {}", self.receive_path));
        }
        if self.payload == Payload::Fresh {
            words.push("fresh payload".to_owned());
        }
        if let Some(bytes) = self.working_set_bytes {
            words.push(format!("working set {}", units::size(bytes)));
        }
        words.extend(self.unusual_workload().map(str::to_owned));
        words.join(", ")
    }

    /// The workload, where it is not what nearly every grid has.
    fn unusual_workload(&self) -> Option<&str> {
        self.workload.as_deref().filter(|&name| name != USUAL_WORKLOAD)
    }

    /// The condition as a part of a file's name.
    #[must_use]
    pub fn slug(&self) -> String {
        let working_set = self.working_set_bytes.map(|bytes| format!("-ws{bytes}")).unwrap_or_default();
        let workload = self.unusual_workload().map(|name| format!("-{name}")).unwrap_or_default();
        let text = format!("{}-{}-{}{working_set}{workload}", self.wire, self.receive_path, self.payload);
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
    }

    /// The largest message size.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.sizes.last().copied().unwrap_or_default()
    }
}

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
    costs: HashMap<(&'a str, Side), Vec<&'a Attribution>>,
    ratios: HashMap<(&'a Setting, u64, &'a str, &'a str), &'a RatioRow>,
    crossovers: HashMap<(&'a Setting, &'a str, &'a str), &'a CrossoverRow>,
}

impl<'a> Subject<'a> {
    /// Indexes a run and its tables.
    #[must_use]
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
        let ratio = |row: &'a RatioRow| {
            ((&row.setting, row.message_bytes, row.path.as_str(), row.over.as_str()), row)
        };
        let crossover = |row: &'a CrossoverRow| ((&row.setting, row.path.as_str(), row.over.as_str()), row);
        Self {
            run,
            tables,
            conditions,
            rows,
            samples,
            costs,
            ratios: tables.ratios.iter().map(ratio).collect(),
            crossovers: tables.crossovers.iter().map(crossover).collect(),
        }
    }

    /// A cell's figures.
    #[must_use]
    pub fn row(&self, condition: usize, path: &str, size: u64, threads: u32) -> Option<&'a DerivedRow> {
        self.rows.get(&(condition, path, size, threads)).copied()
    }

    /// A cell's figures, where at least one trial went well.
    #[must_use]
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
    #[must_use]
    pub fn ratio(&self, setting: &Setting, size: u64, path: &str, over: &str) -> Option<&'a RatioRow> {
        self.ratios.get(&(setting, size, path, over)).copied()
    }

    /// Where one path starts to beat another.
    #[must_use]
    pub fn crossover(&self, setting: &Setting, path: &str, over: &str) -> Option<&'a CrossoverRow> {
        self.crossovers.get(&(setting, path, over)).copied()
    }

    /// The path that the others of a condition are compared with: [`path::BASELINE`], else
    /// [`path::PLAIN`], else the first.
    #[must_use]
    pub fn baseline(&self, condition: usize) -> Option<&str> {
        let paths = &self.conditions[condition].paths;
        let wanted = [path::BASELINE.name, path::PLAIN.name];
        let known = wanted.into_iter().find(|wanted| paths.iter().any(|path| path == wanted));
        known.or_else(|| paths.first().map(String::as_str))
    }

    /// The paths of a condition that are compared with its baseline.
    #[must_use]
    pub fn rivals(&self, condition: usize) -> Vec<&str> {
        let baseline = self.baseline(condition);
        let paths = self.conditions[condition].paths.iter().map(String::as_str);
        paths.filter(|path| Some(*path) != baseline).collect()
    }

    /// A path's name in a result. Where the kernel copied every completed call after all, the label does not
    /// hold, and the name says so.
    #[must_use]
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
    #[must_use]
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
    #[must_use]
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
    #[must_use]
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
    #[must_use]
    pub fn paired_metric(&self, above: &CellRow, below: &CellRow, metric: &Metric) -> Paired {
        let samples = self.samples.get(&above.cell).zip(self.samples.get(&below.cell));
        samples.map(|(above, below)| Paired::of_metric(above, below, metric)).unwrap_or_default()
    }

    /// Why no cell has some counters, as a clause: what the manifest says of them at the sender's end, those with
    /// the same reason together. The names are those of the columns.
    #[must_use]
    pub fn why_no_counter(&self, counters: &[&str]) -> String {
        let mut by_reason: Vec<(String, Vec<&str>)> = Vec::new();
        for &counter in counters {
            let named = |name: &str| name.replace('-', "_") == counter;
            let said = self.run.manifest.sender.counters.iter().find(|(name, _)| named(name));
            let reason = match said.map(|(_, state)| state.as_str()) {
                Some(state) if counters::is_there(state) => {
                    "available, but in no trial that went well".to_owned()
                }
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
