//! A metric by message size, as its own declaration wants it drawn (`tables::figures`).

use super::Outcome;
use super::draft::Draft;
use super::measure::Measure;
use crate::tables::{Drawn, METRICS, Metric};

/// Every metric that is drawn so.
pub(super) fn all() -> impl Iterator<Item = (&'static Metric, Drawn)> {
    METRICS.iter().filter_map(|metric| Some((metric, metric.drawn?)))
}

pub(super) fn draw(draft: &Draft, metric: &'static Metric, drawn: &Drawn) -> Outcome {
    draft.measure_by_size(&Measure::of_metric(metric), drawn.about, || match drawn.counter {
        Some(counter) => draft.subject.why_no_counter(&[counter]),
        None => "no trial that went well has it".to_owned(),
    })
}
