//! `copycost compare BASE NEW`: whether two runs differ, cell by cell and path by path.
//!
//! Cells are paired by their key. What is compared is one figure of each trial, throughput unless another is
//! asked for; the ratio of the two medians carries an interval that the noise of both runs makes (see
//! [`crate::stats::unpaired`]). A threshold alone would call noise a regression; here the whole interval has to
//! lie beyond it.

mod change;
mod comparison;
mod environment;
pub(crate) mod export;
pub(crate) mod footing;
mod joint;
mod judged;
pub(crate) mod text;
mod together;

pub use change::{CellChange, GateOutcome, Group, GroupChange};
pub use comparison::Comparison;
pub(crate) use comparison::usual_measures;
pub use environment::{EnvironmentChange, differences};
pub use footing::{Footing, SAME};
pub(crate) use joint::judge_together;
pub use judged::{Judged, Judgement, Observed};
pub(crate) use together::correct;

/// Why a run, or a grid, cannot be gated whose grid has `measurement: false`.
pub const NO_MEASUREMENT: &str = "not a measurement, as its grid says (`measurement: false`), so no regression can be \
    judged by it; take another grid, or leave out --max-regression";
