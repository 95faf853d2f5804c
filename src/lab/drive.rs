//! One trial, from the orders to the two reports.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::assemble::{Measured, TIMED, XRAYED, assemble};
use super::listen::out_of_place;
use super::plausible::{self, Most};
use super::{Lab, PROMPT, Side, Trouble, pinning};
use crate::agent::order::{Order, Role};
use crate::agent::protocol::{Reply, Report, Request};
use crate::cell::{Cell, Wire};
use crate::clock::Clocks;
use crate::failure::Failure;
use crate::host::policy;
use crate::options::{Bound, TrialOptions};
use crate::workload::{self, Work};
use crate::xray::watch::{Pass, Seen};

/// How long the streams send at least before the window that they have in common begins: they had all paused.
const SETTLE: Duration = Duration::from_millis(10);
/// How long zero-copy completions are waited for after the last send, seconds.
const DRAIN_S: f64 = 5.0;

/// What the streams of a trial do at both ends, as long as nobody knows what their clocks have in common.
///
/// # Errors
/// One sentence where there is no rate.
pub fn work(cell: &Cell, options: &TrialOptions) -> Result<Work, String> {
    let capacity = options.capacities.get(&cell.as_stream().key()).copied();
    Ok(Work {
        cell: cell.clone(),
        messages: options.bound.messages(),
        socket: options.socket.clone(),
        read_size: options.read_size.bytes(cell.message_bytes),
        verify: options.verify,
        drain_s: DRAIN_S,
        rate: workload::rate(&cell.workload, capacity)?,
        clocks: Clocks::default(),
        sender_process: None,
    })
}

impl Lab {
    /// Takes both agents through a trial.
    pub(super) fn drive(
        &mut self,
        cell: &Cell,
        options: &TrialOptions,
        pass: Option<Pass>,
    ) -> Result<(Measured, [Option<Seen>; 2]), Trouble> {
        let (trial, ordered) = (self.trial, Instant::now());
        let patience = patience(cell, options);
        let clocks = self.clocks(options);
        let sender_process = (cell.wire == Wire::Sink).then_some(self.sender.welcome.pid);
        let work = Work { clocks, sender_process, ..work(cell, options).map_err(Failure::Failed)? };
        self.prepare(&work, options, pass, patience)?;
        self.tell_both(&Request::Start { trial })?;
        self.pause(options.warmup)?;
        if work.messages.is_some() {
            self.hold(trial)?;
            if let Some(rest) = policy::rest() {
                self.pause(rest)?;
            }
        }
        let announced = Instant::now();
        self.begin_windows(trial)?;
        if let Bound::Duration(window) = options.bound {
            self.count(trial, window, announced, patience)?;
        }
        let (sent, received) = self.reports(patience)?;
        let most = [Side::Sender, Side::Receiver]
            .map(|side| Most::new(side, &self.peer(side).welcome, &work, ordered.elapsed()));
        for (report, most) in [&sent, &received].into_iter().zip(&most) {
            plausible::reported(report, most)?;
        }
        let places =
            pinning::places(&options.pin, cell.threads, &self.sender.welcome, &self.receiver.welcome);
        let window = if pass.is_some() { XRAYED } else { TIMED };
        let measured = assemble(&work, options.bound, &places, &window, &sent.end, &received.end)?;
        plausible::made(&measured, &most[0])?;
        Ok((measured, [sent.seen, received.seen]))
    }

    /// What the clocks of the two ends have in common.
    fn clocks(&self, options: &TrialOptions) -> Clocks {
        let (sender, receiver) = (&self.sender.welcome, &self.receiver.welcome);
        let offsets = sender.clock_offset_ns.zip(receiver.clock_offset_ns);
        match (pinning::together(sender, receiver), offsets, options.clocks_within) {
            (true, Some((sender, receiver)), _) => Clocks::Shared { ahead_ns: receiver - sender },
            (_, _, Some(within)) => Clocks::Synchronised { within_ns: within.as_nanos() as u64 },
            _ => Clocks::Apart,
        }
    }

    /// Gives both agents their orders, and waits until their streams stand.
    fn prepare(
        &mut self,
        work: &Work,
        options: &TrialOptions,
        pass: Option<Pass>,
        patience: Duration,
    ) -> Result<(), Trouble> {
        let trial = self.trial;
        let (sender_cpus, receiver_cpus) = self.pinning(options);
        let watches = pass.map(|pass| {
            pinning::watches(pass, &work.cell, &options.pin, &self.sender.welcome, &self.receiver.welcome)
        });
        let [sender_watch, receiver_watch] = watches.map_or([None, None], |watches| watches.map(Some));
        let readiness = PROMPT * 2 + written(work);
        let order = |role, pin, watch| {
            let patience_s = (readiness * 2 + patience).as_secs_f64();
            Request::Prepare(Box::new(Order { trial, role, work: work.clone(), pin, patience_s, watch }))
        };
        let listen = self.route(work.cell.wire)?;
        self.check_netem(work.cell.wire)?;
        self.tell(Side::Sender, &order(Role::Send { listen }, sender_cpus, sender_watch))?;
        let mut listening = None;
        // As patient as for readiness: a trial that broke may have hundreds of workers to be dropped first.
        self.expect("the sender's port", readiness, |side, reply| match reply {
            Reply::Listening { address, nonce, .. } => {
                listening = Some((SocketAddr::new(listen, address.port()), nonce));
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        })?;
        let Some((peer, nonce)) = listening else { return Err(Failure::Failed("no port".into()).into()) };
        self.tell(Side::Receiver, &order(Role::Receive { peer, nonce }, receiver_cpus, receiver_watch))?;
        self.expect_both("the agents' readiness", readiness, |reply| matches!(reply, Reply::Ready { .. }))
    }

    /// Lets each stream's window begin.
    fn begin_windows(&mut self, trial: u64) -> Result<(), Trouble> {
        // A receiver that waits for bytes notices when some come, and may get one message a stream alone: so the
        // receivers are ready for it before the senders are told.
        self.tell(Side::Receiver, &Request::Measure { trial })?;
        self.expect("the receiver's answer", PROMPT, |side, reply| match reply {
            Reply::Armed { .. } => Ok(true),
            other => Err(out_of_place(side, &other)),
        })?;
        self.tell(Side::Sender, &Request::Measure { trial })
    }

    /// Lets the window that all streams have in common begin and end. The time runs when the last stream's window has
    /// begun, and ends before the first one's does. Each agent keeps it by its own clock: this process may be late on a
    /// busy host.
    fn count(
        &mut self,
        trial: u64,
        window: Duration,
        announced: Instant,
        patience: Duration,
    ) -> Result<(), Trouble> {
        self.expect_both("the windows' begin", patience, |reply| matches!(reply, Reply::Measuring { .. }))?;
        self.tell(Side::Sender, &Request::Flow { trial })?;
        // Queues that were emptied while the last one began are full again after about as long.
        self.pause(SETTLE.max(announced.elapsed()))?;
        self.tell_both(&Request::Count { trial, window_s: window.as_secs_f64() })?;
        let is_due: fn(&Reply) -> bool = |reply| matches!(reply, Reply::Counted { .. });
        self.expect_both("the windows' end", window + patience, is_due)?;
        self.tell_both(&Request::Stop { trial })
    }

    /// What the sender's and the receiver's agent report.
    fn reports(&mut self, patience: Duration) -> Result<(Report, Report), Trouble> {
        let (mut sent, mut received) = (None, None);
        self.expect("the agents' reports", patience, |side, reply| {
            match (side, reply) {
                (Side::Sender, Reply::Report { report, .. }) => sent = Some(*report),
                (Side::Receiver, Reply::Report { report, .. }) => received = Some(*report),
                // Nobody waited for it when messages bound the window.
                (_, Reply::Measuring { .. }) => {}
                (side, other) => return Err(out_of_place(side, &other)),
            }
            Ok(sent.is_some() && received.is_some())
        })?;
        Ok((sent.unwrap_or_default(), received.unwrap_or_default()))
    }

    /// Pauses the streams between warm-up and window, with nothing in flight: a window that is bounded by
    /// messages begins at the same byte on both ends.
    fn hold(&mut self, trial: u64) -> Result<(), Trouble> {
        let mut boundary = None;
        let held = |boundary: &mut Option<Vec<u64>>, side, reply| match reply {
            Reply::Held { bytes, .. } => {
                *boundary = Some(bytes);
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        };
        self.tell(Side::Sender, &Request::Hold { trial, bytes: None })?;
        self.expect("the sender's pause", PROMPT, |side, reply| held(&mut boundary, side, reply))?;
        self.tell(Side::Receiver, &Request::Hold { trial, bytes: boundary.take() })?;
        self.expect("the receiver's pause", PROMPT, |side, reply| held(&mut boundary, side, reply))
    }
}

/// How long it may take to write the memory of both ends.
fn written(work: &Work) -> Duration {
    /// The slowest that is still thought of, bytes a second.
    const CRAWL: f64 = (64 << 20) as f64;
    Duration::from_secs_f64(work.memory(true).saturating_add(work.memory(false)) as f64 / CRAWL)
}

/// How long the window and the drain may take.
fn patience(cell: &Cell, options: &TrialOptions) -> Duration {
    /// The slowest that is still thought to be alive, bytes a second.
    const CRAWL: u64 = 1_000_000;
    let window = match options.bound {
        Bound::Duration(window) => window,
        Bound::Messages(messages) => {
            let bytes = messages.saturating_mul(cell.message_bytes).saturating_mul(u64::from(cell.threads));
            Duration::from_secs((bytes / CRAWL).min(3600))
        }
    };
    options.warmup + window + Duration::from_secs_f64(DRAIN_S) + Duration::from_secs(20)
}
