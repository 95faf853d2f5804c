//! What the manifest of a new run says.

use sha2::{Digest, Sha256};

use crate::grid::Grid;
use crate::host;
use crate::lab::{Lab, Side};
use crate::options::TrialOptions;
use crate::record::SCHEMA_VERSION;
use crate::record::manifest::{Agent, Manifest, Tool, Vm};

/// The manifest of a sweep that begins now.
pub(crate) fn manifest(grid: &Grid, options: &TrialOptions, seed: u64, lab: &Lab) -> Manifest {
    let now = jiff::Timestamp::now();
    let (sender_cpus, receiver_cpus) = lab.pinning(options);
    let agent = |side, pinned| {
        let (welcome, address) = lab.agent(side);
        Agent {
            address: address.to_owned(),
            binary_sha256: welcome.binary_sha256.clone(),
            host: welcome.host.clone(),
            counters: welcome.counters.clone(),
            pinned,
        }
    };
    Manifest {
        schema_version: SCHEMA_VERSION.to_owned(),
        run_id: format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), grid.name),
        tool: Tool {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_revision: option_env!("COPYCOST_GIT_REVISION").map(str::to_owned),
            binary_sha256: host::binary_sha256(),
        },
        command_line: std::env::args().collect(),
        started_at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        finished_at: None,
        outcome: None,
        resumed: 0,
        grid_name: grid.name.clone(),
        grid: grid.text.clone(),
        grid_sha256: hex::encode(Sha256::digest(&grid.text)),
        measurement: (!grid.measurement).then_some(false),
        cells: lab
            .wires()
            .first()
            .map(|&wire| grid.cells(wire))
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect(),
        seed,
        lab: lab.kind().to_owned(),
        vm: Vm::of_this_process(),
        wires: lab.links().clone(),
        clocks_within_us: options.clocks_within.map(|within| within.as_secs_f64() * 1e6),
        together: None,
        sender: agent(Side::Sender, sender_cpus),
        receiver: agent(Side::Receiver, receiver_cpus),
    }
}
