//! The x-ray: which copies were made of each payload byte, by whom, and what they cost; without a hardware
//! PMU, without BPF, without perf's tools.
//!
//! ```text
//! in the agent        watch ── sampling ── sampler, ledger ── chain, rules, symbols     where the time goes
//!                       │                             └────── stacks                 for flame graphs
//!                       │
//!                       └───── records ── probe ── tracefs, functions      where the bytes go
//!
//! in the coordinator  costs, findings -> rows of xray.csv and copies.csv, xray.folded;  verdict: a sentence of them
//! ```

pub mod chain;
pub mod costs;
pub mod counted;
pub mod findings;
pub mod functions;
pub mod ledger;
mod obstacle;
pub mod probe;
pub mod records;
mod ring_threads;
pub mod roofline;
pub mod rules;
pub mod sampled;
pub mod sampler;
mod sampling;
pub mod stacks;
pub mod symbols;
pub mod tracefs;
pub mod verdict;
pub mod watch;

pub use obstacle::Obstacle;
