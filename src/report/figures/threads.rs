//! Mean receive time by number of threads, a panel a message size.

use anyhow::Result;

use super::measure::Measure;
use super::{Draft, Outcome, Panels};
use crate::report::subject::Subject;

/// Mean receive time.
pub(super) fn receive_time(subject: &Subject, condition: usize) -> Result<Outcome> {
    let draft = Draft {
        subject,
        condition,
        name: "receive-time-by-threads",
        title: "Mean receive time by number of threads",
    };
    let measure = Measure::of("mean_recv_us", "mean receive time", "µs", 1.0);
    if !measure.is_measured(subject, condition) {
        return Ok(draft.absent("no trial of it went well"));
    }
    let mut panels = Panels::default();
    draft.by_threads(&mut panels, &measure)?;
    let about =
        "The window over the messages a stream received in it: the mean time a message takes, no delay.";
    draft.finish(panels, about)
}
