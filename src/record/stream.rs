//! A stream's row: one line of `streams.csv`, one TCP connection of one trial.

use serde::{Deserialize, Serialize};

use super::end::End;
use super::receive_usage::ReceiveUsage;
use super::row::row;
use super::sum_of;

row! {
    /// Zero-copy calls of one stream, or of all, and what their completions said. Absent on other paths.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct ZeroCopy {
        /// Zero-copy calls that took bytes, from connection to EOF.
        sends: Option<u64>,
        /// Calls among them whose completion was reaped.
        completions: Option<u64>,
        /// Calls among those that are flagged, as by SO_EE_CODE_ZEROCOPY_COPIED: the kernel copied after all. IORING_NOTIF_USAGE_ZC_COPIED of io_uring may be set though nothing was copied.
        copied: Option<u64>,
        /// Calls whose completion had not come by the drain's deadline.
        unreported: Option<u64>,
        /// Calls refused with ENOBUFS and made again once completions had been reaped.
        enobufs: Option<u64>,
        /// Time from the last send to the last completion; of the stream in which it was longest.
        drain_s: Option<f64> in "s",
    }
}

impl ZeroCopy {
    /// The figures of several streams together: counts added, the longest drain.
    #[must_use]
    pub fn sum(streams: &[Self]) -> Self {
        let add = |of: fn(&Self) -> Option<u64>| -> Option<u64> {
            if streams.is_empty() { None } else { sum_of(streams.iter().map(of)) }
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

row! {
    /// One TCP connection of one trial.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Stream in "streams.csv" {
        /// The run that the row belongs to: its directory's name.
        run_id: String,
        /// Key of the cell.
        cell: String,
        /// Number of the trial within its cell, from 1.
        rep: u32,
        /// Position of the trial in the whole sweep, from 1.
        order: u64,
        /// Number of the stream, from 0.
        stream: u32,
        /// Throughput of the stream: `bytes` over `window_s`.
        throughput_gbps: Option<f64> in "Gb/s",
        /// Mean time per message: window over messages. It is not a delay.
        mean_recv_us: Option<f64> in "us",
        /// The sender's end.
        sender: End as "sender_",
        /// The receiver's end.
        receiver: End as "receiver_",
        /// Zero-copy calls and completions.
        zc: ZeroCopy as "zc_",
        /// TCP segments sent again, warm-up and drain included (TCP_INFO, tcpi_total_retrans).
        retransmits: Option<u64>,
        /// Bytes from connection to EOF, warm-up and drain included.
        total_bytes: Option<u64> in "B",
        /// CPU that the sender's thread was pinned to; empty where it was not pinned.
        sender_cpu: Option<u64>,
        /// CPU that the receiver's thread was pinned to; empty where it was not pinned.
        receiver_cpu: Option<u64>,
        /// The time that all streams of the trial have in common; the receiver's own window where messages bound it.
        window_s: Option<f64> in "s" since "1.2.0",
        /// Bytes that the stream received in that time.
        bytes: Option<u64> in "B" since "1.2.0",
        /// What the kernel did with received bytes.
        receive_usage: ReceiveUsage as "receiver_",
    }
}
