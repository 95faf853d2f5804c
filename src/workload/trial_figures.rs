//! A trial's figures, and their place in its row.

use std::collections::BTreeMap;

use super::Pace;
use crate::histogram::Delays;
use crate::record::latency::TrialDelays;
use crate::record::way::Stage;
use crate::record::{Received, Trial, TrialRows};

/// A trial's figures, as its workload makes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialFigures {
    /// The receiver's window, seconds: what the streams have in common, or what they took together where messages
    /// bound it.
    pub window_s: f64,
    /// Payload bytes that the receiver got in it.
    pub bytes: u64,
    /// Whole messages among them.
    pub messages: u64,
    /// 10^9 bits a second.
    pub throughput_gbps: f64,
    /// Mean time a message takes a stream, microseconds.
    pub mean_recv_us: Option<f64>,
    /// What the receiver's interface received in the window.
    pub came: Option<Received>,
    /// Whether that agrees with the bytes; true where nothing counts them.
    pub is_settled: bool,
    /// Messages a second that each stream was to send, where it was given a rate.
    pub rate_per_s: Option<f64>,
    /// Whether that was kept.
    pub pace: Option<Pace>,
    /// How long messages took from one of the kernel's time stamps to the next, where it was asked.
    pub stages: BTreeMap<Stage, Delays>,
    /// Rows of other files; what identifies them is filled in by the sweep.
    pub rows: TrialRows,
}

impl TrialFigures {
    /// Puts them into the trial's row, and hands over the rows of other files.
    pub fn fill(self, row: &mut Trial) -> TrialRows {
        row.window_s = Some(self.window_s);
        row.bytes = Some(self.bytes);
        row.wire_bytes = self.came.map(|came| came.bytes);
        row.wire_packets = self.came.map(|came| came.packets);
        row.messages = Some(self.messages);
        row.throughput_gbps = Some(self.throughput_gbps);
        row.mean_recv_us = self.mean_recv_us;
        row.rate_per_s = self.rate_per_s;
        row.intended = self.pace.map(|pace| pace.intended);
        row.late = self.pace.map(|pace| pace.late);
        row.delays = TrialDelays::of(&self.rows.latency);
        self.rows
    }
}
