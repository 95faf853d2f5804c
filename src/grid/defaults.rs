//! What a grid has that does not say otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Grid, Repetitions};
use crate::cell::{Payload, Workload};
use crate::options::{Bound, LinkOptions, Pin, ReadSize, TrialOptions};
use crate::receive;
use crate::socket::{self, SocketOptions};

/// What a grid that bounds its trials by nothing gets.
pub(super) fn one_second() -> Bound {
    Bound::Duration(Duration::from_secs(1))
}

const DEFAULT_WARMUP: Duration = Duration::from_millis(200);
pub(super) const DEFAULT_REPETITIONS: Repetitions = Repetitions { min: 5, max: 5, until: None };

/// What a grid that says nothing of sockets gets.
fn default_socket() -> SocketOptions {
    SocketOptions { congestion: default_congestion(), ..SocketOptions::default() }
}

/// CUBIC where the kernel has it and lets us: the default of many hosts is BBR, which paces and so hides what a copy costs.
pub(crate) fn default_congestion() -> Option<String> {
    let available = socket::available_congestion()?;
    available.into_iter().find(|name| name == "cubic")
}

impl Grid {
    /// A grid of this name without a path, a size or a number of streams, and with whatever a grid has that says no
    /// more.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            workloads: vec![Workload::default()],
            paths: Vec::new(),
            receive_paths: vec![receive::DEFAULT.to_owned()],
            payloads: vec![Payload::Static],
            message_sizes: Vec::new(),
            working_sets: vec![None],
            threads: Vec::new(),
            wires: Vec::new(),
            trial: TrialOptions {
                bound: one_second(),
                warmup: DEFAULT_WARMUP,
                pin: Pin::Auto,
                socket: default_socket(),
                read_size: ReadSize::Auto,
                verify: false,
                clocks_within: None,
                capacities: BTreeMap::new(),
            },
            repetitions: DEFAULT_REPETITIONS,
            control: None,
            seed: None,
            lab: None,
            link: LinkOptions::default(),
            xray: false,
            measurement: true,
            text: String::new(),
        }
    }
}
