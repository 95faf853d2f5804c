//! A cell's row: one line of `cells.csv`, and the first columns of `derived.csv`.

use super::flag::Flags;
use super::limit::Limit;
use super::sample::Sample;
use crate::cell::{Cell, Payload, Wire};
use crate::record::column::column;
use crate::record::{Column, Status};
use crate::stats;

/// One cell of the grid: its throughput over all trials that went well, and what to know about them.
#[derive(Clone, Debug, PartialEq)]
pub struct CellRow {
    /// The cell's key.
    pub cell: String,
    /// How messages got into the socket.
    pub send_path: String,
    /// How bytes left the socket.
    pub receive_path: String,
    /// Whether the bytes changed between sends.
    pub payload: Payload,
    /// What joined the agents.
    pub wire: Wire,
    /// Size of one message, bytes.
    pub message_bytes: u64,
    /// Number of streams.
    pub threads: u32,
    /// Trials that went well.
    pub trials: u64,
    /// Median throughput of them, 10^9 bits a second.
    pub throughput_gbps: Option<f64>,
    /// Lower end of its 95 % interval; absent with one trial.
    pub throughput_low: Option<f64>,
    /// Upper end of its 95 % interval; absent with one trial.
    pub throughput_high: Option<f64>,
    /// Width of the middle half of the trials over their median; absent with one trial.
    pub spread: Option<f64>,
    /// What a reader must know.
    pub flags: Flags,
    /// Bytes of distinct message buffers a stream cycles through; absent: hot.
    pub working_set_bytes: Option<u64>,
    /// Trials that broke.
    pub failed: u64,
    /// Trials that the machine could not run.
    pub unsupported: u64,
    /// Why the first trial that did not go well did not; empty where all did.
    pub reason: String,
    /// Throughput of the slowest trial.
    pub throughput_min: Option<f64>,
    /// Throughput of the fastest trial.
    pub throughput_max: Option<f64>,
    /// What holds the cell back; absent where the rows do not tell.
    pub limit: Option<Limit>,
}

impl CellRow {
    /// The row of a cell of which nothing is known yet.
    #[must_use]
    pub fn new(cell: &Cell) -> Self {
        Self {
            cell: cell.key(),
            send_path: cell.send_path.clone(),
            receive_path: cell.receive_path.clone(),
            payload: cell.payload,
            wire: cell.wire,
            message_bytes: cell.message_bytes,
            threads: cell.threads,
            working_set_bytes: cell.working_set,
            ..Self::default()
        }
    }

    /// The row of a cell's trials.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let ended = |status| sample.trials.iter().filter(|trial| trial.status == status).count() as u64;
        let throughput = sample.values(|trial| trial.throughput_gbps);
        let estimate = sample.estimate(|trial| trial.throughput_gbps);
        let broken = sample.trials.iter().find(|trial| trial.status != Status::Ok);
        Self {
            trials: ended(Status::Ok),
            throughput_gbps: estimate.value,
            throughput_low: estimate.low,
            throughput_high: estimate.high,
            spread: stats::spread(&throughput),
            flags: Flags::of(sample),
            failed: ended(Status::Failed),
            unsupported: ended(Status::Unsupported),
            reason: broken.map(|trial| trial.reason.clone()).unwrap_or_default(),
            throughput_min: throughput.iter().copied().reduce(f64::min),
            throughput_max: throughput.iter().copied().reduce(f64::max),
            limit: Limit::of(sample),
            ..Self::new(&sample.cell)
        }
    }

    /// The cell that the row is of.
    #[must_use]
    pub fn to_cell(&self) -> Cell {
        Cell {
            workload: crate::workload::DEFAULT.to_owned(),
            wire: self.wire,
            send_path: self.send_path.clone(),
            receive_path: self.receive_path.clone(),
            payload: self.payload,
            message_bytes: self.message_bytes,
            threads: self.threads,
            working_set: self.working_set_bytes,
        }
    }
}

impl Default for CellRow {
    fn default() -> Self {
        Self {
            cell: String::new(),
            send_path: String::new(),
            receive_path: String::new(),
            payload: Payload::Static,
            wire: Wire::Loopback,
            message_bytes: 0,
            threads: 0,
            trials: 0,
            throughput_gbps: None,
            throughput_low: None,
            throughput_high: None,
            spread: None,
            flags: Flags::default(),
            working_set_bytes: None,
            failed: 0,
            unsupported: 0,
            reason: String::new(),
            throughput_min: None,
            throughput_max: None,
            limit: None,
        }
    }
}

/// The columns of a cell's row, which lies in a row of another table at `$place`, or is the row itself.
macro_rules! cell_columns {
    ($($place:ident .)*) => {
        [
            column!("cell", $($place.)* cell, "key of the cell"),
            column!("send_path", $($place.)* send_path, "how messages got into the socket"),
            column!("receive_path", $($place.)* receive_path, "how bytes left the socket"),
            column!("payload", $($place.)* payload, "static or fresh"),
            column!("wire", $($place.)* wire, "what joined the agents"),
            column!("message_bytes", $($place.)* message_bytes, "size of a message, bytes"),
            column!("threads", $($place.)* threads, "number of streams"),
            column!("trials", $($place.)* trials, "trials that went well"),
            column!("throughput_gbps", $($place.)* throughput_gbps, "median over them, 10^9 bit/s"),
            column!("throughput_low", $($place.)* throughput_low, "lower end of its 95 % interval"),
            column!("throughput_high", $($place.)* throughput_high, "upper end of its 95 % interval"),
            column!("spread", $($place.)* spread, "interquartile range over the median"),
            column!("flags", $($place.)* flags, "what a reader must know, a space between"),
            column!("working_set_bytes", $($place.)* working_set_bytes,
                "distinct message buffers of a stream, bytes; empty: hot"),
            column!("failed", $($place.)* failed, "trials that broke"),
            column!("unsupported", $($place.)* unsupported, "trials that the machine could not run"),
            column!("reason", $($place.)* reason, "why the first of those did not go well"),
            column!("throughput_min", $($place.)* throughput_min, "the slowest trial, 10^9 bit/s"),
            column!("throughput_max", $($place.)* throughput_max, "the fastest trial, 10^9 bit/s"),
        ]
    };
}
pub(crate) use cell_columns;

const COLUMNS: [Column<CellRow>; 19] = cell_columns!();

/// What stands last in each of the two tables.
macro_rules! limit_column {
    ($($place:ident .)*) => {
        column!("limit", $($place.)* limit, "what holds the cell back: sender, receiver, wire or neither; empty: unknown", since "1.2.0")
    };
}
pub(crate) use limit_column;

/// The columns of `cells.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<CellRow>> {
    [&COLUMNS[..], &[limit_column!()]].concat()
}
