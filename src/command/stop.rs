//! What Ctrl-C and SIGTERM do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::Exit;

/// A signal that comes so soon after the first is the same one: timeout(1) sends it to its child and then to the group
/// that the child is in, milliseconds.
const SAME_MS: u64 = 500;

/// A flag that Ctrl-C and SIGTERM set; a second signal ends the program at once.
pub(super) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    // Milliseconds from `began` to the first signal, plus one; 0 before it.
    let first = Arc::new(AtomicU64::new(0));
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let (stop, first) = (Arc::clone(&stop), Arc::clone(&first));
        let act = move || {
            let now = began.elapsed().as_millis() as u64 + 1;
            stop.store(true, Ordering::Relaxed);
            let earlier = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
            if earlier.is_err_and(|earlier| now > earlier + SAME_MS) {
                signal_hook::low_level::exit(Exit::Interrupted.code().into());
            }
        };
        // SAFETY: it reads a clock (clock_gettime(2)), loads and stores atomics, and leaves by _exit(2): all of them may
        // be done in a signal handler.
        unsafe { signal_hook::low_level::register(signal, act) }?;
    }
    Ok(stop)
}
