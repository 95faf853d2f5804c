//! An agent's threads: how they start, where they run, what they share, and what becomes of one that panics.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::Pid;

use super::order::Order;
use crate::failure::Failure;

/// Starts a thread. There may be a thousand, and only the pages of a stack that are used take memory.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(2 << 20).spawn(work).map_err(|error| {
        let memory = match getrlimit(Resource::RLIMIT_AS) {
            Ok((bytes, _)) if bytes != RLIM_INFINITY => {
                format!("`ulimit -v`, by which this process may have {} KiB, ", bytes >> 10)
            }
            _ => String::new(),
        };
        Failure::Unsupported(format!(
            "starting a thread: {error}; see {memory}`ulimit -u` and the container's pids limit"
        ))
    })
}

thread_local! {
    /// While [`guarded`] work runs: what its panic said, and where.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static IS_GUARDED: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs a part of a trial. A panic in it is a defect of this program: the trial fails with its message, and the
/// agent continues.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.with_borrow(|is| *is) {
                return usual(panic);
            }
            let place = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
            let text = format!("{}{}", message(panic.payload()), place.unwrap_or_default());
            PANIC.with_borrow_mut(|said| *said = Some(text));
        }));
    });
    let outer = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(outer);
    result.unwrap_or_else(|payload| {
        let said = PANIC.take().unwrap_or_else(|| message(&*payload).to_owned());
        Err(Failure::Failed(format!("a defect of copycost, please report it: panic: {said}")))
    })
}

/// What a panic said.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_that_says_what_and_where() {
        let broken = guarded::<()>(|| panic!("no such {}", "thing")).unwrap_err();
        for part in ["no such thing", "thread.rs:", "defect"] {
            assert!(broken.reason().contains(part), "`{part}` is missing from: {broken}");
        }
        assert_eq!(guarded(|| Ok(7)), Ok(7));
        assert!(!IS_GUARDED.with_borrow(|is| *is), "a later panic of this thread is nobody's");
    }
}
