//! The send calls, straight to the kernel.
//!
//! The C library's wrappers of these calls are cancellation points: in a program with threads each costs two
//! locked instructions, a few per cent of a small send. Every path calls from here, so that none pays what
//! another does not; but for `sendfile(2)`, whose wrapper is no such point.

use std::io::{Error, IoSlice};
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::{Errno, Result};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use rustix::pipe::SpliceFlags;

/// `send(2)`.
#[inline]
pub(super) fn send(socket: impl AsFd, bytes: &[u8]) -> Result<usize> {
    rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)
}

/// `sendmsg(2)`, with flags beside MSG_NOSIGNAL.
#[inline]
pub(super) fn sendmsg(socket: impl AsFd, iovec: &[IoSlice<'_>], flags: i32) -> Result<usize> {
    let flags = SendFlags::NOSIGNAL | SendFlags::from_bits_retain(flags as u32);
    rustix::net::sendmsg(socket, iovec, &mut SendAncillaryBuffer::default(), flags)
}

/// `writev(2)`. It takes no MSG_NOSIGNAL: that the process ignores SIGPIPE, as Rust's runtime has it from the start, is
/// what turns a closed stream into EPIPE.
#[inline]
pub(super) fn writev(socket: impl AsFd, iovec: &[IoSlice<'_>]) -> Result<usize> {
    rustix::io::writev(socket, iovec)
}

/// `vmsplice(2)` into a pipe, which never waits for room. The pages go into the pipe as they are: the caller
/// keeps them unchanged for as long as the bytes may be read.
#[inline]
pub(super) fn vmsplice(pipe: impl AsFd, iovec: &[IoSlice<'_>]) -> Result<usize> {
    let (pipe, flags) = (pipe.as_fd().as_raw_fd(), SpliceFlags::NONBLOCK.bits());
    // SAFETY: an `IoSlice` is laid out as an `iovec`; the kernel reads the array during the call only.
    let taken = unsafe { libc::syscall(libc::SYS_vmsplice, pipe, iovec.as_ptr(), iovec.len(), flags) };
    usize::try_from(taken).map_err(|_| Errno::from_io_error(&Error::last_os_error()).unwrap_or(Errno::INVAL))
}

/// `splice(2)` from a pipe into a socket.
#[inline]
pub(super) fn splice(pipe: impl AsFd, socket: impl AsFd, bytes: usize) -> Result<usize> {
    rustix::pipe::splice(pipe, None, socket, None, bytes, SpliceFlags::empty())
}
