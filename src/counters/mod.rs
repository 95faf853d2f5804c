//! What is counted beside the bytes, and where the figures come from: hardware events from perf, all else from
//! what the kernel counts of every thread anyway.
//!
//! A worker opens its own counters before the trial starts, switches them on when its window begins and off
//! when it ends. Everything here belongs to the thread that calls it.

pub mod events;
pub mod perf;
pub mod usage;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::record::End;
use events::Event;
use perf::PerfSet;
use usage::Usage;

/// The counters of one worker thread.
pub struct ThreadCounters {
    perf: PerfSet,
    started: Option<(Instant, Usage)>,
}

impl ThreadCounters {
    /// Opens what the machine has, stopped.
    #[must_use]
    pub fn open() -> Self {
        Self { perf: PerfSet::open(), started: None }
    }

    /// Begins the window.
    pub fn begin(&mut self) {
        let usage = Usage::before();
        self.perf.enable();
        self.started = Some((Instant::now(), usage));
    }

    /// Ends the window: its length and what was counted in it. Bytes, messages and calls are the caller's.
    #[must_use]
    pub fn end(&mut self) -> End {
        let ended = Instant::now();
        self.perf.disable();
        let usage = Usage::after();
        let mut end = End::default();
        let Some((started, before)) = self.started.take() else { return end };
        end.window_s = Some((ended - started).as_secs_f64());
        usage.since(&before).fill(&mut end);
        perf::fill(&self.perf.read(), &mut end);
        end
    }
}

/// What the manifest says of a counter that perf has.
const AVAILABLE: &str = "available";

/// Whether a counter of which the manifest says this has figures.
#[must_use]
pub fn is_there(state: &str) -> bool {
    state == AVAILABLE || state.starts_with("from ")
}

/// Each counter: `available` from perf, its other source (`from …`), or why there is none.
#[must_use]
pub fn availability() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for event in Event::ALL {
        let found = usage::source(event).unwrap_or_else(|| events::probe(event).map(|()| AVAILABLE));
        let state = found.map_or_else(|why| why, str::to_owned);
        all.insert(event.to_string(), state);
    }
    all
}
