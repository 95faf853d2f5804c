//! Samples summed by what the CPU was doing and on whose account.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::chain::{Chain, Frame};
use super::sampler::StackSample;
use super::stacks::{self, Stacks};
use super::symbols::Symbols;
use crate::record::category::{Category, Owner};

/// Samples of one category and owner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightSum {
    /// How many.
    pub samples: u64,
    /// What they stand for: nanoseconds, or cycles, by the sampler's clock.
    pub weight: f64,
}

/// Sums samples by category and owner.
#[derive(Debug)]
pub struct Ledger<'a> {
    symbols: &'a mut Symbols,
    workers: HashSet<u32>,
    /// Threads that are sampled by themselves, and so are no more when CPUs have them.
    left_out: HashSet<u32>,
    process: u32,
    own_cpus: HashSet<u32>,
    small_packets: bool,
    kernel: HashMap<u64, Frame>,
    user: HashMap<u64, Frame>,
    /// What the workers' samples, and the network's and the idle ones on their CPUs, were about.
    pub costs: BTreeMap<(Category, Owner), WeightSum>,
    /// Samples of anyone else.
    pub strangers: WeightSum,
    /// Copies that the network made on nobody's account: beside strangers' work, or on other CPUs.
    pub outside: BTreeMap<Category, u64>,
    /// Chains of all that is on this end's account but waiting.
    pub stacks: Stacks,
    /// Chains that no rule knows, root first, joined by `;`.
    pub unknown: BTreeMap<String, u64>,
    /// Callers of copies below TCP and of those that no rule knows, the innermost first, joined by ` < `.
    pub callers: BTreeMap<(Category, String), u64>,
}

impl<'a> Ledger<'a> {
    /// A ledger of the workers with these thread ids, and of what happens on their CPUs.
    pub fn new(symbols: &'a mut Symbols, workers: &[u32], own_cpus: &[usize], small_packets: bool) -> Self {
        Self {
            symbols,
            workers: workers.iter().copied().collect(),
            left_out: HashSet::new(),
            process: std::process::id(),
            own_cpus: own_cpus.iter().map(|&cpu| cpu as u32).collect(),
            small_packets,
            kernel: HashMap::new(),
            user: HashMap::new(),
            costs: BTreeMap::new(),
            strangers: WeightSum::default(),
            outside: BTreeMap::new(),
            stacks: Stacks::default(),
            unknown: BTreeMap::new(),
            callers: BTreeMap::new(),
        }
    }

    /// Leaves out, from now on, samples of these threads.
    pub fn leave_out(&mut self, threads: &[u32]) {
        self.left_out.extend(threads);
    }

    /// Adds a sample to the sum of its category and owner.
    pub fn add(&mut self, sample: StackSample<'_>) {
        if self.left_out.contains(&sample.thread) {
            return;
        }
        let (of_worker, of_process) = (self.workers.contains(&sample.thread), sample.process == self.process);
        let Self { symbols, kernel, user, .. } = self;
        let kernel: Vec<_> = sample
            .kernel
            .iter()
            .map(|&at| *kernel.entry(at).or_insert_with(|| Frame::kernel(symbols.kernel(at))))
            .collect();
        let small_packets = self.small_packets;
        let worker =
            of_worker || of_process && Chain { kernel: &kernel, user: &[], small_packets }.is_rings();
        // A stranger's user addresses would be looked up in this program.
        let user: Vec<_> = sample
            .user
            .first()
            .filter(|_| worker)
            .map(|&at| *user.entry(at).or_insert_with(|| Frame::user(symbols.user(at))))
            .into_iter()
            .collect();
        let chain = Chain { kernel: &kernel, user: &user, small_packets };
        let owner = chain.owner(worker, self.own_cpus.contains(&sample.cpu));
        let category = chain.category();
        let outside = owner.is_none() && category.is_copy() && chain.is_networks();
        if is_questioned(category) && (owner.is_some() || outside) {
            *self.callers.entry((category, callers(self.symbols, &sample))).or_default() += 1;
        }
        if outside {
            *self.outside.entry(category).or_default() += 1;
        }
        let cost = match owner {
            None => &mut self.strangers,
            Some(owner) => {
                let chain = stacks::chain(self.symbols, &sample, worker);
                if category == Category::Unattributed {
                    *self.unknown.entry(chain.clone()).or_default() += 1;
                }
                if owner != Owner::Idle {
                    self.stacks.add(chain, 1);
                }
                self.costs.entry((category, owner)).or_default()
            }
        };
        cost.samples += 1;
        cost.weight += sample.weight;
    }

    /// Adds a sample of a CPU that nobody's account is kept of: only the network's copies there are noticed, and what
    /// threads of this process's rings do.
    pub fn notice(&mut self, sample: StackSample<'_>) {
        let of_process = sample.process == self.process;
        let Self { symbols, kernel, outside, callers: called, small_packets, .. } = self;
        let frames: Vec<_> = sample
            .kernel
            .iter()
            .map(|&at| *kernel.entry(at).or_insert_with(|| Frame::kernel(symbols.kernel(at))))
            .collect();
        let chain = Chain { kernel: &frames, user: &[], small_packets: *small_packets };
        if of_process && chain.is_rings() {
            return self.add(sample);
        }
        let category = chain.category();
        if category.is_copy() && chain.is_networks() {
            *outside.entry(category).or_default() += 1;
            if is_questioned(category) {
                *called.entry((category, callers(symbols, &sample))).or_default() += 1;
            }
        }
    }
}

/// Whether one asks who made such a copy.
fn is_questioned(category: Category) -> bool {
    matches!(category, Category::BelowTcpCopy | Category::UnknownCopy)
}

/// The innermost kernel frames of a sample: the routine that copies and who called it.
fn callers(symbols: &mut Symbols, sample: &StackSample<'_>) -> String {
    const SHOWN: usize = 4;
    let names = sample.kernel.iter().take(SHOWN);
    names.map(|&at| symbols.kernel(at).unwrap_or("?").to_owned()).collect::<Vec<_>>().join(" < ")
}
