//! A stream's row: one line of `streams.csv`, one TCP connection of one trial.

use serde::{Deserialize, Serialize};

use super::column::{Column, column};
use super::end::{End, end_columns};

/// Zero-copy calls of one stream, or of all, and what their completions said. Absent on other paths.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZeroCopy {
    /// Calls with MSG_ZEROCOPY that took bytes.
    pub sends: Option<u64>,
    /// Calls whose completion was reaped.
    pub completions: Option<u64>,
    /// Calls among those flagged SO_EE_CODE_ZEROCOPY_COPIED: the kernel copied after all.
    pub copied: Option<u64>,
    /// Calls whose completion had not come by the drain's deadline.
    pub unreported: Option<u64>,
    /// Calls refused with ENOBUFS, reaped for, and made again.
    pub enobufs: Option<u64>,
    /// Time from the last send to the last completion, seconds.
    pub drain_s: Option<f64>,
}

impl ZeroCopy {
    /// The figures of several streams together: counts added, the longest drain.
    #[must_use]
    pub fn sum(streams: &[Self]) -> Self {
        let add = |of: fn(&Self) -> Option<u64>| -> Option<u64> {
            if streams.is_empty() { None } else { streams.iter().map(of).sum() }
        };
        Self {
            sends: add(|zc| zc.sends),
            completions: add(|zc| zc.completions),
            copied: add(|zc| zc.copied),
            unreported: add(|zc| zc.unreported),
            enobufs: add(|zc| zc.enobufs),
            drain_s: streams.iter().filter_map(|zc| zc.drain_s).reduce(f64::max),
        }
    }

    /// The share of reaped calls that the kernel copied after all; absent without completions.
    #[must_use]
    pub fn copied_share(&self) -> Option<f64> {
        match (self.copied, self.completions) {
            (Some(copied), Some(completions)) if completions > 0 => Some(copied as f64 / completions as f64),
            _ => None,
        }
    }
}

/// One TCP connection of one trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// The run that the row belongs to.
    pub run_id: String,
    /// The cell's key.
    pub cell: String,
    /// Number of the trial within its cell, from 1.
    pub rep: u32,
    /// Position of the trial in the whole sweep, from 1.
    pub order: u64,
    /// Number of the stream, from 0.
    pub stream: u32,
    /// Throughput of the stream, 10^9 bits a second.
    pub throughput_gbps: Option<f64>,
    /// Window over messages, microseconds. No delay.
    pub mean_recv_us: Option<f64>,
    /// The sender's end.
    pub sender: End,
    /// The receiver's end.
    pub receiver: End,
    /// Zero-copy calls and completions.
    pub zc: ZeroCopy,
    /// TCP segments sent again.
    pub retransmits: Option<u64>,
    /// Bytes from connection to EOF.
    pub total_bytes: Option<u64>,
    /// CPU that the sender's thread was pinned to.
    pub sender_cpu: Option<u64>,
    /// CPU that the receiver's thread was pinned to.
    pub receiver_cpu: Option<u64>,
    /// The time that all streams of the trial have in common, seconds; the receiver's own window where messages bound
    /// it.
    pub window_s: Option<f64>,
    /// Bytes that the stream received in it.
    pub bytes: Option<u64>,
}

const HEAD: [Column<Stream>; 7] = [
    column!("run_id", run_id, "the run's directory"),
    column!("cell", cell, "key of the cell"),
    column!("rep", rep, "number of the trial within its cell, from 1"),
    column!("order", order, "position of the trial in the sweep, from 1"),
    column!("stream", stream, "number of the stream, from 0"),
    column!("throughput_gbps", throughput_gbps, "bytes over window_s, 10^9 bit/s"),
    column!("mean_recv_us", mean_recv_us, "window over messages, us; no delay"),
];

const TAIL: [Column<Stream>; 10] = [
    column!("zc_sends", zc.sends, "calls with MSG_ZEROCOPY"),
    column!("zc_completions", zc.completions, "calls whose completion was reaped"),
    column!("zc_copied", zc.copied, "calls flagged SO_EE_CODE_ZEROCOPY_COPIED"),
    column!("zc_unreported", zc.unreported, "calls whose completion had not come by the deadline"),
    column!("zc_enobufs", zc.enobufs, "calls refused with ENOBUFS and made again"),
    column!("zc_drain_s", zc.drain_s, "time from the last send to the last completion, s"),
    column!("retransmits", retransmits, "segments sent again (TCP_INFO)"),
    column!("total_bytes", total_bytes, "bytes from connection to EOF"),
    column!("sender_cpu", sender_cpu, "CPU of the sender's thread; empty: not pinned"),
    column!("receiver_cpu", receiver_cpu, "CPU of the receiver's thread; empty: not pinned"),
];

const SENDER: [Column<Stream>; 19] = end_columns!("sender_", sender);
const RECEIVER: [Column<Stream>; 19] = end_columns!("receiver_", receiver);

/// What version 1.2.0 brought.
const LATER: [Column<Stream>; 2] = [
    column!(
        "window_s",
        window_s,
        "the time that all streams have in common, s; the receiver's own window where messages bound it",
        since "1.2.0"
    ),
    column!("bytes", bytes, "bytes the stream received in it", since "1.2.0"),
];

/// The columns of `streams.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<Stream>> {
    [&HEAD[..], &SENDER, &RECEIVER, &TAIL, &LATER].concat()
}
