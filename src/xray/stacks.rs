//! The call chains of an end's samples, each with how many there are of it: what flame graphs are made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sampler::StackSample;
use super::symbols::Symbols;
use crate::cell::{Cell, Side};
use crate::record::FoldedStack;
use crate::record::folded_stack::{KERNEL, MOST_FUNCTIONS, MOST_OF_A_NAME, OTHERS};

/// Distinct chains of one end that are handed over.
pub const MOST_CHAINS: usize = 2000;
/// Bytes of all their names.
pub const MOST_BYTES: usize = 512 << 10;
/// What stands for a function without a name, as perf has it.
const UNKNOWN: &str = "[unknown]";

/// Call chains, the outermost function first, joined by `;`, and their samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stacks(BTreeMap<String, u64>);

impl Stacks {
    /// Adds samples of a chain.
    pub fn add(&mut self, chain: String, samples: u64) {
        *self.0.entry(chain).or_default() += samples;
    }

    /// Adds those of another pass of the same end.
    pub fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|(chain, samples)| self.add(chain, samples));
    }

    /// The most frequent, as many as are handed over; of the others the samples alone.
    #[must_use]
    pub fn bounded(self) -> Self {
        if self.0.len() <= MOST_CHAINS && self.bytes() <= MOST_BYTES {
            return self;
        }
        let mut sorted: Vec<(String, u64)> = self.0.into_iter().collect();
        // The many that are too rare are one more chain, which is never among them.
        sorted.sort_by_key(|(chain, samples)| (chain != OTHERS, std::cmp::Reverse(*samples)));
        let mut kept = Self::default();
        let mut room = MOST_BYTES - OTHERS.len();
        for (chain, samples) in sorted {
            let fits = kept.0.len() + 1 < MOST_CHAINS && chain.len() <= room;
            // What is rarer than one that had no room has none either.
            room = if fits { room - chain.len() } else { 0 };
            kept.add(if fits { chain } else { OTHERS.to_owned() }, samples);
        }
        kept
    }

    /// The lines of `xray.folded` of one end.
    pub fn lines(&self, cell: &Cell, side: Side) -> Vec<FoldedStack> {
        let line = |(chain, samples): (&str, u64)| FoldedStack {
            cell: cell.key(),
            side,
            chain: chain.to_owned(),
            samples,
        };
        self.iter().map(line).collect()
    }

    /// Bytes of all names.
    pub fn bytes(&self) -> usize {
        self.0.keys().map(String::len).sum()
    }

    /// How many chains there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each chain with its samples.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(chain, samples)| (chain.as_str(), *samples))
    }
}

/// The call chain of a sample. Where it is not of this program, its user addresses are nobody's.
pub fn chain(symbols: &mut Symbols, sample: &StackSample<'_>, of_this_program: bool) -> String {
    let user = if of_this_program { sample.user } else { &[] };
    let skipped = (user.len() + sample.kernel.len()).saturating_sub(MOST_FUNCTIONS);
    let mut text = String::new();
    let outermost_first =
        user.iter().rev().map(|at| (at, false)).chain(sample.kernel.iter().rev().map(|at| (at, true)));
    for (&at, in_kernel) in outermost_first.skip(skipped) {
        if !text.is_empty() {
            text.push(';');
        }
        let name = match in_kernel {
            true => symbols.kernel(at).map(str::to_owned),
            // As it is written, without the hash that the compiler appended.
            false => symbols.user(at).map(|name| format!("{:#}", rustc_demangle::demangle(name))),
        };
        let name = name.as_deref().unwrap_or(UNKNOWN);
        text.extend(name.chars().take(MOST_OF_A_NAME - KERNEL.len()).map(as_in_a_chain));
        text.push_str(if in_kernel { KERNEL } else { "" });
    }
    if text.is_empty() { UNKNOWN.to_owned() } else { text }
}

/// A character of a name; what would end the name or the line, or is no character, is another.
fn as_in_a_chain(one: char) -> char {
    if one.is_ascii_graphic() && one != ';' { one } else { '_' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::folded_stack::is_chain;

    #[test]
    fn the_most_frequent_chains_stay_and_no_sample_is_lost() {
        let mut stacks = Stacks::default();
        for number in 0..5000_u64 {
            stacks.add(format!("main;function_{number}_[k]"), 1 + number);
        }
        stacks.add(OTHERS.to_owned(), 3);
        let all = |stacks: &Stacks| stacks.iter().map(|(_, samples)| samples).sum::<u64>();
        let kept = stacks.clone().bounded();
        assert_eq!((kept.len(), all(&kept)), (MOST_CHAINS - 1, all(&stacks)));
        let of = |stacks: &Stacks, wanted: &str| {
            stacks.iter().find(|(chain, _)| *chain == wanted).map(|(_, samples)| samples)
        };
        assert_eq!(of(&kept, "main;function_4999_[k]"), Some(5000));
        assert_eq!(of(&kept, "main;function_1_[k]"), None);
        assert_eq!(kept.clone().bounded(), kept, "what is bounded stays so");
        let mut twice = kept.clone();
        twice.extend(kept.clone());
        assert_eq!((twice.len(), all(&twice)), (kept.len(), 2 * all(&kept)));
    }

    #[test]
    fn long_names_have_no_more_room_than_many() {
        let mut stacks = Stacks::default();
        for number in 0..1000_u64 {
            stacks.add(format!("{};f{number}", vec!["x".repeat(250); 8].join(";")), 1);
        }
        let kept = stacks.bounded();
        assert!(kept.len() > 100 && kept.bytes() <= MOST_BYTES, "{} {}", kept.len(), kept.bytes());
        assert_eq!(kept.iter().map(|(_, samples)| samples).sum::<u64>(), 1000);
    }

    #[test]
    fn whatever_a_sample_holds_its_chain_is_one() {
        let deep: Vec<u64> = (1..1000).collect();
        let mut symbols = Symbols::new();
        for (kernel, user) in [(&deep[..], &deep[..]), (&[], &[]), (&[1], &[])] {
            let sample = StackSample { thread: 1, process: 1, cpu: 0, kernel, user, weight: 1.0 };
            for of_this_program in [true, false] {
                let chain = chain(&mut symbols, &sample, of_this_program);
                assert!(is_chain(&chain), "{chain}");
            }
        }
        assert_eq!("a;b c\n\u{1b}d".chars().map(as_in_a_chain).collect::<String>(), "a_b_c__d");
    }
}
