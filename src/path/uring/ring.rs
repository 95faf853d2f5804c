//! A sending worker's ring. Ring and socket are registered, so that neither is looked up at each call.
//!
//! With SQPOLL a thread of the kernel submits instead, by the worker's affinity: it shares the worker's CPU where that is
//! pinned.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, squeue};
use linux_raw_sys::io_uring as raw;
use linux_raw_sys::io_uring::io_uring_register_op as Register;
use socket2::Socket;

use super::threads::{KernelThreads, new_poller};
use crate::failure::Failure;
use crate::units;
use crate::uring::{self, Way, refusal};

/// How long a thread of the kernel looks for requests before it sleeps, milliseconds.
const IDLE_MS: u32 = 10;
/// Most entries of a completion queue (IORING_MAX_CQ_ENTRIES).
const MOST_COMPLETIONS: usize = 1 << 16;

/// The one file that is registered: the socket.
pub(in crate::path) const SOCKET: io_uring::types::Fixed = io_uring::types::Fixed(0);

/// The best way first.
const DIRECT: &[Way] = &[uring::PLAIN, uring::DEFERRED, uring::COOPERATIVE];
/// The same with a thread of the kernel that submits; the first takes Linux 6.0.
const POLLED: &[Way] =
    &[|ring| ring.setup_single_issuer().setup_sqpoll(IDLE_MS), |ring| ring.setup_sqpoll(IDLE_MS)];

/// A ring, and the one socket that it sends to.
pub(in crate::path) struct Ring {
    ring: IoUring,
    /// What io_uring_enter(2) is called with: the ring's place among those that are registered, or its descriptor.
    handle: i32,
    flags: u32,
    threads: KernelThreads,
}

impl Ring {
    /// Makes a ring for so many requests at a time, and for so many completions that nobody has taken.
    ///
    /// # Errors
    /// `Unsupported` with the remedy.
    pub(in crate::path) fn open(
        socket: &Socket,
        is_polled: bool,
        requests: usize,
        completions: usize,
    ) -> Result<Self, Failure> {
        let ways = if is_polled { POLLED } else { DIRECT };
        // A thread that submits gives the entries back when it is done with all of them, which may be after their
        // completions: so those of the next chain must have room too.
        let requests = if is_polled { 2 * requests } else { requests };
        let completions = completions.max(2 * requests).min(MOST_COMPLETIONS);
        let make = || uring::make(ways, requests, completions);
        let (ring, poller) = if is_polled { new_poller(make) } else { make().map(|ring| (ring, None)) }
            .map_err(|error| refusal::of_setup(&error, "5.19"))?;
        let registered = ring.submitter().register_files(&[socket.as_raw_fd()]);
        registered.map_err(|error| refusal::of_registering("the socket", &error))?;
        let wake = if is_polled { raw::IORING_ENTER_SQ_WAKEUP } else { 0 };
        let flags = raw::IORING_ENTER_GETEVENTS | wake;
        let handle = ring.as_raw_fd();
        let (handle, flags) = match register_handle(handle, Register::IORING_REGISTER_RING_FDS, u32::MAX) {
            Ok(place) => (place.cast_signed(), flags | raw::IORING_ENTER_REGISTERED_RING),
            Err(_) => (handle, flags),
        };
        Ok(Self { ring, handle, flags, threads: KernelThreads::new(poller) })
    }

    /// Whether the kernel sends several provided buffers by one request.
    pub(in crate::path) fn has_bundles(&self) -> bool {
        self.ring.params().is_feature_recvsend_bundle()
    }

    /// CPU time of the kernel's threads that have worked for this ring, seconds; absent where there are none.
    pub(in crate::path) fn kernel_cpu_s(&self) -> Option<f64> {
        self.threads.cpu_s()
    }

    /// Puts requests into the queue, all of them at once. It has room for as many as it was made for.
    ///
    /// The memory that they name must stay until they have completed: who pushes keeps it, and gives it up for good where
    /// that never happened.
    #[inline]
    pub(in crate::path) fn push(&mut self, requests: impl Iterator<Item = squeue::Entry>) {
        let mut queue = self.ring.submission();
        for request in requests {
            // SAFETY: the bytes of a request are kept by the path until it has completed, or leaked.
            let pushed = unsafe { queue.push(&request) };
            pushed.expect("no more requests than the ring was made for");
        }
    }

    /// Submits what was put there and waits for so many completions; returns early where a signal comes.
    #[inline]
    pub(in crate::path) fn enter(&mut self, completions: usize) -> io::Result<()> {
        let requests = self.ring.submission().len();
        // SAFETY: a system call that reads what lies in the ring; no argument points to memory.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.handle,
                requests as u32,
                completions as u32,
                self.flags,
                std::ptr::null::<u8>(),
                0_usize,
            )
        };
        if entered < 0 { interrupted(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for so many completions, but not for longer than this.
    pub(in crate::path) fn wait(&mut self, completions: usize, time: Duration) -> io::Result<()> {
        let time = Timespec::from(time);
        let arguments = SubmitArgs::new().timespec(&time);
        match self.ring.submitter().submit_with_args(completions, &arguments) {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            Err(error) => interrupted(error),
            Ok(_) => Ok(()),
        }
    }

    /// The completions that nobody has taken. Where the kernel has work that only this thread can do for it, that is done first.
    pub(in crate::path) fn news(&mut self) -> io::Result<cqueue::CompletionQueue<'_>> {
        let queue = self.ring.submission();
        let waits = queue.taskrun() || queue.cq_overflow();
        drop(queue);
        if waits {
            self.enter(0)?;
        }
        Ok(self.ring.completion())
    }

    /// The completions that have come.
    #[inline]
    pub(in crate::path) fn completions(&mut self) -> cqueue::CompletionQueue<'_> {
        self.ring.completion()
    }

    /// Registers buffers, for requests that name them by number.
    ///
    /// # Errors
    /// `Unsupported` with the remedy: the pages count as locked memory.
    pub(in crate::path) fn register_buffers(&mut self, buffers: &[&[u8]]) -> Result<(), Failure> {
        let all: u64 = buffers.iter().map(|buffer| buffer.len() as u64).sum();
        let vectors: Vec<_> = buffers
            .iter()
            .map(|buffer| libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: buffer.len() })
            .collect();
        // SAFETY: the kernel holds the pages themselves from here on; nothing is written to them.
        let registered = unsafe { self.ring.submitter().register_buffers(&vectors) };
        registered
            .map_err(|error| refusal::of_registering(&format!("{} of buffers", units::size(all)), &error))
    }

    /// Registers a ring of provided buffers as group 0.
    ///
    /// # Errors
    /// `Unsupported` with the remedy.
    pub(in crate::path) fn register_provided(&mut self, ring: &[u8], entries: u16) -> Result<(), Failure> {
        let at = ring.as_ptr().expose_provenance() as u64;
        // SAFETY: the memory stays mapped for as long as this ring lives.
        unsafe { uring::register_provided(&self.ring, at, entries) }
    }

    /// Takes the ring of provided buffers back, with those that no request has taken.
    pub(in crate::path) fn take_provided_back(&mut self) -> io::Result<()> {
        self.ring.submitter().unregister_buf_ring(0)
    }

    /// Lets go of the socket at once, and not when the kernel has taken the ring down. No request may be under way.
    pub(in crate::path) fn let_go(&mut self) {
        let _ = self.ring.submitter().unregister_files();
    }
}

impl Drop for Ring {
    /// A ring that is registered outlives its descriptor.
    fn drop(&mut self) {
        if self.flags & raw::IORING_ENTER_REGISTERED_RING != 0 {
            let place = self.handle.cast_unsigned();
            let _ = register_handle(self.ring.as_raw_fd(), Register::IORING_UNREGISTER_RING_FDS, place);
        }
    }
}

/// Registers a ring's descriptor with the calling thread, or takes that back. Returns its place.
fn register_handle(fd: i32, operation: Register, place: u32) -> io::Result<u32> {
    let mut update = raw::io_uring_rsrc_update { offset: place, resv: 0, data: fd as u64 };
    // SAFETY: the kernel reads and writes the one structure during the call.
    let done =
        unsafe { libc::syscall(libc::SYS_io_uring_register, fd, operation as u32, &raw mut update, 1) };
    if done == 1 { Ok(update.offset) } else { Err(io::Error::last_os_error()) }
}

/// A wait that a signal has ended is to be begun again.
fn interrupted(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
