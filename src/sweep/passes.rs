//! The x-ray passes of a grid's cells, never mixed with its timing trials.
//!
//! Each cell has two: one that samples the CPUs (in a sweep between its blocks: `samples.rs`), and a short one that records every call and copy; and a third
//! where the card can be asked what it read. Before them, once: how fast the sender's host copies, and the floor that no copying path can reach.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::card::Card;
use super::pass::{Passed, pass, reason, windowed};
use super::progress::{Progress, Step};
use super::samples::{SAMPLED, Samples};
use super::way;
use crate::cell::{Cell, Payload, Side, Wire};
use crate::file;
use crate::lab::{Lab, Measured, Trouble};
use crate::options::TrialOptions;
use crate::record::appender::{Appender, Resumable};
use crate::record::roofline::Level;
use crate::record::trial_rows::read_if_any;
use crate::record::{
    Attribution, Copies, End, Fault, FoldedLog, FoldedStack, Recorded, Roofline, Way, copies_below_tcp,
};
use crate::xray::costs::attributions;
use crate::xray::findings::{self, Observations};
use crate::xray::verdict;
use crate::xray::watch::{Pass, Seen};
use crate::{path, receive};

/// Most windows of a cell that are sampled and added up: on a machine that moves few bytes, one shows too few copies
/// to tell whether there are any.
const MOST_SAMPLED: u32 = 8;
/// The window whose every call is recorded: some ten thousand calls, and the rings hold them.
pub(super) const RECORDED: Duration = Duration::from_millis(200);
/// The window of a floor trial.
const FLOOR: Duration = Duration::from_millis(300);

/// The x-ray's files of a run, and what they hold so far.
pub(crate) struct Passes {
    attributions: Appender<Attribution>,
    copies: Appender<Copies>,
    roofline: Appender<Roofline>,
    /// Made when the first cell whose messages are answered has its row.
    way: Option<Appender<Way>>,
    /// Made when the first call chains are there.
    folded: Option<FoldedLog>,
    dir: PathBuf,
    card: Card,
    /// Every row of `copies.csv`; a cell that has one is done.
    pub rows: Vec<Copies>,
    /// Every row of `xray.csv`.
    pub costs: Vec<Attribution>,
    /// Every row of `roofline.csv`.
    pub bounds: Vec<Roofline>,
    /// Every row of `way.csv`.
    pub ways: Vec<Way>,
}

impl Passes {
    /// Makes the files in a run's directory, or opens them to append to.
    ///
    /// # Errors
    /// When they cannot be written, or hold something else.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        // All of it is read before the first byte is changed.
        let (copies, costs) = (Resumable::open(directory)?, Resumable::open(directory)?);
        let (bounds, ways) = (Resumable::open(directory)?, Resumable::<Way>::open(directory)?);
        let has_ways = file::is_there(&directory.join(Way::FILE));
        FoldedLog::read(directory)?;
        let (copies, rows) = copies.resume(|_| true)?;
        let done: HashSet<String> = rows.iter().map(|row: &Copies| row.cell.clone()).collect();
        // A cell's rows in copies.csv are its last; what a killed pass left without them is made again.
        let (attributions, costs) = costs.resume(|row: &Attribution| done.contains(&row.cell))?;
        let (roofline, bounds) = bounds.resume(|_| true)?;
        let (way, ways) = match has_ways {
            true => {
                let (way, ways) = ways.resume(|row| done.contains(&row.cell))?;
                (Some(way), ways)
            }
            false => (None, Vec::new()),
        };
        let folded = FoldedLog::resume(directory, |cell| done.contains(cell))?;
        let (card, dir) = (Card::of_this_machine(), directory.to_owned());
        Ok(Self { attributions, copies, roofline, way, folded, dir, card, rows, costs, bounds, ways })
    }

    /// X-rays every cell that has not been. Returns whether it came to
    /// the end; a signal stops it between two cells.
    ///
    /// `samples` are those that were taken between the blocks of trials; a cell without any is sampled by itself.
    ///
    /// # Errors
    /// When an agent is gone or a row cannot be written; the rows before it are whole.
    pub(crate) fn run(
        &mut self,
        lab: &mut Lab,
        cells: &[Cell],
        options: &TrialOptions,
        samples: &mut Samples,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let done: HashSet<String> = self.rows.iter().map(|row| row.cell.clone()).collect();
        let left: Vec<_> = (1..).zip(cells).filter(|(_, cell)| !done.contains(&cell.key())).collect();
        progress.begin_xrays(left.len() as u64);
        if self.bounds.is_empty() {
            progress.begin_xray("the memory roofline");
            self.bound(lab, cells, options, progress)?;
        }
        for (number, cell) in left {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            progress.begin_xray(&cell.short());
            let Found { costs, stacks, rows } = self.xray(lab, cell, options, samples.of(cell))?;
            let (verdict, sentence) = verdict::headline(&rows);
            progress.tell_more(&format!("x-ray [{number}/{}] {cell}: {verdict}: {sentence}", cells.len()));
            self.split(lab, cell, options)?;
            progress.end_xray(Step::Xray);
            self.attributions.append(&costs).context("appending to xray.csv")?;
            self.fold(&stacks)?;
            self.copies.append(&rows).context("appending to copies.csv")?;
            self.costs.extend(costs);
            self.rows.extend(rows);
        }
        Ok(true)
    }

    /// Splits the way of a cell's messages, where they are answered.
    fn split(&mut self, lab: &mut Lab, cell: &Cell, options: &TrialOptions) -> anyhow::Result<()> {
        let ways = way::split(lab, cell, options)?;
        if !ways.is_empty() {
            let file = match &mut self.way {
                Some(file) => file,
                none => none.insert(Appender::create(&self.dir).context("making way.csv")?),
            };
            file.append(&ways).context("appending to way.csv")?;
            self.ways.extend(ways);
        }
        Ok(())
    }

    /// Appends the call chains of a cell.
    fn fold(&mut self, stacks: &[FoldedStack]) -> anyhow::Result<()> {
        if stacks.is_empty() {
            return Ok(());
        }
        let file = match &mut self.folded {
            Some(file) => file,
            none => none.insert(FoldedLog::create(&self.dir).context("making xray.folded")?),
        };
        file.append(stacks).context("appending to xray.folded")
    }

    /// Measures what no path can beat.
    fn bound(
        &mut self,
        lab: &mut Lab,
        cells: &[Cell],
        options: &TrialOptions,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let levels = match lab.roofline(options) {
            Ok(levels) => levels,
            Err(Trouble::Trial(failure)) => {
                progress.tell(&format!("x-ray: no memory roofline: {failure}"));
                Vec::new()
            }
            Err(lost) => return Err(lost.into()),
        };
        let mut bounds: Vec<Roofline> = levels
            .into_iter()
            .map(|level| Roofline {
                level: level.level,
                working_set_bytes: Some(level.working_set_bytes),
                throughput_gbps: level.bytes_per_s * 8.0 / 1e9,
                ns_per_kib: Some(1024e9 / level.bytes_per_s),
                ..Roofline::default()
            })
            .collect();
        let floors: BTreeSet<Cell> = cells.iter().map(floor_of).collect();
        for cell in &floors {
            match lab.run(cell, &windowed(options, FLOOR)) {
                Ok(measured) => bounds.push(floor(cell, &measured)),
                // A host without splice has no floor to show, and its other figures stand.
                Err(Trouble::Trial(_)) => {}
                Err(lost) => return Err(lost.into()),
            }
        }
        self.roofline.append(&bounds).context("appending to roofline.csv")?;
        self.bounds = bounds;
        Ok(())
    }

    /// Runs the passes of a cell, but for the samples that were `taken` before.
    fn xray(
        &mut self,
        lab: &mut Lab,
        cell: &Cell,
        options: &TrialOptions,
        taken: Option<Passed>,
    ) -> Result<Found, Trouble> {
        let sampled = match taken {
            Some(taken) => Ok(taken),
            None => pass(lab, cell, options, Pass::Samples, SAMPLED)?,
        };
        let mut sampled = match sampled {
            Ok(sampled) => sampled,
            Err(failure) => {
                let rows = findings::not_xrayed(cell, &reason(&failure));
                return Ok(Found { rows, ..Found::default() });
            }
        };
        let recorded = recorded(lab, cell, options)?;
        let (copy_ns_per_kib, expected) = (self.fastest_copy(), copies_that_the_wire_makes(lab, cell));
        let found = |sampled: &Passed, card| {
            let found = Observations {
                cell,
                samples: [&sampled.seen[0], &sampled.seen[1]],
                records: [&recorded[0], &recorded[1]],
                zero_copy: sampled.zero_copy.clone(),
                proof: path::flag_proof(&cell.send_path),
                receive_usage: sampled.receive_usage.clone(),
                bytes: sampled.bytes,
                copy_ns_per_kib,
                expected: &expected,
                card,
            };
            (findings::wants_samples(&found), findings::copies(&found))
        };
        for _ in 1..MOST_SAMPLED {
            if !found(&sampled, None).0 {
                break;
            }
            match pass(lab, cell, options, Pass::Samples, SAMPLED)? {
                Ok(more) => sampled.add(more),
                Err(_) => break,
            }
        }
        let (costs, stacks) = (costs(cell, &sampled), stacks(cell, &sampled));
        let card = self.card.ask(lab, cell, options)?;
        Ok(Found { costs, stacks, rows: found(&sampled, card).1 })
    }

    /// The least time in which this host copies one KiB, nanoseconds.
    fn fastest_copy(&self) -> Option<f64> {
        let copies = self.bounds.iter().filter(|bound| bound.level != Level::Floor);
        copies.filter_map(|bound| bound.ns_per_kib).reduce(f64::min)
    }
}

/// What the two ends saw of every call in a short window; where calls are slow, in a longer one.
fn recorded(lab: &mut Lab, cell: &Cell, options: &TrialOptions) -> Result<[Seen; 2], Trouble> {
    let mut seen = Err(String::new());
    for times in [1, 8] {
        let passed = pass(lab, cell, options, Pass::Records, RECORDED * times)?;
        seen = passed.map(|passed| passed.seen).map_err(|failure| reason(&failure));
        if !seen.as_ref().is_ok_and(|seen| seen.iter().any(Seen::is_without_calls)) {
            break;
        }
    }
    Ok(seen.unwrap_or_else(|why| [Seen::Nothing(why.clone()), Seen::Nothing(why)]))
}

/// What was found of a cell, as its files have it.
#[derive(Default)]
struct Found {
    costs: Vec<Attribution>,
    stacks: Vec<FoldedStack>,
    rows: Vec<Copies>,
}

/// The call chains of each end's samples.
fn stacks(cell: &Cell, sampled: &Passed) -> Vec<FoldedStack> {
    let of_end = |(side, seen): (Side, &Seen)| match seen {
        Seen::Samples(seen) => seen.stacks.lines(cell, side),
        _ => Vec::new(),
    };
    [Side::Sender, Side::Receiver].into_iter().zip(&sampled.seen).flat_map(of_end).collect()
}

/// Where each end's CPU time went.
fn costs(cell: &Cell, sampled: &Passed) -> Vec<Attribution> {
    let of_end = |(side, end): (Side, usize)| match &sampled.seen[end] {
        Seen::Samples(seen) => {
            attributions(cell, 1, side, seen, sampled.bytes[end], sampled.throughput_gbps())
        }
        _ => Vec::new(),
    };
    [(Side::Sender, 0), (Side::Receiver, 1)].into_iter().flat_map(of_end).collect()
}

/// Why the cell's wire must copy below TCP, a sentence each, by what its interfaces said when the lab was made.
/// A packet tap is not such a reason: its filter may let nothing through, as that of a DHCP client does.
fn copies_that_the_wire_makes(lab: &Lab, cell: &Cell) -> Vec<String> {
    let host = |side| &lab.agent(side).0.host;
    let Some(mut link) = lab.links().get(cell.wire.word()).cloned() else { return Vec::new() };
    for end in [Some(&mut link.sender), link.receiver.as_mut()].into_iter().flatten() {
        end.taps = None;
    }
    copies_below_tcp(&link, host(Side::Sender), host(Side::Receiver))
}

/// The cell that moves as many bytes and copies none of them.
fn floor_of(cell: &Cell) -> Cell {
    Cell {
        send_path: path::LEAST_WORK.name.to_owned(),
        // On a sink nobody reads, by whatever path the cell says.
        receive_path: match cell.wire {
            Wire::Sink => cell.receive_path.clone(),
            _ => receive::LEAST_WORK.name.to_owned(),
        },
        payload: Payload::Static,
        working_set: None,
        ..cell.as_stream()
    }
}

fn floor(cell: &Cell, measured: &Measured) -> Roofline {
    let [sender, receiver] = measured.ends();
    let cpu = |end: &End| Some(end.cpu_s()? * 1e9 * 1024.0 / end.bytes.filter(|&bytes| bytes > 0)? as f64);
    Roofline {
        level: Level::Floor,
        wire: Some(cell.wire),
        message_bytes: Some(cell.message_bytes),
        threads: Some(cell.threads),
        throughput_gbps: measured.figures().throughput_gbps,
        ns_per_kib: cpu(sender).zip(cpu(receiver)).map(|(sender, receiver)| sender + receiver),
        ..Roofline::default()
    }
}

/// Reads the files of a run's x-ray, where they are there: a sweep that is resumed appends to them after its trials.
///
/// # Errors
/// The first fault of a file.
pub(super) fn check(dir: &Path) -> Result<(), Fault> {
    read_if_any::<Copies>(dir)?;
    read_if_any::<Attribution>(dir)?;
    read_if_any::<Roofline>(dir)?;
    FoldedLog::read(dir)?;
    read_if_any::<Way>(dir).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_was_cut_off_is_xrayed_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut passes = Passes::open(directory.path()).unwrap();
        let cost = |cell: &str| Attribution { cell: cell.into(), ..Attribution::default() };
        passes.attributions.append(&[cost("done"), cost("cut off")]).unwrap();
        passes.copies.append(&[Copies { cell: "done".into(), ..Copies::default() }]).unwrap();
        let stack = |cell: &str| FoldedStack {
            cell: cell.into(),
            chain: "main".into(),
            samples: 1,
            ..FoldedStack::default()
        };
        passes.fold(&[stack("done"), stack("cut-off")]).unwrap();
        drop(passes);
        let passes = Passes::open(directory.path()).unwrap();
        assert_eq!((passes.rows.len(), passes.costs.len()), (1, 1));
        assert_eq!(FoldedLog::read(directory.path()).unwrap(), [stack("done")]);
        assert_eq!(passes.costs[0].cell, "done");
        drop(passes);
        assert_eq!(Passes::open(directory.path()).unwrap().costs.len(), 1);
    }
}
