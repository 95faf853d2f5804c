//! The end that receives: whatever comes.

use crate::failure::Failure;
use crate::receive::{ReceiveEnd, ReceivePath};
use crate::span::Span;
use crate::workload::life::{self, Receiving};
use crate::workload::{StreamReport, Worker};

pub(in crate::workload) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    life::receive(worker, Sink(worker))
}

struct Sink<'a>(&'a Worker<'a>);

impl Receiving for Sink<'_> {
    fn run(&mut self, path: &mut dyn ReceivePath, span: Span) -> Result<ReceiveEnd, Failure> {
        path.run(self.0.socket, span, self.0.tally)
    }
}
