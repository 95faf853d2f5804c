//! The end that receives: it answers each message as soon as it has its last byte.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::ANSWER;
use crate::cell::Wait;
use crate::clock;
use crate::failure::Failure;
use crate::receive::{Patience, ReceiveEnd, ReceivePath};
use crate::span::Span;
use crate::workload::life::{self, Receiving};
use crate::workload::{StreamReport, Worker};

/// Answers that are sent in one call.
const BATCH: usize = 512;

pub(in crate::workload) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    let wait = worker.work.cell.workload.wait.receiver;
    super::prepare(worker.work, wait, worker.socket)?;
    let answering = Answering {
        worker,
        patience: if wait == Wait::Spin { Patience::None } else { Patience::Endless },
        message_bytes: worker.work.cell.message_bytes,
        answered: 0,
        offset: worker.work.clocks.stamped(),
        answers: Box::new([0; BATCH * ANSWER]),
    };
    life::receive(worker, answering)
}

struct Answering<'a> {
    worker: &'a Worker<'a>,
    patience: Patience,
    message_bytes: u64,
    answered: u64,
    /// What is added to the clock in a stamp, nanoseconds.
    offset: i64,
    answers: Box<[u8; BATCH * ANSWER]>,
}

impl Receiving for Answering<'_> {
    fn patience(&self) -> Patience {
        self.patience
    }

    fn run(&mut self, path: &mut dyn ReceivePath, span: Span) -> Result<ReceiveEnd, Failure> {
        let &Worker { socket, tally, .. } = self.worker;
        while span.goes_on(tally.bytes()) {
            match path.receive(socket)? {
                Some(0) => return Ok(ReceiveEnd::Eof),
                Some(bytes) => {
                    tally.add(bytes as u64);
                    let whole = tally.bytes() / self.message_bytes;
                    if whole > self.answered {
                        self.answer(whole)?;
                    }
                }
                None => {}
            }
        }
        Ok(ReceiveEnd::Stopped)
    }
}

impl Answering<'_> {
    /// Answers every message of the first `whole` that has no answer yet. All of them are complete since one call.
    fn answer(&mut self, whole: u64) -> Result<(), Failure> {
        let stamp = clock::now().wrapping_add_signed(self.offset).to_be_bytes();
        while self.answered < whole {
            let count = (whole - self.answered).min(BATCH as u64) as usize;
            let bytes = &mut self.answers[..count * ANSWER];
            bytes.chunks_exact_mut(ANSWER).for_each(|answer| answer.copy_from_slice(&stamp));
            send_all(self.worker, bytes)?;
            self.answered += count as u64;
        }
        Ok(())
    }
}

/// Sends bytes whole, whether or not the socket blocks.
pub(in crate::workload) fn send_all(worker: &Worker, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match send(worker.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                worker.gate.check()?;
                let mut writable = [PollFd::new(worker.socket.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut writable, PollTimeout::from(10_u8));
            }
            Err(errno) => return Err(Failure::Failed(format!("sending an answer: {errno}"))),
        }
    }
    Ok(())
}
