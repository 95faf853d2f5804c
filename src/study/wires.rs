//! Conditions that differ in their wire alone, and from which size sending without a copy pays on a wire that makes none.

use super::subject::Subject;
use crate::cell::Wire;
use crate::path;
use crate::tables::{Estimate, Setting, metric};

/// The conditions that differ in their wire alone, where there are several: places of streams, in the order of the grid.
/// On a sink nobody reads, so that its receive path is no difference.
#[must_use]
pub(crate) fn families(subject: &Subject) -> Vec<Vec<usize>> {
    let shape = |place: usize, is_read: bool| {
        let setting = subject.conditions[place].setting(0);
        let receive_path = if is_read { setting.receive_path.clone() } else { String::new() };
        Setting { wire: Wire::default(), receive_path, ..setting }
    };
    let mut families: Vec<Vec<usize>> = Vec::new();
    for (place, condition) in subject.streams() {
        let is_alike = |family: &&mut Vec<usize>| {
            let first = &subject.conditions[family[0]];
            let is_read = first.wire != Wire::Sink && condition.wire != Wire::Sink;
            shape(family[0], is_read) == shape(place, is_read)
        };
        match families.iter_mut().find(is_alike) {
            Some(family) => family.push(place),
            None => families.push(vec![place]),
        }
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
    /// Not at the largest tested size.
    Nowhere,
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
        let cell = |path: &str| Some(&subject.measured(place, path, condition.largest(), threads)?.cell);
        let ratio = subject.paired_metric(cell(path)?, cell(plain)?, metric).ratio.value?;
        Some(match crossing.value {
            Some(_) => Pays::From(crossing),
            None if metric.is_better(ratio, 1.0) => Pays::Everywhere,
            None => Pays::Nowhere,
        })
    };
    Some([figure("cpu_ns_per_kib", row.cpu_crossing), figure("throughput_gbps", row.crossing)])
}
