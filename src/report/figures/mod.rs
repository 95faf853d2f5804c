//! Figures: what is drawn of a run, one file per figure.
//!
//! A figure whose data the run does not have is not drawn, and says why.

mod axes;
mod bounds;
mod cache_misses;
mod context_switches;
mod copied_share;
mod cost_model;
mod cpu_time;
mod cycles;
mod delay_beside_receive_time;
mod delay_by_rate;
mod delay_by_size;
mod distribution;
mod draft;
mod host_time;
mod lent_by_size;
pub mod measure;
mod overall;
mod ratio;
mod receive_time;
mod scaling;
mod style;
mod throughput;
mod xray;

use draft::Draft;

use crate::plot::Figure;
use crate::study::Subject;

/// What became of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was drawn.
    Drawn(Box<Figure>),
    /// The run lacks its data.
    Absent {
        /// What it would have shown.
        title: String,
        /// Why it does not, as a clause.
        why: String,
    },
}

/// A kind of figure: each condition of a run has one.
struct Kind {
    /// Name of its files, without what sets a condition apart.
    name: &'static str,
    /// What it shows.
    title: &'static str,
    draw: fn(&Draft) -> Outcome,
}

/// Every figure of streams that send as fast as they can, in the order of the report: a new one is a new file and one line here.
const KINDS: &[Kind] = &[
    throughput::KIND,
    ratio::KIND,
    receive_time::KIND,
    cycles::KIND,
    cpu_time::KIND,
    host_time::KIND,
    cache_misses::KIND,
    context_switches::KIND,
    overall::KIND,
    scaling::KIND,
    cost_model::KIND,
    copied_share::KIND,
    xray::KIND,
];

/// The same of conditions whose delays were measured.
const DELAYS: &[Kind] = &[
    delay_by_size::KIND,
    distribution::KIND,
    delay_by_rate::KIND,
    delay_beside_receive_time::KIND,
    lent_by_size::KIND,
];

/// Draws every figure of a condition whose delays were measured; where others differ from it in the rate alone, with those.
pub fn draw_delays(subject: &Subject, condition: usize) -> Vec<Outcome> {
    DELAYS.iter().map(|kind| (kind.draw)(&Draft { subject, condition, kind })).collect()
}

/// Draws every figure of one condition.
pub fn draw(subject: &Subject, condition: usize) -> Vec<Outcome> {
    KINDS.iter().map(|kind| (kind.draw)(&Draft { subject, condition, kind })).collect()
}
