//! none: nobody reads. The payload is dropped where it arrives, and this worker acknowledges it in place of a receiver: the
//! far end of a [`crate::sink`].

use std::ffi::c_ulong;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, Timespec};
use socket2::Socket;

use super::{Entry, KernelInterface, Parameters, RCVLOWAT, ReceivePath};
use crate::cell::Wire;
use crate::choice::{Choice, Parameter, Values};
use crate::failure::Failure;
use crate::interface::MovedBytes;
use crate::link::Ethernet;
use crate::record::{End, ReceiveUsage};
use crate::setup::Setup;
use crate::sink::{Acknowledger, Acks, DropRule, Due, Pace, Repaired, SenderSocket};

pub(super) const ENTRY: Entry = Entry {
    name: "none",
    about: "nobody reads; the sender is acknowledged (wire sink alone)",
    interface: KernelInterface { name: "no call", moved: MovedBytes::Nowhere, completions: None },
    promised_copies: 0,
    parameters: Parameters {
        check,
        list: &[
            Parameter {
                key: INTERVAL,
                about: "how often the acknowledger looks at what was sent",
                values: Values::Microseconds { least: 1, most: 1000 },
                usual: 30,
            },
            Parameter {
                key: SEGMENTS,
                about: "full segments that are acknowledged at once; fewer wait for one more interval",
                values: Values::Count { least: 1, most: 1024 },
                usual: 2,
            },
        ],
    },
    open: |setup, socket| Ok(Box::new(NobodyReads::open(setup, socket)?)),
};

/// Nobody waits for bytes.
fn check(choice: &Choice) -> Result<(), String> {
    match choice.value(RCVLOWAT) {
        0 => Ok(()),
        _ => Err("rcvlowat: on a sink nobody reads, so that nobody waits for bytes; leave it out".to_owned()),
    }
}

/// The wire that it is for.
pub(super) const WIRE: Wire = Wire::Sink;

const INTERVAL: &str = "interval";
const SEGMENTS: &str = "segments";

struct NobodyReads {
    sender: SenderSocket,
    acknowledger: Acknowledger,
    acks: Acks,
    sent_acks: u64,
    interval: Duration,
    has_ended: bool,
    cpu_s: Option<f64>,
    #[expect(dead_code, reason = "the payload is dropped for as long as it is there")]
    rule: Arc<DropRule>,
}

impl NobodyReads {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        let pid = setup.sender_process.ok_or_else(|| {
            Failure::Unsupported("a sink takes both agents in one netns lab: leave --sender out".to_owned())
        })?;
        let sender = SenderSocket::of(pid, socket)?;
        let connection = Repaired::of(socket)?;
        let ethernet = Ethernet::towards(connection.there.ip())
            .map_err(|error| Failure::Failed(format!("the link of the sink: {error:#}")))?;
        let rule = DropRule::of(&ethernet.name, connection.there.port())?;
        wake_in_time();
        let pace = Pace { interval_us: setup.choice.value(INTERVAL), segments: setup.choice.value(SEGMENTS) };
        Ok(Self {
            acks: Acks::of(connection, ethernet, &sender)?,
            sender,
            acknowledger: Acknowledger::new(pace),
            sent_acks: 0,
            interval: Duration::from_micros(pace.interval_us),
            has_ended: false,
            cpu_s: None,
            rule,
        })
    }

    /// One look at the sender: bytes that are acknowledged by it, 0 at the end, none where nothing is due.
    fn look(&mut self) -> Result<Option<usize>, Failure> {
        let before = self.acknowledger.acknowledged();
        match self.acknowledger.look(&self.sender.progress()?) {
            Due::Nothing => Ok(None),
            Due::Ack(bytes) => {
                self.acks.ack(bytes)?;
                self.sent_acks += 1;
                Ok(Some((bytes - before) as usize))
            }
            Due::Again => {
                self.acks.ack(before)?;
                self.sent_acks += 1;
                Ok(None)
            }
            Due::End => {
                self.acks.end(before)?;
                self.sent_acks += 1;
                self.has_ended = true;
                Ok(Some(0))
            }
        }
    }
}

impl ReceivePath for NobodyReads {
    fn receive(&mut self, _: &Socket) -> Result<Option<usize>, Failure> {
        let seen = self.look()?;
        if seen != Some(0) {
            pause(self.interval);
        }
        Ok(seen)
    }

    fn wait(&mut self, _: &Socket, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        while goes_on() && self.sender.progress()?.sent <= self.acknowledger.acknowledged() {
            pause(self.interval);
        }
        Ok(())
    }

    fn usage(&self) -> ReceiveUsage {
        ReceiveUsage { acks: Some(self.sent_acks), acks_cpu_s: self.cpu_s, ..ReceiveUsage::default() }
    }

    /// The window's work was the acknowledger's: there is no receiver whose figures it could be.
    fn disown(&mut self, end: &mut End) {
        self.cpu_s = end.task_clock_s;
        *end = End { window_s: end.window_s, bytes: end.bytes, messages: end.messages, ..End::default() };
    }
}

impl Drop for NobodyReads {
    fn drop(&mut self) {
        if !self.has_ended {
            self.acks.reset(self.acknowledger.acknowledged());
        }
    }
}

/// Lets the calling thread wake when it asked to, and not up to 50 µs later (PR_SET_TIMERSLACK).
fn wake_in_time() {
    const NANOSECOND: c_ulong = 1;
    // SAFETY: a system call that touches no memory of ours.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, NANOSECOND, 0, 0, 0) };
}

fn pause(time: Duration) {
    let time = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
    // One that a signal cuts short is followed by a look, which does no harm.
    let _ = rustix::thread::clock_nanosleep_relative(ClockId::Monotonic, &time);
}
