//! The x-ray: which copies were made of each payload byte, by whom, and what they cost; without a hardware
//! PMU, without BPF, without perf's tools.
//!
//! ```text
//! in the agent        watch ── sampler ── attribute ── rules, symbols      where the time goes
//!                       │
//!                       └───── records ── probe ── tracefs                 where the bytes go
//!
//! in the coordinator  costs, findings -> rows of xray.csv and copies.csv;  verdict: a sentence of them
//! ```

pub mod attribute;
pub mod costs;
pub mod findings;
pub mod probe;
pub mod records;
pub mod roofline;
pub mod rules;
pub mod sampler;
pub mod symbols;
pub mod tracefs;
pub mod verdict;
pub mod watch;
