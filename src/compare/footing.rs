//! What a comparison of two runs stands on.

use crate::record::Manifest;
use crate::record::manifest::Basis;
use crate::tables::Metric;

/// How far two runs of the same thing may lie apart where the clock counts instructions, a share.
pub const SAME: f64 = 0.001;

/// What a comparison of two runs stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Footing {
    /// Both runs took time on the same kind of machine: what differs is judged against the noise.
    Time,
    /// Both runs are sides of one comparison: what differs is taken within the blocks that they ran in together.
    Blocks,
    /// Both runs counted instructions: what differs by more than [`SAME`] differs.
    Instructions,
    /// The two runs' figures are of different kinds and say nothing of each other.
    Nothing,
}

impl Footing {
    /// What a comparison of these runs stands on.
    pub fn of(base: &Manifest, new: &Manifest) -> Self {
        match (base.basis(), new.basis()) {
            (Basis::Instructions, Basis::Instructions) => Self::Instructions,
            (one, other) if one == other && base.ran_together_with(new) => Self::Blocks,
            (one, other) if one == other => Self::Time,
            _ => Self::Nothing,
        }
    }
}

/// What two runs are compared by.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) footing: Footing,
    pub(super) measure: &'static Metric,
    /// The regression allowed, a share.
    pub(super) limit: Option<f64>,
}

/// What a run's times are times of, for a sentence.
pub(crate) fn clock(manifest: &Manifest) -> &'static str {
    match manifest.basis() {
        Basis::Hardware => "took time on a CPU",
        Basis::Emulator => "took time on an emulator",
        Basis::Instructions => "counted instructions",
    }
}

/// What is not alike although instructions are compared: a sentence for the kernel and for the CPU's model, each
/// of which decides what code runs.
pub(super) fn unlike(base: &Manifest, new: &Manifest) -> Vec<String> {
    let kernel = |run: &Manifest| run.sender.host.kernel.clone();
    let model = |run: &Manifest| run.vm.as_ref().map(|vm| vm.cpu_model.clone()).unwrap_or_default();
    let facts = [("kernels", kernel(base), kernel(new)), ("models of the CPU", model(base), model(new))];
    let differing = facts.into_iter().filter(|(_, one, other)| one != other);
    differing
        .map(|(what, one, other)| {
            format!("The {what} differ ({one} and {other}), so that a difference need not be the program's.")
        })
        .collect()
}
