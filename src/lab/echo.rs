//! How far away an agent is, and its clock: by pings.

use std::time::Instant;

use super::peer::Heard;
use super::{Lab, PROMPT, Side, Trouble};
use crate::agent::protocol::{Reply, Request};
use crate::clock::{self, Echo};

impl Lab {
    /// Pings an agent so many times, one after the other.
    ///
    /// # Errors
    /// When an agent is gone, or does not answer in time.
    pub fn echoes(&mut self, side: Side, count: usize) -> Result<Vec<Echo>, Trouble> {
        (0..count).map(|_| self.echo(side)).collect()
    }

    fn echo(&mut self, side: Side) -> Result<Echo, Trouble> {
        let asked_ns = clock::realtime();
        self.tell(side, &Request::Ping)?;
        let deadline = Instant::now() + PROMPT;
        loop {
            match self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((from, Heard::Reply(Reply::Pong { realtime_ns }))) if from == side => {
                    return Ok(Echo { asked_ns, answered_ns: realtime_ns, heard_ns: clock::realtime() });
                }
                // Of no trial that anybody waits for.
                Ok((_, Heard::Reply(_))) => {}
                Ok((from, Heard::Lost(error))) => {
                    return Err(Trouble::Lost(self.peer_mut(from).why_lost(&error)));
                }
                Err(_) => return Err(Trouble::Lost(self.peer(side).silent())),
            }
        }
    }

    /// The largest packet that goes from here to an agent, bytes; absent where the kernel does not tell.
    pub fn path_mtu(&self, side: Side) -> Option<u32> {
        self.peer(side).path_mtu()
    }

    /// Whether an agent was there before the lab.
    pub fn is_reached_by_address(&self, side: Side) -> bool {
        self.peer(side).is_reached_by_address()
    }
}
