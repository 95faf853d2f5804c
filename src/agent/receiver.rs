//! A receiver worker: one stream's life from a connected socket to its report.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use super::event::Notes;
use super::gate::{Gate, HELD, MEASURE, PREPARED, STOP, WARM_UP};
use super::order::Order;
use super::protocol::StreamReport;
use super::thread::pin;
use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::pattern::Pattern;
use crate::receive::Ended;
use crate::record::stream::ZeroCopy;

/// How often a receiver without bytes looks whether its stream is to pause.
const READ_TIMEOUT: Duration = Duration::from_millis(2);

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
    let mut path = order.open_receive(Pattern::new(nonce, index))?;
    let phase = &gate.phase.0;
    if order.messages.is_some() {
        socket.set_read_timeout(Some(READ_TIMEOUT)).map_err(Failure::io("SO_RCVTIMEO"))?;
    }
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let tally = notes.tally(index);
    let mut ended = path.run(socket, phase, WARM_UP, u64::MAX, tally)?;
    if order.messages.is_some() {
        gate.wait_beyond(WARM_UP)?;
        let boundary = gate.boundary.get().and_then(|bytes| bytes.get(index as usize)).copied();
        let boundary = boundary.ok_or_else(|| Failure::Failed("no boundary for the stream".to_owned()))?;
        ended = path.run(socket, phase, HELD, boundary, tally)?;
        let got = tally.bytes();
        if got != boundary {
            return Err(Failure::Failed(format!("{got} bytes before the window where {boundary} were sent")));
        }
        notes.held(index, boundary);
        socket.set_read_timeout(None).map_err(Failure::io("SO_RCVTIMEO"))?;
        gate.wait_beyond(HELD)?;
        // The window begins when there is something to receive.
        let mut readable = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut readable, PollTimeout::NONE);
    }
    if ended == Ended::Eof {
        gate.check()?;
        return Err(Failure::Failed("the sender closed the stream before the window".to_owned()));
    }

    let (bytes, calls) = (tally.bytes(), tally.calls());
    notes.began();
    let began_s = gate.epoch.elapsed().as_secs_f64();
    counters.begin();
    let mut ended = path.run(socket, phase, MEASURE, u64::MAX, tally)?;
    let mut end = counters.end();
    let (bytes, calls) = (tally.bytes() - bytes, tally.calls() - calls);
    notes.measured();

    if ended == Ended::Stopped {
        ended = path.run(socket, phase, STOP, u64::MAX, tally)?;
    }
    gate.check()?;
    debug_assert_eq!(ended, Ended::Eof);
    end.bytes = Some(bytes);
    end.messages = Some(bytes / order.cell.message_bytes);
    end.calls = Some(calls);
    Ok(StreamReport {
        end,
        began_s,
        zc: ZeroCopy::default(),
        retransmits: None,
        total_bytes: tally.bytes(),
        cpu,
        read_back: order.socket.read_back(socket),
    })
}
