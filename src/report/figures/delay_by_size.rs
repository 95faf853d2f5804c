//! Response time and one-way delay by message size: the median and the 99th percentile.

use super::draft::{Draft, Panels};
use super::measure::Measure;
use super::{Kind, Outcome};

pub(super) const KIND: Kind =
    Kind { name: "delay-by-size", title: "Response time and one-way delay by message size", draw };

/// Columns of `cells.csv`, what a panel calls them, and the delay.
const MEASURES: [(&str, &str, &str); 4] = [
    ("response_p50_us", "p50", "response time"),
    ("response_p99_us", "p99", "response time"),
    ("one_way_p50_us", "p50", "one-way delay"),
    ("one_way_p99_us", "p99", "one-way delay"),
];

fn draw(draft: &Draft) -> Outcome {
    let threads = draft.shape().threads.len();
    let mut panels = Panels::side_by_side(if threads == 1 { 2 } else { threads });
    for (column, name, delay) in MEASURES {
        let measure = Measure::of(column, delay, "µs", 1.0);
        draft.by_size(&mut panels, &measure, &format!("{delay}, {name}"));
    }
    if panels.drawn.is_empty() {
        return draft.absent("no trial that went well has a percentile with ten messages above it");
    }
    let about = "Response time: from when a message was to be sent until its answer is read; one-way: until the receiver has \
                 its last byte.";
    draft.finish(panels, &format!("{}{about}", draft.rate()))
}
