//! Workloads: what a stream does between connection and end, at both ends, with what it reports and by which rule a
//! trial's figures are made of that.
//!
//! A workload is one folder and one line in [`REGISTRY`]. Every one is taken through the same phases (the [`Gate`]):
//! the agent's session, the control protocol and the labs know that there are workloads, and no kind of them.

mod answered;
pub mod gate;
mod life;
mod note;
mod open_loop;
mod report;
mod request;
mod stamped;
mod stream;
mod trial_figures;
mod work;

use socket2::Socket;

pub use gate::{Gate, Phase};
pub use note::{Note, Notes};
pub use report::{CommonWindow, EndReport, KindDelays, Pace, StageDelays, StreamReport};
pub use trial_figures::TrialFigures;
pub(crate) use work::check_wait;
pub use work::{MOST_STREAMS, Work};

use crate::cell::{Rate, Workload};
use crate::choice::Choice;
use crate::failure::Failure;
use crate::pattern::Pattern;
use crate::receive::ReceiveCounters;
use crate::setup::Setup;
use crate::span::Span;
use crate::spelling;

/// One workload, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids, rows and keys.
    pub name: &'static str,
    /// One line: what a stream does.
    pub about: &'static str,
    /// The parameters that it has, by their names in grids.
    pub parameters: &'static [&'static str],
    /// The one among them that must be given.
    pub needs: Option<&'static str>,
    /// Whether each message is answered.
    pub is_answered: bool,
    /// Most messages of a stream that its receiver has not answered; absent where it answers none.
    pub unanswered: fn(&Work) -> Option<u32>,
    /// A stream's life at the end that sends messages.
    pub send: StreamFn,
    /// A stream's life at the end that receives them.
    pub receive: StreamFn,
    /// A trial's figures, of what the two ends report of as many streams.
    pub figures: fn(&Work, &EndReport, &EndReport) -> Result<TrialFigures, Failure>,
}

/// A stream's life at one end, from a connected socket to its report, on the thread that calls it.
pub type StreamFn = fn(&Worker) -> Result<StreamReport, Failure>;

/// What a stream's worker is given.
#[derive(Debug)]
pub struct Worker<'a> {
    /// What is to be done.
    pub work: &'a Work,
    /// Number of the stream, from 0.
    pub stream: u32,
    /// The bytes that it carries.
    pub pattern: Pattern,
    /// The stream's connection, made but not yet used.
    pub socket: &'a Socket,
    /// The phases of the trial.
    pub gate: &'a Gate,
    /// How it reports where it is.
    pub notes: &'a Notes,
    /// Where it counts what it receives, for others to look at meanwhile.
    pub tally: &'a ReceiveCounters,
}

impl Worker<'_> {
    /// Whether the stream is one that only loads the wire and the hosts, beside those that are measured.
    fn is_background(&self) -> bool {
        self.stream >= self.work.cell.threads
    }

    /// Lives the stream's life at one end. A stream in the background is a `stream`, whatever the measured ones are.
    ///
    /// # Errors
    /// When there is no such workload, the paths refuse, or the connection breaks.
    pub fn run(&self, is_sending: bool) -> Result<StreamReport, Failure> {
        let measured = || find(&self.work.cell.workload.name).map_err(Failure::Unsupported);
        let entry = if self.is_background() { &stream::ENTRY } else { measured()? };
        if is_sending { (entry.send)(self) } else { (entry.receive)(self) }
    }

    /// While the trial is in this phase, up to a limit.
    fn span(&self, phase: u32, limit: u64) -> Span<'_> {
        Span { now: &self.gate.phase.0, phase, limit }
    }

    /// What one of the stream's paths is opened with.
    fn setup(&self, choice: Choice) -> Setup {
        let setup = self.work.setup(choice, self.pattern);
        if self.is_background() { Setup { unanswered: None, ..setup } } else { setup }
    }
}

/// Every workload: a new one is a new folder and one line here.
pub const REGISTRY: &[Entry] = &[stream::ENTRY, request::ENTRY, open_loop::ENTRY];

/// The workload that measures delays where nothing else is said.
pub const CLOSED_LOOP: &Entry = &request::ENTRY;

/// The workload of the x-ray pass that splits a message's way: found by name, and in no list of what there is to choose
/// from.
pub const STAMPED: &Entry = &stamped::ENTRY;

/// The workload of this name.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    REGISTRY
        .iter()
        .chain([STAMPED])
        .find(|entry| entry.name == name)
        .ok_or_else(|| spelling::unknown(name, "a workload", REGISTRY.iter().map(|entry| entry.name)))
}

/// Whether the messages of a workload are answered, so that their delays are measured.
pub fn is_answered(workload: &Workload) -> bool {
    find(&workload.name).is_ok_and(|entry| entry.is_answered)
}

/// Checks that there is such a workload, and that it has its parameters.
pub fn check(workload: &Workload) -> Result<&'static Entry, String> {
    let entry = find(&workload.name)?;
    let said = workload.parameters();
    if let Some((key, _)) = said.iter().find(|(key, _)| !entry.parameters.contains(key)) {
        let has = match entry.parameters {
            [] => "it has no parameters".to_owned(),
            names => format!("its parameters are {}", names.join(", ")),
        };
        return Err(format!("the workload {} has no {key}; {has}", entry.name));
    }
    match entry.needs {
        Some(key) if !said.iter().any(|(name, _)| *name == key) => {
            Err(format!("the workload {} needs a {key}, such as {}:{key}=1000", entry.name, entry.name))
        }
        _ => Ok(entry),
    }
}

/// Messages a second that each stream of a workload is to send, of the throughput that it is a share of, in messages a
/// second and stream; absent where it has no rate.
///
/// # Errors
/// One sentence where it is a share of a throughput that is not known.
pub fn rate(workload: &Workload, capacity: Option<f64>) -> Result<Option<f64>, String> {
    match (workload.rate, capacity) {
        (None, _) => Ok(None),
        (Some(Rate::PerSecond(messages)), _) => Ok(Some(messages as f64)),
        (Some(Rate::Percent(percent)), Some(capacity)) => Ok(Some(capacity * f64::from(percent) / 100.0)),
        (Some(rate), None) => Err(format!(
            "a rate of {rate} needs the throughput of the same cell as a stream, and none was measured"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_its_own_parameters_alone() {
        let check = |text: &str| check(&text.parse().unwrap()).map(|entry| entry.name);
        assert_eq!(check("stream"), Ok("stream"));
        assert_eq!(check("request:depth=4:wait=spin"), Ok("request"));
        assert_eq!(check("open-loop:rate=50%"), Ok("open-loop"));
        for (text, what) in [
            ("stream:depth=4", "no parameters"),
            ("request:rate=5", "its parameters are depth, wait, background"),
            ("open-loop", "needs a rate, such as open-loop:rate=1000"),
            ("ping", "choose one of stream, request, open-loop"),
        ] {
            assert!(check(text).unwrap_err().contains(what), "{text}");
        }
    }

    #[test]
    fn a_share_is_one_of_what_was_measured() {
        let half = "open-loop:rate=50%".parse().unwrap();
        assert_eq!(rate(&half, Some(3000.0)), Ok(Some(1500.0)));
        assert!(rate(&half, None).unwrap_err().contains("50%"));
        assert_eq!(rate(&"open-loop:rate=7".parse().unwrap(), None), Ok(Some(7.0)));
        assert_eq!(rate(&Workload::default(), Some(1.0)), Ok(None));
    }
}
