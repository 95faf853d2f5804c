//! Why a pass of the x-ray does not tell of a place.

use thiserror::Error;

/// Why an end does not tell of a place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unseen {
    /// What its agent said.
    #[error("{0}")]
    Told(String),
    #[error("no records were made")]
    NoRecords,
    #[error("no samples were taken")]
    NoSamples,
    #[error("its length passes no probe")]
    NoProbe,
    #[error("no whole call was recorded, and {lost} records were lost")]
    NoWholeCall { lost: u64 },
}

/// Several as one sentence.
pub(super) fn joined(reasons: &[Unseen]) -> String {
    reasons.iter().map(Unseen::to_string).collect::<Vec<_>>().join("; ")
}
