//! A thread's resource usage (getrusage with RUSAGE_THREAD): it needs no rights, and stands in where perf
//! is refused.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::record::End;

/// What a thread has used since it began; absent where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    user_s: Option<f64>,
    system_s: Option<f64>,
    voluntary: Option<u64>,
    involuntary: Option<u64>,
    faults: Option<u64>,
}

impl Usage {
    /// The calling thread's usage so far.
    #[must_use]
    pub fn of_this_thread() -> Self {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Self::default() };
        let seconds = |time: TimeVal| Some(time.num_microseconds() as f64 / 1e6);
        let count = |count: i64| u64::try_from(count).ok();
        Self {
            user_s: seconds(usage.user_time()),
            system_s: seconds(usage.system_time()),
            voluntary: count(usage.voluntary_context_switches()),
            involuntary: count(usage.involuntary_context_switches()),
            faults: count(usage.minor_page_faults() + usage.major_page_faults()),
        }
    }

    /// What was used between `before` and this.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let time = |now: Option<f64>, then: Option<f64>| Some((now? - then?).max(0.0));
        let count = |now: Option<u64>, then: Option<u64>| now?.checked_sub(then?);
        Self {
            user_s: time(self.user_s, before.user_s),
            system_s: time(self.system_s, before.system_s),
            voluntary: count(self.voluntary, before.voluntary),
            involuntary: count(self.involuntary, before.involuntary),
            faults: count(self.faults, before.faults),
        }
    }

    /// Writes the figures that getrusage is the source of. Context switches and page faults are its own
    /// count too; perf's replaces them where there is one.
    pub fn fill(&self, end: &mut End) {
        end.user_s = self.user_s;
        end.system_s = self.system_s;
        end.voluntary_switches = self.voluntary;
        end.context_switches = self.voluntary.zip(self.involuntary).map(|(one, other)| one + other);
        end.page_faults = self.faults;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_voluntary_switch_of_this_thread() {
        let before = Usage::of_this_thread();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let used = Usage::of_this_thread().since(&before);
        assert!(used.voluntary.unwrap() >= 1, "{used:?}");
    }

    #[test]
    fn what_one_side_lacks_stays_absent() {
        let some = Usage { faults: Some(5), ..Usage::default() };
        assert_eq!(some.since(&Usage::default()).faults, None);
    }
}
