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

use crate::record::{CounterSource, End};
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

/// Where the figures of each counter come from.
pub fn sources() -> BTreeMap<String, CounterSource> {
    let source = |event| match usage::source(event) {
        Some(Ok(name)) => CounterSource::Other(name.to_owned()),
        Some(Err(why)) => CounterSource::Absent(why),
        None => events::probe(event).map_or_else(CounterSource::Absent, |()| CounterSource::Perf),
    };
    Event::ALL.into_iter().map(|event| (event.to_string(), source(event))).collect()
}
