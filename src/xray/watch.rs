//! What an agent watches at its end in an x-ray pass, and what it hands to the coordinator.
//!
//! The two passes are apart from the timing trials and from each other: records of every call cost far more
//! than samples do, and neither may be in the figures of the other.

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::records::Recorder;
use super::ring_threads;
use super::sampled::Sampled;
use super::sampler::SampleRate;
use super::sampling::Sampling;
use super::symbols::Symbols;
use crate::interface::MovedBytes;
use crate::record::End;
use crate::witness::Frames;
use crate::witness::pages::Pages;

/// What a pass watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// Samples of the CPUs: where the time goes.
    Samples,
    /// The same by fewer samples a second, for long windows.
    Sparse,
    /// Records of every call and copy: where the bytes go.
    Records,
    /// The page frames of the sender's payload: where a card should read.
    Pages,
}

/// What one agent is to watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Which pass of the x-ray this is.
    pub pass: Pass,
    /// CPUs that the workers may run on.
    pub cpus: Vec<usize>,
    /// Those of them whose idle time and network softirqs are on this end's account: two ends on one machine
    /// do not both claim a CPU.
    pub own_cpus: Vec<usize>,
    /// Whether to look at the rest of the machine too, for copies in softirqs that run on CPUs of no worker:
    /// at all CPUs but `cpus` and these. Absent where the other end does.
    pub all_but: Option<Vec<usize>>,
    /// Bytes of a field of the message: what the program copies in smaller pieces is no payload.
    pub field_bytes: u64,
}

/// What an agent saw in a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Seen {
    /// Where the time went.
    Samples(Sampled),
    /// Where the bytes went.
    Records(Counted),
    /// Where its memory lies.
    Pages(Frames),
    /// Nothing, and why: which right or which feature of the kernel is missing.
    Nothing(String),
}

impl Seen {
    /// Whether records were made, and no whole call is among them.
    pub fn is_without_calls(&self) -> bool {
        matches!(self, Self::Records(counted) if counted.bytes == 0)
    }
}

/// The watching of one trial, stopped until [`Watcher::begin`].
#[derive(Debug)]
pub struct Watcher {
    instrument: Result<Instrument, String>,
    running: bool,
}

#[derive(Debug)]
enum Instrument {
    Sampling(Box<Sampling>),
    Recorder(Recorder),
    Pages(Pages),
}

impl Watcher {
    /// Opens what the machine allows for these worker threads, whose calls tell of their bytes as `moved` says.
    pub fn open(watch: &Watch, sending: bool, moved: MovedBytes, threads: &[u32]) -> Self {
        let rings = ring_threads::of_this_process();
        let sampling =
            |rate| Sampling::open(watch, threads, &rings, rate).map(Box::new).map(Instrument::Sampling);
        let instrument = match watch.pass {
            Pass::Samples => sampling(SampleRate::Dense),
            Pass::Sparse => sampling(SampleRate::Sparse),
            Pass::Records => Recorder::open(sending, moved, threads, &rings, watch.field_bytes)
                .map(Instrument::Recorder)
                .map_err(String::from),
            Pass::Pages if sending => Pages::watch().map(Instrument::Pages),
            Pass::Pages => Err("a receiver sends no payload".to_owned()),
        };
        Self { instrument, running: false }
    }

    /// Begins the window.
    pub fn begin(&mut self) {
        let begun = match &mut self.instrument {
            Ok(Instrument::Sampling(sampling)) => sampling.enable(),
            Ok(Instrument::Recorder(recorder)) => recorder.enable(),
            // It looks since the workers were ready: also at what is sent before and after the window.
            Ok(Instrument::Pages(_)) | Err(_) => return,
        };
        self.running = begun.is_ok();
        self.note("switching the events on", begun);
    }

    /// Ends the window; a second time does nothing.
    pub fn end(&mut self) {
        if !std::mem::take(&mut self.running) {
            return;
        }
        let ended = match &mut self.instrument {
            Ok(Instrument::Sampling(sampling)) => sampling.disable(),
            Ok(Instrument::Recorder(recorder)) => recorder.disable(),
            Ok(Instrument::Pages(_)) | Err(_) => return,
        };
        self.note("switching the events off", ended);
    }

    fn note(&mut self, doing: &str, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.instrument = Err(format!("{doing}: {error}"));
        }
    }

    /// What was seen. `end` has the workers' own counters of the window.
    pub fn report(mut self, symbols: &mut Symbols, end: &End) -> Seen {
        self.end();
        match self.instrument {
            Ok(Instrument::Recorder(recorder)) => Seen::Records(recorder.collect()),
            Ok(Instrument::Pages(pages)) => pages.collect().map_or_else(Seen::Nothing, Seen::Pages),
            Ok(Instrument::Sampling(sampling)) => {
                sampling.report(symbols, end).map_or_else(Seen::Nothing, Seen::Samples)
            }
            Err(why) => Seen::Nothing(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::category::{Category, Owner};

    #[test]
    fn this_thread_is_seen_at_work() {
        let thread = nix::unistd::gettid().as_raw() as u32;
        let cpus = crate::host::read().cpus_allowed;
        let watch =
            Watch { pass: Pass::Samples, cpus: cpus.clone(), own_cpus: cpus, all_but: None, field_bytes: 0 };
        let mut watcher = Watcher::open(&watch, true, MovedBytes::Nowhere, &[thread]);
        watcher.begin();
        let (from, mut to) = (vec![1_u8; 1 << 16], vec![0; 1 << 16]);
        let until = std::time::Instant::now() + std::time::Duration::from_millis(100);
        while std::time::Instant::now() < until {
            to.copy_from_slice(std::hint::black_box(&from));
            std::hint::black_box(&to);
        }
        watcher.end();
        let sampled = match watcher.report(&mut Symbols::new(), &End::default()) {
            Seen::Samples(sampled) => sampled,
            other => {
                crate::skip::skip("this_thread_is_seen_at_work", format!("{other:?}"));
                return;
            }
        };
        let of = |category| -> u64 {
            sampled
                .costs
                .iter()
                .filter(|c| c.category == category && c.owner == Owner::User)
                .map(|c| c.samples)
                .sum()
        };
        let all: u64 = sampled.costs.iter().filter(|c| c.owner != Owner::Idle).map(|c| c.samples).sum();
        assert!(of(Category::GatherCopy) * 2 > all, "copying was not most of it: {sampled:?}");
    }
}
