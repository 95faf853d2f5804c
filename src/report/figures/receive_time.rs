//! Mean receive time by number of threads, a panel per message size.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind =
    Kind { name: "receive-time-by-threads", title: "Mean receive time by number of threads", draw };

fn draw(draft: &Draft) -> Outcome {
    let measure = Measure::of("mean_recv_us", "mean receive time", "µs", 1.0);
    if !measure.is_measured(draft.subject, draft.condition) {
        return draft.absent(draft.why_no_receive_time("no trial of it went well"));
    }
    let mut panels = Panels::default();
    draft.by_threads(&mut panels, &measure);
    let about =
        "The window over the messages a stream received in it: the mean time a message takes, no delay.";
    draft.finish(panels, about)
}
