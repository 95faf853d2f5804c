//! The perf events that copycost counts, each by its name, and why one cannot be opened.

use std::io;

use perf_event::events::{Cache, CacheId, CacheOp, CacheResult, Hardware, Software};
use perf_event::{Builder, Counter};

use crate::cell::words;

/// A perf event; its word is perf's own name and, with `_` for `-`, the name of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// CPU cycles.
    Cycles,
    /// Instructions retired.
    Instructions,
    /// Cache references as the CPU's architecture defines them, usually of the last level.
    CacheReferences,
    /// Cache misses as the CPU's architecture defines them, usually of the last level.
    CacheMisses,
    /// Loads that missed the first-level data cache.
    L1dLoadMisses,
    /// Loads that missed the last-level cache.
    LlcLoadMisses,
    /// Mispredicted branches.
    BranchMisses,
    /// Context switches.
    ContextSwitches,
    /// Moves to another CPU.
    CpuMigrations,
    /// Page faults, minor and major.
    PageFaults,
    /// CPU time by the scheduler's clock, nanoseconds.
    TaskClock,
}

words!(Event:
    Cycles = "cycles",
    Instructions = "instructions",
    CacheReferences = "cache-references",
    CacheMisses = "cache-misses",
    L1dLoadMisses = "l1d-load-misses",
    LlcLoadMisses = "llc-load-misses",
    BranchMisses = "branch-misses",
    ContextSwitches = "context-switches",
    CpuMigrations = "cpu-migrations",
    PageFaults = "page-faults",
    TaskClock = "task-clock",
);

impl Event {
    /// Every event, hardware first, in the order of the columns.
    pub const ALL: [Self; 11] = [
        Self::Cycles,
        Self::Instructions,
        Self::CacheReferences,
        Self::CacheMisses,
        Self::L1dLoadMisses,
        Self::LlcLoadMisses,
        Self::BranchMisses,
        Self::ContextSwitches,
        Self::CpuMigrations,
        Self::PageFaults,
        Self::TaskClock,
    ];

    /// Whether the event needs a PMU; the kernel counts the others itself.
    pub fn is_hardware(self) -> bool {
        self < Self::ContextSwitches
    }

    /// A builder for the event that counts the calling thread in user space *and* in the kernel, where the
    /// copies are; perf's own default here leaves the kernel out.
    pub fn builder(self) -> Builder<'static> {
        let cache = |which| Cache { which, operation: CacheOp::READ, result: CacheResult::MISS };
        let mut builder = match self {
            Self::Cycles => Builder::new(Hardware::CPU_CYCLES),
            Self::Instructions => Builder::new(Hardware::INSTRUCTIONS),
            Self::CacheReferences => Builder::new(Hardware::CACHE_REFERENCES),
            Self::CacheMisses => Builder::new(Hardware::CACHE_MISSES),
            Self::L1dLoadMisses => Builder::new(cache(CacheId::L1D)),
            Self::LlcLoadMisses => Builder::new(cache(CacheId::LL)),
            Self::BranchMisses => Builder::new(Hardware::BRANCH_MISSES),
            Self::ContextSwitches => Builder::new(Software::CONTEXT_SWITCHES),
            Self::CpuMigrations => Builder::new(Software::CPU_MIGRATIONS),
            Self::PageFaults => Builder::new(Software::PAGE_FAULTS),
            Self::TaskClock => Builder::new(Software::TASK_CLOCK),
        };
        builder.include_kernel();
        builder
    }

    /// Opens the event for the calling thread, stopped.
    ///
    /// # Errors
    /// As perf_event_open(2); [`reason`] puts it in words.
    pub fn open(self) -> io::Result<Counter> {
        self.builder().build()
    }
}

/// Whether the calling thread may count `event`, by opening it once and closing it again.
pub fn probe(event: Event) -> Result<(), String> {
    event.open().map(drop).map_err(|error| reason(&error))
}

/// Why perf_event_open failed, in words; which errno means what is in its manual page and in
/// kernel/events/core.c (`perf_allow_kernel`).
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV) => {
            "ENOENT: this CPU has no such event; a virtual machine often has no PMU".to_owned()
        }
        Some(libc::EOPNOTSUPP) => "EOPNOTSUPP: the PMU cannot count this event".to_owned(),
        Some(libc::EACCES) => {
            let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
            match level.trim() {
                "" => "EACCES: CAP_PERFMON is missing".to_owned(),
                level => format!("EACCES: kernel.perf_event_paranoid is {level} and CAP_PERFMON is missing"),
            }
        }
        Some(libc::EPERM) => {
            "EPERM: a seccomp filter or a missing capability forbids perf_event_open".to_owned()
        }
        Some(libc::ENOSYS) => "ENOSYS: the kernel was built without perf events".to_owned(),
        Some(libc::EMFILE) => "EMFILE: too many open files; raise RLIMIT_NOFILE".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_hardware_comes_first() {
        assert_eq!(Event::ALL.map(Event::word).as_slice(), Event::WORDS);
        let hardware: Vec<_> = Event::ALL.into_iter().filter(|event| event.is_hardware()).collect();
        assert_eq!(hardware, Event::ALL[..7]);
    }

    #[test]
    fn every_event_counts_the_kernel_too() {
        for event in Event::ALL {
            assert_eq!(event.builder().attrs().exclude_kernel(), 0, "{event}");
        }
    }

    #[test]
    fn a_software_event_that_opens_counts() {
        let Some(mut counter) = crate::skip::unless(
            "a_software_event_that_opens_counts",
            Event::PageFaults.open().map_err(|error| reason(&error)),
        ) else {
            return;
        };
        counter.enable().unwrap();
        // A mapping of its own: the heap may hand out pages that were touched before.
        let mut pages = memmap2::MmapMut::map_anon(64 * 4096).unwrap();
        std::hint::black_box(&mut pages).fill(1);
        counter.disable().unwrap();
        assert!(counter.read().unwrap() >= 1, "64 fresh pages and no fault");
    }

    #[test]
    fn an_errno_becomes_a_reason() {
        let of = |errno| reason(&io::Error::from_raw_os_error(errno));
        assert!(of(libc::ENOENT).contains("no PMU"));
        assert!(of(libc::EACCES).contains("CAP_PERFMON"));
        assert!(of(libc::EPERM).contains("seccomp"));
        assert!(of(libc::EINVAL).contains("Invalid argument"));
    }
}
