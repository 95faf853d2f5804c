//! What a guest is to do: written by the host into the initramfs, read by `/init`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the task is in the guest. A process with the number 1 that finds it there is a guest's `/init`.
pub(super) const TASK: &str = "/copycost-task.json";
/// Where modules are, in the order of their names.
pub(super) const MODULES: &str = "/modules";
/// Where carried programs are.
pub(super) const CARRIED: &str = "/carried";
/// Standard input of the command, where it has any.
pub(super) const INPUT: &str = "/copycost-input";

/// What a guest is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    /// The command's words: those of copycost, or a carried program and its own.
    pub(super) command: Vec<String>,
    /// Whether the first word is a carried program.
    pub(super) is_carried: bool,
    /// Variables of its environment.
    pub(super) environment: Vec<(String, String)>,
    /// The directory that it runs in.
    pub(super) directory: PathBuf,
    /// Directories whose changes go home.
    pub(super) watched: Vec<PathBuf>,
    /// Whether threads take turns by rank alone, as they do under the instruction clock.
    pub(super) in_order: bool,
    /// The terminal at the host's standard output and standard error, where there is one.
    pub(super) terminals: [Option<Size>; 2],
}

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}
