//! Labs: where the two agents live, and how the coordinator takes them through a trial.
//!
//! The coordinator moves no payload. It holds one control connection to each agent; a thread a connection
//! reads replies into one queue, so that a dying agent is noticed while it waits for anything.

mod assemble;
mod local;
mod peer;
mod pinning;
mod remote;
mod surroundings;
mod wires;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::agent::frame::FrameError;
use crate::agent::order::{Order, Role};
use crate::agent::protocol::{Reply, Report, Request, Welcome};
use crate::cell::{Cell, Wire};
use crate::failure::Failure;
use crate::grid::{Bound, TrialOptions};
use crate::host::policy;
use crate::link::Borrowed;
use crate::record::manifest;
use crate::xray::roofline::Bandwidth;
use crate::xray::watch::{Pass, Seen};
pub use assemble::Measured;
pub use peer::Side;
use peer::{Heard, Peer};
pub use remote::{Addresses, dial};
use wires::Route;

/// How long an agent may take for an answer that takes no work.
const PROMPT: Duration = Duration::from_secs(10);
/// How long nothing may be heard before the agents are asked whether they are alive, and how long they may
/// take to answer: a thread of each does nothing else.
const SILENCE: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(6);
// Else a lost agent would be taken for a trial that broke, and every further trial would break too.
const _: () = assert!(SILENCE.as_secs() + ANSWER.as_secs() < PROMPT.as_secs());
/// How long the streams send at least before the window that they have in common begins: they had all paused.
const SETTLE: Duration = Duration::from_millis(10);
/// How long zero-copy completions are waited for after the last send, seconds.
const DRAIN_S: f64 = 5.0;
/// How long after a trial broke the coordinator listens for the reason behind it: an agent that died breaks
/// the other one's streams first.
const REASON_WITHIN: Duration = Duration::from_millis(400);

/// Two agents, connected.
pub struct Lab {
    /// The first to be dropped: interfaces are given back before the agents, and their namespaces, end.
    #[expect(dead_code, reason = "it is kept for what dropping it does")]
    borrowed: Option<Borrowed>,
    kind: String,
    sender: Peer,
    receiver: Peer,
    heard: Receiver<(Side, Heard)>,
    /// The wires there are, and the sender's address on each.
    routes: Vec<(Wire, IpAddr)>,
    /// The interfaces of each.
    links: BTreeMap<String, manifest::Link>,
    trial: u64,
}

/// What an x-ray pass measured and saw.
#[derive(Debug)]
pub struct Examined {
    /// The trial's own figures: throughput with the watching on, bytes, completions.
    pub measured: Measured,
    /// What the sender's agent saw.
    pub sender: Option<Seen>,
    /// What the receiver's agent saw.
    pub receiver: Option<Seen>,
}

/// Why a trial has no figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This trial broke, or cannot run here; the next one may run.
    Trial(Failure),
    /// An agent is gone: no further trial can run in this lab.
    Lost(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trial(failure) => write!(out, "{failure}"),
            Self::Lost(why) => write!(out, "{why}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Trial(failure)
    }
}

impl Lab {
    /// The word for the manifest: `netns`, `loopback` or `remote`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What joins the agents; the first is what a grid gets that names none.
    #[must_use]
    pub fn wires(&self) -> Vec<Wire> {
        self.routes.iter().map(|&(wire, _)| wire).collect()
    }

    /// The sender's address on a wire.
    fn route(&self, wire: Wire) -> Result<IpAddr, Failure> {
        let found = self.routes.iter().find(|&&(there, _)| there == wire);
        found.map(|&(_, address)| address).ok_or_else(|| {
            let there: Vec<_> = self.routes.iter().map(|(wire, _)| wire.word()).collect();
            Failure::Unsupported(format!("this lab has no {wire} wire, but {}", there.join(" and ")))
        })
    }

    /// The interfaces of each wire, as they were last read.
    #[must_use]
    pub fn links(&self) -> &BTreeMap<String, manifest::Link> {
        &self.links
    }

    /// Who an agent is and where.
    #[must_use]
    pub fn agent(&self, side: Side) -> (&Welcome, &str) {
        let peer = self.peer(side);
        (&peer.welcome, &peer.address)
    }

    /// CPUs that the two ends' workers are pinned to, in the order in which they are taken.
    #[must_use]
    pub fn pinning(&self, options: &TrialOptions) -> (Vec<usize>, Vec<usize>) {
        pinning::choose(&options.pin, &self.sender.welcome, &self.receiver.welcome)
    }

    fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Sender => &self.sender,
            Side::Receiver => &self.receiver,
        }
    }

    fn peer_mut(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Sender => &mut self.sender,
            Side::Receiver => &mut self.receiver,
        }
    }

    fn tell(&mut self, side: Side, request: &Request) -> Result<(), Trouble> {
        let peer = self.peer_mut(side);
        peer.tell(request).map_err(|error| Trouble::Lost(peer.why_lost(&FrameError::Io(error))))
    }

    fn tell_both(&mut self, request: &Request) -> Result<(), Trouble> {
        // The receiver first: its window shall lie inside the flow.
        self.tell(Side::Receiver, request)?;
        self.tell(Side::Sender, request)
    }

    /// Waits for the next reply of this trial, until the deadline.
    fn hear(&mut self, deadline: Instant) -> Result<Option<(Side, Reply)>, Trouble> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let news = self.heard.recv_timeout(left);
            if let Ok((side, _)) = news {
                self.peer_mut(side).heard_at = Instant::now();
            }
            match news {
                Ok((_, Heard::Reply(Reply::Pong))) => {}
                Ok((_, Heard::Reply(reply))) if reply.trial().is_some_and(|trial| trial != self.trial) => {}
                Ok((side, Heard::Reply(Reply::Broken { failure, .. }))) => {
                    return Err(self.reason_behind(side, failure));
                }
                Ok((side, Heard::Reply(reply))) => return Ok(Some((side, reply))),
                Ok((side, Heard::Lost(error))) => {
                    return Err(Trouble::Lost(self.peer_mut(side).why_lost(&error)));
                }
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Lost("both agents are gone".to_owned()));
                }
            }
        }
    }

    /// A trial broke: because an agent died, or for the reason it says?
    fn reason_behind(&mut self, side: Side, failure: Failure) -> Trouble {
        let deadline = Instant::now() + REASON_WITHIN;
        let why = match failure {
            Failure::Unsupported(_) => return Trouble::Trial(failure),
            Failure::Failed(why) => why,
        };
        while let Ok(news) = self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            match news {
                (side, Heard::Lost(error)) => return Trouble::Lost(self.peer_mut(side).why_lost(&error)),
                (_, Heard::Reply(Reply::Broken { trial, failure: Failure::Unsupported(why) }))
                    if trial == self.trial =>
                {
                    return Trouble::Trial(Failure::Unsupported(why));
                }
                _ => {}
            }
        }
        Trouble::Trial(Failure::Failed(format!("the {side}: {why}")))
    }

    /// Waits for replies until `done` says that all have come.
    fn expect(
        &mut self,
        what: &str,
        patience: Duration,
        mut done: impl FnMut(Side, Reply) -> Result<bool, Failure>,
    ) -> Result<(), Trouble> {
        let deadline = Instant::now() + patience;
        let mut asked = None;
        loop {
            let next = asked.map_or(SILENCE, |_| ANSWER);
            match self.hear(deadline.min(Instant::now() + next))? {
                Some((side, reply)) => {
                    if done(side, reply)? {
                        return Ok(());
                    }
                }
                None if Instant::now() >= deadline => {
                    let what = format!("{what} did not come within {patience:.1?}");
                    return Err(Failure::Failed(what).into());
                }
                None => asked = self.ask_whether_alive(asked)?,
            }
        }
    }

    /// Waits until both agents have given the reply that is `due`.
    fn expect_both(
        &mut self,
        what: &str,
        patience: Duration,
        due: fn(&Reply) -> bool,
    ) -> Result<(), Trouble> {
        let mut came = 0;
        self.expect(what, patience, |side, reply| {
            if !due(&reply) {
                return Err(out_of_place(side, &reply));
            }
            came += 1;
            Ok(came == 2)
        })
    }

    /// Asks the agents whether they are alive; when they were asked before, who has not answered is lost.
    fn ask_whether_alive(&mut self, asked: Option<Instant>) -> Result<Option<Instant>, Trouble> {
        let Some(asked) = asked else {
            let now = Instant::now();
            self.tell_both(&Request::Ping)?;
            return Ok(Some(now));
        };
        for peer in [&self.sender, &self.receiver] {
            if peer.heard_at < asked {
                return Err(Trouble::Lost(peer.silent()));
            }
        }
        Ok(None)
    }

    /// Waits this long; nothing is expected meanwhile but bad news.
    fn pause(&mut self, duration: Duration) -> Result<(), Trouble> {
        match self.hear(Instant::now() + duration)? {
            None => Ok(()),
            Some((side, reply)) => Err(out_of_place(side, &reply).into()),
        }
    }

    /// Runs one trial of a cell.
    ///
    /// # Errors
    /// Why there are no figures.
    pub fn run(&mut self, cell: &Cell, options: &TrialOptions) -> Result<Measured, Trouble> {
        self.attempt(cell, options, None).map(|(measured, _)| measured)
    }

    /// Runs one trial of a cell as an x-ray pass: both agents watch, and hand over what they saw.
    ///
    /// # Errors
    /// Why there are no figures.
    pub fn examine(&mut self, cell: &Cell, options: &TrialOptions, pass: Pass) -> Result<Examined, Trouble> {
        let (measured, [sender, receiver]) = self.attempt(cell, options, Some(pass))?;
        Ok(Examined { measured, sender, receiver })
    }

    fn attempt(
        &mut self,
        cell: &Cell,
        options: &TrialOptions,
        pass: Option<Pass>,
    ) -> Result<(Measured, [Option<Seen>; 2]), Trouble> {
        self.trial += 1;
        // Between the windows' begin and the order to count, hundreds of workers may be waiting for a CPU.
        let _attention = policy::Attention::pay();
        let result = self.drive(cell, options, pass);
        if matches!(result, Err(Trouble::Trial(_))) {
            let trial = self.trial;
            // An agent that cannot be told is found to be lost in the next trial.
            let _ = self.tell_both(&Request::Abort { trial });
        }
        result
    }

    fn drive(
        &mut self,
        cell: &Cell,
        options: &TrialOptions,
        pass: Option<Pass>,
    ) -> Result<(Measured, [Option<Seen>; 2]), Trouble> {
        let trial = self.trial;
        let (sender_cpus, receiver_cpus) = self.pinning(options);
        let is_examined = pass.is_some();
        let watches = pass.map(|pass| {
            pinning::watches(pass, cell, &options.pin, &self.sender.welcome, &self.receiver.welcome)
        });
        let [sender_watch, receiver_watch] = watches.map_or([None, None], |watches| watches.map(Some));
        let messages = match options.bound {
            Bound::Messages(messages) => Some(messages),
            Bound::Duration(_) => None,
        };
        let patience = patience(cell, options);
        let order = |role, pin, watch| {
            Request::Prepare(Box::new(Order {
                trial,
                cell: cell.clone(),
                role,
                messages,
                socket: options.socket.clone(),
                pin,
                read_size: options.read_size.bytes(cell.message_bytes),
                verify: options.verify,
                patience_s: (PROMPT * 3 + patience).as_secs_f64(),
                drain_s: DRAIN_S,
                watch,
            }))
        };

        let listen = self.route(cell.wire)?;
        self.tell(Side::Sender, &order(Role::Send { listen }, sender_cpus, sender_watch))?;
        let mut listening = None;
        self.expect("the sender's port", PROMPT, |side, reply| match reply {
            Reply::Listening { address, nonce, .. } => {
                listening = Some((SocketAddr::new(listen, address.port()), nonce));
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        })?;
        let Some((peer, nonce)) = listening else { return Err(Failure::Failed("no port".into()).into()) };
        self.tell(Side::Receiver, &order(Role::Receive { peer, nonce }, receiver_cpus, receiver_watch))?;
        self.expect_both("the agents' readiness", PROMPT * 2, |reply| matches!(reply, Reply::Ready { .. }))?;

        self.tell_both(&Request::Start { trial })?;
        self.pause(options.warmup)?;
        if messages.is_some() {
            self.hold(trial)?;
            if let Some(rest) = policy::rest() {
                self.pause(rest)?;
            }
        }
        let announced = Instant::now();
        // A receiver that waits for bytes notices when some come, and may get one message a stream alone: so the
        // receivers are ready for it before the senders are told.
        self.tell(Side::Receiver, &Request::Measure { trial })?;
        self.expect("the receiver's answer", PROMPT, |side, reply| match reply {
            Reply::Armed { .. } => Ok(true),
            other => Err(out_of_place(side, &other)),
        })?;
        self.tell(Side::Sender, &Request::Measure { trial })?;
        if let Bound::Duration(window) = options.bound {
            // The time runs when the last stream's window has begun, and ends before the first one's does. Each agent
            // keeps it by its own clock: this process may be late on a busy host.
            self.expect_both("the windows' begin", patience, |reply| {
                matches!(reply, Reply::Measuring { .. })
            })?;
            self.tell(Side::Sender, &Request::Flow { trial })?;
            // Queues that were emptied while the last one began are full again after about as long.
            self.pause(SETTLE.max(announced.elapsed()))?;
            self.tell_both(&Request::Count { trial, window_s: window.as_secs_f64() })?;
            self.expect_both("the windows' end", window + patience, |reply| {
                matches!(reply, Reply::Counted { .. })
            })?;
            self.tell_both(&Request::Stop { trial })?;
        }

        let (mut sent, mut received) = (None, None);
        self.expect("the agents' reports", patience, |side, reply| {
            match (side, reply) {
                (Side::Sender, Reply::Report { report, .. }) => sent = Some(report),
                (Side::Receiver, Reply::Report { report, .. }) => received = Some(report),
                // Nobody waited for it when messages bound the window.
                (_, Reply::Measuring { .. }) => {}
                (side, other) => return Err(out_of_place(side, &other)),
            }
            Ok(sent.is_some() && received.is_some())
        })?;
        let (mut sent, mut received): (Box<Report>, Box<Report>) =
            (sent.unwrap_or_default(), received.unwrap_or_default());
        let seen = [sent.seen.take(), received.seen.take()];
        let places =
            pinning::places(&options.pin, cell.threads, &self.sender.welcome, &self.receiver.welcome);
        let window = if is_examined { assemble::EXAMINED } else { assemble::TIMED };
        Ok((assemble::assemble(cell, options, &places, &window, *sent, *received)?, seen))
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

    /// How fast the sender's host copies, on the CPU of its first worker.
    ///
    /// # Errors
    /// When the sender does not answer.
    pub fn roofline(&mut self, options: &TrialOptions) -> Result<Vec<Bandwidth>, Trouble> {
        let cpu = self.pinning(options).0.first().copied();
        self.tell(Side::Sender, &Request::Roofline { cpu })?;
        let mut found = Vec::new();
        self.expect("the memory roofline", PROMPT * 6, |side, reply| match reply {
            Reply::Roofline { levels } => {
                found = levels;
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        })?;
        Ok(found)
    }

    /// A lab of two agents that stand.
    fn of(
        kind: &str,
        [sender, receiver]: [Peer; 2],
        heard: Receiver<(Side, Heard)>,
        routes: &[Route],
        borrowed: Option<Borrowed>,
    ) -> anyhow::Result<Self> {
        let mut lab = Self {
            borrowed,
            kind: kind.to_owned(),
            sender,
            receiver,
            heard,
            routes: Vec::new(),
            links: BTreeMap::new(),
            trial: 0,
        };
        lab.read_wires(routes)?;
        Ok(lab)
    }
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

fn out_of_place(side: Side, reply: &Reply) -> Failure {
    let text = serde_json::to_string(reply).unwrap_or_default();
    let text: String = text.chars().take(80).collect();
    Failure::Failed(format!("the {side} said `{text}` out of place"))
}
