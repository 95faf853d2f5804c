//! The end that sends: the messages of a stream that are unanswered or still lent to the kernel, and what was measured
//! of those that are neither.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::ANSWER;
use crate::cell::Wait;
use crate::clock;
use crate::failure::Failure;
use crate::histogram::Delays;
use crate::path::{SendPath, Tally};
use crate::record::latency::DelayKind;
use crate::workload::{KindDelays, StreamReport, Worker};

/// Answers that are read in one call.
const BATCH: usize = 512;
/// How long a wait without a deadline takes at most before the phase is looked at again, nanoseconds.
const LOOK_AGAIN: u64 = 5_000_000;

/// A message that was sent.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// When it was to be sent.
    due: u64,
    /// When its send call began.
    began: u64,
}

/// The messages of a stream that are under way.
pub(in crate::workload) struct Outstanding<'a> {
    worker: &'a Worker<'a>,
    /// The latest messages, by their numbers modulo the length, which is a power of two.
    latest: Box<[Sent]>,
    sent: u64,
    answered: u64,
    /// Messages of which the kernel has let go; absent where the path lends none.
    released: Option<u64>,
    /// The first message that is measured.
    measured_from: u64,
    /// What makes the receiver's time one of this end's clock; absent where nothing does.
    to_own: Option<i64>,
    /// How far that may be wrong.
    within: u64,
    /// Bytes of answers, and how many of them are one that has not come whole.
    buffer: Box<[u8; BATCH * ANSWER]>,
    part: usize,
    delays: [Delays; DelayKind::ALL.len()],
}

impl<'a> Outstanding<'a> {
    /// None yet, of a stream whose socket this prepares.
    pub(in crate::workload) fn new(worker: &'a Worker<'a>) -> Result<Self, Failure> {
        super::prepare(worker.work, worker.work.cell.workload.wait.sender, worker.socket)?;
        let most = worker.work.most_unanswered().unwrap_or(1) as usize + crate::path::MOST_LENT;
        let clocks = worker.work.clocks;
        Ok(Self {
            worker,
            latest: vec![Sent::default(); most.next_power_of_two()].into(),
            sent: 0,
            answered: 0,
            released: None,
            measured_from: u64::MAX,
            to_own: clocks.to_own(),
            within: clocks.bound_ns().unwrap_or_default(),
            buffer: Box::new([0; BATCH * ANSWER]),
            part: 0,
            delays: DelayKind::ALL.map(|_| Delays::new(worker.work.cell.threads)),
        })
    }

    /// Messages that are not answered yet.
    pub(in crate::workload) fn unanswered(&self) -> u64 {
        self.sent - self.answered
    }

    /// Begins to measure: messages that are sent from now on.
    pub(in crate::workload) fn begin(&mut self) {
        self.measured_from = self.sent;
    }

    /// Sends a message that was due then; now, where nothing else is said. Returns when its send call began.
    pub(in crate::workload) fn send(
        &mut self,
        path: &mut dyn SendPath,
        tally: &mut Tally,
        due: Option<u64>,
    ) -> Result<u64, Failure> {
        let began = clock::now();
        path.send_message(self.worker.socket, tally)?;
        let ended = clock::now();
        tally.messages += 1;
        let place = self.place(self.sent);
        self.latest[place] = Sent { due: due.unwrap_or(began), began };
        if self.sent >= self.measured_from {
            self.delays[DelayKind::Call as usize].record(ended - began);
            if let Some(due) = due {
                self.delays[DelayKind::Lateness as usize].record(began - due);
            }
        }
        self.sent += 1;
        self.note_released(path.released(), ended);
        Ok(began)
    }

    /// Takes what has come: answers, and news of buffers that the kernel has let go of. Where nothing has, waits for
    /// something until the deadline, or for a while.
    pub(in crate::workload) fn wait(
        &mut self,
        path: &mut dyn SendPath,
        deadline: Option<u64>,
    ) -> Result<(), Failure> {
        match self.worker.work.cell.workload.wait.sender {
            Wait::Spin => {
                self.reap(path)?;
                self.take(RecvFlags::DONTWAIT)
            }
            // One call, where nothing but an answer can end the wait.
            Wait::Block | Wait::BusyPoll(_)
                if deadline.is_none() && self.unanswered() > 0 && self.released.is_none() =>
            {
                self.take(RecvFlags::empty())
            }
            Wait::Block | Wait::BusyPoll(_) => {
                let left = deadline.map_or(LOOK_AGAIN, |at| at.saturating_sub(clock::now()).min(LOOK_AGAIN));
                let timeout = Timespec { tv_sec: 0, tv_nsec: left.cast_signed() };
                let mut polled = [PollFd::new(self.worker.socket, PollFlags::IN)];
                match poll(&mut polled, Some(&timeout)) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(errno) => return Err(Failure::Failed(format!("poll: {errno}"))),
                }
                let events = polled[0].revents();
                if events.contains(PollFlags::ERR) {
                    self.reap(path)?;
                }
                if events.contains(PollFlags::IN) {
                    self.take(RecvFlags::DONTWAIT)?;
                }
                Ok(())
            }
        }
    }

    /// Takes the answers that have come, without a wait.
    pub(in crate::workload) fn take_what_came(&mut self) -> Result<(), Failure> {
        self.take(RecvFlags::DONTWAIT)
    }

    /// Waits until every message is answered and given back.
    pub(in crate::workload) fn settle(&mut self, path: &mut dyn SendPath) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs_f64(self.worker.work.drain_s);
        while self.unanswered() > 0 || self.released.is_some_and(|released| released < self.sent) {
            self.worker.gate.check()?;
            if Instant::now() >= deadline {
                // What the kernel keeps is told by the path; a message without an answer is lost.
                return match self.unanswered() {
                    0 => Ok(()),
                    count => Err(Failure::Failed(format!("{count} messages were never answered"))),
                };
            }
            self.wait(path, Some(clock::now() + LOOK_AGAIN))?;
        }
        Ok(())
    }

    /// Adds what was measured to the stream's report.
    pub(in crate::workload) fn report(self, report: &mut StreamReport) {
        report.delays = DelayKind::ALL
            .into_iter()
            .zip(&self.delays)
            .filter(|(_, delays)| delays.count() > 0)
            .map(|(kind, delays)| KindDelays { kind, delays: delays.encode() })
            .collect();
    }

    fn place(&self, message: u64) -> usize {
        (message & (self.latest.len() as u64 - 1)) as usize
    }

    /// Reads answers once.
    fn take(&mut self, flags: RecvFlags) -> Result<(), Failure> {
        let got = match recv(self.worker.socket, &mut self.buffer[self.part..], flags) {
            Ok((_, 0)) => {
                self.worker.gate.check()?;
                return Err(Failure::Failed(
                    "the receiver closed the stream before it had answered".to_owned(),
                ));
            }
            Ok((_, got)) => got,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Failure::Failed(format!("receiving an answer: {errno}"))),
        };
        let now = clock::now();
        let filled = self.part + got;
        for from in (0..filled - filled % ANSWER).step_by(ANSWER) {
            let stamp = self.buffer[from..from + ANSWER].try_into().map(u64::from_be_bytes);
            self.answer(stamp.expect("an answer has eight bytes"), now)?;
        }
        self.part = filled % ANSWER;
        self.buffer.copy_within(filled - self.part..filled, 0);
        Ok(())
    }

    /// Notes the next answer.
    fn answer(&mut self, stamp: u64, now: u64) -> Result<(), Failure> {
        if self.answered == self.sent {
            return Err(Failure::Failed("the receiver sent more answers than it got messages".to_owned()));
        }
        let number = self.answered;
        let Sent { due, began } = self.latest[self.place(number)];
        self.answered += 1;
        if number < self.measured_from {
            return Ok(());
        }
        self.delays[DelayKind::Response as usize].record(now - due);
        if let Some(to_own) = self.to_own {
            let had = stamp.wrapping_add_signed(to_own);
            if had.saturating_add(self.within) < began || had > now.saturating_add(self.within) {
                return Err(Failure::Failed(apart(had, began, now)));
            }
            self.delays[DelayKind::OneWay as usize].record(had.saturating_sub(due));
            self.delays[DelayKind::WayBack as usize].record(now.saturating_sub(had));
        }
        Ok(())
    }

    /// Asks the path what the kernel has let go of.
    fn reap(&mut self, path: &mut dyn SendPath) -> Result<(), Failure> {
        if self.released.is_some() {
            path.reap(self.worker.socket)?;
            self.note_released(path.released(), clock::now());
        }
        Ok(())
    }

    fn note_released(&mut self, released: Option<u64>, now: u64) {
        let Some(released) = released else { return };
        for number in self.released.unwrap_or_default()..released {
            if number >= self.measured_from {
                let lent = now - self.latest[self.place(number)].began;
                self.delays[DelayKind::Lent as usize].record(lent);
            }
        }
        self.released = Some(released);
    }
}

/// What to say of a receiver that had a message before it was sent, or after its answer was read.
#[cold]
fn apart(had: u64, began: u64, now: u64) -> String {
    let (by, when) = match began.checked_sub(had) {
        Some(before) if before > 0 => (before, "before it was sent"),
        _ => (had.saturating_sub(now), "after its answer was read"),
    };
    format!(
        "by the two ends' clocks a message was received {:.1} us {when}: they do not agree; synchronise them, widen \
         --clock-synchronised, or leave it out",
        by as f64 / 1000.0
    )
}
