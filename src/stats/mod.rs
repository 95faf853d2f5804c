//! The statistics of a run: pure functions of slices of numbers, which know nothing of files or sockets.
//!
//! The trial is the sample, never the message. Everything here is deterministic: the same trials give the
//! same interval, because no random number is drawn.

pub mod drift;
pub mod fdr;
pub mod interval;
pub mod line;
pub mod median;
pub mod paired;
mod rank;
pub mod ratio;
pub mod spread;
pub mod student;
pub mod unpaired;

pub use drift::{common_correlation, drift, widened_probability, widening};
pub use fdr::benjamini_hochberg;
pub use interval::Interval;
pub use line::{DataPoint, Line, theil_sen};
pub use median::{median, median_and_interval, median_interval, median_interval_of_estimates};
pub use paired::{paired_difference, paired_ratio};
pub use ratio::Ratio;
pub use spread::spread;
pub use unpaired::unpaired_ratio;
