//! A row of `xray.csv`: what the CPUs of one end did in one x-ray pass, a category each.

use super::category::{Category, Clock, Scope};
use super::column::{Column, column, word_field};
use crate::cell::Side;

word_field!(Category, Clock, Scope);

/// One category of one end of one cell's pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// The cell's key.
    pub cell: String,
    /// Number of the pass within its cell, from 1.
    pub rep: u32,
    /// Which end.
    pub side: Side,
    /// What its CPUs were doing.
    pub category: Category,
    /// Samples.
    pub samples: u64,
    /// Their share of this end's samples, the idle ones included.
    pub share: f64,
    /// What they stand for per KiB of payload, nanoseconds; the sum of the four below.
    pub ns_per_kib: Option<f64>,
    /// Of it: the worker threads in user space.
    pub user_ns_per_kib: Option<f64>,
    /// Of it: the worker threads in system calls.
    pub system_ns_per_kib: Option<f64>,
    /// Of it: softirqs and interrupts, wherever they ran.
    pub softirq_ns_per_kib: Option<f64>,
    /// Of it: CPUs that waited; no cost.
    pub idle_ns_per_kib: Option<f64>,
    /// What the time between samples was measured by.
    pub clock: Clock,
    /// What was sampled.
    pub scope: Scope,
    /// Samples of anyone else on the same CPUs, not in `samples`.
    pub strangers: u64,
    /// Samples that were lost.
    pub lost: u64,
    /// Throughput of the pass, with sampling on.
    pub throughput_gbps: Option<f64>,
}

impl Attribution {
    /// CPU time per KiB without the CPUs that waited, nanoseconds: what it costs.
    #[must_use]
    pub fn busy_ns_per_kib(&self) -> Option<f64> {
        Some(self.ns_per_kib? - self.idle_ns_per_kib.unwrap_or_default())
    }
}

impl Default for Attribution {
    fn default() -> Self {
        Self {
            cell: String::new(),
            rep: 0,
            side: Side::Sender,
            category: Category::Unattributed,
            samples: 0,
            share: 0.0,
            ns_per_kib: None,
            user_ns_per_kib: None,
            system_ns_per_kib: None,
            softirq_ns_per_kib: None,
            idle_ns_per_kib: None,
            clock: Clock::CpuClock,
            scope: Scope::Cpus,
            strangers: 0,
            lost: 0,
            throughput_gbps: None,
        }
    }
}

/// The columns of `xray.csv`, in order.
#[must_use]
pub fn columns() -> Vec<Column<Attribution>> {
    vec![
        column!("cell", cell, "key of the cell"),
        column!("rep", rep, "number of the pass within its cell, from 1"),
        column!("side", side, "sender or receiver"),
        column!("category", category, "what the CPUs of this end were doing"),
        column!("samples", samples, "samples of it"),
        column!("share", share, "share of this end's samples, idle ones included"),
        column!("ns_per_kib", ns_per_kib, "CPU time per KiB of payload, ns; the sum of the next four"),
        column!("user_ns_per_kib", user_ns_per_kib, "of it the worker threads in user space"),
        column!("system_ns_per_kib", system_ns_per_kib, "of it the worker threads in system calls"),
        column!("softirq_ns_per_kib", softirq_ns_per_kib, "of it softirqs and interrupts, wherever they ran"),
        column!("idle_ns_per_kib", idle_ns_per_kib, "of it CPUs that waited: no cost"),
        column!("clock", clock, "cycles or cpu-clock: what the time between samples was measured by"),
        column!("scope", scope, "cpus, threads or user-space: what could be sampled"),
        column!("strangers", strangers, "samples of anyone else on the same CPUs, in no row"),
        column!("lost", lost, "samples that were lost"),
        column!("throughput_gbps", throughput_gbps, "throughput of the pass, 10^9 bit/s"),
    ]
}
