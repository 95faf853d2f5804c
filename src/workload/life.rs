//! A stream's life at either end, from a connected socket to its report: the phases that all workloads share. What a
//! workload does in them is [`Sending`] and [`Receiving`].

use std::net::Shutdown;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::gate::{FLOW, HELD, MEASURE, PREPARED, STOP, WARM_UP};
use super::{StreamReport, Work, Worker};
use crate::cell::Wire;
use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::path::{self, SendPath, Tally};
use crate::receive::{self, Patience, ReceiveEnd, ReceivePath};
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
    /// How long its receive calls wait for bytes in the window.
    fn patience(&self) -> Patience {
        Patience::Endless
    }

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
    let is_corked = choice.is_on(path::CORK);
    if is_corked {
        socket::cork(socket)?;
    }
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut warm = Tally::default();
    sending.run(path, worker.span(WARM_UP, u64::MAX), &mut warm)?;
    if messages.is_some() {
        sending.settle(path)?;
        socket::push(socket)?;
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
        if is_corked {
            socket::push(socket)?;
        }
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
    let deadline = Instant::now() + Duration::from_secs_f64(work.drain_s);
    path.drain(socket, deadline, &|| gate.check().is_ok())?;
    gate.check()?;
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

/// The life of a stream at the end that receives.
pub(super) fn receive(worker: &Worker, mut receiving: impl Receiving) -> Result<StreamReport, Failure> {
    let &Worker { work, socket, gate, notes, tally, .. } = worker;
    let mut counters = ThreadCounters::open();
    let entry = receive::find(&work.cell.receive_path).map_err(Failure::Unsupported)?;
    let choice = receive::choose(&work.cell.receive_path).map_err(Failure::Unsupported)?;
    let sent = path::choose(&work.cell.send_path).map_err(Failure::Unsupported)?;
    let sends = path::find(&work.cell.send_path).map_err(Failure::Unsupported)?;
    if let Some(prepare) = sends.prepare_receiver.filter(|_| work.cell.wire != Wire::Sink) {
        prepare(&worker.setup(sent), socket)?;
    }
    let mut path = (entry.open)(&worker.setup(choice), socket)?;
    let path = path.as_mut();
    let least = choice.value(receive::RCVLOWAT);
    wait_for(socket, least)?;
    let patience = match receiving.patience() {
        // A sender that pauses may have sent too little to wake it.
        Patience::Endless if work.messages.is_some() || least > 0 => Patience::Limit(READ_TIMEOUT),
        other => other,
    };
    patience.apply(socket, path)?;
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut ended = receiving.run(path, worker.span(WARM_UP, u64::MAX))?;
    if work.messages.is_some() {
        ended = hold(worker, &mut receiving, path, least)?;
    }
    receiving.patience().apply(socket, path)?;
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

/// The pause of a receiver before a window that is bounded by messages: from the last bytes before it to the first in it.
fn hold(
    worker: &Worker,
    receiving: &mut impl Receiving,
    path: &mut dyn ReceivePath,
    least: u64,
) -> Result<ReceiveEnd, Failure> {
    let &Worker { stream, socket, gate, notes, tally, .. } = worker;
    gate.wait_beyond(WARM_UP)?;
    let boundary = gate.boundary.get().and_then(|bytes| bytes.get(stream as usize)).copied();
    let boundary = boundary.ok_or_else(|| Failure::Failed("no boundary for the stream".to_owned()))?;
    if least > 0 {
        // What is left before the boundary may be less than a call waits for.
        socket::receive_low_water(socket, 0)?;
    }
    let ended = receiving.run(path, worker.span(HELD, boundary))?;
    let got = tally.bytes();
    if got != boundary {
        return Err(Failure::Failed(format!("{got} bytes before the window where {boundary} were sent")));
    }
    notes.held(stream, boundary);
    gate.wait_beyond(HELD)?;
    // The window begins when there is something to receive.
    path.wait(socket, &|| gate.check().is_ok())?;
    wait_for(socket, least)?;
    Ok(ended)
}

/// Has receive calls wait for so many bytes; where it is not asked for, the socket stays as it is.
fn wait_for(socket: &Socket, least: u64) -> Result<(), Failure> {
    if least > 0 { socket::receive_low_water(socket, least) } else { Ok(()) }
}
