//! What the kernel counts of every thread anyway: getrusage(2), the thread's CPU clock, and its lines in
//! `/proc/thread-self/sched` and `schedstat`. Reading them needs no rights and costs nothing inside the window, where a perf event
//! of the same name would make each context switch dearer.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::time::{ClockId, clock_gettime};

use super::events::Event;
use crate::host::run_delay_s;
use crate::record::End;

/// The kernel's account of a thread's scheduling, where it was built with one (CONFIG_SCHED_DEBUG).
const SCHED: &str = "/proc/thread-self/sched";
/// The line of it that perf's event `cpu-migrations` counts too (`set_task_cpu`, kernel/sched/core.c).
const MIGRATIONS: &str = "se.nr_migrations";

/// What a thread has used since it began; absent where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    user_s: Option<f64>,
    system_s: Option<f64>,
    cpu_ns: Option<u64>,
    run_delay_s: Option<f64>,
    voluntary: Option<u64>,
    involuntary: Option<u64>,
    migrations: Option<u64>,
    faults: Option<u64>,
}

impl Usage {
    /// The calling thread's usage, at the begin of a window: what takes longest to read is read first.
    pub fn before() -> Self {
        let (migrations, run_delay_s) = (migrations(), run_delay_s());
        Self { migrations, run_delay_s, ..Self::now() }
    }

    /// The calling thread's usage, at the end of a window.
    pub fn after() -> Self {
        let now = Self::now();
        Self { migrations: migrations(), run_delay_s: run_delay_s(), ..now }
    }

    fn now() -> Self {
        let cpu_ns = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok();
        let cpu_ns = cpu_ns.and_then(|time| u64::try_from(time.num_nanoseconds()).ok());
        let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Self { cpu_ns, ..Self::default() } };
        let seconds = |time: TimeVal| Some(time.num_microseconds() as f64 / 1e6);
        let count = |count: i64| u64::try_from(count).ok();
        Self {
            user_s: seconds(usage.user_time()),
            system_s: seconds(usage.system_time()),
            cpu_ns,
            run_delay_s: None,
            voluntary: count(usage.voluntary_context_switches()),
            involuntary: count(usage.involuntary_context_switches()),
            migrations: None,
            faults: count(usage.minor_page_faults() + usage.major_page_faults()),
        }
    }

    /// What was used between `before` and this.
    pub fn since(&self, before: &Self) -> Self {
        let time = |now: Option<f64>, then: Option<f64>| Some((now? - then?).max(0.0));
        let count = |now: Option<u64>, then: Option<u64>| now?.checked_sub(then?);
        Self {
            user_s: time(self.user_s, before.user_s),
            system_s: time(self.system_s, before.system_s),
            cpu_ns: count(self.cpu_ns, before.cpu_ns),
            run_delay_s: time(self.run_delay_s, before.run_delay_s),
            voluntary: count(self.voluntary, before.voluntary),
            involuntary: count(self.involuntary, before.involuntary),
            migrations: count(self.migrations, before.migrations),
            faults: count(self.faults, before.faults),
        }
    }

    /// Writes the figures.
    pub fn fill(&self, end: &mut End) {
        end.user_s = self.user_s;
        end.system_s = self.system_s;
        end.task_clock_s = self.cpu_ns.map(|nanoseconds| nanoseconds as f64 / 1e9);
        end.run_delay_s = self.run_delay_s;
        end.voluntary_switches = self.voluntary;
        end.context_switches = self.voluntary.zip(self.involuntary).map(|(one, other)| one + other);
        end.cpu_migrations = self.migrations;
        end.page_faults = self.faults;
    }
}

/// How often the calling thread has moved to another CPU.
fn migrations() -> Option<u64> {
    read_migrations(&std::fs::read_to_string(SCHED).ok()?)
}

fn read_migrations(sched: &str) -> Option<u64> {
    let line = sched.lines().find_map(|line| line.strip_prefix(MIGRATIONS))?;
    line.trim_start().strip_prefix(':')?.trim().parse().ok()
}

/// Where the figure of an event comes from, or why there is none. Hardware events come from perf.
pub fn source(event: Event) -> Option<Result<&'static str, String>> {
    match event {
        Event::ContextSwitches | Event::PageFaults => Some(Ok("getrusage")),
        Event::TaskClock => Some(Ok("the thread's CPU clock")),
        Event::CpuMigrations => Some(match migrations() {
            Some(_) => Ok("/proc/thread-self/sched"),
            None => Err(format!("{SCHED} does not tell: the kernel lacks CONFIG_SCHED_DEBUG, or hides it")),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_voluntary_switch_of_this_thread() {
        let before = Usage::before();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let used = Usage::after().since(&before);
        assert!(used.voluntary.unwrap() >= 1, "{used:?}");
    }

    #[test]
    fn work_shows_in_the_cpu_clock_and_fresh_pages_in_the_faults() {
        let before = Usage::before();
        // Not of the heap, which may have pages that were touched before.
        let mut pages = memmap2::MmapMut::map_anon(256 * 4096).unwrap();
        std::hint::black_box(&mut pages[..]).fill(1);
        let used = Usage::after().since(&before);
        assert!(used.cpu_ns.unwrap() > 0 && used.faults.unwrap() >= 1, "{used:?}");
    }

    #[test]
    fn moves_are_found_among_the_other_lines() {
        let text = "stream (7, #threads: 3)\n---\nse.exec_start      :   12.5\nse.nr_migrations   :     42\n";
        assert_eq!(read_migrations(text), Some(42));
        assert_eq!(read_migrations("se.exec_start : 1\n"), None);
    }

    #[test]
    fn what_one_side_lacks_stays_absent() {
        let some = Usage { faults: Some(5), ..Usage::default() };
        assert_eq!(some.since(&Usage::default()).faults, None);
    }
}
