//! Percentiles of the delay of a message, where a latency mode measured them.

use anyhow::Result;

use super::{Draft, Outcome};
use crate::report::subject::Subject;

/// Latency percentiles. No file of a run holds delays yet.
pub(super) fn percentiles(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "latency-percentiles",
        title: "Percentiles of the delay of a message",
    };
    Ok(draft.absent(
        "this run measured throughput, and no delay of any message; the mean receive time is no substitute",
    ))
}
