//! What a path saves against another, and where the x-ray saw it: one line of `account.csv`.
//!
//! The time per KiB is the window over what was received in it, of all streams together. The x-ray's samples of all
//! that the sender's CPUs did, waiting included, divide the same time into parts. So what the timed trials save is the
//! copies saved, other work saved, waiting saved, and a rest that the x-ray does not explain: its passes are not the
//! timed trials. To be sampled takes time; what the x-ray finds is scaled by how much longer both paths' passes took.
//! A rest within the noise floor is what a cell differs from itself.

use std::collections::{BTreeMap, HashMap};

use super::estimate::Estimate;
use super::metric::THROUGHPUT;
use super::ratio_row::RatioRow;
use super::sample::Sample;
use super::setting::Setting;
use super::xray::XrayRows;
use crate::cell::Side;
use crate::record::category::{Category, SamplingClock, Scope};
use crate::record::column::Field;
use crate::record::row::row;
use crate::record::{Attribution, Trial};
use crate::stats;

row! {
    /// The account of one path over another in one setting, at one message size. What is saved is positive.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct AccountRow in "account.csv" {
        /// What the two cells have in common.
        setting: Setting as "",
        /// Size of one message.
        message_bytes: u64 in "B",
        /// The path that saves.
        path: String,
        /// The path that it is compared with.
        over: String,
        /// Blocks that hold both.
        blocks: u64,
        /// Time per KiB of the other path, of all streams together: mean over its blocks.
        over_ns_per_kib: f64 in "ns/KiB",
        /// How many times as long both took per KiB in the x-ray's passes; all that the x-ray finds is divided by it.
        pass_over_trials: f64,
        /// Time per KiB that is saved in the timed trials.
        saved_ns_per_kib: Estimate in "ns/KiB",
        /// Of the time saved, by the x-ray of the sender's CPUs: copies.
        copies_ns_per_kib: f64 in "ns/KiB",
        /// Two standard errors of that, by the number of samples.
        copies_error_ns_per_kib: f64 in "ns/KiB",
        /// Of the time saved, by the x-ray: other work of the sender's CPUs.
        other_ns_per_kib: f64 in "ns/KiB",
        /// Of the time saved, by the x-ray: waiting.
        waiting_ns_per_kib: f64 in "ns/KiB",
        /// Of the time saved: what the x-ray does not show.
        unexplained_ns_per_kib: f64 in "ns/KiB",
        /// How far a cell differs from itself: the noise floor of the comparison times the longer of the two times
        /// per KiB. Empty without a control.
        floor_ns_per_kib: Option<f64> in "ns/KiB",
        /// Whether the rest lies within the floor; empty without a control.
        closes: Option<bool>,
        /// The other work by category, the largest first.
        other_work: WorkByCategory,
    }
}

/// Work by category and the time per KiB that it saves, ns, the largest first; in the file `page-pinning -15.3`, with
/// a semicolon between.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkByCategory(pub Vec<(Category, f64)>);

impl Field for WorkByCategory {
    fn kind() -> String {
        "categories, each with its time in ns/KiB, separated by `; `".to_owned()
    }

    fn print(&self) -> String {
        self.0.iter().map(|(category, time)| format!("{category} {time:.1}")).collect::<Vec<_>>().join("; ")
    }

    fn json(&self) -> serde_json::Value {
        let pair =
            |(category, time): &(Category, f64)| (category.to_string(), serde_json::Value::from(*time));
        serde_json::Value::Object(self.0.iter().map(pair).collect())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| -> Result<(Category, f64), String> {
            let (category, time) =
                part.split_once(' ').ok_or_else(|| format!("`{part}` is not a category and a time"))?;
            Ok((category.parse()?, f64::parse(time)?))
        };
        text.split("; ").filter(|text| !text.is_empty()).map(part).collect::<Result<_, _>>().map(Self)
    }
}

/// Nanoseconds from which a category is named among the other work.
const NAMED_FROM: f64 = 0.05;

/// The accounts of all comparisons whose two cells were sampled with all that their senders' CPUs did.
pub(super) fn accounts(samples: &[Sample], ratios: &[RatioRow], xray: &XrayRows) -> Vec<AccountRow> {
    let by_place: HashMap<_, &Sample> = samples
        .iter()
        .map(|sample| {
            ((Setting::of(&sample.cell), sample.cell.message_bytes, &*sample.cell.send_path), sample)
        })
        .collect();
    let parts: HashMap<String, Parts> = samples
        .iter()
        .filter_map(|sample| {
            let threads = sample.cell.threads as usize;
            let cpus = sample.hosts.end(Side::Sender).cpus.map_or(threads, |cpus| threads.min(cpus));
            Some((sample.cell.key(), Parts::of(xray, &sample.cell.key(), cpus.max(1))?))
        })
        .collect();
    let account = |row: &RatioRow| {
        let sample = |path: &str| by_place.get(&(row.setting.clone(), row.message_bytes, path)).copied();
        let (path, over) = (sample(&row.path)?, sample(&row.over)?);
        let sampled = parts.get(&path.cell.key()).zip(parts.get(&over.cell.key()))?;
        AccountRow::of(row, path, over, sampled)
    };
    ratios.iter().filter(|row| row.is_of(&THROUGHPUT)).filter_map(account).collect()
}

/// Time per KiB of all streams together, ns.
fn time_per_kib(gbps: f64) -> f64 {
    1024.0 * 8.0 / gbps
}

/// What the x-ray saw of one cell's sender: its time per KiB by category.
struct Parts {
    /// Time and samples of each category.
    of: Vec<(Category, f64, f64)>,
    /// Time of CPUs that waited.
    waiting: f64,
    samples: f64,
    /// The time per KiB in the passes.
    all: f64,
}

impl Parts {
    /// Absent where the cell was not sampled, or not all that its CPUs did. `cpus` are those that its workers fill.
    fn of(xray: &XrayRows, cell: &str, cpus: usize) -> Option<Self> {
        let rows: Vec<&Attribution> =
            xray.costs.iter().filter(|row| row.cell == cell && row.side == Side::Sender).collect();
        let first = rows.first().filter(|row| row.scope == Scope::Cpus)?;
        let all: f64 = rows.iter().filter_map(|row| row.ns_per_kib).sum();
        let time = time_per_kib(first.throughput_gbps.filter(|&gbps| gbps > 0.0 && all > 0.0)?);
        let (cpus, time) = match first.clock {
            // A clock that goes on while a CPU is idle: as many times the time per KiB as there are CPUs. Its own time is
            // the mean of all windows, as the parts are.
            SamplingClock::CpuClock => {
                let cpus = (all / time).round().max(1.0);
                (cpus, all / cpus)
            }
            SamplingClock::Cycles => (cpus as f64, time),
        };
        let part = |row: &&Attribution| {
            (row.category, row.busy_ns_per_kib().unwrap_or_default() / cpus, row.samples as f64)
        };
        let of: Vec<_> = rows.iter().map(part).collect();
        let busy: f64 = of.iter().map(|(_, time, _)| time).sum();
        Some(Self {
            of,
            waiting: time - busy,
            samples: rows.iter().map(|row| row.samples as f64).sum(),
            all: time,
        })
    }

    fn time(&self, category: Category) -> f64 {
        self.of.iter().filter(|(one, ..)| *one == category).map(|(_, time, _)| time).sum()
    }

    /// Variance of the time of copies: a share p of n samples has p(1−p)/n.
    fn variance_of_copies(&self) -> f64 {
        let copies = self.of.iter().filter(|(category, ..)| category.is_copy());
        let (time, samples) =
            copies.fold((0.0, 0.0), |sum, (_, time, samples)| (sum.0 + time, sum.1 + samples));
        if samples > 0.0 { time.powi(2) * (1.0 / samples - 1.0 / self.samples) } else { 0.0 }
    }
}

impl AccountRow {
    fn of(row: &RatioRow, path: &Sample, over: &Sample, (own, other): (&Parts, &Parts)) -> Option<Self> {
        let time = |trial: &Trial| trial.throughput_gbps.filter(|&gbps| gbps > 0.0).map(time_per_kib);
        let (path_times, over_times) = (path.by_block(time), over.by_block(time));
        let pairs: Vec<(f64, f64)> =
            over_times.iter().filter_map(|(block, &over)| Some((over, *path_times.get(block)?))).collect();
        let (saved, interval) = stats::paired_difference(&pairs)?;
        let mean = |times: &BTreeMap<u32, f64>| times.values().sum::<f64>() / times.len() as f64;
        let (over_ns_per_kib, path_ns_per_kib) = (mean(&over_times), mean(&path_times));
        // To be sampled takes time, as much of each path's.
        let scale = (path_ns_per_kib + over_ns_per_kib) / (own.all + other.all);
        let difference = |category: Category| scale * (other.time(category) - own.time(category));
        // What no rule knows explains nothing.
        let known = Category::ALL.into_iter().filter(|&category| category != Category::Unattributed);
        let (copies, work): (Vec<Category>, Vec<Category>) = known.partition(|category| category.is_copy());
        let sum =
            |categories: &[Category]| categories.iter().map(|&category| difference(category)).sum::<f64>();
        let (copies, other_work) = (sum(&copies), (sum(&work), named(&work, difference)));
        let waiting = scale * (other.waiting - own.waiting);
        let unexplained = saved - copies - other_work.0 - waiting;
        let floor = row.floor.map(|floor| floor * path_ns_per_kib.max(over_ns_per_kib));
        Some(Self {
            setting: row.setting.clone(),
            message_bytes: row.message_bytes,
            path: row.path.clone(),
            over: row.over.clone(),
            blocks: pairs.len() as u64,
            over_ns_per_kib,
            pass_over_trials: 1.0 / scale,
            saved_ns_per_kib: Estimate::new(Some(saved), interval),
            copies_ns_per_kib: copies,
            copies_error_ns_per_kib: 2.0
                * scale
                * (own.variance_of_copies() + other.variance_of_copies()).sqrt(),
            other_ns_per_kib: other_work.0,
            waiting_ns_per_kib: waiting,
            unexplained_ns_per_kib: unexplained,
            floor_ns_per_kib: floor,
            closes: floor.map(|floor| unexplained.abs() <= floor),
            other_work: other_work.1,
        })
    }
}

/// The categories of some that differ, the largest first.
fn named(work: &[Category], difference: impl Fn(Category) -> f64) -> WorkByCategory {
    let mut parts: Vec<(Category, f64)> =
        work.iter().map(|&category| (category, difference(category))).collect();
    parts.retain(|(_, time)| time.abs() >= NAMED_FROM);
    parts.sort_by(|(_, one), (_, other)| other.abs().total_cmp(&one.abs()));
    WorkByCategory(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Noise, PathCost, Simulation};
    use crate::tables::{Run, Tables};

    /// Two paths of 64 KiB in one stream: 200 and 150 ns per KiB, of which the x-ray sees copies of 60 and 20, and other
    /// work of 140 and 120: 10 of the 50 that are saved are not in its passes.
    fn run() -> Run {
        let mut run = Simulation {
            paths: vec![PathCost::new("two-copy", 0.0, 200.0), PathCost::new("one-copy", 0.0, 150.0)],
            message_sizes: vec![65536],
            threads: vec![1],
            repetitions: 8,
            noise: Noise::NONE,
            control: Some("two-copy".into()),
            ..Simulation::default()
        }
        .run();
        let cost = |path: &str, category, samples, busy: f64, idle: f64, gbps| Attribution {
            cell: format!("veth/{path}/recv/static/65536B/t1"),
            side: Side::Sender,
            category,
            samples,
            ns_per_kib: Some(busy + idle),
            system_ns_per_kib: Some(busy),
            idle_ns_per_kib: Some(idle),
            throughput_gbps: Some(gbps),
            ..Attribution::default()
        };
        run.xray.costs = vec![
            cost("two-copy", Category::KernelCopy, 300, 60.0, 0.0, 8192.0 / 200.0),
            cost("two-copy", Category::TcpIp, 700, 140.0, 0.0, 8192.0 / 200.0),
            // Two CPUs were sampled: twice the time per KiB.
            cost("one-copy", Category::KernelCopy, 100, 40.0, 0.0, 8192.0 / 160.0),
            cost("one-copy", Category::TcpIp, 600, 240.0, 0.0, 8192.0 / 160.0),
            cost("one-copy", Category::SchedulingIdle, 100, 0.0, 40.0, 8192.0 / 160.0),
        ];
        run
    }

    #[test]
    fn what_is_saved_is_copies_other_work_waiting_and_a_rest() {
        let run = run();
        let tables = Tables::of(&run);
        let row = tables.account.iter().find(|row| row.path == "one-copy").unwrap();
        let near = |value: f64, expected: f64| {
            assert!((value - expected).abs() < 2.5, "{value} {expected}: {row:?}")
        };
        near(row.saved_ns_per_kib.value.unwrap(), 50.0);
        near(row.copies_ns_per_kib, 40.0);
        near(row.other_ns_per_kib, 20.0);
        near(row.waiting_ns_per_kib, -20.0);
        near(row.unexplained_ns_per_kib, 10.0);
        let parts = row.copies_ns_per_kib
            + row.other_ns_per_kib
            + row.waiting_ns_per_kib
            + row.unexplained_ns_per_kib;
        assert!(
            (parts - row.saved_ns_per_kib.value.unwrap()).abs() < 1e-9,
            "the parts make the whole: {row:?}"
        );
        // Both took 360 ns in the passes and 350 in the trials: what the x-ray finds is 35/36 of what it saw.
        near(row.pass_over_trials * 100.0, 103.0);
        assert!(row.other_work.print().starts_with("tcp-ip 19."), "{row:?}");
        assert_eq!(WorkByCategory::parse("tcp-ip 20; locking -1.5").unwrap().0[1], (Category::Locking, -1.5));
        assert!(WorkByCategory::parse("tcp-ip").is_err() && WorkByCategory::parse("").unwrap().0.is_empty());
        // Of 1000 samples 300 are copies: 60 ns ± 2.9; of 800, 100: 20 ns ± 1.9.
        assert!((6.5..7.5).contains(&row.copies_error_ns_per_kib), "{row:?}");
        // A cell of this simulation differs from itself by a per cent of its 200 ns.
        assert!(row.floor_ns_per_kib.unwrap() < 5.0 && row.closes == Some(false), "{row:?}");
        let turned = tables.account.iter().find(|row| row.path == "two-copy").unwrap();
        near(turned.unexplained_ns_per_kib, -10.0);
    }

    #[test]
    fn an_x_ray_of_threads_alone_gives_no_account() {
        let mut run = run();
        run.xray.costs.iter_mut().for_each(|row| row.scope = Scope::Threads);
        assert!(Tables::of(&run).account.is_empty());
    }
}
