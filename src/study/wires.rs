//! Conditions that differ in their wire alone, and from which size sending without a copy pays on a wire that makes none.

use super::subject::Subject;
use crate::cell::Wire;
use crate::path;
use crate::tables::{Estimate, Setting, metric};

/// The conditions that differ in their wire alone, where there are several: places of streams, in the order of the grid.
/// On a sink nobody reads, so that it stands beside each receive path of the other wires.
#[must_use]
pub(crate) fn families(subject: &Subject) -> Vec<Vec<usize>> {
    let shape = |place: usize, receive_path: &str| Setting {
        wire: Wire::default(),
        receive_path: receive_path.to_owned(),
        ..subject.conditions[place].setting(0)
    };
    let own = |place: usize| shape(place, &subject.conditions[place].receive_path);
    let is_sink = |place: &usize| subject.conditions[*place].wire == Wire::Sink;
    let (sinks, read): (Vec<usize>, Vec<usize>) =
        subject.streams().map(|(place, _)| place).partition(is_sink);
    let mut families: Vec<Vec<usize>> = Vec::new();
    for place in read {
        match families.iter_mut().find(|family| own(family[0]) == own(place)) {
            Some(family) => family.push(place),
            None => families.push(vec![place]),
        }
    }
    for family in &mut families {
        let alike = sinks.iter().filter(|&&sink| shape(sink, "") == shape(family[0], ""));
        let alike: Vec<usize> = alike.copied().collect();
        family.extend(alike);
    }
    families.retain(|family| family.len() > 1);
    families
}

/// From which size a path that copies nothing pays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pays {
    /// From this size on, in bytes.
    From(Estimate),
    /// At every tested size.
    Everywhere,
    /// At the largest tested size; the noise at smaller ones leaves open from which on.
    AtLast,
    /// Not at the largest tested size.
    NotAtLast,
}

/// From which size a path's sender spends less CPU time per KiB than that of a plain send, and from which its throughput is
/// the higher one. Absent where the run has no plain send, or the path is said to copy.
#[must_use]
pub(crate) fn pays(subject: &Subject, place: usize, path: &str, threads: u32) -> Option<[Option<Pays>; 2]> {
    let condition = &subject.conditions[place];
    let plain = condition.paths.iter().find(|path| **path == path::PLAIN.name)?;
    let promise = path::find(path).ok()?.promise;
    if promise.user + promise.kernel > 0 {
        return None;
    }
    let row = subject.crossover(&condition.setting(threads), path, plain)?;
    let figure = |name: &str, crossing: Estimate| {
        let metric = metric(name)?;
        let ratio_at = |size: u64| {
            let cell = |path: &str| Some(&subject.measured(place, path, size, threads)?.cell);
            Some(subject.paired_metric(cell(path)?, cell(plain)?, metric).ratio)
        };
        let is_clear = |ratio: &Estimate| ratio.interval().is_some_and(|ends| !ends.contains(1.0));
        let ratio = ratio_at(condition.largest())?;
        let smallest = condition.sizes.first().and_then(|&size| ratio_at(size));
        // What cannot be told apart at the largest size pays at none, as far as is known.
        if !is_clear(&ratio) {
            return None;
        }
        Some(match crossing.value {
            Some(_) => Pays::From(crossing),
            None if metric.is_better(ratio.value?, 1.0) => {
                match smallest.is_some_and(|ratio| is_clear(&ratio)) {
                    true => Pays::Everywhere,
                    false => Pays::AtLast,
                }
            }
            None => Pays::NotAtLast,
        })
    };
    Some([figure("cpu_ns_per_kib", row.cpu_crossing), figure("throughput_gbps", row.crossing)])
}
