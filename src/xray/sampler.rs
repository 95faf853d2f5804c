//! Samples with call chains of the CPUs in use, or of the worker threads where CPUs may not be watched.
//!
//! Whole CPUs show what a thread's own samples cannot: the softirq work that MSG_ZEROCOPY moves out of the
//! sender, ksoftirqd, the idle time. That needs CAP_PERFMON (or `kernel.perf_event_paranoid` 0 or less).
//! Without it each worker thread is sampled by itself, and without the right to see the kernel at all,
//! in user space alone.
//!
//! The rings are large enough for the window and are read after it, so that no reader runs beside what it
//! measures. A window too long for its ring loses the end, which is counted and does no harm to shares.

use std::io;

use perf_event::data::Record;
use perf_event::events::{Hardware, Software};
use perf_event::{Builder, Counter, ReadFormat, SampleFlag};

use crate::counters::events::reason;
use crate::record::category::{SamplingClock, Scope};

/// How often samples are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleRate {
    /// About 4 kHz: many samples in a second or two.
    Dense,
    /// Below the rate of the kernel's ticks, for long windows. Each sample needs a timer interrupt, and each time that
    /// a CPU goes idle its timer is set anew for the next one: a virtual machine pays microseconds for either.
    Sparse,
}

impl SampleRate {
    /// Nanoseconds between samples by the clock. The remainders of 1, 4 and 10 ms, the kernel's ticks, are far from any
    /// simple fraction, so that samples keep no step with ticks.
    fn clock_period(self) -> u64 {
        match self {
            Self::Dense => 247_213,
            Self::Sparse => 3_819_661,
        }
    }
}

/// Cycles between samples, at either rate: about 4 kHz at 3 GHz. A counter interrupts without a timer.
const CYCLES_PERIOD: u64 = 750_019;
/// Bytes of a ring: 2 s of the deepest chains usually seen (700 B a record).
const RING_BYTES: usize = 8 << 20;
/// The same for a CPU on which no worker runs: most of the time it is idle, and its chains are short.
const DISTANT_RING_BYTES: usize = 1 << 20;
const SMALLEST_RING: usize = 64 << 10;

/// One sample, innermost frames first.
#[derive(Clone, Copy, Debug)]
pub struct StackSample<'a> {
    /// The thread that ran, as this process's PID namespace numbers it; 0 for the idle task and for strangers.
    pub thread: u32,
    /// The process that it is of, in the same way.
    pub process: u32,
    /// The CPU that was sampled.
    pub cpu: u32,
    /// Kernel frames.
    pub kernel: &'a [u64],
    /// User frames.
    pub user: &'a [u64],
    /// Nanoseconds (or cycles, by [`Sampler::clock`]) that the sample stands for.
    pub weight: f64,
}

/// Samplers of one end of a trial, stopped until [`Sampler::enable`].
pub struct Sampler {
    rings: Vec<perf_event::Sampler>,
    rate: SampleRate,
    clock: SamplingClock,
    scope: Scope,
    limits: Vec<String>,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sampler({} rings of {}, {})", self.rings.len(), self.scope, self.clock)
    }
}

impl Sampler {
    /// Opens what the machine allows: whole CPUs, else the threads, else the threads in user space.
    ///
    /// # Errors
    /// Why not even the last may be sampled.
    pub fn open(rate: SampleRate, cpus: &[usize], threads: &[u32]) -> Result<Self, String> {
        let mut limits = Vec::new();
        for scope in [Scope::Cpus, Scope::Threads, Scope::UserSpace] {
            let mut refusals = Vec::new();
            for clock in [SamplingClock::Cycles, SamplingClock::CpuClock] {
                match open_all(scope, (clock, rate), cpus, threads, RING_BYTES) {
                    Ok(rings) => return Ok(Self { rings, rate, clock, scope, limits }),
                    Err(error) => refusals.push((clock, error)),
                }
            }
            // The clock needs no PMU, so its refusal is the one that tells which right is missing.
            if let Some((_, error)) = refusals.pop() {
                limits.push(format!("{}: {}", refused(scope), reason(&error)));
            }
        }
        Err(limits.join("; "))
    }

    /// Opens whole CPUs that no worker runs on, by the same clock, for what softirqs and threads of the kernel do there.
    pub fn beside(&self, cpus: &[usize]) -> Result<Self, String> {
        let rings = open_all(Scope::Cpus, (self.clock, self.rate), cpus, &[], DISTANT_RING_BYTES)
            .map_err(|error| reason(&error))?;
        Ok(Self { rings, scope: Scope::Cpus, limits: Vec::new(), ..*self })
    }

    /// Opens threads by themselves, wherever they run, by the same clock.
    pub fn of_threads(&self, threads: &[u32]) -> Result<Self, String> {
        let rings = open_all(Scope::Threads, (self.clock, self.rate), &[], threads, RING_BYTES)
            .map_err(|error| reason(&error))?;
        Ok(Self { rings, scope: Scope::Threads, limits: Vec::new(), ..*self })
    }

    /// What the weights count.
    pub fn clock(&self) -> SamplingClock {
        self.clock
    }

    /// What is sampled.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// What was asked for and refused, and why.
    pub fn limits(&self) -> &[String] {
        &self.limits
    }

    /// Begins the window.
    pub fn enable(&mut self) -> io::Result<()> {
        self.rings.iter_mut().try_for_each(|ring| ring.as_counter_mut().enable())
    }

    /// Ends the window.
    pub fn disable(&mut self) -> io::Result<()> {
        self.rings.iter_mut().try_for_each(|ring| ring.as_counter_mut().disable())
    }

    /// Hands every sample of the window to `each`, and returns how many were lost. A sample's weight is its
    /// ring's time over its ring's samples, so a lost one is made up for by its neighbours.
    ///
    /// # Errors
    /// When a count cannot be read.
    pub fn collect(&mut self, mut each: impl FnMut(StackSample<'_>)) -> io::Result<u64> {
        let mut lost = 0;
        for ring in &mut self.rings {
            let data = ring.as_counter_mut().read_full()?;
            let mut samples = Vec::new();
            let mut announced = 0;
            while let Some(record) = ring.next_record() {
                match record.parse_record() {
                    Ok(Record::Sample(sample)) => samples.push(OwnedSample::new(&sample)),
                    Ok(Record::Lost(record)) => announced += record.lost,
                    _ => {}
                }
            }
            let missing = data.lost().unwrap_or(announced);
            lost += missing;
            let weight = match (self.scope, self.clock) {
                // The clock goes on in the kernel, where no sample is taken (perf_swevent_hrtimer,
                // kernel/events/core.c), so its count is that of more than the samples: each is one period.
                (Scope::UserSpace, SamplingClock::CpuClock) => {
                    self.rate.clock_period() as f64 * (1.0 + missing as f64 / samples.len().max(1) as f64)
                }
                _ => data.count() as f64 / samples.len().max(1) as f64,
            };
            for OwnedSample { thread, process, cpu, kernel, user } in &samples {
                each(StackSample { thread: *thread, process: *process, cpu: *cpu, kernel, user, weight });
            }
        }
        Ok(lost)
    }
}

fn refused(scope: Scope) -> &'static str {
    match scope {
        Scope::Cpus => "whole CPUs may not be sampled, so work outside the worker threads is not seen",
        Scope::Threads => "the kernel may not be sampled, so only copies in user space are seen",
        Scope::UserSpace => "nothing may be sampled",
    }
}

fn open_all(
    scope: Scope,
    (clock, rate): (SamplingClock, SampleRate),
    cpus: &[usize],
    threads: &[u32],
    ring_bytes: usize,
) -> io::Result<Vec<perf_event::Sampler>> {
    let mut builder = match clock {
        SamplingClock::Cycles => Builder::new(Hardware::CPU_CYCLES),
        SamplingClock::CpuClock => Builder::new(Software::CPU_CLOCK),
    };
    builder
        .sample_period(if clock == SamplingClock::Cycles { CYCLES_PERIOD } else { rate.clock_period() })
        .sample(SampleFlag::TID | SampleFlag::CPU | SampleFlag::CALLCHAIN)
        .exclude_kernel(scope == Scope::UserSpace)
        .exclude_callchain_kernel(scope == Scope::UserSpace);
    match scope {
        Scope::Cpus => {
            cpus.iter().map(|&cpu| open(builder.clone().any_pid().one_cpu(cpu), ring_bytes)).collect()
        }
        _ => threads
            .iter()
            .map(|&tid| open(builder.clone().observe_pid(tid as i32).any_cpu(), ring_bytes))
            .collect(),
    }
}

/// Opens an event and maps its ring, smaller where the limit of locked memory asks for it.
fn open(builder: &mut Builder<'_>, mut size: usize) -> io::Result<perf_event::Sampler> {
    loop {
        match build(builder)?.sampled(size) {
            Err(error) if size > SMALLEST_RING && is_memory_limit(&error) => size /= 2,
            other => return other,
        }
    }
}

/// Builds an event that counts its lost records where the kernel can (6.0 and later).
pub(super) fn build(builder: &mut Builder<'_>) -> io::Result<Counter> {
    let format = ReadFormat::TOTAL_TIME_ENABLED | ReadFormat::TOTAL_TIME_RUNNING;
    match builder.read_format(format | ReadFormat::LOST).build() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => builder.read_format(format).build(),
        other => other,
    }
}

/// mmap of a ring says EPERM beyond `kernel.perf_event_mlock_kb` and RLIMIT_MEMLOCK.
pub(super) fn is_memory_limit(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOMEM))
}

/// An owned copy of what a record says.
struct OwnedSample {
    thread: u32,
    process: u32,
    cpu: u32,
    kernel: Vec<u64>,
    user: Vec<u64>,
}

impl OwnedSample {
    fn new(sample: &perf_event::data::Sample<'_>) -> Self {
        let (kernel, user) = split(sample.callchain().unwrap_or_default());
        let (thread, process) = (sample.tid().unwrap_or(0), sample.pid().unwrap_or(0));
        Self { thread, process, cpu: sample.cpu().unwrap_or(0), kernel, user }
    }
}

/// Kernel and user frames of a call chain; context markers (the last 4095 addresses) stand between them.
fn split(chain: &[u64]) -> (Vec<u64>, Vec<u64>) {
    const MARKERS: u64 = -4095_i64 as u64;
    const KERNEL: u64 = -128_i64 as u64;
    const USER: u64 = -512_i64 as u64;
    let (mut kernel, mut user) = (Vec::new(), Vec::new());
    let mut context = 0;
    for &frame in chain {
        match (frame, context) {
            (marker, _) if marker >= MARKERS => context = marker,
            (address, KERNEL) => kernel.push(address),
            (address, USER) => user.push(address),
            // Hypervisor and guest frames belong to neither.
            _ => {}
        }
    }
    (kernel, user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_divide_a_chain() {
        let kernel = -128_i64 as u64;
        let user = -512_i64 as u64;
        assert_eq!(split(&[kernel, 9, 8, user, 7]), (vec![9, 8], vec![7]));
        assert_eq!(split(&[user, 7]), (vec![], vec![7]));
        assert_eq!(split(&[7]), (vec![], vec![]));
    }

    #[test]
    fn a_busy_thread_is_sampled_for_the_time_it_ran() {
        let thread = nix::unistd::gettid().as_raw() as u32;
        let (rate, clock) = (SampleRate::Dense, SamplingClock::CpuClock);
        let mut sampler = match Sampler::open(rate, &[], &[thread]) {
            Ok(sampler) if sampler.scope() != Scope::Cpus => sampler,
            // With no CPU to watch, the scope of CPUs opens and is empty.
            Ok(_) => match open_all(Scope::Threads, (clock, rate), &[], &[thread], RING_BYTES) {
                Ok(rings) => Sampler { rings, rate, clock, scope: Scope::Threads, limits: vec![] },
                Err(error) => {
                    crate::skip::skip("a_busy_thread_is_sampled_for_the_time_it_ran", reason(&error));
                    return;
                }
            },
            Err(why) => {
                crate::skip::skip("a_busy_thread_is_sampled_for_the_time_it_ran", why);
                return;
            }
        };
        sampler.enable().unwrap();
        // By the thread's own clock: it is sampled for the time that it ran, and on a busy machine that comes slowly.
        let worked = || nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        let until = std::time::Duration::from(worked()) + std::time::Duration::from_millis(100);
        while std::time::Duration::from(worked()) < until {}
        sampler.disable().unwrap();
        let (mut samples, mut ns, mut strangers) = (0, 0.0, 0);
        let lost = sampler
            .collect(|sample| {
                samples += 1;
                ns += sample.weight;
                strangers += u32::from(sample.thread != thread);
            })
            .unwrap();
        assert_eq!((lost, strangers), (0, 0));
        assert!(samples > 20, "{samples} samples");
        assert!((1e6..3e8).contains(&ns), "{ns} ns");
    }
}
