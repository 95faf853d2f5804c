//! Progress on standard error: one bar for trials and x-ray on a terminal, a line per trial elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cell::Cell;
use crate::output::{harmless, say};
use crate::record::{Status, Trial};
use crate::units;

/// Columns of the bar before its message; together with the time left it fits into 60.
const BAR: &str = "{bar:16.cyan/blue} {pos}/{len} {wide_msg}";

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Nothing of what goes well.
    Quiet,
    /// Where the sweep is.
    #[default]
    Usual,
    /// Also what the x-ray found of each cell.
    Verbose,
}

/// What a sweep does step by step. Steps of a kind take about as long as each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A timed trial.
    Trial,
    /// A cell is sampled between two blocks.
    Sample,
    /// A cell is x-rayed after the trials.
    Xray,
}

/// The steps of one kind: how many are left, and how long they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) left: u64,
    /// How long one is expected to take before the first is over; absent where nothing is known.
    pub(super) expected: Option<Duration>,
    done: u32,
    spent: Duration,
}

impl Pace {
    pub(super) fn new(left: u64, expected: Option<Duration>) -> Self {
        Self { left, expected, ..Self::default() }
    }

    /// A step is over, and so many are left: those that turned out not to be needed are none of them.
    fn end(&mut self, took: Duration, left: u64) {
        self.done += 1;
        self.spent += took;
        self.left = left;
    }

    /// How long the steps that are left will take; absent while nobody knows.
    fn time_left(&self) -> Option<Duration> {
        match (self.left, self.done) {
            (0, _) => Some(Duration::ZERO),
            (left, 0) => Some(self.expected?.mul_f64(left as f64)),
            (left, done) => Some((self.spent / done).mul_f64(left as f64)),
        }
    }
}

/// The steps of a sweep that are left, by their kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(super) trials: Pace,
    pub(super) samples: Pace,
    pub(super) xray: Pace,
}

impl Steps {
    /// So many trials of which nothing is known.
    pub(crate) fn trials(left: u64) -> Self {
        Self { trials: Pace::new(left, None), ..Self::default() }
    }

    fn of(&mut self, step: Step) -> &mut Pace {
        match step {
            Step::Trial => &mut self.trials,
            Step::Sample => &mut self.samples,
            Step::Xray => &mut self.xray,
        }
    }

    fn all(&self) -> [Pace; 3] {
        [self.trials, self.samples, self.xray]
    }

    fn left(&self) -> u64 {
        self.all().iter().map(|pace| pace.left).sum()
    }

    fn time_left(&self) -> Option<Duration> {
        self.all().iter().map(Pace::time_left).sum()
    }
}

/// How a sweep shows where it is.
pub(crate) struct Progress {
    bar: ProgressBar,
    verbosity: Verbosity,
    is_terminal: bool,
    steps: Steps,
    /// All steps of the sweep, at most. Steps that turn out not to be needed count as done.
    total: u64,
    step_began: Instant,
    /// Columns that the bar's line was last drawn in, where it is drawn.
    columns: Option<u16>,
}

impl Progress {
    /// Progress of a sweep with these steps before it.
    pub(crate) fn new(steps: Steps, verbosity: Verbosity) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = match verbosity {
            Verbosity::Quiet => ProgressDrawTarget::hidden(),
            _ if !is_terminal => ProgressDrawTarget::hidden(),
            _ => ProgressDrawTarget::stderr_with_hz(4),
        };
        let total = steps.left();
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template(BAR).expect("the template is well formed");
        bar.set_style(style.progress_chars("━╸─"));
        Self { bar, verbosity, is_terminal, steps, total, step_began: Instant::now(), columns: None }
    }

    /// Shows the cell whose trial begins.
    pub(crate) fn begin(&mut self, cell: &Cell, so_far: Option<f64>) {
        let rate = so_far.map_or_else(|| "– Gb/s".to_owned(), |gbps| format!("{gbps:.2} Gb/s"));
        self.show(&format!("{rate} · {}", cell.short()));
    }

    /// Shows the cell that is x-rayed, now or for the samples between two blocks.
    pub(crate) fn begin_xray(&mut self, what: &str) {
        self.show(&format!("x-ray · {what}"));
    }

    /// What is left comes first: the end is cut where the terminal is narrow.
    fn show(&mut self, what: &str) {
        self.step_began = Instant::now();
        self.wipe_after_resizing();
        let left = self.steps.time_left().map(|left| format!("{} left · ", clock(left))).unwrap_or_default();
        self.bar.set_message(format!("{left}{what}"));
    }

    /// A trial is over, and so many are left.
    pub(crate) fn end(&mut self, row: &Trial, left: u64) {
        self.end_of("", row, left);
    }

    /// A trial of one of two sides is over; `side` is the word for it.
    pub(crate) fn end_of(&mut self, side: &str, row: &Trial, left: u64) {
        self.advance(Step::Trial, left);
        let space = if side.is_empty() { "" } else { " " };
        let outcome = match (row.status, row.throughput_gbps) {
            (Status::Ok, Some(gbps)) => format!("{gbps:.3} Gb/s"),
            (status, _) => format!("{status}: {}", harmless(&row.reason)),
        };
        let line = format!("{side}{space}{} #{}: {outcome}", row.cell, row.rep);
        if !self.is_terminal {
            self.tell(&format!("[{}/{}] {line}{}", self.done(), self.total, self.and_left()));
        } else if row.status != Status::Ok {
            self.tell(&line);
        }
    }

    /// A step of the x-ray is over.
    pub(crate) fn end_xray(&mut self, step: Step) {
        let left = self.steps.of(step).left;
        self.advance(step, left.saturating_sub(1));
    }

    /// The trials are over, and so many cells are still to be x-rayed.
    pub(crate) fn begin_xrays(&mut self, cells: u64) {
        self.steps = Steps { xray: Pace { left: cells, ..self.steps.xray }, ..Steps::default() };
        self.total = self.total.max(cells);
        self.bar.set_length(self.total);
        self.bar.set_position(self.done());
        if !self.is_terminal && cells > 0 {
            self.tell(&format!("x-ray of {cells} cells{}", self.and_left()));
        }
    }

    fn advance(&mut self, step: Step, left: u64) {
        self.steps.of(step).end(self.step_began.elapsed(), left);
        self.wipe_after_resizing();
        self.bar.set_position(self.done());
    }

    /// Steps that are over, and those that turned out not to be needed.
    fn done(&self) -> u64 {
        self.total.saturating_sub(self.steps.left())
    }

    /// The time left as the end of a line; empty while nobody knows it.
    fn and_left(&self) -> String {
        self.steps.time_left().map(|left| format!(", {} left", clock(left))).unwrap_or_default()
    }

    /// A line above the bar, for whom `--verbose` is given.
    pub(crate) fn tell_more(&self, line: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.tell(line);
        }
    }

    /// A line above the bar.
    pub(crate) fn tell(&self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.bar.suspend(|| say(line));
        }
    }

    /// A terminal that became narrower has broken the bar's line into several: they are cleared, since the next drawing
    /// clears but one.
    fn wipe_after_resizing(&mut self) {
        if self.bar.is_hidden() {
            return;
        }
        let terminal = Term::buffered_stderr();
        let columns = terminal.size().1.max(1);
        if let Some(drawn) = self.columns.replace(columns).filter(|&drawn| drawn > columns) {
            let broken = usize::from((drawn - 1) / columns);
            // Nobody may read it any more; then there is nothing to clear.
            let _ = terminal.clear_line().and_then(|()| terminal.clear_last_lines(broken));
            let _ = terminal.flush();
        }
    }

    /// The sweep is over.
    pub(crate) fn finish(&mut self) {
        self.wipe_after_resizing();
        self.bar.finish_and_clear();
    }
}

/// Whole seconds.
fn clock(duration: Duration) -> String {
    units::duration(Duration::from_secs(duration.as_secs_f64().round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steps() -> Steps {
        let pace = |left, seconds| Pace::new(left, Some(SECOND * seconds));
        Steps { trials: pace(10, 1), samples: Pace::default(), xray: pace(2, 3) }
    }

    #[test]
    fn the_time_left_is_that_of_trials_and_x_ray() {
        let mut steps = steps();
        assert_eq!((steps.left(), steps.time_left()), (12, Some(SECOND * 16)));
        steps.of(Step::Trial).end(SECOND * 2, 9);
        assert_eq!(steps.time_left(), Some(SECOND * (9 * 2 + 6)), "as slow as the first one was");
        steps.of(Step::Trial).end(SECOND * 4, 0);
        steps.of(Step::Xray).end(SECOND, 1);
        assert_eq!(steps.time_left(), Some(SECOND));
    }

    #[test]
    fn what_nobody_has_timed_is_unknown_until_one_is_over() {
        let mut pace = Pace::new(4, None);
        assert_eq!(pace.time_left(), None);
        pace.end(SECOND, 3);
        assert_eq!(pace.time_left(), Some(SECOND * 3));
    }

    #[test]
    fn steps_that_are_not_needed_count_as_done_and_the_total_stays() {
        let mut progress = Progress::new(steps(), Verbosity::Quiet);
        let at = |progress: &Progress| (progress.bar.position(), progress.bar.length().unwrap());
        assert_eq!(at(&progress), (0, 12));
        // The cell is precise enough: five of its trials will not be run.
        progress.end(&Trial::default(), 4);
        assert_eq!(at(&progress), (6, 12));
        progress.begin_xrays(2);
        assert_eq!(at(&progress), (10, 12));
        progress.end_xray(Step::Xray);
        assert_eq!(at(&progress), (11, 12));
    }
}
