//! Interfaces of the kernel by which payload gets into a socket or out of it, and what is known of each beside the
//! calls themselves. Here are those that several paths share; any other is declared beside the path that uses it.

/// One interface of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelInterface {
    /// What readers call it.
    pub name: &'static str,
    /// The system calls whose results are the payload bytes that they moved, by which the x-ray counts on kernels before
    /// 6.3. None where no result tells, as with io_uring_enter(2), which returns requests, and with getsockopt(2): the
    /// bytes of its calls are then not counted, and samples alone tell of copies.
    pub system_calls: &'static [i64],
    /// What it says of each call once the kernel has let go of the bytes; none where it says nothing.
    pub completions: Option<Completions>,
}

/// What an interface's completions tell of copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completions {
    /// What it takes.
    pub takes: &'static str,
    /// The flag of a call whose bytes the kernel copied after all.
    pub copied_flag: &'static str,
    /// What is to be known where no call has the flag, as a sentence.
    pub none_flagged: &'static str,
    /// The same where some calls have it, as a clause.
    pub some_flagged: &'static str,
}

impl KernelInterface {
    /// send(2), from one buffer.
    pub const SEND: Self = Self { name: "send()", system_calls: &[libc::SYS_sendto], completions: None };
    /// sendmsg(2), from an iovec.
    pub const SENDMSG: Self =
        Self { name: "sendmsg()", system_calls: &[libc::SYS_sendmsg], completions: None };
    /// recv(2), into one buffer.
    pub const RECV: Self = Self { name: "recv()", system_calls: &[libc::SYS_recvfrom], completions: None };
}
