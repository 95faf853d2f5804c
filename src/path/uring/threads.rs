//! The kernel's threads that work for one ring: the one that submits (SQPOLL), and those to which a request is handed that
//! cannot wait for the socket (io-wq). They are threads of this process, and what they do is the sender's work.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::gettid;

/// The threads of this process.
const TASKS: &str = "/proc/self/task";
/// Names of those that submit, and of those that wait, before the number of the thread that they work for
/// (`io_sq_thread` in io_uring/sqpoll.c, `io_wq_worker` in io-wq.c).
const POLLER: &str = "iou-sqp-";
const WORKER: &str = "iou-wrk-";
/// How long a new thread has to name itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads that work for one ring.
#[derive(Debug)]
pub(super) struct KernelThreads {
    poller: Option<i32>,
    owner: i32,
}

impl KernelThreads {
    /// Those of a ring that the calling thread has made, with the one that submits, where there is one.
    pub(super) fn new(poller: Option<i32>) -> Self {
        Self { poller, owner: gettid().as_raw() }
    }

    /// Their CPU time so far, seconds; absent where there are none.
    ///
    /// Those that wait are named by the initial namespace's numbers: in a container they are not found, but a send is
    /// handed to one only when it has waited for room in the socket 128 times (APOLL_MAX_RETRY).
    pub(super) fn cpu_s(&self) -> Option<f64> {
        let works_for = |owner: i32| owner == self.owner || Some(owner) == self.poller;
        let workers = workers().into_iter().filter(|(_, owner)| works_for(*owner)).map(|(thread, _)| thread);
        self.poller.into_iter().chain(workers).filter_map(cpu_s).reduce(|one, other| one + other)
    }
}

/// CPU time of a thread of this process, seconds; absent where it is gone.
fn cpu_s(thread: i32) -> Option<f64> {
    // The clock of one thread, by the scheduler's count (CPUCLOCK_PERTHREAD_MASK, CPUCLOCK_SCHED).
    let clock = ClockId::from_raw((!thread << 3) | 0b110);
    Some(clock_gettime(clock).ok()?.num_nanoseconds() as f64 / 1e9)
}

/// Makes a ring with a thread that submits, and finds that thread: the one that was not there before. So only one is made
/// at a time; its name would tell only in the initial namespace.
pub(super) fn new_poller<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Option<i32>)> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = threads();
    let made = make()?;
    let found = || {
        let mut new = threads().into_iter().filter(|thread| before.binary_search(thread).is_err());
        new.find(|thread| name(*thread).is_some_and(|is| is.starts_with(POLLER)))
    };
    // It names itself, once it runs.
    let deadline = Instant::now() + PATIENCE;
    let poller = loop {
        match found() {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_micros(100)),
            found => break found,
        }
    };
    Ok((made, poller))
}

/// Numbers of this process's threads, in order.
fn threads() -> Vec<i32> {
    let entries = std::fs::read_dir(TASKS).into_iter().flatten().flatten();
    let mut found: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    found.sort_unstable();
    found
}

fn name(thread: i32) -> Option<String> {
    std::fs::read_to_string(format!("{TASKS}/{thread}/comm")).ok()
}

/// The threads that wait for requests, each with the number of the thread that it works for.
///
/// A trial of a thousand streams asks a thousand times, so each thread is asked for its name once.
fn workers() -> Vec<(i32, i32)> {
    static KNOWN: Mutex<BTreeMap<i32, Option<i32>>> = Mutex::new(BTreeMap::new());
    let now = threads();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|thread, _| now.binary_search(thread).is_ok());
    let owner = |thread| name(thread)?.strip_prefix(WORKER)?.trim_end().parse().ok();
    now.into_iter()
        .filter_map(|thread| Some((thread, (*known.entry(thread).or_insert_with(|| owner(thread)))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_clock_goes_while_it_works() {
        let own = gettid().as_raw();
        let before = cpu_s(own).unwrap();
        let began = std::time::Instant::now();
        while cpu_s(own).unwrap() - before < 1e-3 {
            assert!(began.elapsed().as_secs() < 20, "the clock stands still");
        }
        assert_eq!(cpu_s(i32::MAX >> 3), None, "there is no such thread");
    }

    #[test]
    fn a_ring_without_threads_has_no_time_of_theirs() {
        assert_eq!(KernelThreads::new(None).cpu_s(), None);
        assert!(threads().contains(&gettid().as_raw()));
    }
}
