//! What the paths of a stream are opened with, at either end.

use crate::cell::Payload;
use crate::choice::Choice;
use crate::pattern::Pattern;

/// What a stream's send path and receive path are made from.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The path, with its parameters.
    pub choice: Choice,
    /// Size of a message, bytes.
    pub message_bytes: usize,
    /// Bytes of distinct messages to cycle through; absent: as few as the path needs.
    pub working_set: Option<u64>,
    /// Number of streams of the trial, which share the memory for messages in flight.
    pub streams: u32,
    /// Most messages that the receiver has not answered, where it answers: what is answered was read, and its memory can
    /// be written again, whatever path it went by.
    pub unanswered: Option<u32>,
    /// Whether the bytes change between sends.
    pub payload: Payload,
    /// The bytes to send.
    pub pattern: Pattern,
    /// Bytes asked for in a receive call.
    pub read_size: usize,
    /// Compare every received byte.
    pub verify: bool,
    /// The process that sends, where both ends are processes of one machine that the coordinator started.
    pub sender_process: Option<u32>,
}

impl Setup {
    /// One stream of static messages of this size, which are read one by one.
    pub fn of_messages(message_bytes: usize, pattern: Pattern) -> Self {
        Self {
            choice: Choice::usual("", &[], &[]),
            message_bytes,
            working_set: None,
            streams: 1,
            unanswered: None,
            payload: Payload::Static,
            pattern,
            read_size: message_bytes,
            verify: false,
            sender_process: None,
        }
    }
}
