//! open-loop: messages leave at a given rate, whatever becomes of those before them. Delays count from when a message
//! was to be sent, so that a stall is felt by all that wait behind it (Tene's "coordinated omission").

mod schedule;

use super::answered::{self, Outstanding};
use super::life::{self, Sending};
use super::{Entry, Pace, StreamReport, Worker};
use crate::clock;
use crate::failure::Failure;
use crate::path::{self, SendPath, Tally};
use crate::span::Span;
use schedule::Schedule;

pub(super) const ENTRY: Entry = Entry {
    name: "open-loop",
    about: "messages at a given `rate`, whatever becomes of those before them",
    parameters: &["rate", "arrivals", "wait", "background"],
    needs: Some("rate"),
    is_answered: true,
    unanswered: |work| {
        let cell = &work.cell;
        Some(path::most_lent(cell.message_bytes as usize, cell.threads) as u32)
    },
    send,
    receive: answered::receive,
    figures: answered::figures,
};

fn send(worker: &Worker) -> Result<StreamReport, Failure> {
    let work = worker.work;
    let Some(rate) = work.rate else {
        return Err(Failure::Failed("no rate was given for the open loop".to_owned()));
    };
    // A sleep is to end when it is due, not up to 50 us later.
    nix::sys::prctl::set_timerslack(1)
        .map_err(|errno| Failure::Failed(format!("PR_SET_TIMERSLACK: {errno}")))?;
    let schedule = Schedule::new(rate, work.cell.workload.arrivals, worker.pattern.key(u64::MAX));
    let open_loop = OpenLoop {
        most: work.most_unanswered().unwrap_or(1).into(),
        outstanding: Outstanding::new(worker)?,
        schedule,
        phase: None,
        pace: Pace::default(),
    };
    life::send(worker, open_loop)
}

struct OpenLoop<'a> {
    /// Messages that may be unanswered; beyond that those that are due wait, and their delay grows.
    most: u64,
    outstanding: Outstanding<'a>,
    schedule: Schedule,
    /// The phase that the schedule was begun in: what was due in a pause is not sent after it.
    phase: Option<u32>,
    pace: Pace,
}

impl Sending for OpenLoop<'_> {
    fn run(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        if self.phase.replace(span.phase) != Some(span.phase) {
            self.schedule.begin(clock::now());
        }
        self.pace = Pace::default();
        while span.goes_on(tally.messages) {
            let due = self.schedule.due();
            let is_due = clock::now() >= due;
            if is_due && self.outstanding.unanswered() < self.most {
                let began = self.outstanding.send(path, tally, Some(due))?;
                self.schedule.advance();
                self.pace.sent += 1;
                self.pace.late += u64::from(began - due > self.schedule.interval());
                if self.schedule.due() <= began {
                    self.outstanding.take_what_came()?;
                }
            } else {
                self.outstanding.wait(path, (!is_due).then_some(due))?;
            }
        }
        let unsent = self.schedule.due_until(clock::now());
        self.pace.intended = self.pace.sent + unsent;
        // The last one is not late yet.
        self.pace.late += unsent.saturating_sub(1);
        Ok(())
    }

    /// It is no part of the schedule.
    fn wake(&mut self, path: &mut dyn SendPath, _: Span, tally: &mut Tally) -> Result<(), Failure> {
        self.outstanding.send(path, tally, None).map(drop)
    }

    fn settle(&mut self, path: &mut dyn SendPath) -> Result<(), Failure> {
        self.outstanding.settle(path)
    }

    fn begin(&mut self) {
        self.outstanding.begin();
    }

    fn report(self, report: &mut StreamReport) {
        report.pace = Some(self.pace);
        self.outstanding.report(report);
    }
}
