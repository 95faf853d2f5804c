//! An agent's threads: how they start, where they run, what they share.

use std::thread::JoinHandle;

use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::unistd::Pid;

use super::order::Order;
use crate::failure::Failure;

/// Starts a thread; its stack is small, since there may be hundreds.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(work).map_err(|error| {
        Failure::Unsupported(format!(
            "starting a thread: {error}; see `ulimit -u` and the container's pids limit"
        ))
    })
}

/// Binds the calling thread to the CPU that the order has for stream `index`.
pub(super) fn pin(order: &Order, index: u32) -> Result<Option<usize>, Failure> {
    let Some(cpu) = order.cpu(index) else { return Ok(None) };
    let mut set = CpuSet::new();
    set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).map_err(|errno| {
        Failure::Unsupported(format!(
            "pinning to CPU {cpu}: {errno}; set `pin: none`, or name CPUs that doctor lists"
        ))
    })?;
    Ok(Some(cpu))
}

/// Gives the calling thread a table of descriptors of its own. In a table that threads share, the kernel counts
/// the users of a file in every call (fdget), which is a tenth of the cost of a small send; a program of one
/// thread, which a worker stands for, does not pay it. Where the call is refused, the worker pays it too.
pub(super) fn own_descriptors() {
    let _ = unshare(CloneFlags::CLONE_FILES);
}
