//! Progress on standard error: a bar on a terminal, a line per trial elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cell::Cell;
use crate::output::{harmless, say};
use crate::record::{Status, Trial};
use crate::units;

/// How a sweep shows where it is.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
    started: Instant,
    begun: u64,
}

impl Progress {
    /// Progress of a sweep with this many trials left.
    pub(crate) fn new(remaining: u64, quiet: bool) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target =
            if plain || quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(4) };
        let bar = ProgressBar::with_draw_target(Some(remaining), target);
        let style = ProgressStyle::with_template("{bar:24.cyan/blue} {pos}/{len} {wide_msg}");
        bar.set_style(style.expect("the template is well formed").progress_chars("━╸─"));
        Self { bar, plain: plain && !quiet, started: Instant::now(), begun: 0 }
    }

    /// Shows the cell whose trial begins.
    pub(crate) fn begin(&mut self, cell: &Cell, so_far: Option<f64>, remaining: u64) {
        self.begun += 1;
        self.bar.set_length(self.bar.position() + remaining);
        let rate = so_far.map_or_else(|| "– Gb/s".to_owned(), |gbps| format!("{gbps:.2} Gb/s"));
        let left = self.left(remaining).map(|left| format!(" · {} left", clock(left))).unwrap_or_default();
        self.bar.set_message(format!("{} · {rate}{left}", cell.short()));
    }

    fn left(&self, remaining: u64) -> Option<Duration> {
        let done = self.bar.position();
        (done > 0).then(|| self.started.elapsed().div_f64(done as f64).mul_f64(remaining as f64))
    }

    /// A trial is over.
    pub(crate) fn end(&mut self, row: &Trial, remaining: u64) {
        self.end_of("", row, remaining);
    }

    /// A trial of one of two sides is over; `side` is the word for it.
    pub(crate) fn end_of(&mut self, side: &str, row: &Trial, remaining: u64) {
        let space = if side.is_empty() { "" } else { " " };
        self.bar.inc(1);
        let outcome = match (row.status, row.throughput_gbps) {
            (Status::Ok, Some(gbps)) => format!("{gbps:.3} Gb/s"),
            (status, _) => format!("{status}: {}", harmless(&row.reason)),
        };
        if self.plain {
            let left = self.left(remaining).map(|left| format!(", {} left", clock(left))).unwrap_or_default();
            let all = self.begun + remaining;
            say(format_args!(
                "[{}/{all}] {side}{space}{} #{}: {outcome}{left}",
                self.begun, row.cell, row.rep
            ));
        } else if row.status != Status::Ok {
            self.bar.suspend(|| say(format_args!("{side}{space}{} #{}: {outcome}", row.cell, row.rep)));
        }
    }

    /// The sweep is over.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Whole seconds.
fn clock(duration: Duration) -> String {
    units::duration(Duration::from_secs(duration.as_secs_f64().round() as u64))
}
