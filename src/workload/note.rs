//! How a worker reports to the session where it is.

/// What a worker reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Buffers and counters stand; the worker's thread id.
    Ready(u32),
    /// This stream pauses after so many bytes.
    Held {
        /// Number of the stream.
        stream: u32,
        /// Bytes since it was connected.
        bytes: u64,
    },
    /// Its window begins now.
    Began,
    /// Its window is over.
    Measured,
}

/// The way to whoever waits for notes.
pub struct Notes(Box<dyn Fn(Note) + Send>);

impl Notes {
    /// Notes that are handed to `tell`, which must not block.
    pub fn new(tell: impl Fn(Note) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    pub(super) fn ready(&self) {
        (self.0)(Note::Ready(nix::unistd::gettid().as_raw() as u32));
    }

    pub(super) fn held(&self, stream: u32, bytes: u64) {
        (self.0)(Note::Held { stream, bytes });
    }

    pub(super) fn began(&self) {
        (self.0)(Note::Began);
    }

    pub(super) fn measured(&self) {
        (self.0)(Note::Measured);
    }
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Notes")
    }
}
