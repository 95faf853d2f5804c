//! The end that sends: one stream's life from a connected socket to its report.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::path::{self, Tally};
use crate::socket;
use crate::workload::gate::{FLOW, HELD, MEASURE, PREPARED, WARM_UP};
use crate::workload::{StreamReport, Work, Worker};

pub(super) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    let &Worker { work, stream, socket, gate, notes, .. } = worker;
    let Work { cell, messages, .. } = work;
    let mut counters = ThreadCounters::open();
    let entry = path::find(&cell.send_path).map_err(Failure::Unsupported)?;
    let mut path = (entry.open)(&work.setup(worker.pattern), socket)?;
    let phase = &gate.phase.0;
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut warm = Tally::default();
    path.run(socket, phase, WARM_UP, u64::MAX, &mut warm)?;
    if messages.is_some() {
        // What Nagle's algorithm holds back would come only after the peer's delayed acknowledgement:
        // setting TCP_NODELAY pushes it out.
        for nodelay in [true, work.socket.nodelay] {
            socket.set_tcp_nodelay(nodelay).map_err(Failure::io("TCP_NODELAY"))?;
        }
        notes.held(stream, warm.messages * cell.message_bytes);
        gate.wait_beyond(HELD)?;
    }

    let mut tally = Tally::default();
    if messages.is_some() {
        notes.began();
    }
    let began_s = gate.epoch.elapsed().as_secs_f64();
    counters.begin();
    if messages.is_none() {
        // A sender whose receiver keeps up never waits: of a thousand on one CPU each would go on for its whole time
        // slice, and the last one would notice seconds after the first; so would the receivers behind them. So each
        // waits until all streams have begun at both ends. The one message wakes the stream's receiver, which then
        // notices too.
        path.run(socket, phase, MEASURE, 1, &mut tally)?;
        notes.began();
        gate.wait_beyond(MEASURE)?;
    }
    path.run(socket, phase, FLOW, messages.unwrap_or(u64::MAX), &mut tally)?;
    let mut end = counters.end();
    notes.measured();
    gate.check()?;

    socket.shutdown(Shutdown::Write).map_err(Failure::io("closing the sending side"))?;
    path.drain(socket, Instant::now() + Duration::from_secs_f64(work.drain_s))?;
    end.messages = Some(tally.messages);
    end.bytes = Some(tally.messages * cell.message_bytes);
    end.calls = Some(tally.calls);
    Ok(StreamReport {
        end,
        began_s,
        usage: path.usage(),
        retransmits: socket::retransmits(socket),
        total_bytes: (warm.messages + tally.messages) * cell.message_bytes,
        read_back: work.socket.read_back(socket),
        ..StreamReport::default()
    })
}
