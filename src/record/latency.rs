//! A kind of delay's row: one line of `latency.csv`, one kind of one trial.

use serde::{Deserialize, Serialize};

use super::column::word_field;
use super::row::row;
use crate::cell::words;

/// What a delay is from and to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayKind {
    /// From when a message was to be sent until its answer is read.
    #[default]
    Response,
    /// From when a message was to be sent until the receiver has its last byte.
    OneWay,
    /// From when the receiver has the last byte until its answer is read.
    WayBack,
    /// The send call, from begin to end.
    Call,
    /// From the begin of the send call until the kernel has let go of the buffer, and the sender knows.
    Lent,
    /// From when a message was due until its send call begins, where a schedule says when that is.
    Lateness,
}

words!(DelayKind:
    Response = "response",
    OneWay = "one_way",
    WayBack = "way_back",
    Call = "call",
    Lent = "lent",
    Lateness = "lateness",
);
word_field!(DelayKind);

impl DelayKind {
    /// Every kind, in the order of rows.
    pub const ALL: [Self; 6] =
        [Self::Response, Self::OneWay, Self::WayBack, Self::Call, Self::Lent, Self::Lateness];
}

/// How the receiver's time was compared with the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// One clock: both ends run on one kernel, or the figure is of one end alone.
    Shared,
    /// Two clocks that were said to agree within `clock_bound_us`.
    Synchronised,
    /// Not at all: the round trip bounds it.
    RoundTrip,
}

words!(ClockKind: Shared = "shared", Synchronised = "synchronised", RoundTrip = "round-trip");
word_field!(ClockKind);

row! {
    /// What share of the messages had at most such a delay. A percentile with fewer than 10 messages above it is
    /// absent.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Percentiles {
        /// The median of the trial's messages.
        p50_us: Option<f64> in "us" since "1.4.0",
        /// 90 % of the messages had at most this.
        p90_us: Option<f64> in "us" since "1.4.0",
        /// 99 % of the messages had at most this.
        p99_us: Option<f64> in "us" since "1.4.0",
        /// 99.9 % of the messages had at most this.
        p999_us: Option<f64> in "us" since "1.4.0",
        /// 99.99 % of the messages had at most this.
        p9999_us: Option<f64> in "us" since "1.4.0",
    }
}

row! {
    /// The distribution of each kind of delay of a trial, all streams together; empty where it was not measured.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct TrialDelays {
        /// From when a message was to be sent until its answer is read.
        response: Percentiles as "response_",
        /// From when a message was to be sent until the receiver has its last byte.
        one_way: Percentiles as "one_way_",
        /// From when the receiver has the last byte until its answer is read.
        way_back: Percentiles as "way_back_",
        /// The send call.
        call: Percentiles as "call_",
        /// From the begin of the send call until the kernel has let go of the buffer, and the sender knows.
        lent: Percentiles as "lent_",
        /// From when a message was due until its send call begins, where a schedule says when that is.
        lateness: Percentiles as "lateness_",
    }
}

impl TrialDelays {
    /// The distributions that these rows of one trial tell.
    #[must_use]
    pub fn of(rows: &[Latency]) -> Self {
        let of =
            |kind| rows.iter().find(|row| row.kind == kind).map(|row| row.percentiles).unwrap_or_default();
        Self {
            response: of(DelayKind::Response),
            one_way: of(DelayKind::OneWay),
            way_back: of(DelayKind::WayBack),
            call: of(DelayKind::Call),
            lent: of(DelayKind::Lent),
            lateness: of(DelayKind::Lateness),
        }
    }
}

row! {
    /// One kind of delay of one trial, all streams together. The histograms that it is made of are in `latency.hlog`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Latency in "latency.csv" {
        /// The run that the row belongs to: its directory's name.
        run_id: String since "1.4.0",
        /// Key of the cell.
        cell: String since "1.4.0",
        /// Number of the trial within its cell, from 1.
        rep: u32 since "1.4.0",
        /// Position of the trial in the whole sweep, from 1.
        order: u64 since "1.4.0",
        /// What the delay is from and to.
        kind: DelayKind since "1.4.0",
        /// Messages that were measured.
        count: u64 since "1.4.0",
        /// The shortest delay.
        min_us: Option<f64> in "us" since "1.4.0",
        /// What shares of the messages had at most.
        percentiles: Percentiles as "",
        /// The longest delay.
        max_us: Option<f64> in "us" since "1.4.0",
        /// The mean delay.
        mean_us: Option<f64> in "us" since "1.4.0",
        /// Messages above the median.
        above_p50: u64 since "1.4.0",
        /// Messages above the 90th percentile.
        above_p90: u64 since "1.4.0",
        /// Messages above the 99th percentile.
        above_p99: u64 since "1.4.0",
        /// Messages above the 99.9th percentile.
        above_p999: u64 since "1.4.0",
        /// Messages above the 99.99th percentile.
        above_p9999: u64 since "1.4.0",
        /// Messages that were to be sent in the window; empty where the answers set the pace.
        intended: Option<u64> since "1.4.0",
        /// Messages that were sent more than a mean interval after they were to be, or not at all in the window.
        late: Option<u64> since "1.4.0",
        /// How the receiver's time was compared with the sender's.
        clock: Option<ClockKind> since "1.4.0",
        /// How far the delay may be wrong because of that; where the round trip bounds it, the delay of at least half
        /// of the messages lies between 0 and this.
        clock_bound_us: Option<f64> in "us" since "1.4.0",
    }
}
