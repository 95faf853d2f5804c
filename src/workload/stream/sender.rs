//! The end that sends: one message after the other.

use crate::failure::Failure;
use crate::path::{SendPath, Tally};
use crate::span::Span;
use crate::workload::life::{self, Sending};
use crate::workload::{StreamReport, Worker};

pub(in crate::workload) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    life::send(worker, Flood(worker))
}

struct Flood<'a>(&'a Worker<'a>);

impl Sending for Flood<'_> {
    fn run(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        path.run(self.0.socket, span, tally)
    }
}
