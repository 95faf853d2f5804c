//! What a reader must know before believing a cell's figures.

use std::fmt;

use super::metric::{self, Metric};
use super::sample::Sample;
use crate::cell::words;
use crate::path;
use crate::record::column::{Field, list, word_field};
pub use crate::record::disturbance::STEAL_CPUS;
use crate::record::{Status, Trial};
use crate::stats;

/// A remark on a cell, as `cells.csv` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// The manifest names the cell, and no trial of it was recorded: the sweep did not get there.
    Missing,
    /// The machine could not run it.
    Unsupported,
    /// At least one trial failed.
    FailedTrials,
    /// One trial that went well: no interval can be given.
    OneTrial,
    /// Two to four trials that went well: the interval rests on an assumed shape of the noise and is wide.
    FewTrials,
    /// The middle half of the trials spans more than [`UNSTEADY_SPREAD`] of the median.
    Unsteady,
    /// A trial lies further than [`OUTLIER_DISTANCE`] of the median from it. It is counted all the same.
    Outliers,
    /// Zero-copy, and the kernel copied every completed call after all: the label does not hold here.
    DeferredCopy,
    /// Zero-copy, and the kernel copied some of the completed calls.
    PartlyCopied,
    /// Zero-copy, and completed calls carry a flag that may be set though nothing was copied: only an x-ray tells.
    UnprovenCopy,
    /// Zero-copy, and no completion was reaped: nothing proves what happened to the bytes.
    NoCompletions,
    /// Sends were refused with ENOBUFS and made again: the limit on pinned pages took part in the figure.
    Enobufs,
    /// More than one TCP segment per GiB was sent again.
    Retransmits,
    /// The hypervisor took more than [`STEAL_CPUS`] of a CPU during the window.
    Steal,
    /// At least one trial did not have its CPUs to itself, or was not settled: its row says how.
    Disturbed,
    /// BBR paced the sender, which hides what copies cost.
    Bbr,
    /// Hardware counters shared the PMU in turns; their counts are scaled up.
    Multiplexed,
    /// The cell ran more than once in a block: it is its own control.
    Control,
    /// The path does not hold the rate: in most trials fewer than [`HELD`] of the messages were sent that were to be, or most
    /// were late.
    Beyond,
}

words!(Flag:
    Missing = "missing", Unsupported = "unsupported", FailedTrials = "failed-trials",
    OneTrial = "one-trial", FewTrials = "few-trials", Unsteady = "unsteady", Outliers = "outliers",
    DeferredCopy = "deferred-copy", PartlyCopied = "partly-copied", UnprovenCopy = "unproven-copy", NoCompletions = "no-completions",
    Enobufs = "enobufs", Retransmits = "retransmits", Steal = "steal", Disturbed = "disturbed", Bbr = "bbr",
    Multiplexed = "multiplexed", Control = "control",
    Beyond = "beyond",
);
word_field!(Flag);

/// Trials that went well from which a cell is not called short of them.
pub const ENOUGH_TRIALS: usize = 5;
/// Spread (see [`crate::stats::spread()`]) above which a cell is unsteady: noise of about 7.5 %.
pub const UNSTEADY_SPREAD: f64 = 0.10;
/// Distance from the median, as a share of it, from which a trial is pointed out.
pub const OUTLIER_DISTANCE: f64 = 0.25;
/// Share of the window that a counter must have run to count as not multiplexed.
pub const WHOLE_RUNNING: f64 = 0.99;

/// Share of the messages that were to be sent below which the path does not hold the rate.
pub const HELD: f64 = 0.95;
/// Share of the messages that were sent late above which it does not either.
const MOST_LATE: f64 = 0.5;

/// Whether most trials of a cell show that its path does not hold the rate: of the messages that were to be sent in the
/// window fewer than [`HELD`] were, or more than [`MOST_LATE`] were late. Their delays are then those of a queue that
/// grows for as long as one looks.
pub fn is_beyond<'a>(trials: impl Iterator<Item = &'a Trial>) -> bool {
    let fails = |trial: &Trial| {
        let intended = trial.intended.filter(|&intended| intended > 0)? as f64;
        let (sent, late) = (trial.sender.messages? as f64, trial.late.unwrap_or_default() as f64);
        Some(sent < HELD * intended || late > MOST_LATE * intended)
    };
    let told: Vec<bool> = trials.filter_map(fails).collect();
    2 * told.iter().filter(|&&failed| failed).count() > told.len()
}

/// The remarks on one cell, in the order of [`Flag`]; a space lies between them in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub Vec<Flag>);

impl Flags {
    /// The remarks on a cell.
    pub fn of(sample: &Sample) -> Self {
        let mut flags = Vec::new();
        let mut remark = |flag, holds| {
            if holds {
                flags.push(flag)
            }
        };
        let ended = |status| sample.trials.iter().filter(|trial| trial.status == status).count();
        let any = |holds: fn(&Trial) -> bool| sample.ok().any(holds);
        let median = |of: fn(&Trial) -> Option<f64>| stats::median(&sample.values(of));
        let count = |of: fn(&Trial) -> Option<u64>| sample.ok().filter_map(of).fold(0, u64::saturating_add);

        remark(Flag::Missing, sample.trials.is_empty());
        remark(Flag::Unsupported, ended(Status::Unsupported) > 0);
        remark(Flag::FailedTrials, ended(Status::Failed) > 0);
        remark(Flag::OneTrial, ended(Status::Ok) == 1);
        remark(Flag::FewTrials, (2..ENOUGH_TRIALS).contains(&ended(Status::Ok)));

        let figures = Metric::main(&sample.cell.workload).values(sample);
        remark(Flag::Unsteady, stats::spread(&figures).is_some_and(|spread| spread > UNSTEADY_SPREAD));
        let far = |middle: f64| figures.iter().any(|one| (one / middle - 1.0).abs() > OUTLIER_DISTANCE);
        remark(Flag::Outliers, stats::median(&figures).is_some_and(far));

        let (sends, completions) = (count(|trial| trial.zc.sends), count(|trial| trial.zc.completions));
        let copied = count(|trial| trial.zc.copied);
        let proves = path::is_flag_proof(&sample.cell.send_path);
        remark(Flag::DeferredCopy, proves && completions > 0 && copied == completions);
        remark(Flag::PartlyCopied, proves && copied > 0 && copied < completions);
        remark(Flag::UnprovenCopy, !proves && copied > 0);
        remark(Flag::NoCompletions, sends > 0 && completions == 0);
        remark(Flag::Enobufs, any(|trial| trial.zc.enobufs.is_some_and(|times| times > 0)));

        let retransmits = metric::metric("retransmits_per_gib").and_then(|metric| median(metric.of));
        remark(Flag::Retransmits, retransmits.is_some_and(|each| each > 1.0));
        let steal = metric::metric("host_steal_cpus").and_then(|metric| median(metric.of));
        remark(Flag::Steal, steal.is_some_and(|cpus| cpus > STEAL_CPUS));
        remark(Flag::Disturbed, any(|trial| !trial.disturbed.is_empty()));
        remark(
            Flag::Bbr,
            any(|trial| trial.congestion.as_deref().is_some_and(|name| name.starts_with("bbr"))),
        );
        let shared = |trial: &Trial| {
            let running = [trial.sender.counter_running, trial.receiver.counter_running];
            running.into_iter().flatten().any(|share| share < WHOLE_RUNNING)
        };
        remark(Flag::Multiplexed, any(shared));
        let twice = |pair: &[&Trial]| pair[0].block == pair[1].block;
        remark(Flag::Control, sample.ok().collect::<Vec<_>>().windows(2).any(twice));
        remark(Flag::Beyond, is_beyond(sample.ok()));
        Self(flags)
    }

    /// Whether a remark was made.
    pub fn has(&self, flag: Flag) -> bool {
        self.0.contains(&flag)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, flag) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(out, "{space}{flag}")?;
        }
        Ok(())
    }
}

impl Field for Flags {
    fn kind() -> String {
        format!("any of {}, separated by spaces", list(Flag::WORDS))
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> serde_json::Value {
        self.0.iter().map(Flag::to_string).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_beyond_a_path_that_sends_too_few_or_most_of_them_late() {
        let trial = |sent: u64, late: u64| {
            let mut trial = Trial { intended: Some(1000), late: Some(late), ..Trial::default() };
            trial.sender.messages = Some(sent);
            trial
        };
        let is_beyond = |trials: &[Trial]| super::is_beyond(trials.iter());
        assert!(!is_beyond(&[trial(996, 30)]) && !is_beyond(&[Trial::default()]) && !is_beyond(&[]));
        assert!(is_beyond(&[trial(940, 60)]) && is_beyond(&[trial(990, 600)]));
        let [well, ill] = [trial(1000, 0), trial(500, 600)];
        assert!(!is_beyond(&[ill.clone(), well.clone()]), "half of the trials are not most");
        assert!(is_beyond(&[ill.clone(), well, ill]));
    }

    #[test]
    fn flags_survive_the_file() {
        let flags = Flags(vec![Flag::FewTrials, Flag::DeferredCopy]);
        assert_eq!(flags.print(), "few-trials deferred-copy");
        assert_eq!(Flags::parse(&flags.print()), Ok(flags));
        assert_eq!(Flags::parse(""), Ok(Flags::default()));
        assert!(Flags::parse("slow").unwrap_err().contains("`slow` is not one of"));
    }
}
