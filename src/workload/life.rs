//! A stream's life at either end, from a connected socket to its report: the phases that all workloads share. What a
//! workload does in them is [`Sending`] and [`Receiving`].

use std::net::Shutdown;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::gate::{FLOW, HELD, MEASURE, PREPARED, STOP, WARM_UP};
use super::{StreamReport, Work, Worker};
use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::path::{self, SendPath, Tally};
use crate::receive::{self, ReceiveEnd, ReceivePath};
use crate::socket;
use crate::span::Span;

/// How often a receiver without bytes looks whether its stream is to pause.
const READ_TIMEOUT: Duration = Duration::from_millis(2);

/// What a workload does at the end that sends.
pub(super) trait Sending {
    /// Sends messages until the span is over.
    fn run(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure>;

    /// Sends one message, by which the receiver notices that its window begins.
    fn wake(&mut self, path: &mut dyn SendPath, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        self.run(path, span, tally)
    }

    /// Waits until nothing of what was sent is under way any more.
    fn settle(&mut self, _path: &mut dyn SendPath) -> Result<(), Failure> {
        Ok(())
    }

    /// Begins to measure: what was sent before does not count.
    fn begin(&mut self) {}

    /// Adds what it measured to the stream's report.
    fn report(self, _report: &mut StreamReport)
    where
        Self: Sized,
    {
    }
}

/// What a workload does at the end that receives.
pub(super) trait Receiving {
    /// Receives until the span is over, or the stream ends.
    fn run(&mut self, path: &mut dyn ReceivePath, span: Span) -> Result<ReceiveEnd, Failure>;
}

/// The life of a stream at the end that sends.
pub(super) fn send(worker: &Worker, mut sending: impl Sending) -> Result<StreamReport, Failure> {
    let &Worker { work, stream, socket, gate, notes, .. } = worker;
    let Work { cell, messages, .. } = work;
    let mut counters = ThreadCounters::open();
    let entry = path::find(&cell.send_path).map_err(Failure::Unsupported)?;
    let choice = path::choose(&cell.send_path).map_err(Failure::Unsupported)?;
    let mut path = (entry.open)(&worker.setup(choice), socket)?;
    let path = path.as_mut();
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut warm = Tally::default();
    sending.run(path, worker.span(WARM_UP, u64::MAX), &mut warm)?;
    if messages.is_some() {
        sending.settle(path)?;
        push(socket)?;
        notes.held(stream, warm.messages * cell.message_bytes);
        gate.wait_beyond(HELD)?;
    }

    let mut tally = Tally::default();
    if messages.is_some() {
        notes.began();
    }
    let helped_s = path.kernel_cpu_s();
    let began_s = gate.epoch.elapsed().as_secs_f64();
    counters.begin();
    if messages.is_none() {
        // A sender whose receiver keeps up never waits: of a thousand on one CPU each would go on for its whole time
        // slice, and the last one would notice seconds after the first; so would the receivers behind them. So each
        // waits until all streams have begun at both ends. The one message wakes the stream's receiver, which then
        // notices too.
        sending.wake(path, worker.span(MEASURE, 1), &mut tally)?;
        notes.began();
        gate.wait_beyond(MEASURE)?;
    }
    sending.begin();
    sending.run(path, worker.span(FLOW, messages.unwrap_or(u64::MAX)), &mut tally)?;
    let mut end = counters.end();
    if let Some(helped) = path.kernel_cpu_s() {
        end.add_kernel_threads((helped - helped_s.unwrap_or(0.0)).max(0.0));
    }
    notes.measured();
    gate.check()?;

    sending.settle(path)?;
    socket.shutdown(Shutdown::Write).map_err(Failure::io("closing the sending side"))?;
    path.drain(socket, Instant::now() + Duration::from_secs_f64(work.drain_s))?;
    end.messages = Some(tally.messages);
    end.bytes = Some(tally.messages * cell.message_bytes);
    end.calls = Some(tally.calls);
    let mut report = StreamReport {
        end,
        began_s,
        usage: path.usage(),
        retransmits: socket::retransmits(socket),
        total_bytes: (warm.messages + tally.messages) * cell.message_bytes,
        read_back: work.socket.read_back(socket),
        ..StreamReport::default()
    };
    sending.report(&mut report);
    Ok(report)
}

/// Sends what Nagle's algorithm holds back: it would come only after the peer's delayed acknowledgement. Setting
/// TCP_NODELAY pushes it out.
fn push(socket: &Socket) -> Result<(), Failure> {
    let asked = socket.tcp_nodelay().map_err(Failure::io("TCP_NODELAY"))?;
    for nodelay in [true, asked] {
        socket.set_tcp_nodelay(nodelay).map_err(Failure::io("TCP_NODELAY"))?;
    }
    Ok(())
}

/// The life of a stream at the end that receives.
pub(super) fn receive(worker: &Worker, mut receiving: impl Receiving) -> Result<StreamReport, Failure> {
    let &Worker { work, stream, socket, gate, notes, tally, .. } = worker;
    let mut counters = ThreadCounters::open();
    let entry = receive::find(&work.cell.receive_path).map_err(Failure::Unsupported)?;
    let choice = receive::choose(&work.cell.receive_path).map_err(Failure::Unsupported)?;
    let mut path = (entry.open)(&worker.setup(choice), socket)?;
    let path = path.as_mut();
    if work.messages.is_some() {
        socket.set_read_timeout(Some(READ_TIMEOUT)).map_err(Failure::io("SO_RCVTIMEO"))?;
    }
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut ended = receiving.run(path, worker.span(WARM_UP, u64::MAX))?;
    if work.messages.is_some() {
        gate.wait_beyond(WARM_UP)?;
        let boundary = gate.boundary.get().and_then(|bytes| bytes.get(stream as usize)).copied();
        let boundary = boundary.ok_or_else(|| Failure::Failed("no boundary for the stream".to_owned()))?;
        ended = receiving.run(path, worker.span(HELD, boundary))?;
        let got = tally.bytes();
        if got != boundary {
            return Err(Failure::Failed(format!("{got} bytes before the window where {boundary} were sent")));
        }
        notes.held(stream, boundary);
        socket.set_read_timeout(None).map_err(Failure::io("SO_RCVTIMEO"))?;
        gate.wait_beyond(HELD)?;
        // The window begins when there is something to receive.
        path.wait(socket, &|| gate.check().is_ok())?;
    }
    if ended == ReceiveEnd::Eof {
        gate.check()?;
        return Err(Failure::Failed("the sender closed the stream before the window".to_owned()));
    }

    let (bytes, calls) = (tally.bytes(), tally.calls());
    notes.began();
    let began_s = gate.epoch.elapsed().as_secs_f64();
    counters.begin();
    let mut ended = receiving.run(path, worker.span(MEASURE, u64::MAX))?;
    let mut end = counters.end();
    let (bytes, calls) = (tally.bytes() - bytes, tally.calls() - calls);
    notes.measured();

    if ended == ReceiveEnd::Stopped {
        ended = receiving.run(path, worker.span(STOP, u64::MAX))?;
    }
    gate.check()?;
    debug_assert_eq!(ended, ReceiveEnd::Eof);
    end.bytes = Some(bytes);
    end.messages = Some(bytes / work.cell.message_bytes);
    end.calls = Some(calls);
    path.disown(&mut end);
    Ok(StreamReport {
        end,
        began_s,
        receive_usage: path.usage(),
        total_bytes: tally.bytes(),
        read_back: work.socket.read_back(socket),
        ..StreamReport::default()
    })
}
