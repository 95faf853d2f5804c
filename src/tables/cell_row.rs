//! A cell's row: one line of `cells.csv`, and the first columns of `derived.csv`.

use super::estimate::Estimate;
use super::figures::DelayFigures;
use super::flag::Flags;
use super::limit::Limit;
use super::metric::THROUGHPUT;
use super::sample::Sample;
use crate::cell::{Cell, Payload, Wire, Workload};
use crate::record::Status;
use crate::record::row::row;
use crate::stats;

row! {
    /// One cell of the grid: its throughput over all trials that went well, and what to know about them.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct CellRow in "cells.csv" {
        /// Key of the cell.
        cell: String,
        /// How messages got into the socket.
        send_path: String,
        /// How bytes left the socket.
        receive_path: String,
        /// Whether the bytes changed between sends.
        payload: Payload,
        /// What joined the agents.
        wire: Wire,
        /// Size of one message.
        message_bytes: u64 in "B",
        /// Number of streams.
        threads: u32,
        /// Trials that went well.
        trials: u64,
        /// Median throughput of them.
        throughput_gbps: Option<f64> in "Gb/s",
        /// Lower end of its 95 % interval; empty with one trial.
        throughput_low: Option<f64> in "Gb/s",
        /// Upper end of its 95 % interval; empty with one trial.
        throughput_high: Option<f64> in "Gb/s",
        /// Width of the middle half of the trials over their median; empty with one trial.
        spread: Option<f64>,
        /// What to know before believing the figures.
        flags: Flags,
        /// Bytes of distinct message buffers that a stream cycles through; empty for `hot`.
        working_set_bytes: Option<u64> in "B",
        /// Trials that broke.
        failed: u64,
        /// Trials that the machine could not run.
        unsupported: u64,
        /// Why the first trial that did not go well broke or could not run; empty where all went well.
        reason: String,
        /// Throughput of the slowest trial.
        throughput_min: Option<f64> in "Gb/s",
        /// Throughput of the fastest trial.
        throughput_max: Option<f64> in "Gb/s",
        /// What holds the cell back; empty where the rows do not show it.
        limit: Option<Limit> since "1.2.0",
        /// What a stream does between connection and end.
        workload: Option<String> since "1.3.0",
        /// How long messages took.
        delays: DelayFigures as "",
    }
}

impl CellRow {
    /// The row of a cell of which nothing is known yet.
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
            workload: Some(cell.workload.to_string()),
            ..Self::default()
        }
    }

    /// The row of a cell's trials.
    pub fn of(sample: &Sample) -> Self {
        let ended = |status| sample.trials.iter().filter(|trial| trial.status == status).count() as u64;
        let throughput = THROUGHPUT.values(sample);
        let estimate = THROUGHPUT.estimate(sample);
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
            // Where answers or a rate set the pace, both ends wait for those.
            limit: Limit::of(sample).filter(|_| sample.cell.workload.is_stream()),
            delays: DelayFigures::of(sample),
            ..Self::new(&sample.cell)
        }
    }

    /// Its throughput: median and interval over the trials that went well.
    pub fn throughput(&self) -> Estimate {
        Estimate { value: self.throughput_gbps, low: self.throughput_low, high: self.throughput_high }
    }

    /// The cell that the row is of.
    pub fn to_cell(&self) -> Cell {
        Cell {
            workload: Workload::of_row(self.workload.as_deref()),
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
