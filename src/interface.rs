//! Interfaces of the kernel by which payload gets into a socket or out of it, and what is known of each beside the
//! calls themselves. Here are those that several paths share; any other is declared beside the path that uses it.

/// One interface of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelInterface {
    /// What readers call it.
    pub name: &'static str,
    /// Where the x-ray learns how many payload bytes each of its calls moved.
    pub moved: MovedBytes,
    /// What it says of each call once the kernel has let go of the bytes; none where it says nothing.
    pub completions: Option<Completions>,
}

/// Where the kernel tells how many bytes a call moved. Where it does not, no copy is counted and samples alone tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedBytes {
    /// In the results of these system calls; in Linux 6.3 and later the tracepoints of sockets tell as well.
    Results(&'static [i64]),
    /// In the tracepoints of sockets alone, as with io_uring_enter(2), which returns requests: in Linux 6.3 and later, of
    /// what the worker's own thread does.
    Tracepoints,
    /// Nowhere, as with getsockopt(2), which passes no tracepoint of sockets.
    Nowhere,
}

/// What an interface's completions tell of copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completions {
    /// What it takes.
    pub takes: &'static str,
    /// The flag of a call whose bytes the kernel copied after all.
    pub copied_flag: &'static str,
    /// What that flag proves.
    pub proof: FlagProof,
    /// What is to be known where no call has the flag, as a sentence.
    pub none_flagged: &'static str,
    /// The same where some calls have it, as a clause.
    pub some_flagged: &'static str,
}

/// What the flag of a completed call proves of the copying of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagProof {
    /// Where it is set, bytes were copied; where it is not, they may have been all the same.
    WhereSet,
    /// Where it is not set, no byte was copied; where it is, they need not have been: only samples can tell.
    WhereUnset,
}

/// What is to be said beside a share of calls whose flag proves nothing where it is set.
pub(crate) const UNPROVEN: &str = "flagged COPIED, which on io_uring proves nothing: x-ray it";

impl KernelInterface {
    /// send(2), from one buffer.
    pub const SEND: Self =
        Self { name: "send()", moved: MovedBytes::Results(&[libc::SYS_sendto]), completions: None };
    /// sendmsg(2), from an iovec.
    pub const SENDMSG: Self =
        Self { name: "sendmsg()", moved: MovedBytes::Results(&[libc::SYS_sendmsg]), completions: None };
    /// recv(2), into one buffer.
    pub const RECV: Self =
        Self { name: "recv()", moved: MovedBytes::Results(&[libc::SYS_recvfrom]), completions: None };
}
