//! The trial in hand: its streams, their workers, and how far they are.

use std::net::Shutdown;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use socket2::Socket;

use super::event::SessionEvent;
use super::order::Order;
use super::protocol::Reply;
use super::thread::{guarded, own_descriptors, pin, spawn};
use super::window::Window;
use crate::cell::Wire;
use crate::channel::Sender;
use crate::failure::Failure;
use crate::host::policy;
use crate::link::Traffic;
use crate::pattern::Pattern;
use crate::receive::ReceiveCounters;
use crate::workload::gate::{self, Gate};
use crate::workload::{CommonWindow, EndReport, Note, Notes, StreamReport, Worker};
use crate::xray::watch::Watcher;
use crate::{sink, socket};

/// The trial in hand.
pub(super) struct RunningTrial {
    pub(super) order: Arc<Order>,
    /// What a stream presents, and what its bytes are made from.
    pub(super) nonce: u64,
    pub(super) gate: Arc<Gate>,
    /// The streams: shutting one down wakes its worker out of any call. They are closed here and nowhere else,
    /// for a worker has a table of descriptors of its own.
    sockets: Vec<Arc<Socket>>,
    pub(super) workers: Vec<JoinHandle<()>>,
    pub(super) deadline: Instant,
    /// Thread ids of the workers that are ready.
    ready: Vec<u32>,
    held: Vec<Option<u64>>,
    began: usize,
    measured: usize,
    reports: Vec<Option<StreamReport>>,
    /// Every stream has reported: nothing of it is under way.
    is_over: bool,
    tallies: Arc<[ReceiveCounters]>,
    /// The interface that the streams come by.
    pub(super) traffic: Option<Traffic>,
    window: Option<Window>,
    /// When the window is to end.
    pub(super) window_end: Option<Instant>,
    common: Option<CommonWindow>,
    pub(super) watcher: Option<Watcher>,
}

impl RunningTrial {
    pub(super) fn new(order: Arc<Order>, nonce: u64) -> Self {
        let streams = order.work.streams() as usize;
        Self {
            deadline: Instant::now() + order.patience(),
            order,
            nonce,
            gate: Arc::default(),
            sockets: Vec::new(),
            workers: Vec::new(),
            ready: Vec::new(),
            held: vec![None; streams],
            began: 0,
            measured: 0,
            reports: vec![None; streams],
            is_over: false,
            tallies: (0..streams).map(|_| ReceiveCounters::default()).collect(),
            traffic: None,
            window: None,
            window_end: None,
            common: None,
            watcher: None,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.order.trial
    }

    /// Whether messages, and not a request, end the window.
    pub(super) fn counts_messages(&self) -> bool {
        self.order.work.messages.is_some()
    }

    /// The streams stand: one worker each.
    pub(super) fn start_workers(
        &mut self,
        sockets: Vec<Socket>,
        events: &Sender<SessionEvent>,
    ) -> Result<(), Failure> {
        let is_sending = self.order.is_sending();
        self.sockets = sockets.into_iter().map(Arc::new).collect();
        for (stream, socket) in (0..).zip(&self.sockets) {
            let (order, gate, tallies) =
                (Arc::clone(&self.order), Arc::clone(&self.gate), Arc::clone(&self.tallies));
            let (socket, pattern) = (Arc::clone(socket), Pattern::new(self.nonce, stream));
            let (trial, events, noted) = (order.trial, events.clone(), events.clone());
            let notes = Notes::new(move |note| drop(noted.send(SessionEvent::Note(trial, note))));
            self.workers.push(spawn("stream", move || {
                own_descriptors();
                policy::step_back(if is_sending { 2 } else { 1 });
                let result = guarded(|| {
                    let cpu = pin(&order, stream)?;
                    let (work, tally) = (&order.work, &tallies[stream as usize]);
                    let worker =
                        Worker { work, stream, pattern, socket: &socket, gate: &gate, notes: &notes, tally };
                    Ok(StreamReport { cpu, ..worker.run(is_sending)? })
                });
                let _ = events.send(SessionEvent::Done(trial, stream, Box::new(result)));
            })?);
        }
        Ok(())
    }

    /// What the coordinator is to be told when a worker has told this.
    pub(super) fn note(&mut self, note: Note) -> Option<Reply> {
        let (trial, all) = (self.number(), self.reports.len());
        match note {
            Note::Ready(thread) => {
                self.ready.push(thread);
                if self.ready.len() < all {
                    return None;
                }
                let (order, ready) = (&self.order, &self.ready);
                let open = |watch| Watcher::open(watch, order.is_sending(), order.moved_bytes(), ready);
                self.watcher = order.watch.as_ref().map(open);
                Some(Reply::Ready { trial })
            }
            Note::Held { stream, bytes } => {
                self.held[stream as usize] = Some(bytes);
                let bytes = self.held.iter().copied().collect::<Option<_>>()?;
                Some(Reply::Held { trial, bytes })
            }
            Note::Began => {
                self.began += 1;
                (self.began == all).then_some(Reply::Measuring { trial })
            }
            Note::Measured => {
                self.measured += 1;
                if self.measured == all {
                    self.stop_watching();
                    if self.counts_messages() {
                        self.end_window();
                    }
                }
                None
            }
        }
    }

    /// Keeps a stream's report, and hands over all of them with the last.
    pub(super) fn keep(&mut self, stream: u32, report: StreamReport) -> Option<EndReport> {
        self.reports[stream as usize] = Some(report);
        if self.reports.iter().any(Option::is_none) {
            return None;
        }
        self.is_over = true;
        Some(EndReport { streams: self.reports.drain(..).flatten().collect(), common: self.common.take() })
    }

    /// Begins the common window, and returns when that was.
    pub(super) fn begin_window(&mut self) -> Instant {
        let window = Window::begin(&self.tallies, &self.order, self.traffic.as_mut());
        self.window.insert(window).at
    }

    pub(super) fn end_window(&mut self) {
        let window = self.window.take();
        self.common = window.map(|window| window.end(&self.order, self.traffic.as_mut()));
    }

    pub(super) fn stop_watching(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            watcher.end();
        }
    }
}

impl Drop for RunningTrial {
    fn drop(&mut self) {
        self.gate.advance(gate::ABORT);
        for socket in &self.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        if !self.is_over {
            // What a dropped trial has queued would hold its memory for as long as the peer takes none of it.
            self.sockets.iter().for_each(|socket| socket::abort(socket));
        }
        if self.order.is_sending() && self.order.work.cell.wire == Wire::Sink {
            sink::forbid_readers();
        }
    }
}
