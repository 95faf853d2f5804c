//! What an agent hands over of the samples of one end.

use serde::{Deserialize, Serialize};

use super::stacks::Stacks;
use crate::record::category::{Category, Owner, SamplingClock, Scope};

/// Samples of one end, by category and owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampled {
    /// What the time between samples was measured by.
    pub clock: SamplingClock,
    /// What was sampled.
    pub scope: Scope,
    /// What could not be seen, and why.
    pub limits: Vec<String>,
    /// Why functions of the kernel have no names, where they have none.
    pub unnamed: Option<String>,
    /// Samples on this end's account.
    pub costs: Vec<SampledCost>,
    /// Samples of anyone else on the same CPUs.
    pub strangers: u64,
    /// Samples that the rings had no room for.
    pub lost: u64,
    /// Chains of the samples on this end's account, without those of idle CPUs: the most frequent, and one for the rest.
    pub stacks: Stacks,
    /// The most frequent chains that no rule knows, root first, with their samples.
    pub unknown: Vec<(String, u64)>,
    /// Samples of copies that the network made on nobody's account: beside a stranger's work on these CPUs,
    /// or on CPUs where no worker runs.
    pub outside: Vec<(Category, u64)>,
    /// What of the network's work could not be seen, and why.
    pub missed: Option<String>,
    /// Threads of the kernel that worked for this end and were not sampled wherever they ran, and why.
    pub unwatched: Option<String>,
    /// The most frequent callers of copies below TCP and of those that no rule knows, the innermost first, with
    /// their samples.
    pub callers: Vec<((Category, String), u64)>,
}

impl Sampled {
    /// Samples of a category.
    pub fn samples_in(&self, category: Category) -> u64 {
        self.costs.iter().filter(|cost| cost.category == category).map(|cost| cost.samples).sum()
    }

    /// Samples of a copy that the network made on nobody's account.
    pub fn samples_outside(&self, category: Category) -> u64 {
        self.outside.iter().filter(|(of, _)| *of == category).map(|(_, samples)| samples).sum()
    }

    /// Samples of this end's work, without those of idle CPUs.
    pub fn busy(&self) -> u64 {
        self.costs.iter().filter(|cost| cost.owner != Owner::Idle).map(|cost| cost.samples).sum()
    }

    /// Adds what was seen in another pass of the same cell, at the same end.
    pub fn add(&mut self, other: Self) {
        for more in other.costs {
            let same = |cost: &&mut SampledCost| (cost.category, cost.owner) == (more.category, more.owner);
            match self.costs.iter_mut().find(same) {
                Some(cost) => {
                    cost.samples += more.samples;
                    cost.ns = cost.ns.zip(more.ns).map(|(one, other)| one + other);
                }
                None => self.costs.push(more),
            }
        }
        self.stacks.extend(other.stacks);
        self.stacks = std::mem::take(&mut self.stacks).bounded();
        add_counts(&mut self.unknown, other.unknown);
        add_counts(&mut self.outside, other.outside);
        add_counts(&mut self.callers, other.callers);
        self.strangers += other.strangers;
        self.lost += other.lost;
        let new: Vec<_> = other.limits.into_iter().filter(|why| !self.limits.contains(why)).collect();
        self.limits.extend(new);
        self.missed = self.missed.take().or(other.missed);
        self.unwatched = self.unwatched.take().or(other.unwatched);
    }

    /// System time of saturated workers, for tests: so many samples, a quarter of a millisecond each.
    #[cfg(test)]
    pub(crate) fn of(samples: &[(Category, u64)]) -> Self {
        let cost = |&(category, samples): &(Category, u64)| SampledCost {
            category,
            owner: Owner::System,
            samples,
            ns: Some(samples as f64 * 250_000.0),
        };
        Self {
            clock: SamplingClock::CpuClock,
            scope: Scope::Cpus,
            limits: vec![],
            unnamed: None,
            costs: samples.iter().map(cost).collect(),
            strangers: 0,
            lost: 0,
            stacks: Stacks::default(),
            unknown: vec![],
            outside: vec![],
            missed: None,
            unwatched: None,
            callers: vec![],
        }
    }
}

/// Adds counts by their keys.
fn add_counts<K: PartialEq>(sum: &mut Vec<(K, u64)>, more: Vec<(K, u64)>) {
    for (key, count) in more {
        match sum.iter_mut().find(|(known, _)| *known == key) {
            Some((_, sum)) => *sum += count,
            None => sum.push((key, count)),
        }
    }
}

/// The samples of one category and owner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledCost {
    /// What the CPU was doing.
    pub category: Category,
    /// On whose account.
    pub owner: Owner,
    /// How many samples.
    pub samples: u64,
    /// The time that they stand for; absent when hardware cycles cannot be turned into time.
    pub ns: Option<f64>,
}
