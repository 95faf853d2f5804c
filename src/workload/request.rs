//! request: a message, its answer, the next message. The load adapts to the delay: nothing waits behind a stall but what
//! was in flight.

use super::answered::{self, Outstanding};
use super::life::{self, Sending};
use super::{Entry, StreamReport, Worker};
use crate::failure::Failure;
use crate::path::{SendPath, Tally};
use crate::span::Span;

pub(super) const ENTRY: Entry = Entry {
    name: "request",
    about: "a message, its answer, the next message; `depth` of them in flight",
    parameters: &["depth", "wait", "background"],
    needs: None,
    is_answered: true,
    unanswered: |work| Some(work.cell.workload.depth),
    send,
    receive: answered::receive,
    figures: answered::figures,
};

fn send(worker: &Worker) -> Result<StreamReport, Failure> {
    let depth = worker.work.cell.workload.depth.into();
    life::send(worker, ClosedLoop { depth, outstanding: Outstanding::new(worker)? })
}

struct ClosedLoop<'a> {
    depth: u64,
    outstanding: Outstanding<'a>,
}

impl Sending for ClosedLoop<'_> {
    fn run(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        while span.goes_on(tally.messages) {
            if self.outstanding.unanswered() < self.depth {
                self.outstanding.send(path, tally, None)?;
            } else {
                self.outstanding.wait(path, None)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, path: &mut dyn SendPath) -> Result<(), Failure> {
        self.outstanding.settle(path)
    }

    fn begin(&mut self) {
        self.outstanding.begin();
    }

    fn report(self, report: &mut StreamReport) {
        self.outstanding.report(report);
    }
}
