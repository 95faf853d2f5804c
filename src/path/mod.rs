//! Send paths: how a message gets into the socket.
//!
//! A path is one file with a type that implements [`SendPath`], and one line in [`REGISTRY`]. The path is
//! chosen before the loop starts: [`SendPath::run`] is compiled once for each, and inside it there is the
//! send call, two additions and one relaxed load.

mod call;
mod disk_file;
mod ktls;
mod lent;
mod mapped;
mod one_copy;
mod plain_send;
mod planted;
mod sendfile;
mod sendfile_disk;
mod splice;
mod supply;
mod two_copy;
mod uring;
mod uring_bundle;
mod uring_send;
mod uring_send_zc;
mod uring_send_zc_fixed;
mod writev;
mod zero_copy;

use std::time::Instant;

use nix::sys::socket::ControlMessageOwned;
use socket2::Socket;

use crate::cell::Payload;
use crate::choice::{self, Choice, Parameter, Parameters, SWITCH};
use crate::failure::Failure;
pub use crate::interface::MovedBytes;
use crate::interface::{Completions, FlagProof, KernelInterface};
use crate::message::FIELDS;
use crate::record::stream::ZeroCopy;
use crate::setup::Setup;
use crate::span::Span;
use crate::spelling;
use crate::style::Style;
pub use lent::{MOST_LENT, most_lent};
pub use supply::{Fresh, Rewrite, Static, Supply};

/// What a stream has sent since its tally was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whole messages.
    pub messages: u64,
    /// Send calls that took bytes.
    pub calls: u64,
}

/// One stream's way of sending.
pub trait SendPath: Send {
    /// Sends one whole message, however many calls that takes, and counts the calls.
    ///
    /// # Errors
    /// `Unsupported` when this machine cannot send this way, `Failed` when the connection broke.
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure>;

    /// Sends messages until the span is over.
    fn run(&mut self, socket: &Socket, span: Span, tally: &mut Tally) -> Result<(), Failure> {
        while span.goes_on(tally.messages) {
            self.send_message(socket, tally)?;
            tally.messages += 1;
        }
        Ok(())
    }

    /// Waits until the kernel has let go of every buffer, the deadline has passed, or `goes_on` is false.
    ///
    /// # Errors
    /// When notifications cannot be read.
    fn drain(
        &mut self,
        _socket: &Socket,
        _deadline: Instant,
        _goes_on: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Messages of which the kernel has let go since the path was opened, as far as it is known; absent on paths that
    /// lend it none.
    fn released(&self) -> Option<u64> {
        None
    }

    /// Learns of which messages the kernel has let go.
    fn reap(&mut self, _socket: &Socket) -> Result<(), Failure> {
        Ok(())
    }

    /// Takes what somebody else has read from the socket's error queue.
    fn hear(&mut self, _part: &ControlMessageOwned) {}

    /// CPU time of the kernel's threads that have worked for this path so far, seconds; absent where there are none.
    fn kernel_cpu_s(&self) -> Option<f64> {
        None
    }

    /// What the kernel said of copying; absent on paths to which it says nothing.
    fn usage(&self) -> ZeroCopy {
        ZeroCopy::default()
    }
}

/// Makes a stream's path on a connected socket.
pub type Open = fn(&Setup, &Socket) -> Result<Box<dyn SendPath>, Failure>;

/// Prepares the receiver's socket of a stream: it is called with the setup of the send path, at the other end.
pub type PrepareReceiver = fn(&Setup, &Socket) -> Result<(), Failure>;

/// How often a path copies each byte on the sender's side, where nothing stands in its way: the promise that a
/// measurement confirms or refutes.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// In user space.
    pub user: u32,
    /// Into the kernel, inside the call.
    pub kernel: u32,
    /// Whether the kernel copies later what it delivers on the same host (veth, bridge, loopback).
    pub is_deferred: bool,
}

impl Promise {
    /// What is copied into the kernel for a receiver on the same host, for a reader.
    #[must_use]
    pub fn on_this_host(self) -> String {
        if self.is_deferred { "1, deferred".to_owned() } else { self.kernel.to_string() }
    }
}

/// One send path, as users name it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in grids, flags and rows.
    pub name: &'static str,
    /// Another accepted name, from the published studies.
    pub alias: Option<&'static str>,
    /// One line: what it does.
    pub about: &'static str,
    /// The kernel's interface that it uses.
    pub interface: KernelInterface,
    /// What it copies.
    pub promise: Promise,
    /// How it looks in figures.
    pub style: Style,
    /// What can be set of it, beside [`COMMON`].
    pub parameters: Parameters,
    /// What the receiver's socket needs before the first byte comes; none where any socket will do.
    pub prepare_receiver: Option<PrepareReceiver>,
    /// Makes a stream's path.
    pub open: Open,
}

/// The path that others are compared with where a run has it.
pub const BASELINE: &Entry = &two_copy::ENTRY;

/// The path that others are compared with where a run has no baseline: one buffer, and nothing but a send.
pub const PLAIN: &Entry = &plain_send::ENTRY;

/// The path that copies nothing even for a receiver on the same host: with [`crate::receive::LEAST_WORK`] the least that a
/// stream can cost.
pub const LEAST_WORK: &Entry = &splice::ENTRY;

/// Every send path: a new one is a new file and one line here.
pub const REGISTRY: &[Entry] = &[
    plain_send::ENTRY,
    two_copy::ENTRY,
    one_copy::ENTRY,
    zero_copy::ENTRY,
    sendfile::ENTRY,
    splice::ENTRY,
    uring_send::ENTRY,
    uring_send_zc::ENTRY,
    uring_send_zc_fixed::ENTRY,
    uring_bundle::ENTRY,
    writev::ENTRY,
    sendfile_disk::ENTRY,
    ktls::ENTRY,
];

/// Paths that calibrate the instrument: found by name, and in no list of what there is to choose from.
pub const CALIBRATION: &[Entry] = &planted::ENTRIES;

/// What can be set of every send path.
pub const COMMON: &[Parameter] = &[Parameter {
    key: CORK,
    about: "TCP_CORK: full segments alone, until the socket is closed",
    values: SWITCH,
    usual: 0,
}];

/// The switch of [`COMMON`].
pub const CORK: &str = "cork";

impl Entry {
    /// The path, its parameters as usual.
    #[must_use]
    pub fn usual(&self) -> Choice {
        Choice::usual(self.name, self.parameters.list, COMMON)
    }
}

/// The path of a text that may have parameters behind the name: `uring-send:depth=8:chain=link`.
///
/// # Errors
/// One sentence with what is allowed.
pub fn choose(text: &str) -> Result<Choice, String> {
    let entry = find(text)?;
    Choice::read(entry.name, &entry.parameters, COMMON, text)
}

/// The path of this name or alias, whatever parameters stand behind it.
pub fn find(text: &str) -> Result<&'static Entry, String> {
    let name = choice::name(text);
    let mut all = REGISTRY.iter().chain(CALIBRATION);
    all.find(|entry| entry.name == name || entry.alias == Some(name)).ok_or_else(|| {
        let said = spelling::unknown(name, "a send path", REGISTRY.iter().map(|entry| entry.name));
        format!("{said} (or A1, A2, A3)")
    })
}

/// Memory that the messages of one stream take, bytes: as many of them as are kept in flight, or as the working set has.
pub fn memory(setup: &Setup) -> u64 {
    let Ok(entry) = find(setup.choice.name()) else { return 0 };
    let message = setup.message_bytes + FIELDS * mapped::CACHE_LINE;
    // Those of the disk lie there.
    let setup =
        if entry.name == sendfile_disk::ENTRY.name { &Setup { working_set: None, ..*setup } } else { setup };
    let lent = entry.interface.completions.map_or(1, |_| most_lent(setup.message_bytes, setup.streams));
    let unanswered = if setup.payload == Payload::Fresh { setup.unanswered.unwrap_or(1) as usize } else { 1 };
    let least = lent.max(unanswered).max(setup.choice.value(uring::DEPTH) as usize);
    // And one to gather it in.
    (supply::count(setup, least) as u64 + 1).saturating_mul(message as u64)
}

/// What the flag of a path's completions proves; none where it has none.
pub fn flag_proof(text: &str) -> Option<FlagProof> {
    find(text).ok()?.interface.completions.map(|completions| completions.proof)
}

/// Whether a path's flag proves copying where it is set, as far as is known here.
pub fn is_flag_proof(text: &str) -> bool {
    flag_proof(text) != Some(FlagProof::WhereUnset)
}

/// The entries and completions of the paths to whose interface the kernel says whether it copied, in the registry's order.
pub fn notified() -> impl Iterator<Item = (&'static Entry, Completions)> {
    REGISTRY.iter().filter_map(|entry| Some((entry, entry.interface.completions?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<_> =
            REGISTRY.iter().chain(CALIBRATION).flat_map(|e| [Some(e.name), e.alias]).flatten().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn published_names_are_accepted() {
        assert_eq!(find("A1").unwrap().name, "two-copy");
        assert_eq!(find("A2").unwrap().name, "one-copy");
        assert_eq!(find("A3").unwrap().name, "zero-copy");
        assert!(find("A4").unwrap_err().contains("plain-send, two-copy"));
    }
}
