//! A row of `xray.csv`: what the CPUs of one end did in one x-ray pass, a category each.

use super::category::{Category, SamplingClock, Scope};
use super::column::word_field;
use super::row::row;
use crate::cell::Side;

word_field!(Category, SamplingClock, Scope);

row! {
    /// One category of what the CPUs of one end did in the x-ray passes of a cell.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Attribution in "xray.csv" {
        /// Key of the cell.
        cell: String,
        /// Number of the pass within its cell, from 1.
        rep: u32,
        /// Which end.
        side: Side,
        /// What its CPUs were doing.
        category: Category,
        /// Samples of it.
        samples: u64,
        /// Their share of this end's samples, the idle ones included.
        share: f64,
        /// CPU time that they stand for per KiB of payload; the sum of the next four.
        ns_per_kib: Option<f64> in "ns/KiB",
        /// Of that: the worker threads in user space.
        user_ns_per_kib: Option<f64> in "ns/KiB",
        /// Of that: the worker threads in system calls.
        system_ns_per_kib: Option<f64> in "ns/KiB",
        /// Of that: softirqs and interrupts, wherever they ran.
        softirq_ns_per_kib: Option<f64> in "ns/KiB",
        /// Of that: CPUs that waited, which costs nothing.
        idle_ns_per_kib: Option<f64> in "ns/KiB",
        /// What the time between samples was measured by.
        clock: SamplingClock,
        /// What could be sampled.
        scope: Scope,
        /// Samples of anyone else on the same CPUs; they are in no row.
        strangers: u64,
        /// Samples that were lost.
        lost: u64,
        /// Throughput of the pass, with sampling on.
        throughput_gbps: Option<f64> in "Gb/s",
    }
}

impl Attribution {
    /// CPU time per KiB without the CPUs that waited, nanoseconds: what it costs.
    pub fn busy_ns_per_kib(&self) -> Option<f64> {
        Some(self.ns_per_kib? - self.idle_ns_per_kib.unwrap_or_default())
    }
}
