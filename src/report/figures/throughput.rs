//! Throughput by message size.

use super::draft::Draft;
use super::measure::Measure;
use super::{Kind, Outcome};
use crate::record::Roofline;

pub(super) const KIND: Kind = Kind { name: "throughput-by-size", title: "Throughput by message size", draw };

fn draw(draft: &Draft) -> Outcome {
    let bound = |row: &Roofline| Some(row.throughput_gbps);
    draft.bounded(&Measure::THROUGHPUT, "", bound, || "no trial of it went well".to_owned())
}
