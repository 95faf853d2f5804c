//! The end that receives: one stream's life from a connected socket to its report.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::counters::ThreadCounters;
use crate::failure::Failure;
use crate::receive::{self, ReceiveEnd};
use crate::workload::gate::{HELD, MEASURE, PREPARED, STOP, WARM_UP};
use crate::workload::{StreamReport, Worker};

/// How often a receiver without bytes looks whether its stream is to pause.
const READ_TIMEOUT: Duration = Duration::from_millis(2);

pub(super) fn run(worker: &Worker) -> Result<StreamReport, Failure> {
    let &Worker { work, stream, socket, gate, notes, tally, .. } = worker;
    let mut counters = ThreadCounters::open();
    let entry = receive::find(&work.cell.receive_path).map_err(Failure::Unsupported)?;
    let mut path = (entry.open)(&work.setup(worker.pattern), socket)?;
    let phase = &gate.phase.0;
    if work.messages.is_some() {
        socket.set_read_timeout(Some(READ_TIMEOUT)).map_err(Failure::io("SO_RCVTIMEO"))?;
    }
    notes.ready();
    gate.wait_beyond(PREPARED)?;

    let mut ended = path.run(socket, phase, WARM_UP, u64::MAX, tally)?;
    if work.messages.is_some() {
        gate.wait_beyond(WARM_UP)?;
        let boundary = gate.boundary.get().and_then(|bytes| bytes.get(stream as usize)).copied();
        let boundary = boundary.ok_or_else(|| Failure::Failed("no boundary for the stream".to_owned()))?;
        ended = path.run(socket, phase, HELD, boundary, tally)?;
        let got = tally.bytes();
        if got != boundary {
            return Err(Failure::Failed(format!("{got} bytes before the window where {boundary} were sent")));
        }
        notes.held(stream, boundary);
        socket.set_read_timeout(None).map_err(Failure::io("SO_RCVTIMEO"))?;
        gate.wait_beyond(HELD)?;
        // The window begins when there is something to receive.
        let mut readable = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut readable, PollTimeout::NONE);
    }
    if ended == ReceiveEnd::Eof {
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

    if ended == ReceiveEnd::Stopped {
        ended = path.run(socket, phase, STOP, u64::MAX, tally)?;
    }
    gate.check()?;
    debug_assert_eq!(ended, ReceiveEnd::Eof);
    end.bytes = Some(bytes);
    end.messages = Some(bytes / work.cell.message_bytes);
    end.calls = Some(calls);
    Ok(StreamReport {
        end,
        began_s,
        usage: path.usage(),
        total_bytes: tally.bytes(),
        read_back: work.socket.read_back(socket),
        ..StreamReport::default()
    })
}
