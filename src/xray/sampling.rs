//! Everything that is sampled at one end: the CPUs that its workers use, the threads that the kernel made for them, and
//! the rest of the machine for what softirqs copy there.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::ring_threads;
use super::sampled::{Sampled, SampledCost};
use super::sampler::{SampleRate, Sampler};
use super::symbols::{Symbols, kernel_names};
use super::watch::Watch;
use crate::message::FIELDS;
use crate::record::End;
use crate::record::category::{SamplingClock, Scope};

/// Chains, and callers, that no rule knows: as many as are handed over.
const UNKNOWN_CHAINS: usize = 8;

/// Messages up to this size may travel in packets that a card's driver copies whole: those of 256 bytes at most.
const SMALL_MESSAGE: u64 = 1024;

/// The samplers of one end.
#[derive(Debug)]
pub(super) struct Sampling {
    main: Sampler,
    /// Threads of io_uring, each wherever it runs: where whole CPUs are sampled, and there are any.
    rings: Result<Option<Sampler>, String>,
    /// CPUs on which no worker runs.
    distant: Result<Option<Sampler>, String>,
    /// The workers, and the threads that the kernel made for them.
    threads: Vec<u32>,
    ring_threads: Vec<u32>,
    watch: Watch,
}

impl Sampling {
    /// Opens what the machine allows, stopped.
    ///
    /// # Errors
    /// Why not even the workers can be sampled.
    pub(super) fn open(
        watch: &Watch,
        workers: &[u32],
        ring_threads: &[u32],
        rate: SampleRate,
    ) -> Result<Self, String> {
        let threads = [workers, ring_threads].concat();
        let main = Sampler::open(rate, &watch.cpus, &threads)?;
        let rings = match main.scope() {
            Scope::Cpus if !ring_threads.is_empty() => main.of_threads(ring_threads).map(Some),
            _ => Ok(None),
        };
        let distant = distant(watch, &main);
        Ok(Self { main, rings, distant, threads, ring_threads: ring_threads.to_vec(), watch: watch.clone() })
    }

    /// Begins the window.
    pub(super) fn enable(&mut self) -> std::io::Result<()> {
        self.all().try_for_each(Sampler::enable)
    }

    /// Ends it.
    pub(super) fn disable(&mut self) -> std::io::Result<()> {
        self.all().try_for_each(Sampler::disable)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Sampler> {
        let beside = [&mut self.rings, &mut self.distant].into_iter();
        std::iter::once(&mut self.main).chain(beside.filter_map(|one| one.as_mut().ok()?.as_mut()))
    }

    /// What was seen. `end` has the workers' own counters of the window.
    ///
    /// # Errors
    /// When the samples cannot be read.
    pub(super) fn report(mut self, symbols: &mut Symbols, end: &End) -> Result<Sampled, String> {
        let mut limits = self.main.limits().to_vec();
        let unnamed = match self.main.scope() {
            Scope::UserSpace => None,
            _ => kernel_names().err().map(String::from),
        };
        limits.extend(unnamed.clone());
        let small_packets = self.watch.field_bytes * FIELDS as u64 <= SMALL_MESSAGE;
        let mut ledger = Ledger::new(symbols, &self.threads, &self.watch.own_cpus, small_packets);
        let unwatched = self.rings_into(&mut ledger);
        let read = self.main.collect(|sample| ledger.add(sample));
        let lost = read.map_err(|error| format!("reading the samples: {error}"))?;
        let missed = match self.distant {
            Ok(None) => None,
            Ok(Some(mut distant)) => {
                let read = distant.collect(|sample| ledger.notice(sample));
                read.err().map(|error| format!("the samples of CPUs where no worker runs: {error}"))
            }
            Err(why) => Some(why),
        };
        let ns_per_weight = match self.main.clock() {
            SamplingClock::CpuClock => Some(1.0),
            // The workers' own counters say how long a cycle was on average in this window.
            SamplingClock::Cycles => {
                end.task_clock_s.zip(end.cycles.filter(|&n| n > 0)).map(|(s, cycles)| s * 1e9 / cycles as f64)
            }
        };
        let costs = ledger.costs.iter().map(|(&(category, owner), cost)| SampledCost {
            category,
            owner,
            samples: cost.samples,
            ns: ns_per_weight.map(|ns| ns * cost.weight),
        });
        let costs = costs.collect();
        Ok(Sampled {
            clock: self.main.clock(),
            scope: self.main.scope(),
            limits,
            unnamed,
            costs,
            strangers: ledger.strangers.samples,
            lost,
            stacks: ledger.stacks.bounded(),
            unknown: most(ledger.unknown),
            outside: ledger.outside.into_iter().collect(),
            missed,
            unwatched,
            callers: most(ledger.callers),
        })
    }

    /// Adds the samples of io_uring's threads, which are then left out where a CPU's samples have them too; says which of
    /// them may have worked unseen.
    fn rings_into(&mut self, ledger: &mut Ledger<'_>) -> Option<String> {
        let read = match &mut self.rings {
            Ok(Some(rings)) => rings.collect(|sample| ledger.add(sample)).map_err(|error| error.to_string()),
            Ok(None) => Ok(0),
            Err(why) => Err(why.clone()),
        };
        match &read {
            Ok(_) if self.main.scope() == Scope::Cpus => ledger.leave_out(&self.ring_threads),
            Ok(_) => {}
            Err(why) => return Some(format!("threads of io_uring may not be sampled by themselves: {why}")),
        }
        let of_now = ring_threads::of_this_process();
        let new = of_now.iter().filter(|thread| !self.ring_threads.contains(thread)).count();
        (new > 0).then(|| {
            format!(
                "{new} threads of io_uring began in the window, and were sampled on this end's CPUs at most"
            )
        })
    }
}

/// Samples of the CPUs on which no worker runs, where whole CPUs may be sampled and there are any.
fn distant(watch: &Watch, sampler: &Sampler) -> Result<Option<Sampler>, String> {
    let Some(but) = &watch.all_but else { return Ok(None) };
    if sampler.scope() != Scope::Cpus {
        return Err(sampler.limits().join("; "));
    }
    let mut cpus = crate::host::all_online();
    cpus.retain(|cpu| !watch.cpus.contains(cpu) && !but.contains(cpu));
    if cpus.is_empty() {
        return Ok(None);
    }
    sampler.beside(&cpus).map(Some).map_err(|why| {
        format!("CPUs where no worker runs may not be sampled, so copies there are missed: {why}")
    })
}

/// The most frequent, with their samples.
fn most<K>(of: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut sorted: Vec<_> = of.into_iter().collect();
    sorted.sort_by_key(|&(_, samples)| std::cmp::Reverse(samples));
    sorted.truncate(UNKNOWN_CHAINS);
    sorted
}
