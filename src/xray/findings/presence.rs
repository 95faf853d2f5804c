//! What the samples of a cell say of a copy: whether it is made of the payload, is not, or cannot be told.

use statrs::function::gamma::gamma_ur;

use super::Observations;
use super::unseen::{Unseen, joined};
use crate::record::category::{Category, Owner, Scope};
use crate::record::copies::Place;
use crate::xray::sampled::Sampled;
use crate::xray::watch::Seen;

/// Fewest samples that show a copy.
const LEAST_PRESENT: f64 = 10.0;
/// Fewest that an absent copy must be expected to have shown: none at all then has a chance of e⁻⁷, less than
/// one in a thousand.
const LEAST_EXPECTED: f64 = 7.0;
/// The chance that samples show a copy as rarely as they did, at the most that they leave room for: that of none where
/// [`LEAST_EXPECTED`] are due, e⁻⁷.
const CHANCE: f64 = 0.000_911_881_965_554_516_2;
/// Callers of copies that a note names.
const NAMED_CALLERS: usize = 3;

/// What samples say of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Absent,
    /// More samples may tell.
    TooFew,
    Unclear,
}

/// What the samples of a place say.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) presence: Presence,
    /// The same in words.
    pub(super) note: String,
    /// Samples of the copy, and of all work.
    pub(super) found: u64,
    pub(super) busy: u64,
    /// Samples that one copy of each byte would take at the least; absent where it cannot be told.
    pub(super) expected: Option<f64>,
    /// Copies of each byte that the samples leave room for at most; absent where copies may have been missed.
    pub(super) most_per_byte: Option<f64>,
}

/// What the samples of a place say, or why there are none.
pub(super) type SampledPresence = Result<Look, Vec<Unseen>>;

/// The largest mean of which as few as `found` samples, or fewer, come by no less than a chance of [`CHANCE`]: Poisson's
/// law, whose bound is no lower than the binomial's (Clopper and Pearson, 1934).
fn largest_mean(found: u64) -> f64 {
    let chance = |mean: f64| gamma_ur(found as f64 + 1.0, mean);
    let (mut low, mut high) = (found as f64, 20.0 + 4.0 * found as f64);
    for _ in 0..60 {
        let mean = f64::midpoint(low, high);
        if chance(mean) > CHANCE { low = mean } else { high = mean }
    }
    high
}

/// Whether this many samples show a copy that would take `expected` of them, at the machine's fastest, if it
/// were made of every byte. Less than a tenth of that is other small copies; in between some bytes may be
/// copied, or a stranger's on the same CPU. Where so few samples decide neither, more may.
pub(super) fn presence(found: u64, expected: f64) -> Presence {
    let found = found as f64;
    if found >= LEAST_PRESENT.max(expected / 2.0) {
        Presence::Present
    } else if expected >= LEAST_EXPECTED && found <= expected / 10.0 {
        Presence::Absent
    } else if expected < LEAST_EXPECTED || found < LEAST_PRESENT {
        Presence::TooFew
    } else {
        Presence::Unclear
    }
}

/// What a place's copies are called in samples. Who encrypts writes each byte anew, on its way in as on its way out.
fn categories_of(place: Place) -> &'static [Category] {
    match place {
        Place::User => &[Category::GatherCopy],
        Place::Kernel => &[Category::KernelCopy, Category::Encryption],
        Place::Deferred => &[Category::DeferredCopy],
        Place::BelowTcp | Place::Card => &[Category::BelowTcpCopy],
        Place::Receive => &[Category::ReceiveCopy, Category::Encryption],
        Place::Unknown => &[Category::UnknownCopy],
    }
}

/// Ends at which a place's copies are made. What the network copies it may copy at either, whichever thread
/// it interrupts: a deferred copy was seen in the receiver's time.
fn ends_of(place: Place) -> &'static [usize] {
    match place {
        Place::User | Place::Kernel => &[0],
        Place::Receive => &[1],
        Place::Deferred | Place::BelowTcp | Place::Unknown | Place::Card => &[0, 1],
    }
}

/// The samples of the ends that are looked at, added up.
#[derive(Default)]
struct SampleSums {
    found: u64,
    /// Of the same copy, but on nobody's account.
    outside: u64,
    busy: u64,
    ns: Option<f64>,
    strangers: u64,
    /// Why a copy may have been missed.
    blind: Vec<Unseen>,
}

impl SampleSums {
    fn add(&mut self, sampled: &Sampled, place: Place, categories: &[Category]) {
        let ns: Option<f64> =
            sampled.costs.iter().filter(|cost| cost.owner != Owner::Idle).map(|cost| cost.ns).sum();
        // The first end sets the time, and an end without any leaves none.
        self.ns = if self.busy == 0 { ns } else { self.ns.zip(ns).map(|(one, other)| one + other) };
        self.found += categories.iter().map(|&category| sampled.samples_in(category)).sum::<u64>();
        self.busy += sampled.busy();
        self.strangers += sampled.strangers;
        if place != Place::User {
            self.blind.extend(sampled.unwatched.clone().map(Unseen::Told));
        }
        if ends_of(place).len() > 1 {
            self.outside += categories.iter().map(|&category| sampled.samples_outside(category)).sum::<u64>();
            self.blind.extend(sampled.missed.clone().map(Unseen::Told));
            if sampled.scope != Scope::Cpus {
                self.blind.extend(sampled.limits.iter().cloned().map(Unseen::Told));
            }
        }
    }
}

/// What an end saw of a place, or why it saw nothing.
fn sampled(seen: &Seen, place: Place) -> Result<&Sampled, Unseen> {
    let sampled = match seen {
        Seen::Samples(sampled) if sampled.scope == Scope::UserSpace && place != Place::User => {
            return Err(Unseen::Told(sampled.limits.join("; ")));
        }
        Seen::Samples(sampled) => sampled,
        Seen::Nothing(why) => return Err(Unseen::Told(why.clone())),
        Seen::Records(_) | Seen::Pages(_) => return Err(Unseen::NoSamples),
    };
    match &sampled.unnamed {
        Some(why) => Err(Unseen::Told(why.clone())),
        None => Ok(sampled),
    }
}

impl Observations<'_> {
    /// Share of the samples, without idle ones, that fell into a copy.
    pub(super) fn share(&self, place: Place) -> Option<f64> {
        let look = self.look(place, categories_of(place)).ok()?;
        Some(look.found as f64 / look.busy.max(1) as f64)
    }

    fn look(&self, place: Place, categories: &[Category]) -> Result<SampleSums, Vec<Unseen>> {
        let mut look = SampleSums::default();
        for &end in ends_of(place) {
            match sampled(self.samples[end], place) {
                Ok(sampled) => look.add(sampled, place, categories),
                Err(why) => look.blind.push(why),
            }
        }
        look.blind.dedup();
        if look.busy == 0 && !look.blind.is_empty() { Err(look.blind) } else { Ok(look) }
    }

    /// Whether kernel TLS encrypts or decrypts what an end moves: of each byte, by the measure of a copy.
    pub(super) fn encrypts(&self, place: Place) -> bool {
        matches!(place, Place::Kernel | Place::Receive)
            && self
                .sampled_as(place, &[Category::Encryption])
                .is_ok_and(|look| look.presence == Presence::Present)
    }

    /// What the samples say of a place, or why there are none.
    pub(super) fn sampled(&self, place: Place) -> SampledPresence {
        self.sampled_as(place, categories_of(place))
    }

    fn sampled_as(&self, place: Place, categories: &[Category]) -> SampledPresence {
        let look = self.look(place, categories)?;
        let bytes = self.bytes[ends_of(place)[0]];
        let ns_per_kib = look.ns.zip(bytes).map(|(ns, bytes)| ns * 1024.0 / bytes.max(1) as f64);
        let expected = match self.copy_ns_per_kib.zip(ns_per_kib) {
            Some((copy, all)) if all > 0.0 => Some(look.busy as f64 * (copy / all).min(1.0)),
            _ => None,
        };
        let told = expected.filter(|_| look.blind.is_empty());
        let SampleSums { found, outside, busy, strangers, .. } = look;
        let least = expected.unwrap_or(0.0);
        let presence = match (presence(found, least), presence(found + outside, least)) {
            (Presence::Present, _) => Presence::Present,
            (_, known @ (Presence::Absent | Presence::TooFew)) if told.is_some() => known,
            _ => Presence::Unclear,
        };
        let mut note = match presence {
            Presence::Present => {
                format!("copies were seen in {:.1} % of {busy} samples", 100.0 * found as f64 / busy as f64)
            }
            Presence::Absent => {
                format!("{found} of {busy} samples, where one copy of each byte takes at least {least:.0}")
            }
            Presence::TooFew | Presence::Unclear => format!(
                "{found} of {busy} samples are no clear sign, where one copy of each byte takes {least:.0} or \
                 more, and {strangers} samples on these CPUs were of other work"
            ),
        };
        if outside > 0 && matches!(presence, Presence::TooFew | Presence::Unclear) {
            note += &format!(
                "; {outside} more fell into softirqs and threads of the kernel on no worker's account, and may be of \
                 other programs' packets"
            );
        }
        if presence == Presence::Unclear && !look.blind.is_empty() {
            note += &format!("; {}", joined(&look.blind));
        }
        if presence != Presence::Absent {
            note += &self.callers(categories);
        }
        let room = |copy: f64| largest_mean(found + outside) / copy;
        let most_per_byte = told.filter(|&copy| copy > 0.0).map(room);
        Ok(Look { presence, note, found, busy, expected, most_per_byte })
    }

    /// Who called the copies of some categories, the most frequent first; nothing where nobody asked.
    fn callers(&self, of: &[Category]) -> String {
        let mut callers: Vec<(&str, u64)> = Vec::new();
        for seen in self.samples {
            let Seen::Samples(sampled) = seen else { continue };
            for ((_, chain), samples) in
                sampled.callers.iter().filter(|((category, _), _)| of.contains(category))
            {
                match callers.iter_mut().find(|(known, _)| known == chain) {
                    Some((_, sum)) => *sum += samples,
                    None => callers.push((chain, *samples)),
                }
            }
        }
        callers.sort_by_key(|&(_, samples)| std::cmp::Reverse(samples));
        let named: Vec<String> = callers
            .iter()
            .take(NAMED_CALLERS)
            .map(|(chain, samples)| format!("{chain} ({samples})"))
            .collect();
        if named.is_empty() { String::new() } else { format!("; called by {}", named.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_none_is_the_rule_of_seven_and_others_lie_above_what_was_found() {
        assert!((largest_mean(0) - LEAST_EXPECTED).abs() < 1e-6, "{}", largest_mean(0));
        for (found, normal) in [(100, 131.2), (10_000, 10_312.0)] {
            // The normal law's: 3.12 deviations above, with half a sample and the curvature's part left out.
            let bound = largest_mean(found);
            assert!((normal..normal * 1.05).contains(&bound), "{found}: {bound}");
        }
    }
}
