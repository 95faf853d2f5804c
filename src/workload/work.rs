//! What both ends of a trial's streams are to do, checked before anything is made.

use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Wire};
use crate::choice::Choice;
use crate::clock::Clocks;
use crate::histogram::Delays;
use crate::message::{LARGEST, SMALLEST};
use crate::pattern::Pattern;
use crate::setup::Setup;
use crate::socket::SocketOptions;
use crate::{path, receive, workload};

/// Most streams of a trial.
pub const MOST_STREAMS: u32 = 1024;
/// Most memory that the messages or buffers of one end may take, bytes.
const MOST_MEMORY: u64 = 8 << 30;
/// Longest wait for completions and answers after the last send, seconds.
const MOST_DRAIN_S: f64 = 60.0;
/// Most messages a second.
const MOST_RATE: f64 = 1e9;

/// What the streams of a trial do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// What to run.
    pub cell: Cell,
    /// Messages of a stream in the window; absent: until told to stop.
    pub messages: Option<u64>,
    /// What is set on each stream's socket, at both ends.
    pub socket: SocketOptions,
    /// Bytes asked for in a receive call.
    pub read_size: u64,
    /// Compare every received byte.
    pub verify: bool,
    /// Seconds to wait for completions and answers after the last send.
    pub drain_s: f64,
    /// Messages a second that each stream is to send; absent: the workload sets none.
    pub rate: Option<f64>,
    /// What the two ends' clocks have in common.
    pub clocks: Clocks,
    /// The process that sends, where the other end is to read how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_process: Option<u32>,
}

impl Work {
    /// Checks every number that an allocation, a thread or a wait depends on.
    pub fn check(&self) -> Result<(), String> {
        let Cell { message_bytes, threads, working_set, .. } = &self.cell;
        let workload = workload::check(&self.cell.workload)?;
        self.check_paths(workload)?;
        if !(SMALLEST..=LARGEST).contains(message_bytes) {
            return Err(format!("a message must have {SMALLEST} to {LARGEST} bytes, not {message_bytes}"));
        }
        if !(1..=MOST_STREAMS).contains(threads) {
            return Err(format!("a trial must have 1 to {MOST_STREAMS} streams, not {threads}"));
        }
        if !(1..=LARGEST).contains(&self.read_size) {
            return Err(format!("a read must ask for 1 to {LARGEST} bytes, not {}", self.read_size));
        }
        let streams = self.streams();
        if streams > MOST_STREAMS {
            return Err(format!(
                "{threads} streams and those in the background are more than {MOST_STREAMS}"
            ));
        }
        let unanswered = (workload.unanswered)(self);
        if let Some(asked) = unanswered {
            let most = path::most_lent(*message_bytes as usize, *threads);
            if asked as usize > most {
                return Err(format!(
                    "{threads} streams of {message_bytes} B messages can have {most} in flight each, not {asked}; \
                     lower the depth"
                ));
            }
        }
        if streams > *threads && self.messages.is_some() {
            return Err("streams in the background need a window that is bounded by a duration".to_owned());
        }
        if self.rate.is_some_and(|rate| !(rate > 0.0 && rate <= MOST_RATE)) {
            return Err(format!("a rate must be above 0 messages a second, and at most {MOST_RATE}"));
        }
        let buffers = message_bytes.max(&self.read_size).max(&working_set.unwrap_or(0)).saturating_mul(2);
        let stream = buffers + unanswered.map_or(0, |_| Delays::bytes(*threads));
        if stream.saturating_mul(u64::from(streams)) > MOST_MEMORY {
            return Err(format!("{streams} streams of {stream} bytes of buffers each are more than 8 GiB"));
        }
        if self.messages == Some(0) {
            return Err("a window must have at least one message".to_owned());
        }
        check_wait("the drain", self.drain_s, MOST_DRAIN_S)
    }

    /// Checks that the two paths go with each other, with the wire and with the workload.
    fn check_paths(&self, workload: &workload::Entry) -> Result<(), String> {
        let sent = path::choose(&self.cell.send_path)?;
        let received = receive::choose(&self.cell.receive_path)?;
        receive::check_wire(received.name(), self.cell.wire)?;
        // On a sink nobody reads, and so nobody decrypts.
        if self.cell.wire != Wire::Sink && path::find(sent.name())?.prepare_receiver.is_some() {
            receive::check_decrypted(received.name(), sent.name())?;
        }
        if self.cell.wire == Wire::Sink && workload.is_answered {
            return Err(format!(
                "the workload {} needs a receiver that answers, and on a sink nobody reads; use `stream` there",
                workload.name
            ));
        }
        let (least, message_bytes) = (received.value(receive::RCVLOWAT), self.cell.message_bytes);
        if workload.is_answered && least > message_bytes {
            return Err(format!(
                "a receiver that waits for {least} B never answers a message of {message_bytes} B; lower rcvlowat"
            ));
        }
        if sent.is_on(path::CORK) && workload.is_answered {
            return Err(format!(
                "cork: on holds a message back for up to 200 ms, and a {} waits for its answer; leave cork off",
                workload.name
            ));
        }
        Ok(())
    }

    /// Memory that the messages, or the buffers, of one end take, bytes.
    pub fn memory(&self, is_sending: bool) -> u64 {
        let Cell { send_path, receive_path, .. } = &self.cell;
        let choice = if is_sending { path::choose(send_path) } else { receive::choose(receive_path) };
        let Ok(choice) = choice else { return 0 };
        let setup = self.setup(choice, Pattern::new(0, 0));
        let stream = if is_sending { path::memory(&setup) } else { receive::memory(&setup) };
        stream.saturating_mul(u64::from(self.streams()))
    }

    /// How many streams there are, with those in the background.
    pub fn streams(&self) -> u32 {
        self.cell.threads.saturating_add(self.cell.workload.background)
    }

    /// Most messages of a measured stream that may be unanswered; absent where nobody answers.
    pub fn most_unanswered(&self) -> Option<u32> {
        workload::find(&self.cell.workload.name).ok().and_then(|entry| (entry.unanswered)(self))
    }

    /// What one of a stream's paths is opened with.
    pub fn setup(&self, choice: Choice, pattern: Pattern) -> Setup {
        Setup {
            choice,
            message_bytes: self.cell.message_bytes as usize,
            working_set: self.cell.working_set,
            streams: self.streams(),
            unanswered: self.most_unanswered(),
            payload: self.cell.payload,
            pattern,
            read_size: self.read_size as usize,
            verify: self.verify,
            sender_process: self.sender_process,
        }
    }
}

/// Checks a time to wait, in seconds.
///
/// # Errors
/// One sentence with the range.
pub(crate) fn check_wait(what: &str, seconds: f64, most: f64) -> Result<(), String> {
    match (0.0..=most).contains(&seconds) {
        true => Ok(()),
        false => Err(format!("{what} may last 0 to {most} seconds, not {seconds}")),
    }
}

#[cfg(test)]
impl Work {
    /// What a cell's streams do until they are told to stop, for tests.
    pub(crate) fn example(cell: Cell) -> Self {
        Self {
            read_size: cell.message_bytes,
            cell,
            messages: None,
            socket: SocketOptions::default(),
            verify: false,
            drain_s: 1.0,
            rate: None,
            clocks: Clocks::default(),
            sender_process: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Payload, Workload};

    #[test]
    fn paths_that_do_not_go_with_each_other_the_wire_or_the_workload_are_refused_with_a_remedy() {
        let check = |wire: Wire, send_path: &str, receive_path: &str, workload: &str| {
            let workload: Workload = workload.parse().unwrap();
            let cell =
                Cell { wire, workload, receive_path: receive_path.into(), ..Cell::example(send_path, 64) };
            assert_eq!(cell.payload, Payload::Static);
            Work::example(cell).check()
        };
        for (wire, send_path, receive_path, workload, part) in [
            (Wire::Unix, "two-copy", "trunc", "stream", "use recv"),
            (Wire::Veth, "ktls", "trunc", "stream", "use recv"),
            (Wire::Veth, "two-copy:cork=on", "recv", "request", "leave cork off"),
        ] {
            let refused = check(wire, send_path, receive_path, workload).unwrap_err();
            assert!(refused.contains(part), "{refused}");
            assert_eq!(check(wire, send_path, "recv", "stream"), Ok(()));
        }
        assert_eq!(check(Wire::Veth, "two-copy", "trunc", "stream"), Ok(()));
    }
}
