//! Talking with the two agents: requests out, replies in, and who is lost when none comes.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::peer::Heard;
use super::{Lab, PROMPT, Side, Trouble};
use crate::agent::protocol::{Reply, Request};
use crate::failure::Failure;
use crate::frame::FrameError;

/// How long nothing may be heard before the agents are asked whether they are alive, and how long they may
/// take to answer: a thread of each does nothing else.
const SILENCE: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
// Else a lost agent would be taken for a trial that broke, and every further trial would break too.
const _: () = assert!(SILENCE.as_secs() + ANSWER.as_secs() < PROMPT.as_secs());
/// How long after a trial broke the coordinator listens for the reason behind it: an agent that died breaks
/// the other one's streams first.
const REASON_WITHIN: Duration = Duration::from_millis(400);

impl Lab {
    pub(super) fn tell(&mut self, side: Side, request: &Request) -> Result<(), Trouble> {
        let peer = self.peer_mut(side);
        peer.tell(request).map_err(|error| Trouble::Lost(peer.why_lost(&FrameError::Io(error))))
    }

    pub(super) fn tell_both(&mut self, request: &Request) -> Result<(), Trouble> {
        // The receiver first: its window shall lie inside the flow.
        self.tell(Side::Receiver, request)?;
        self.tell(Side::Sender, request)
    }

    /// Waits for the next reply of this trial, until the deadline.
    fn hear(&mut self, deadline: Instant) -> Result<Option<(Side, Reply)>, Trouble> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let news = self.heard.recv_timeout(left);
            if let Ok((side, _)) = news {
                self.peer_mut(side).heard_at = Instant::now();
            }
            match news {
                Ok((_, Heard::Reply(Reply::Pong { .. }))) => {}
                Ok((_, Heard::Reply(reply))) if reply.trial().is_some_and(|trial| trial != self.trial) => {}
                Ok((side, Heard::Reply(Reply::Broken { failure, .. }))) => {
                    return Err(self.reason_behind(side, failure.of_another()));
                }
                Ok((side, Heard::Reply(reply))) => return Ok(Some((side, reply))),
                Ok((side, Heard::Lost(error))) => {
                    return Err(Trouble::Lost(self.peer_mut(side).why_lost(&error)));
                }
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Lost("both agents are gone".to_owned()));
                }
            }
        }
    }

    /// A trial broke: because an agent died, or for the reason it says?
    fn reason_behind(&mut self, side: Side, failure: Failure) -> Trouble {
        let deadline = Instant::now() + REASON_WITHIN;
        let why = match failure {
            Failure::Unsupported(_) => return Trouble::Trial(failure),
            Failure::Failed(why) => why,
        };
        while let Ok(news) = self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            match news {
                (side, Heard::Lost(error)) => return Trouble::Lost(self.peer_mut(side).why_lost(&error)),
                (_, Heard::Reply(Reply::Broken { trial, failure: Failure::Unsupported(why) }))
                    if trial == self.trial =>
                {
                    return Trouble::Trial(Failure::Unsupported(why).of_another());
                }
                _ => {}
            }
        }
        Trouble::Trial(Failure::Failed(format!("the {side}: {why}")))
    }

    /// Waits for replies until `done` says that all have come.
    pub(super) fn expect(
        &mut self,
        what: &str,
        patience: Duration,
        done: impl FnMut(Side, Reply) -> Result<bool, Failure>,
    ) -> Result<(), Trouble> {
        match self.listen(Instant::now() + patience, done)? {
            true => Ok(()),
            false => Err(Failure::Failed(format!("{what} did not come within {patience:.1?}")).into()),
        }
    }

    /// Listens until `done` says that all have come, or the deadline has passed; whether all have. Agents from which nothing is
    /// heard are asked whether they are alive.
    fn listen(
        &mut self,
        deadline: Instant,
        mut done: impl FnMut(Side, Reply) -> Result<bool, Failure>,
    ) -> Result<bool, Trouble> {
        let mut asked = None;
        loop {
            let next = asked.map_or(SILENCE, |_| ANSWER);
            match self.hear(deadline.min(Instant::now() + next))? {
                Some((side, reply)) => {
                    if done(side, reply)? {
                        return Ok(true);
                    }
                }
                None if Instant::now() >= deadline => return Ok(false),
                None => asked = self.ask_whether_alive(asked)?,
            }
        }
    }

    /// Waits until both agents have given the reply that is `due`.
    pub(super) fn expect_both(
        &mut self,
        what: &str,
        patience: Duration,
        due: fn(&Reply) -> bool,
    ) -> Result<(), Trouble> {
        let mut came = 0;
        self.expect(what, patience, |side, reply| {
            if !due(&reply) {
                return Err(out_of_place(side, &reply));
            }
            came += 1;
            Ok(came == 2)
        })
    }

    /// Asks the agents whether they are alive; when they were asked before, who has not answered is lost.
    fn ask_whether_alive(&mut self, asked: Option<Instant>) -> Result<Option<Instant>, Trouble> {
        let Some(asked) = asked else {
            let now = Instant::now();
            self.tell_both(&Request::Ping)?;
            return Ok(Some(now));
        };
        for peer in [&self.sender, &self.receiver] {
            if peer.heard_at < asked {
                return Err(Trouble::Lost(peer.silent()));
            }
        }
        Ok(None)
    }

    /// Waits this long; nothing is expected meanwhile but bad news.
    pub(super) fn pause(&mut self, duration: Duration) -> Result<(), Trouble> {
        self.listen(Instant::now() + duration, |side, reply| Err(out_of_place(side, &reply))).map(drop)
    }
}

pub(super) fn out_of_place(side: Side, reply: &Reply) -> Failure {
    let text = serde_json::to_string(reply).unwrap_or_default();
    let text: String = text.chars().take(80).collect();
    Failure::Failed(format!("the {side} said `{text}` out of place"))
}
