//! The scheduler's policy, where one CPU has everything to run.
//!
//! Under the usual policy who runs next depends on ticks and on times as they were at the last tick: on one CPU the
//! two ends of a stream then take turns by chance, and a message costs anything between one wake-up and none. Under
//! SCHED_FIFO it depends on who can run, and nothing else.
//!
//! And the one thread that tells the others when a window begins and ends: it must run when it is due, however many
//! can run.

use std::io;
use std::time::Duration;

use libc::{
    SCHED_FIFO, SCHED_OTHER, SCHED_RESET_ON_FORK, sched_getparam, sched_getscheduler, sched_param,
    sched_setscheduler,
};

/// Priority of a command and of all threads that it does not rank lower.
const HIGHEST: i32 = 3;

/// Puts the calling thread, and what it starts, under SCHED_FIFO. Makes one system call and allocates nothing.
pub(crate) fn in_order() -> io::Result<()> {
    set(HIGHEST)
}

/// How long a machine rests before a window that is bounded by a count: under SCHED_FIFO the kernel's own threads run
/// when nothing else does, and what an earlier trial left them to do (callbacks of RCU, works of a queue) would be
/// done in this window or not, by chance. It is shorter than TCP's least timeout, after which a stream begins anew.
/// Elsewhere there is no rest.
pub(crate) fn rest() -> Option<Duration> {
    // SAFETY: the call reads a number of the calling thread.
    (unsafe { sched_getscheduler(0) } == SCHED_FIFO).then_some(Duration::from_millis(100))
}

/// Ranks the calling thread below those who direct it, where the policy is SCHED_FIFO; else nothing is changed.
///
/// A receiver takes one step and a sender two: a receiver with a CPU of its own takes bytes as they come, and one
/// that shares the sender's CPU does so when it goes first.
pub(crate) fn step_back(steps: i32) {
    let mut now = sched_param { sched_priority: 0 };
    // SAFETY: both calls read, of the calling thread, into a structure that lives until they return.
    let known = unsafe { sched_getscheduler(0) == SCHED_FIFO && sched_getparam(0, &raw mut now) == 0 };
    if known {
        // Refused, the thread keeps its rank: nothing then depends on it but the order of turns.
        let _ = set((now.sched_priority - steps).max(1));
    }
}

/// Lets the calling thread go first when it is woken, whatever runs: by SCHED_FIFO, else by the lowest nice value, as
/// far as the process may. Threads and processes that it starts have the usual policy, and a nice value of 0 where it
/// was higher (`sched_fork`, kernel/sched/core.c). Where the thread is under SCHED_FIFO already, nothing is changed.
///
/// Meant for a thread that sleeps nearly always.
pub(crate) fn attend() {
    std::mem::forget(Attention::pay());
}

/// The same for a while: dropped, the thread is as before.
#[derive(Debug)]
pub(crate) struct Attention {
    /// The thread's nice value before; absent where nothing was changed.
    before: Option<i32>,
}

impl Attention {
    /// Begins.
    pub(crate) fn pay() -> Self {
        // SAFETY: both calls read numbers of the calling thread.
        let (policy, before) = unsafe { (sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
        if policy & !SCHED_RESET_ON_FORK != SCHED_OTHER {
            return Self { before: None };
        }
        if set_alone(SCHED_FIFO, 1).is_err() {
            // Refused too, the thread waits its turn, and a window that is not as long as was asked for fails its trial.
            let _ = set_alone(SCHED_OTHER, 0);
            nice(-20);
        }
        Self { before: Some(before) }
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            let _ = set_alone(SCHED_OTHER, 0);
            nice(before);
        }
    }
}

/// Sets the policy of the calling thread alone: what it starts has the usual one.
fn set_alone(policy: i32, priority: i32) -> io::Result<()> {
    let rank = sched_param { sched_priority: priority };
    // SAFETY: the structure is read during the call alone.
    match unsafe { sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &raw const rank) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn nice(value: i32) {
    // SAFETY: the call takes numbers alone. Refused, the thread is as nice as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) };
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
    fn attention_is_for_a_while_and_for_one_thread() {
        std::thread::spawn(|| {
            // SAFETY: the call reads a number of the calling thread.
            let nice = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
            let (before, was_nice) = (policy(), nice());
            let attention = Attention::pay();
            if (policy(), nice()) == (before, was_nice) {
                crate::skip::skip(
                    "attention_is_for_a_while_and_for_one_thread",
                    "SCHED_FIFO and nice -20 are refused",
                );
            }
            let child = std::thread::spawn(move || (policy(), nice())).join().unwrap();
            assert_eq!(
                (child.0, child.1.min(0)),
                (before, was_nice.min(0)),
                "a thread that it starts is as before"
            );
            drop(attention);
            assert_eq!(
                (policy().0 & !SCHED_RESET_ON_FORK, policy().1, nice()),
                (before.0, before.1, was_nice)
            );
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_steps_back_under_fifo_alone() {
        std::thread::spawn(|| {
            let before = policy();
            assert_eq!(rest(), None);
            step_back(2);
            assert_eq!(policy(), before, "the usual policy has no ranks");
            if let Err(error) = in_order() {
                crate::skip::skip(
                    "a_thread_steps_back_under_fifo_alone",
                    format!("SCHED_FIFO is refused: {error}"),
                );
                return;
            }
            assert!(rest().is_some());
            step_back(1);
            assert_eq!(policy(), (SCHED_FIFO, HIGHEST - 1));
            step_back(9);
            assert_eq!(policy(), (SCHED_FIFO, 1), "there is none below");
        })
        .join()
        .unwrap();
    }
}
