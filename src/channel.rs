//! A channel whose two ends may have different scheduling priorities.
//!
//! The standard library's channel lets a receiver spin (`sched_yield`) while a sender that was preempted has not yet
//! finished writing its slot. A receiver under SCHED_FIFO never yields to a sender of the usual policy that is pinned to
//! the same CPU: both then wait for ever, and with them all else that is pinned there. Here whoever waits sleeps, so
//! that the other can run.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A channel: what the one end sends, the other receives in that order.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { waiting: VecDeque::new(), senders: 1, has_receiver: true };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The end that sends. There may be several.
pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// The end that receives.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    senders: usize,
    has_receiver: bool,
}

/// Nobody will receive it any more.
#[derive(Debug)]
pub(crate) struct NoReceiver;

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // No code that can panic runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Sends; does not wait for the receiver.
    ///
    /// # Errors
    /// When the receiver is gone.
    pub(crate) fn send(&self, what: T) -> Result<(), NoReceiver> {
        let mut state = self.0.state();
        if !state.has_receiver {
            return Err(NoReceiver);
        }
        state.waiting.push_back(what);
        drop(state);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.0.changed.notify_one();
        }
    }
}

impl<T> Receiver<T> {
    /// The next of what was sent, once there is one.
    ///
    /// # Errors
    /// When none has come in this time, or none will come because every sender is gone.
    pub(crate) fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        let deadline = Instant::now() + patience;
        let mut state = self.0.state();
        loop {
            if let Some(next) = state.waiting.pop_front() {
                return Ok(next);
            }
            if state.senders == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(RecvTimeoutError::Timeout);
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.has_receiver = false;
        // What nobody receives is dropped outside the lock: it may hold senders of this very channel.
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::policy;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_sent_comes_in_order_and_an_end_that_is_gone_is_noticed() {
        let (sender, receiver) = channel();
        let other = sender.clone();
        sender.send(1).unwrap();
        other.send(2).unwrap();
        drop((sender, other));
        let got: Vec<_> = (0..3).map(|_| receiver.recv_timeout(SOON)).collect();
        assert_eq!(got, [Ok(1), Ok(2), Err(RecvTimeoutError::Disconnected)]);

        let (sender, receiver) = channel::<u32>();
        assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
        drop(receiver);
        assert!(sender.send(3).is_err());
    }

    /// CPU time of the calling thread.
    fn cpu_time() -> Duration {
        let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
        Duration::from(nix::time::clock_gettime(clock).unwrap())
    }

    #[test]
    fn a_receiver_of_higher_priority_sleeps_while_a_sender_on_its_cpu_has_begun_to_send() {
        const SENDERS: u64 = 64;
        const EACH: u64 = 1000;
        let (sender, receiver) = channel();
        let run = std::thread::spawn(move || {
            // All of them on one CPU: a sender that is preempted in the middle of sending can go on nowhere else.
            let mut here = nix::sched::CpuSet::new();
            here.set(nix::sched::sched_getcpu().unwrap_or(0)).unwrap();
            let _ = nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &here);
            let work =
                |sender: Sender<[u64; 512]>| move || (0..EACH).for_each(|_| sender.send([1; 512]).unwrap());
            let senders: Vec<_> = (0..SENDERS).map(|_| std::thread::spawn(work(sender.clone()))).collect();
            drop(sender);
            policy::attend();
            let (mut got, mut longest) = (0, Duration::ZERO);
            loop {
                let before = cpu_time();
                // So short that a timer wakes the receiver wherever the senders are.
                let next = receiver.recv_timeout(Duration::from_micros(30));
                longest = longest.max(cpu_time() - before);
                match next {
                    Ok(one) => got += one[0],
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            (got, longest)
        });
        let (got, longest) = run.join().unwrap();
        assert_eq!(got, SENDERS * EACH);
        // A receiver that spins does so for as long as the kernel lets a thread of its priority run, nearly a second.
        assert!(longest < Duration::from_millis(300), "{longest:?} of CPU time in one wait");
    }
}
