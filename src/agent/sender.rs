//! A sender worker: one stream's life from a connected socket to its report.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::event::Notes;
use super::gate::{FLOW, Gate, HELD, MEASURE, PREPARED, WARM_UP};
use super::order::Order;
use super::protocol::StreamReport;
use super::thread::pin;
use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::path::{self, Tally};
use crate::pattern::Pattern;
use crate::record::stream::ZeroCopy;
use crate::socket;

/// Runs stream `index` of a trial on the calling thread.
pub(super) fn run(
    order: &Order,
    index: u32,
    nonce: u64,
    socket: &Socket,
    gate: &Arc<Gate>,
    notes: &Notes,
) -> Result<StreamReport, Failure> {
    let cpu = pin(order, index)?;
    let mut counters = ThreadCounters::open();
    let entry = path::find(&order.cell.send_path).map_err(Failure::Unsupported)?;
    let setup = order.setup(Pattern::new(nonce, index));
    let mut path = (entry.open)(&setup, order.cell.payload, socket)?;
    let phase = &gate.phase.0;
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut warm = Tally::default();
    path.run(socket, phase, WARM_UP, u64::MAX, &mut warm)?;
    if order.messages.is_some() {
        // What Nagle's algorithm holds back would come only after the peer's delayed acknowledgement:
        // setting TCP_NODELAY pushes it out.
        for nodelay in [true, order.socket.nodelay] {
            socket.set_tcp_nodelay(nodelay).map_err(Failure::io("TCP_NODELAY"))?;
        }
        notes.held(index, warm.messages * order.cell.message_bytes);
        gate.wait_beyond(HELD)?;
    }

    let mut tally = Tally::default();
    if order.messages.is_some() {
        notes.began();
    }
    let began_s = gate.epoch.elapsed().as_secs_f64();
    counters.begin();
    if order.messages.is_none() {
        // A sender whose receiver keeps up never waits: of a thousand on one CPU each would go on for its whole time
        // slice, and the last one would notice seconds after the first; so would the receivers behind them. So each
        // waits until all streams have begun at both ends. The one message wakes the stream's receiver, which then
        // notices too.
        path.run(socket, phase, MEASURE, 1, &mut tally)?;
        notes.began();
        gate.wait_beyond(MEASURE)?;
    }
    path.run(socket, phase, FLOW, order.messages.unwrap_or(u64::MAX), &mut tally)?;
    let mut end = counters.end();
    notes.measured();
    gate.check()?;

    socket.shutdown(Shutdown::Write).map_err(Failure::io("closing the sending side"))?;
    path.drain(socket, Instant::now() + Duration::from_secs_f64(order.drain_s))?;
    end.messages = Some(tally.messages);
    end.bytes = Some(tally.messages * order.cell.message_bytes);
    end.calls = Some(tally.calls);
    let zc: ZeroCopy = path.zero_copy();
    Ok(StreamReport {
        end,
        began_s,
        zc,
        retransmits: socket::retransmits(socket),
        total_bytes: (warm.messages + tally.messages) * order.cell.message_bytes,
        cpu,
        read_back: order.socket.read_back(socket),
    })
}
