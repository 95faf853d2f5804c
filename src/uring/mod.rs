//! What the rings of senders and receivers have in common: how io_uring is set up by a program that does it well, and why
//! it cannot be here ([`refusal`]).
//!
//! A ring is made by the thread that uses it, which alone submits (SINGLE_ISSUER) and which does the kernel's deferred work
//! when it asks for completions and not at any other system call (DEFER_TASKRUN).

pub(crate) mod refusal;

use std::io;

use io_uring::{Builder, IoUring};

use crate::failure::Failure;

/// A way to set a ring up. A kernel that lacks one of its flags refuses it with EINVAL.
pub(crate) type Way = fn(&mut Builder) -> &mut Builder;

/// Without an array of places for the requests: takes Linux 6.6.
pub(crate) const PLAIN: Way = |ring| DEFERRED(ring).setup_no_sqarray();
/// Work for the ring is done when its thread asks for completions: takes Linux 6.1.
pub(crate) const DEFERRED: Way = |ring| ring.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
/// Work for the ring is done at the thread's next system call, whichever it is: takes Linux 5.19.
pub(crate) const COOPERATIVE: Way = |ring| ring.setup_coop_taskrun().setup_taskrun_flag();

/// Makes a ring for so many requests at a time and so many completions that nobody has taken, in the first of some ways that
/// this kernel has.
///
/// # Errors
/// The last refusal.
pub(crate) fn make(ways: &[Way], requests: usize, completions: usize) -> io::Result<IoUring> {
    let mut refused = io::Error::from_raw_os_error(libc::EINVAL);
    for way in ways {
        let mut builder = IoUring::builder();
        way(builder.dontfork().setup_clamp().setup_cqsize(completions as u32));
        match builder.build(requests as u32) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refused = error,
            other => return other,
        }
    }
    Err(refused)
}

/// Registers a ring of provided buffers, at this address and with so many places, as group 0.
///
/// # Errors
/// `Unsupported` with the remedy.
///
/// # Safety
/// The kernel reads and writes the ring of buffers, and the buffers that lie in it, until it is unregistered.
pub(crate) unsafe fn register_provided(ring: &IoUring, address: u64, places: u16) -> Result<(), Failure> {
    // SAFETY: what the caller answers for.
    let registered = unsafe { ring.submitter().register_buf_ring_with_flags(address, places, 0, 0) };
    registered.map_err(|error| refusal::of_registering("a ring of provided buffers", &error))
}
