//! The memory roofline: how fast one CPU copies within a cache level and in memory. No path that copies
//! each byte once on one CPU is faster than that.
//!
//! Copies are of 64 KiB, as a send path's are, over a working set that fits one level and not the one
//! before it: a single copy of the whole set would go round the caches by non-temporal stores.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::record::roofline::Level;

/// Bytes of one copy.
const COPY: usize = 64 << 10;
/// The best of this many slices counts, because a slice can only be disturbed for the worse.
const SLICES: usize = 5;
const SLICE: Duration = Duration::from_millis(25);
/// Bounds of the working set that stands for memory.
const MEMORY: (u64, u64) = (128 << 20, 512 << 20);

/// What one CPU copies in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// The cache level, or memory.
    pub level: Level,
    /// Sources and destinations together, bytes.
    pub working_set_bytes: u64,
    /// Bytes copied in a second.
    pub bytes_per_s: f64,
}

/// Measures a CPU, or whichever the scheduler chooses, in less than a second. `caches` are the sizes that
/// sysfs reports it (`L2` → `1024K`); a level of unknown size is left out.
pub fn measure(cpu: Option<usize>, caches: &BTreeMap<String, String>) -> Vec<Bandwidth> {
    let sets = working_sets(&Caches::read(caches));
    let work = move || {
        let mut set = CpuSet::new();
        // Unbound, the figure is that of another CPU of the same machine.
        let _ = cpu.map(|cpu| set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)));
        let rate =
            |(level, bytes)| Bandwidth { level, working_set_bytes: bytes, bytes_per_s: copy_rate(bytes) };
        sets.into_iter().map(rate).collect()
    };
    std::thread::spawn(work).join().unwrap_or_default()
}

/// Sizes of the second and the last level of cache, where they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Caches {
    l2: Option<u64>,
    last: Option<u64>,
}

impl Caches {
    fn read(told: &BTreeMap<String, String>) -> Self {
        let size = |name: &str| {
            let kib = told.get(name)?.strip_suffix('K')?.parse::<u64>().ok()?;
            Some(kib << 10)
        };
        Self { l2: size("L2"), last: size("L4").or_else(|| size("L3")) }
    }
}

/// Half of a level leaves room for everything else that lives there.
fn working_sets(caches: &Caches) -> Vec<(Level, u64)> {
    let last = caches.last.filter(|last| caches.l2.is_none_or(|l2| last / 2 > l2));
    let memory = (caches.last.or(caches.l2).unwrap_or(0) * 4).clamp(MEMORY.0, MEMORY.1);
    let mut sets = Vec::new();
    sets.extend(caches.l2.map(|bytes| (Level::L2, bytes / 2)));
    sets.extend(last.map(|bytes| (Level::Llc, bytes / 2)));
    sets.push((Level::Memory, memory));
    sets
}

/// Bytes copied in a second over a working set of this size.
fn copy_rate(working_set: u64) -> f64 {
    let half = (working_set as usize / 2).next_multiple_of(COPY);
    let (from, mut to) = (vec![1_u8; half], vec![2_u8; half]);
    let mut round = || {
        for (from, to) in from.chunks_exact(COPY).zip(to.chunks_exact_mut(COPY)) {
            to.copy_from_slice(std::hint::black_box(from));
            std::hint::black_box(&to);
        }
        half as f64
    };
    round();
    // The thread's own CPU time: what others take of the CPU does not make a copy slower.
    let origin = Instant::now();
    let now =
        || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or_else(|_| origin.elapsed(), Duration::from);
    let slice = |_| {
        let started = now();
        let mut bytes = 0.0;
        loop {
            bytes += round();
            let spent = now().saturating_sub(started);
            if spent >= SLICE {
                return bytes / spent.as_secs_f64();
            }
        }
    };
    (0..SLICES).map(slice).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_working_set_of_its_own() {
        let caches = Caches { l2: Some(1 << 20), last: Some(32 << 20) };
        assert_eq!(
            working_sets(&caches),
            [(Level::L2, 512 << 10), (Level::Llc, 16 << 20), (Level::Memory, 128 << 20)]
        );
        assert_eq!(working_sets(&Caches::default()), [(Level::Memory, 128 << 20)]);
        let huge = Caches { l2: Some(2 << 20), last: Some(1 << 30) };
        assert_eq!(working_sets(&huge)[2], (Level::Memory, 512 << 20));
    }

    #[test]
    fn sizes_are_read_as_sysfs_writes_them() {
        let told = [("L1d", "32K"), ("L2", "1024K"), ("L3", "36608K")];
        let told = told.map(|(name, size)| (name.to_owned(), size.to_owned())).into();
        assert_eq!(Caches::read(&told), Caches { l2: Some(1 << 20), last: Some(36608 << 10) });
        assert_eq!(Caches::read(&BTreeMap::new()), Caches::default());
    }

    #[test]
    fn a_small_copy_has_a_rate_of_the_right_order() {
        let rate = copy_rate(512 << 10);
        assert!((1e8..1e12).contains(&rate), "{rate} bytes per second");
    }
}
