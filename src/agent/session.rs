//! A session: one coordinator's connection, as a state machine that is fed by events.
//!
//! A thread of its own reads frames; workers and the accepting of streams send events too. So the state
//! machine is never blocked: it notices at once when the coordinator is gone, and drops the trial.

use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::event::SessionEvent;
use super::order::{Order, Role};
use super::protocol::{Reply, Report, Request};
use super::running_trial::RunningTrial;
use super::streams;
use super::thread::{guarded, spawn};
use crate::cell::Wire;
use crate::channel::{Receiver, Sender, channel};
use crate::failure::Failure;
use crate::frame::{self, CAP, FrameError};
use crate::host::{self, policy};
use crate::link::{self, PairNetns, Traffic};
use crate::workload::{EndReport, gate};
use crate::xray::roofline;
use crate::xray::symbols::Symbols;
use crate::{buffer, clock, sink};

/// The way to the coordinator, for the session and the thread that reads requests.
#[derive(Clone)]
struct ReplyWriter(Arc<Mutex<Socket>>);

impl ReplyWriter {
    fn send(&self, reply: &Reply) -> std::io::Result<()> {
        frame::write(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), reply)
    }
}

/// Where an agent's streams are.
#[derive(Clone, Default)]
pub struct Place {
    /// Where streams over a direct pair are, if not where the agent is.
    pub pair: Option<Arc<PairNetns>>,
    /// The port that streams come in by; 0 for any that is free.
    pub data_port: u16,
}

/// One coordinator's session with this agent.
pub struct Session {
    control: Socket,
    replies: ReplyWriter,
    events: Receiver<SessionEvent>,
    sender: Sender<SessionEvent>,
    trial: Option<RunningTrial>,
    /// Number of the trial that was last prepared.
    last: u64,
    /// Names of addresses, kept from one x-ray pass to the next.
    symbols: Symbols,
    place: Place,
}

impl Session {
    /// A session on a connection whose handshake is done.
    pub fn new(control: Socket, place: Place) -> std::io::Result<Self> {
        let (sender, events) = channel();
        let mut input = control.try_clone()?;
        input.set_read_timeout(None)?;
        control.set_write_timeout(Some(Duration::from_secs(10)))?;
        let frames = sender.clone();
        let replies = ReplyWriter(Arc::new(Mutex::new(control.try_clone()?)));
        let pongs = replies.clone();
        std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            policy::attend();
            loop {
                let event = match frame::read(&mut input, CAP) {
                    // Answered here: the session may be at work, looking up the names of a kernel's functions.
                    Ok(Request::Ping) => match pongs.send(&Reply::Pong { realtime_ns: clock::realtime() }) {
                        Ok(()) => continue,
                        Err(error) => SessionEvent::Lost(FrameError::Io(error)),
                    },
                    Ok(request) => SessionEvent::Frame(request),
                    Err(error) => SessionEvent::Lost(error),
                };
                let last = matches!(event, SessionEvent::Lost(_));
                if frames.send(event).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { control, replies, events, sender, trial: None, last: 0, symbols: Symbols::new(), place })
    }

    /// Serves the coordinator until it is gone. A trial in hand is then dropped.
    ///
    /// # Errors
    /// When the coordinator sent something that is not a request, or does not take replies.
    pub fn serve(mut self) -> Result<(), FrameError> {
        let result = self.run();
        // The reading thread holds a clone: without this it would wait for the peer.
        let _ = self.control.shutdown(Shutdown::Both);
        self.trial = None;
        buffer::give_back();
        result
    }

    fn run(&mut self) -> Result<(), FrameError> {
        policy::attend();
        loop {
            let wait = self.trial.as_ref().map_or(Duration::from_secs(3600), |trial| {
                let next = trial.window_end.unwrap_or(trial.deadline).min(trial.deadline);
                next.saturating_duration_since(Instant::now())
            });
            match self.events.recv_timeout(wait) {
                Ok(SessionEvent::Lost(FrameError::Closed)) => return Ok(()),
                Ok(SessionEvent::Lost(error)) => return Err(error),
                Ok(event) => self.handle_guarded(event)?,
                Err(RecvTimeoutError::Timeout) => self.due()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Handles an event; a panic while doing so breaks the trial in hand, and the answer that the coordinator
    /// waits for, not the agent.
    fn handle_guarded(&mut self, event: SessionEvent) -> Result<(), FrameError> {
        match guarded(|| Ok(self.handle(event))) {
            Ok(handled) => handled,
            Err(failure) => {
                self.trial = None;
                self.reply(&Reply::Broken { trial: self.last, failure })
            }
        }
    }

    /// The window is to end, or the trial has taken too long.
    fn due(&mut self) -> Result<(), FrameError> {
        match &mut self.trial {
            Some(trial) if trial.window_end.is_some_and(|end| Instant::now() >= end) => {
                trial.end_window();
                trial.window_end = None;
                let trial = trial.order.trial;
                self.reply(&Reply::Counted { trial })
            }
            Some(trial) if Instant::now() >= trial.deadline => {
                let seconds = trial.order.patience_s;
                self.give_up(Failure::Failed(format!("the trial took more than {seconds:.1} s")))
            }
            _ => Ok(()),
        }
    }

    fn reply(&mut self, reply: &Reply) -> Result<(), FrameError> {
        self.replies.send(reply).map_err(FrameError::Io)
    }

    /// Drops the trial and says why.
    fn give_up(&mut self, failure: Failure) -> Result<(), FrameError> {
        let Some(trial) = self.trial.take() else { return Ok(()) };
        let number = trial.order.trial;
        drop(trial);
        self.reply(&Reply::Broken { trial: number, failure })
    }

    /// The trial in hand, when it is this one.
    fn current(&mut self, number: u64) -> Option<&mut RunningTrial> {
        self.trial.as_mut().filter(|trial| trial.order.trial == number)
    }

    fn handle(&mut self, event: SessionEvent) -> Result<(), FrameError> {
        match event {
            SessionEvent::Frame(request) => self.request(request),
            SessionEvent::Streams(number, streams) if self.current(number).is_some() => match streams {
                Ok(sockets) => self.start_workers(sockets).or_else(|failure| self.give_up(failure)),
                Err(failure) => self.give_up(failure),
            },
            SessionEvent::Note(number, note) => {
                let reply = self.current(number).and_then(|trial| trial.note(note));
                reply.map_or(Ok(()), |reply| self.reply(&reply))
            }
            SessionEvent::Done(number, stream, result) => match (self.current(number), *result) {
                (None, _) => Ok(()),
                (Some(_), Err(failure)) => self.give_up(failure),
                (Some(trial), Ok(report)) => match trial.keep(stream, report) {
                    Some(end) => self.finish(end),
                    None => Ok(()),
                },
            },
            SessionEvent::Streams(..) | SessionEvent::Lost(_) => Ok(()),
        }
    }

    fn request(&mut self, request: Request) -> Result<(), FrameError> {
        match request {
            Request::Prepare(order) => self.prepare_or_say_why(*order),
            Request::Start { trial } => {
                self.advance(trial, gate::WARM_UP);
                Ok(())
            }
            Request::Hold { trial, bytes } => {
                if let Some(trial) = self.current(trial)
                    && let Some(bytes) = bytes
                {
                    let _ = trial.gate.boundary.set(bytes);
                }
                self.advance(trial, gate::HELD);
                Ok(())
            }
            Request::Measure { trial } => self.measure(trial),
            Request::Flow { trial } => {
                self.advance(trial, gate::FLOW);
                Ok(())
            }
            Request::Count { trial, window_s } => {
                if let Some(trial) = self.current(trial) {
                    let window = Duration::try_from_secs_f64(window_s).unwrap_or_default();
                    let began = trial.begin_window();
                    trial.window_end = Some(began + window.min(trial.order.patience()));
                }
                Ok(())
            }
            Request::Stop { trial } => {
                if let Some(trial) = self.current(trial) {
                    trial.stop_watching();
                    trial.gate.advance(gate::STOP);
                }
                Ok(())
            }
            Request::Abort { trial } => {
                if self.current(trial).is_some() {
                    self.trial = None;
                }
                Ok(())
            }
            Request::Ping => Ok(()),
            Request::Roofline { cpu } => {
                let levels = roofline::measure(cpu, &host::read().caches);
                self.reply(&Reply::Roofline { levels })
            }
            Request::Describe { side, address } => {
                let end = within(self.towards(address).as_deref(), || link::end_of(side, address));
                let end = end.map_err(anyhow::Error::from).flatten().map_err(|why| format!("{why:#}"));
                self.reply(&Reply::Interface { end })
            }
        }
    }

    fn prepare_or_say_why(&mut self, order: Order) -> Result<(), FrameError> {
        self.trial = None;
        let number = order.trial;
        self.last = number;
        match self.prepare(order) {
            Ok(Some(reply)) => self.reply(&reply),
            Ok(None) => Ok(()),
            Err(failure) => {
                self.trial = None;
                self.reply(&Reply::Broken { trial: number, failure })
            }
        }
    }

    /// Lets the streams' windows begin.
    fn measure(&mut self, number: u64) -> Result<(), FrameError> {
        let Some(trial) = self.current(number) else { return Ok(()) };
        let (is_sending, counts_messages) = (trial.order.is_sending(), trial.counts_messages());
        if counts_messages {
            trial.begin_window();
        }
        if let Some(watcher) = &mut trial.watcher {
            watcher.begin();
        }
        trial.gate.advance(if is_sending && counts_messages { gate::FLOW } else { gate::MEASURE });
        if is_sending { Ok(()) } else { self.reply(&Reply::Armed { trial: number }) }
    }

    /// The namespace of direct pairs, where a pair in it leads to the address.
    fn towards(&self, address: std::net::IpAddr) -> Option<Arc<PairNetns>> {
        self.place.pair.clone().filter(|pair| pair.reaches(address))
    }

    fn advance(&mut self, number: u64, phase: u32) {
        if let Some(trial) = self.current(number) {
            trial.gate.advance(phase);
        }
    }

    /// Checks the order and begins to gather its streams.
    fn prepare(&mut self, order: Order) -> Result<Option<Reply>, Failure> {
        order
            .check()
            .and_then(|()| order.check_memory(host::available_memory()))
            .map_err(Failure::Unsupported)?;
        host::is_softirq_charged();
        let order = Arc::new(order);
        let (number, events) = (order.trial, self.sender.clone());
        let nonce = match order.role {
            Role::Send { .. } => {
                getrandom::u64().map_err(|error| Failure::Failed(format!("getrandom: {error}")))?
            }
            Role::Receive { nonce, .. } => nonce,
        };
        let mut trial = RunningTrial::new(Arc::clone(&order), nonce);
        let gate = Arc::clone(&trial.gate);
        let given_up = move || gate.check().is_err();
        let (gather, reply): (Box<dyn FnOnce() -> _ + Send>, _) = match order.role {
            Role::Send { listen } => {
                if order.work.cell.wire == Wire::Sink {
                    sink::allow_readers();
                }
                let pair = self.towards(listen);
                let at = SocketAddr::new(listen, self.place.data_port);
                let (listener, address) = within(pair.as_deref(), || streams::listen(&order, at, nonce))??;
                let gather = move || streams::accept(&listener, &order, nonce, given_up);
                (Box::new(gather), Some(Reply::Listening { trial: number, address, nonce }))
            }
            Role::Receive { peer, .. } => {
                let pair = self.towards(peer.ip());
                if order.work.cell.wire.has_interfaces() {
                    trial.traffic = within(pair.as_deref(), || Traffic::towards(peer.ip()).ok())?;
                }
                let gather =
                    move || within(pair.as_deref(), || streams::connect(&order, peer, nonce, given_up))?;
                (Box::new(gather), None)
            }
        };
        trial.workers.push(spawn("streams", move || {
            let _ = events.send(SessionEvent::Streams(number, guarded(gather)));
        })?);
        self.trial = Some(trial);
        Ok(reply)
    }

    fn start_workers(&mut self, sockets: Vec<Socket>) -> Result<(), Failure> {
        let Some(trial) = &mut self.trial else { return Ok(()) };
        trial.start_workers(sockets, &self.sender)
    }

    /// Reports what all workers of the trial in hand reported.
    fn finish(&mut self, end: EndReport) -> Result<(), FrameError> {
        let Some(mut trial) = self.trial.take() else { return Ok(()) };
        let seen =
            trial.watcher.take().map(|watcher| watcher.report(&mut self.symbols, &end.total(u32::MAX)));
        let number = trial.number();
        drop(trial);
        self.reply(&Reply::Report { trial: number, report: Box::new(Report { end, seen }) })
    }
}

/// Runs `work` in the namespace of direct pairs, or where the agent is.
fn within<T: Send>(pair: Option<&PairNetns>, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    match pair {
        Some(pair) => pair.within(work).map_err(Failure::io("the namespace of the direct pair")),
        None => Ok(work()),
    }
}
