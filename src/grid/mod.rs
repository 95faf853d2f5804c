//! The grid: what a sweep runs, as validated values, and the cells that it expands to.

pub mod builtin;
mod changes;
mod defaults;
mod error;
pub mod keys;
mod list;
mod only;
mod parse;
mod paths;
mod raw;
mod scalar;
#[cfg(test)]
mod tests;
mod workloads;

use itertools::iproduct;

use crate::cell::{Cell, Payload, Wire, Workload};
use crate::options::{LinkOptions, Pin, TrialOptions};
use crate::receive;

pub use changes::{Assignment, Changes};
pub(crate) use defaults::default_congestion;
pub use error::GridError;
pub(crate) use scalar::{
    parse_clock_bound, parse_message_size, parse_read_size, parse_threads, parse_warmup, parse_window,
    parse_working_set,
};
pub(crate) use workloads::parse_workload;

/// Most cells of a grid; far beyond what one sweep can run in a day.
pub const MOST_CELLS: usize = 100_000;

/// A grid, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Name, a part of the run's directory.
    pub name: String,
    /// Workloads, with their parameters.
    pub workloads: Vec<Workload>,
    /// Send paths, by their registry names.
    pub paths: Vec<String>,
    /// Receive paths, by their registry names.
    pub receive_paths: Vec<String>,
    /// Kinds of payload: written once, or anew for each message.
    pub payloads: Vec<Payload>,
    /// Message sizes, bytes.
    pub message_sizes: Vec<u64>,
    /// Working sets, bytes; absent: hot.
    pub working_sets: Vec<Option<u64>>,
    /// Numbers of streams.
    pub threads: Vec<u32>,
    /// Wires; empty: the first that the lab has.
    pub wires: Vec<Wire>,
    /// What each trial is and how it is measured.
    pub trial: TrialOptions,
    /// How often each cell is run.
    pub repetitions: Repetitions,
    /// A path whose cells run twice in every block: the A/A control that shows the noise floor.
    pub control: Option<String>,
    /// Seed of the order of trials; absent: a random one, which the manifest records.
    pub seed: Option<u64>,
    /// The lab that the grid asks for, by its registry name; a flag may choose another.
    pub lab: Option<String>,
    /// What is asked of a link that the lab makes or borrows.
    pub link: LinkOptions,
    /// Whether attribution passes accompany the timing blocks.
    pub xray: bool,
    /// Whether its figures are a measurement; a grid that only shows that everything runs says that they are none.
    pub measurement: bool,
    /// The file, verbatim.
    pub text: String,
}

/// Reads `auto`, `none`, or the CPUs of the two ends as `0,2:1,3`.
pub(crate) fn parse_pin(text: &str) -> Result<Pin, String> {
    let list = |text: &str| {
        text.split(',').map(|cpu| cpu.trim().parse::<usize>().ok().filter(|&cpu| cpu < 1024)).collect()
    };
    match (text, text.split_once(':')) {
        ("auto", _) => Ok(Pin::Auto),
        ("none", _) => Ok(Pin::None),
        (_, Some((sender, receiver))) => match (list(sender), list(receiver)) {
            (Some(sender), Some(receiver)) => Ok(Pin::Explicit { sender, receiver }),
            _ => Err(format!(
                "`{text}` lists no CPUs; write 0,2:1,3 (the sender's, then the receiver's; 0 to 1023)"
            )),
        },
        _ => Err(format!("`{text}` is not one of auto, none, 0,2:1,3")),
    }
}

/// How often each cell is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repetitions {
    /// Repetitions after which a cell may stop.
    pub min: u32,
    /// Repetitions after which a cell stops, however wide its interval.
    pub max: u32,
    /// Half the width of the 95 % interval of the median throughput, as a share of it, at which a cell
    /// stops before `max`.
    pub until: Option<f64>,
}

impl Repetitions {
    /// The most of them, whatever the figures say.
    #[must_use]
    pub fn all(self) -> Self {
        Self { until: None, ..self }
    }
}

impl Grid {
    /// Reads and validates a grid from YAML.
    ///
    /// # Errors
    /// One sentence with the line and what is allowed.
    pub fn parse(text: &str) -> Result<Self, GridError> {
        parse::parse(text)
    }

    /// The cells on a lab whose first wire is `default`, in the order in which a table shows them.
    pub fn cells(&self, default: Wire) -> Vec<Cell> {
        let wires = if self.wires.is_empty() { &[default][..] } else { &self.wires };
        let received: Vec<(Wire, String)> = wires
            .iter()
            .flat_map(|&wire| {
                receive::on(wire, &self.receive_paths).into_iter().map(move |path| (wire, path))
            })
            .collect();
        let all = iproduct!(
            &self.workloads,
            &received,
            &self.payloads,
            &self.working_sets,
            &self.threads,
            &self.message_sizes,
            &self.paths
        );
        all.map(
            |(
                workload,
                (wire, receive_path),
                &payload,
                &working_set,
                &threads,
                &message_bytes,
                send_path,
            )| {
                Cell {
                    workload: workload.clone(),
                    wire: *wire,
                    send_path: send_path.clone(),
                    receive_path: receive_path.clone(),
                    payload,
                    message_bytes,
                    threads,
                    working_set,
                }
            },
        )
        .collect()
    }

    /// Refuses wires of which none of the grid's receive paths can be had, on a lab whose first wire is `default`.
    ///
    /// # Errors
    /// One sentence with the remedy.
    pub fn check_wires(&self, default: Wire) -> Result<(), String> {
        let wires = if self.wires.is_empty() { &[default][..] } else { &self.wires };
        let lacks = wires.iter().find(|&&wire| receive::on(wire, &self.receive_paths).is_empty());
        match (lacks, self.receive_paths.first()) {
            (Some(&wire), Some(path)) => receive::check_wire(crate::choice::name(path), wire),
            _ => Ok(()),
        }
    }

    /// How often a cell runs in each block.
    pub fn times_per_block(&self, cell: &Cell) -> u32 {
        if self.control.as_ref() == Some(&cell.send_path) { 2 } else { 1 }
    }
}
