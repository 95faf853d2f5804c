//! A trial's row: one line of `trials.csv`.

use super::column::{Column, column, word_field};
use super::disturbance::Disturbances;
use super::end::{End, end_columns};
use super::stream::ZeroCopy;
use super::surroundings::{Surroundings, surroundings_columns};
use crate::cell::{Cell, Payload, Wire, words};

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It ran, and the two byte totals agree.
    Ok,
    /// This machine cannot run the cell; `reason` says why.
    Unsupported,
    /// It broke; `reason` says how.
    Failed,
}

words!(Status: Ok = "ok", Unsupported = "unsupported", Failed = "failed");
word_field!(Status);

/// One execution of a cell. A figure that was not measured is absent, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The run that the row belongs to: its directory's name.
    pub run_id: String,
    /// The cell's key.
    pub cell: String,
    /// Number of the trial within its cell, from 1.
    pub rep: u32,
    /// Position of the trial in the whole sweep, from 1.
    pub order: u64,
    /// The block (one trial of every cell, shuffled) that the trial ran in, from 1.
    pub block: u32,
    /// When the trial started, UTC, RFC 3339.
    pub started_at: String,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well; empty otherwise.
    pub reason: String,
    /// What joined the agents.
    pub wire: Wire,
    /// How messages got into the socket.
    pub send_path: String,
    /// How bytes left the socket.
    pub receive_path: String,
    /// Whether the bytes changed between sends.
    pub payload: Payload,
    /// Size of one message, bytes.
    pub message_bytes: u64,
    /// Number of streams.
    pub threads: u32,
    /// Bytes of distinct message buffers a stream cycles through; absent: hot.
    pub working_set_bytes: Option<u64>,
    /// The time that all of the receiver's streams have in common, seconds: from the last one's begin to the first
    /// one's end; from the first one's begin to the last one's end where messages bound it.
    pub window_s: Option<f64>,
    /// Bytes that the receiver got in it.
    pub bytes: Option<u64>,
    /// Whole messages among them.
    pub messages: Option<u64>,
    /// Bytes over window, in 10^9 bits a second: what all streams moved in the time that they have in common, and no
    /// more than came by the interface, where that counts at once.
    pub throughput_gbps: Option<f64>,
    /// Mean time a message takes a stream: the window of all streams divided by their messages, microseconds. No
    /// delay.
    pub mean_recv_us: Option<f64>,
    /// The sender's end.
    pub sender: End,
    /// The receiver's end.
    pub receiver: End,
    /// Zero-copy calls and completions of all streams.
    pub zc: ZeroCopy,
    /// TCP segments sent again, warm-up and drain included (TCP_INFO tcpi_total_retrans).
    pub retransmits: Option<u64>,
    /// Busy time of all CPUs of the sender's host inside the window, seconds (/proc/stat).
    pub host_busy_s: Option<f64>,
    /// Softirq time among it, seconds.
    pub host_softirq_s: Option<f64>,
    /// Time the hypervisor took away, seconds.
    pub host_steal_s: Option<f64>,
    /// What was verified: `bytes` (every byte compared) or `count` (the totals alone).
    pub verified: Option<String>,
    /// Bytes sent and received from connection to EOF, warm-up and drain included.
    pub total_bytes: Option<u64>,
    /// Congestion control that the sender's sockets had (TCP_CONGESTION read back).
    pub congestion: Option<String>,
    /// TCP_NODELAY that the sender's sockets had, read back.
    pub nodelay: Option<bool>,
    /// Send buffer read back, bytes; the kernel doubles what was asked; absent when left to autotuning.
    pub send_buffer_bytes: Option<u64>,
    /// Receive buffer read back, bytes; as above.
    pub receive_buffer_bytes: Option<u64>,
    /// Busy time of all CPUs of the receiver's host, seconds; that of the sender's, where both are one.
    pub receiver_host_busy_s: Option<f64>,
    /// Softirq time among it, seconds.
    pub receiver_host_softirq_s: Option<f64>,
    /// What the interface of the receiver's streams received in the window, bytes with headers, whoever sent them.
    /// Absent where messages bound the window, or the interface does not count.
    pub wire_bytes: Option<u64>,
    /// Packets among it, as the interface counts them.
    pub wire_packets: Option<u64>,
    /// What went on around the sender.
    pub sender_host: Surroundings,
    /// What went on around the receiver.
    pub receiver_host: Surroundings,
    /// What kept the trial from having its CPUs to itself.
    pub disturbed: Disturbances,
}

impl Trial {
    /// A row that has run nothing yet.
    #[must_use]
    pub fn new(run_id: &str, cell: &Cell, rep: u32, order: u64, block: u32, started_at: String) -> Self {
        Self {
            run_id: run_id.to_owned(),
            cell: cell.key(),
            rep,
            order,
            block,
            started_at,
            send_path: cell.send_path.clone(),
            receive_path: cell.receive_path.clone(),
            wire: cell.wire,
            payload: cell.payload,
            message_bytes: cell.message_bytes,
            threads: cell.threads,
            working_set_bytes: cell.working_set,
            ..Self::default()
        }
    }

    /// The cell that the row is a trial of.
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

impl Default for Trial {
    fn default() -> Self {
        Self {
            run_id: String::new(),
            cell: String::new(),
            rep: 0,
            order: 0,
            block: 0,
            started_at: String::new(),
            status: Status::Failed,
            reason: String::new(),
            wire: Wire::Loopback,
            send_path: String::new(),
            receive_path: String::new(),
            payload: Payload::Static,
            message_bytes: 0,
            threads: 0,
            working_set_bytes: None,
            window_s: None,
            bytes: None,
            messages: None,
            throughput_gbps: None,
            mean_recv_us: None,
            sender: End::default(),
            receiver: End::default(),
            zc: ZeroCopy::default(),
            retransmits: None,
            host_busy_s: None,
            host_softirq_s: None,
            host_steal_s: None,
            verified: None,
            total_bytes: None,
            congestion: None,
            nodelay: None,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            receiver_host_busy_s: None,
            receiver_host_softirq_s: None,
            wire_bytes: None,
            wire_packets: None,
            sender_host: Surroundings::default(),
            receiver_host: Surroundings::default(),
            disturbed: Disturbances::default(),
        }
    }
}

const HEAD: [Column<Trial>; 19] = [
    column!("run_id", run_id, "the run's directory"),
    column!("cell", cell, "key of the cell"),
    column!("rep", rep, "number of the trial within its cell, from 1"),
    column!("order", order, "position in the sweep, from 1"),
    column!("block", block, "the block of shuffled cells it ran in, from 1"),
    column!("started_at", started_at, "UTC, RFC 3339"),
    column!("status", status, "ok, unsupported or failed"),
    column!("reason", reason, "why it did not end well"),
    column!("wire", wire, "what joined the agents"),
    column!("send_path", send_path, "how messages got into the socket"),
    column!("receive_path", receive_path, "how bytes left the socket"),
    column!("payload", payload, "static or fresh"),
    column!("message_bytes", message_bytes, "size of a message, bytes"),
    column!("threads", threads, "number of streams"),
    column!(
        "window_s",
        window_s,
        "the time that all streams have in common, s; from first begin to last end where messages bound it"
    ),
    column!("bytes", bytes, "bytes received inside the window"),
    column!("messages", messages, "whole messages among them"),
    column!(
        "throughput_gbps",
        throughput_gbps,
        "bytes over window_s, and no more than the interface brought, 10^9 bit/s"
    ),
    column!("mean_recv_us", mean_recv_us, "window over messages of a stream, us; no delay"),
];

const TAIL: [Column<Trial>; 17] = [
    column!("zc_sends", zc.sends, "calls with MSG_ZEROCOPY from connection to EOF"),
    column!("zc_completions", zc.completions, "calls among them whose completion was reaped"),
    column!("zc_copied", zc.copied, "calls among those flagged SO_EE_CODE_ZEROCOPY_COPIED"),
    column!("zc_unreported", zc.unreported, "calls whose completion had not come by the drain's deadline"),
    column!("zc_enobufs", zc.enobufs, "calls refused with ENOBUFS and made again"),
    column!("retransmits", retransmits, "segments sent again (TCP_INFO)"),
    column!("host_busy_s", host_busy_s, "busy time of all CPUs of the sender's host, s (/proc/stat)"),
    column!("host_softirq_s", host_softirq_s, "softirq time among it, s"),
    column!("host_steal_s", host_steal_s, "time the hypervisor took, s"),
    column!("verified", verified, "bytes: every byte compared; count: the totals alone"),
    column!(
        "working_set_bytes",
        working_set_bytes,
        "distinct message buffers of a stream, bytes; empty: hot"
    ),
    column!("total_bytes", total_bytes, "bytes from connection to EOF, equal at both ends"),
    column!("congestion", congestion, "TCP_CONGESTION read back"),
    column!("nodelay", nodelay, "TCP_NODELAY read back"),
    column!("send_buffer_bytes", send_buffer_bytes, "SO_SNDBUF read back; empty: autotuned"),
    column!("receive_buffer_bytes", receive_buffer_bytes, "SO_RCVBUF read back; empty: autotuned"),
    column!("zc_drain_s", zc.drain_s, "time from the last send to the last completion, s; longest stream"),
];

/// What version 1.2.0 brought.
const LATER: [Column<Trial>; 7] = [
    column!(
        "sender_run_delay_s",
        sender.run_delay_s,
        "time in which a sender could run and waited for a CPU, s (schedstat)",
        since "1.2.0"
    ),
    column!(
        "receiver_run_delay_s",
        receiver.run_delay_s,
        "time in which a receiver could run and waited for a CPU, s (schedstat)",
        since "1.2.0"
    ),
    column!(
        "receiver_host_busy_s",
        receiver_host_busy_s,
        "busy time of all CPUs of the receiver's host, s (/proc/stat)",
        since "1.2.0"
    ),
    column!("receiver_host_softirq_s", receiver_host_softirq_s, "softirq time among it, s", since "1.2.0"),
    column!(
        "wire_bytes",
        wire_bytes,
        "bytes the receiver's interface received in the window, headers and others' among them",
        since "1.2.0"
    ),
    column!("wire_packets", wire_packets, "packets the receiver's interface received in the window", since "1.2.0"),
    column!(
        "disturbed",
        disturbed,
        "what kept the trial from having its CPUs to itself; empty: nothing that could be seen",
        since "1.2.0"
    ),
];

const SENDER_HOST: [Column<Trial>; 6] = surroundings_columns!("sender_", sender_host);
const RECEIVER_HOST: [Column<Trial>; 6] = surroundings_columns!("receiver_", receiver_host);

const SENDER: [Column<Trial>; 19] = end_columns!("sender_", sender);
const RECEIVER: [Column<Trial>; 19] = end_columns!("receiver_", receiver);

/// The columns of `trials.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<Trial>> {
    [&HEAD[..], &SENDER, &RECEIVER, &TAIL, &SENDER_HOST, &RECEIVER_HOST, &LATER].concat()
}
