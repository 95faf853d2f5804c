//! A trial's row: one line of `trials.csv`.

use super::column::word_field;
use super::disturbance::Disturbances;
use super::end::End;
use super::latency::TrialDelays;
use super::receive_usage::ReceiveUsage;
use super::row::row;
use super::stream::ZeroCopy;
use super::surroundings::Surroundings;
use crate::cell::{Cell, Payload, Wire, Workload, words};

/// How a trial ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It ran, and the two byte totals agree.
    Ok,
    /// This machine cannot run the cell; `reason` says why.
    Unsupported,
    /// It broke; `reason` says how.
    #[default]
    Failed,
}

words!(Status: Ok = "ok", Unsupported = "unsupported", Failed = "failed");
word_field!(Status);

/// What ends the window of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundKind {
    /// Time.
    Duration,
    /// So many messages of each stream.
    Messages,
}

words!(BoundKind: Duration = "duration", Messages = "messages");
word_field!(BoundKind);

/// What was verified of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verified {
    /// Every byte was compared with what was sent.
    Bytes,
    /// The totals alone.
    #[default]
    Count,
    /// That as many bytes were acknowledged as were sent: nobody read them.
    Nothing,
}

words!(Verified: Bytes = "bytes", Count = "count", Nothing = "none");
word_field!(Verified);

row! {
    /// One execution of a cell. A figure that was not measured is absent, never zero.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Trial in "trials.csv" moves "zc_drain_s" after "receive_buffer_bytes" {
        /// The run that the row belongs to: its directory's name.
        run_id: String,
        /// Key of the cell.
        cell: String,
        /// Number of the trial within its cell, from 1.
        rep: u32,
        /// Position of the trial in the whole sweep, from 1.
        order: u64,
        /// The block (one trial of every cell, shuffled) that the trial ran in, from 1.
        block: u32,
        /// When the trial started, UTC, RFC 3339.
        started_at: String,
        /// How it ended.
        status: Status,
        /// Why it did not end well; empty otherwise.
        reason: String,
        /// What joined the agents.
        wire: Wire,
        /// How messages got into the socket.
        send_path: String,
        /// How bytes left the socket.
        receive_path: String,
        /// Whether the bytes changed between sends.
        payload: Payload,
        /// Size of one message.
        message_bytes: u64 in "B",
        /// Number of streams.
        threads: u32,
        /// The time that all of the receiver's streams have in common: from when the last one began to when the first one
        /// ended; where messages bound it, from when the first one began to when the last one ended.
        window_s: Option<f64> in "s",
        /// Bytes that the receiver got in that time.
        bytes: Option<u64> in "B",
        /// Whole messages among them.
        messages: Option<u64>,
        /// What all streams moved in the time that they have in common: `bytes` over `window_s`, and no more than came
        /// by the interface where that counts without delay.
        throughput_gbps: Option<f64> in "Gb/s",
        /// Mean time per message of a stream: the windows of all streams divided by their messages. It is not a delay.
        mean_recv_us: Option<f64> in "us",
        /// The sender's end.
        sender: End as "sender_",
        /// The receiver's end.
        receiver: End as "receiver_",
        /// Zero-copy calls and completions of all streams.
        zc: ZeroCopy as "zc_",
        /// TCP segments sent again, warm-up and drain included (TCP_INFO, tcpi_total_retrans).
        retransmits: Option<u64>,
        /// Busy time of all CPUs of the sender's host inside the window (/proc/stat).
        host_busy_s: Option<f64> in "s",
        /// Softirq time within it.
        host_softirq_s: Option<f64> in "s",
        /// Time that the hypervisor took away from the sender's host.
        host_steal_s: Option<f64> in "s",
        /// What was verified: `bytes` (every byte compared), `count` (the totals alone), or `none` (nobody read them: the
        /// wire is a sink).
        verified: Option<Verified>,
        /// Bytes of distinct message buffers that a stream cycles through; empty for `hot`.
        working_set_bytes: Option<u64> in "B",
        /// Bytes from connection to EOF, warm-up and drain included; equal at both ends.
        total_bytes: Option<u64> in "B",
        /// Congestion control that the sender's sockets had (TCP_CONGESTION read back).
        congestion: Option<String>,
        /// TCP_NODELAY that the sender's sockets had, read back.
        nodelay: Option<bool>,
        /// SO_SNDBUF read back, twice what was asked; empty where it was left to autotuning.
        send_buffer_bytes: Option<u64> in "B",
        /// SO_RCVBUF read back, twice what was asked; empty where it was left to autotuning.
        receive_buffer_bytes: Option<u64> in "B",
        /// What went on around the sender.
        sender_host: Surroundings as "sender_",
        /// What went on around the receiver.
        receiver_host: Surroundings as "receiver_",
        /// Time in which a sender could run and waited for a CPU, all streams together (schedstat).
        sender_run_delay_s: Option<f64> in "s" since "1.2.0",
        /// Time in which a receiver could run and waited for a CPU, all streams together (schedstat).
        receiver_run_delay_s: Option<f64> in "s" since "1.2.0",
        /// Busy time of all CPUs of the receiver's host; that of the sender's, where both are one (/proc/stat).
        receiver_host_busy_s: Option<f64> in "s" since "1.2.0",
        /// Softirq time within it.
        receiver_host_softirq_s: Option<f64> in "s" since "1.2.0",
        /// Bytes that the interface of the receiver's streams received in the window, with headers, whoever sent them.
        /// Empty where messages bound the window, or the interface does not count.
        wire_bytes: Option<u64> in "B" since "1.2.0",
        /// The packets that these bytes came in, as the interface counts them.
        wire_packets: Option<u64> since "1.2.0",
        /// What kept the trial from having its CPUs to itself; empty where nothing was seen.
        disturbed: Disturbances since "1.2.0",
        /// What a stream does between connection and end.
        workload: Option<String> since "1.3.0",
        /// What ended the window: a duration, or a number of messages.
        bound: Option<BoundKind> since "1.3.0",
        /// Messages a second that each stream was to send; empty where the workload sets no rate.
        rate_per_s: Option<f64> in "1/s" since "1.4.0",
        /// Messages that all streams were to send in the window at that rate.
        intended: Option<u64> since "1.4.0",
        /// Messages among them that were sent more than a mean interval after they were to be, or not at all.
        late: Option<u64> since "1.4.0",
        /// How long messages took.
        delays: TrialDelays as "",
        /// What the kernel did with received bytes.
        receive_usage: ReceiveUsage as "receiver_",
    }
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
            workload: Some(cell.workload.to_string()),
            ..Self::default()
        }
    }

    /// The cell that the row is a trial of.
    #[must_use]
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
