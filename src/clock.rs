//! The clock that messages are timed with, and what the clocks of two ends have to do with each other.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of CLOCK_MONOTONIC: no system call where the kernel has it in the vDSO.
pub fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// Nanoseconds of CLOCK_REALTIME, which the kernel stamps packets with.
pub fn realtime() -> u64 {
    nanoseconds(ClockId::Realtime)
}

/// How far CLOCK_REALTIME is ahead of [`now`], nanoseconds.
pub fn realtime_offset() -> i64 {
    realtime().wrapping_sub(now()).cast_signed()
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// What the clocks of a trial's two ends have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Clocks {
    /// One kernel keeps both: the receiver's is so many nanoseconds ahead (time namespaces).
    Shared {
        /// Nanoseconds.
        ahead_ns: i64,
    },
    /// The user says that CLOCK_REALTIME of both hosts agrees within so many nanoseconds.
    Synchronised {
        /// Nanoseconds.
        within_ns: u64,
    },
    /// Nothing: one cannot be compared with the other.
    #[default]
    Apart,
}

impl Clocks {
    /// What the receiver adds to [`now`] in a stamp that it sends.
    #[must_use]
    pub fn stamped(self) -> i64 {
        match self {
            Self::Synchronised { .. } => realtime_offset(),
            Self::Shared { .. } | Self::Apart => 0,
        }
    }

    /// What makes a receiver's stamp a time of the sender's [`now`]; absent where nothing does.
    #[must_use]
    pub fn to_own(self) -> Option<i64> {
        match self {
            Self::Shared { ahead_ns } => Some(-ahead_ns),
            Self::Synchronised { .. } => Some(-realtime_offset()),
            Self::Apart => None,
        }
    }

    /// How far a delay from one end to the other may be wrong, nanoseconds; absent where there is none.
    #[must_use]
    pub fn bound_ns(self) -> Option<u64> {
        match self {
            Self::Shared { .. } => Some(0),
            Self::Synchronised { within_ns } => Some(within_ns),
            Self::Apart => None,
        }
    }
}

/// A question to another host and its answer, by the CLOCK_REALTIME of each, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// When it was asked, by the own clock.
    pub asked_ns: u64,
    /// When the other host answered, by its clock.
    pub answered_ns: u64,
    /// When the answer was there, by the own clock.
    pub heard_ns: u64,
}

impl Echo {
    /// There and back.
    #[must_use]
    pub fn round_trip_ns(self) -> u64 {
        self.heard_ns.saturating_sub(self.asked_ns)
    }

    /// How far the other clock is ahead, at least and at most: it answered after it was asked and before it was heard.
    #[must_use]
    pub fn ahead_ns(self) -> [i64; 2] {
        let since = |own: u64| self.answered_ns.wrapping_sub(own).cast_signed();
        [since(self.heard_ns), since(self.asked_ns)]
    }
}

/// How far another clock is ahead by several echoes, at least and at most; absent where there is none, or where a clock
/// was set between them.
#[must_use]
pub fn ahead_by(echoes: &[Echo]) -> Option<[i64; 2]> {
    let bounds = echoes.iter().map(|echo| echo.ahead_ns());
    let both = bounds.reduce(|[least, most], [low, high]| [least.max(low), most.min(high)])?;
    (both[0] <= both[1]).then_some(both)
}

/// How far CLOCK_MONOTONIC of this process's time namespace is ahead of the kernel's own (time_namespaces(7)); absent
/// where that cannot be told.
pub fn namespace_offset() -> Option<i64> {
    let Ok(text) = std::fs::read_to_string("/proc/self/timens_offsets") else {
        // A kernel without time namespaces has one clock.
        return (!std::path::Path::new("/proc/self/ns/time").exists()).then_some(0);
    };
    // The file tells of the namespace that children get, which is another one after unshare(CLONE_NEWTIME) alone.
    let namespace = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).ok();
    if namespace("time") != namespace("time_for_children") {
        return None;
    }
    monotonic_offset(&text)
}

fn monotonic_offset(text: &str) -> Option<i64> {
    let line = text.lines().find(|line| line.starts_with("monotonic"))?;
    let mut numbers = line.split_whitespace().skip(1).map(str::parse::<i64>);
    let (seconds, nanoseconds) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_and_realtime_is_far_ahead_of_it() {
        let (first, second) = (now(), now());
        assert!(second >= first);
        assert!(realtime_offset() > 1_000_000_000 * 86_400 * 365);
    }

    #[test]
    fn echoes_bound_the_other_clock_from_both_sides() {
        let echo = |asked_ns, answered_ns, heard_ns| Echo { asked_ns, answered_ns, heard_ns };
        // The other clock is 1000 ahead; the way there takes 10 and 2, the way back 30 and 40.
        let echoes = [echo(100, 1110, 140), echo(200, 1202, 242)];
        assert_eq!(echoes.map(Echo::round_trip_ns), [40, 42]);
        assert_eq!(echoes[0].ahead_ns(), [970, 1010]);
        assert_eq!(ahead_by(&echoes), Some([970, 1002]));
        // It was set back between the two.
        assert_eq!(ahead_by(&[echoes[0], echo(200, 500, 240)]), None);
        assert_eq!(ahead_by(&[]), None);
    }

    #[test]
    fn the_offset_of_a_time_namespace_is_read() {
        let offsets = "monotonic           10         500\nboottime             7         0\n";
        assert_eq!(monotonic_offset(offsets), Some(10_000_000_500));
        assert_eq!(monotonic_offset("monotonic  -1 0\n"), Some(-1_000_000_000));
        assert_eq!(monotonic_offset("boottime 0 0\n"), None);
        assert!(namespace_offset().is_some());
    }
}
