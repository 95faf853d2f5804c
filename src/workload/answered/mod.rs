//! What workloads have in common whose messages are answered: the receiver sends a small answer for each message, and
//! the sender measures delays.
//!
//! Nothing is put into the payload. Both ends count bytes: message *i* ends at byte (*i* + 1) × size of the stream. An
//! answer is eight bytes, big-endian: the receiver's clock in nanoseconds when it had the message's last byte. So
//! answer *i* is bytes 8 *i* to 8 *i* + 7 of the way back.

mod figures;
mod outstanding;
mod receiver;

use socket2::Socket;

pub(super) use figures::of as figures;
pub(super) use outstanding::Outstanding;
pub(super) use receiver::{run as receive, send_all};

use super::Work;
use crate::cell::Wait;
use crate::failure::Failure;
use crate::socket;

/// Bytes of an answer.
const ANSWER: usize = 8;

/// Prepares a stream's socket at either end.
fn prepare(work: &Work, wait: Wait, socket: &Socket) -> Result<(), Failure> {
    // Nagle's algorithm would hold a message back until the one before it is acknowledged: what was measured then is
    // the peer's delayed acknowledgement.
    socket::set_nodelay(socket, work.socket.nodelay.unwrap_or(true))?;
    match wait {
        Wait::BusyPoll(time) => socket::busy_poll(socket, time),
        Wait::Block | Wait::Spin => Ok(()),
    }
}
