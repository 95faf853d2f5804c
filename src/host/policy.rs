//! The scheduler's policy, where one CPU has everything to run.
//!
//! Under the usual policy who runs next depends on ticks and on times as they were at the last tick: on one CPU the
//! two ends of a stream then take turns by chance, and a message costs anything between one wake-up and none. Under
//! SCHED_FIFO it depends on who can run, and nothing else.

use std::io;

use libc::{SCHED_FIFO, sched_getparam, sched_getscheduler, sched_param, sched_setscheduler};

/// Priority of a command and of all threads that it does not rank lower.
const HIGHEST: i32 = 3;

/// Puts the calling thread, and what it starts, under SCHED_FIFO. Makes one system call and allocates nothing.
///
/// # Errors
/// When the kernel refuses.
pub fn in_order() -> io::Result<()> {
    set(HIGHEST)
}

/// Ranks the calling thread below those who direct it, where the policy is SCHED_FIFO; else nothing is changed.
///
/// A receiver takes one step and a sender two: a receiver with a CPU of its own takes bytes as they come, and one
/// that shares the sender's CPU does so when it goes first.
pub fn step_back(steps: i32) {
    let mut now = sched_param { sched_priority: 0 };
    // SAFETY: both calls read, of the calling thread, into a structure that lives until they return.
    let known = unsafe { sched_getscheduler(0) == SCHED_FIFO && sched_getparam(0, &raw mut now) == 0 };
    if known {
        // Refused, the thread keeps its rank: nothing then depends on it but the order of turns.
        let _ = set((now.sched_priority - steps).max(1));
    }
}

fn set(priority: i32) -> io::Result<()> {
    let rank = sched_param { sched_priority: priority };
    // SAFETY: the structure is read during the call alone.
    match unsafe { sched_setscheduler(0, SCHED_FIFO, &raw const rank) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> (i32, i32) {
        let mut now = sched_param { sched_priority: 0 };
        // SAFETY: as above.
        unsafe {
            (sched_getscheduler(0), {
                sched_getparam(0, &raw mut now);
                now.sched_priority
            })
        }
    }

    #[test]
    fn a_thread_steps_back_under_fifo_alone() {
        std::thread::spawn(|| {
            let before = policy();
            step_back(2);
            assert_eq!(policy(), before, "the usual policy has no ranks");
            if let Err(error) = in_order() {
                println!("SKIP a_thread_steps_back_under_fifo_alone: SCHED_FIFO is refused: {error}");
                return;
            }
            step_back(1);
            assert_eq!(policy(), (SCHED_FIFO, HIGHEST - 1));
            step_back(9);
            assert_eq!(policy(), (SCHED_FIFO, 1), "there is none below");
        })
        .join()
        .unwrap();
    }
}
