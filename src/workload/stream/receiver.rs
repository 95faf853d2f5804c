//! The end that receives: whatever comes.

use crate::failure::Failure;
use crate::receive::{ReceiveEnd, ReceivePath};
use crate::workload::life::{self, Receiving};
use crate::workload::{StreamReport, Worker};

pub(in crate::workload) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    life::receive(worker, Sink(worker))
}

struct Sink<'a>(&'a Worker<'a>);

impl Receiving for Sink<'_> {
    fn run(&mut self, path: &mut dyn ReceivePath, phase: u32, limit: u64) -> Result<ReceiveEnd, Failure> {
        path.run(self.0.socket, &self.0.gate.phase.0, phase, limit, self.0.tally)
    }
}
