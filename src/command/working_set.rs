//! The flag `--working-set`.

use crate::grid;

/// A working set; its own type, because clap reads an `Option` as a flag that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct WorkingSet(pub Option<u64>);

pub(super) fn parse_working_set(text: &str) -> Result<WorkingSet, String> {
    grid::parse_working_set(text).map(WorkingSet)
}
