//! The rows of a run and their schema: one declaration of a row is the struct, the CSV header, the JSON keys, the
//! reader's checks and the documentation.
//!
//! A reader accepts columns that it does not know (a later minor version) and refuses a file that lacks one it needs.

pub mod appender;
pub mod attribution;
pub mod below_tcp;
pub mod category;
pub mod column;
pub mod copies;
pub mod counter_source;
pub mod csv_file;
pub mod disturbance;
pub mod end;
pub mod fault;
pub mod folded_stack;
pub mod histogram_log;
pub mod latency;
mod line_log;
pub mod manifest;
pub mod receive_usage;
pub mod received;
pub mod roofline;
pub mod row;
pub mod stream;
pub mod surroundings;
pub mod trial;
pub mod trial_rows;
pub mod way;

pub use appender::Appender;
pub use attribution::Attribution;
pub use below_tcp::copies_below_tcp;
pub use column::Column;
pub use copies::Copies;
pub use counter_source::CounterSource;
pub use disturbance::{Disturbance, Disturbances};
pub use end::End;
pub use fault::Fault;
pub use folded_stack::{FoldedLog, FoldedStack};
pub use latency::Latency;
pub use manifest::Manifest;
pub use receive_usage::ReceiveUsage;
pub use received::Received;
pub use roofline::Roofline;
pub use row::{Recorded, Row};
pub use stream::Stream;
pub use surroundings::Surroundings;
pub use trial::{BoundKind, Status, Trial, Verified};
pub use trial_rows::{ResumableFiles, TrialFiles, TrialRows};
pub use way::Way;

/// Counts added up; absent where one is, or where no number holds the sum.
pub(crate) fn sum_of(counts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    counts.into_iter().try_fold(0, |sum: u64, count| sum.checked_add(count?))
}

/// Version of the files of a run (semver): a rename or a change of meaning is a new major version.
pub const SCHEMA_VERSION: &str = "1.5.0";
