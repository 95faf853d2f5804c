//! The kernel's interfaces that send without a copy and tell afterwards whether they did, as a reader names them.

use std::collections::BTreeSet;

use crate::interface::Completions;
use crate::path::{self, Entry};
use crate::prose::words;

/// Those of some paths; where none of them has one, or this program knows none of them, all that there are.
pub(crate) fn names<'p>(paths: impl IntoIterator<Item = &'p str>) -> String {
    told(paths, |(entry, _)| entry.interface.name)
}

/// The flags by which completions say that the kernel copied after all.
pub(crate) fn copied_flags<'p>(paths: impl IntoIterator<Item = &'p str>) -> String {
    told(paths, |(_, completions)| completions.copied_flag)
}

fn told<'p>(
    paths: impl IntoIterator<Item = &'p str>,
    of: fn((&'static Entry, Completions)) -> &'static str,
) -> String {
    let named: BTreeSet<&str> = paths.into_iter().collect();
    let mut told: Vec<_> = path::notified().filter(|(entry, _)| named.contains(entry.name)).map(of).collect();
    if told.is_empty() {
        told.extend(path::notified().map(of));
    }
    told.dedup();
    words::list(&told)
}
