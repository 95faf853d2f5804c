//! Figures: what is drawn of a run, one file per figure.
//!
//! A figure whose data the run does not have is not drawn, and says why.

mod axes;
mod bounds;
mod by_wire;
mod cache_misses;
mod context_switches;
mod copied_share;
mod cost_model;
mod cpu_time;
mod delay_beside_receive_time;
mod delay_by_rate;
mod delay_by_size;
mod distribution;
mod draft;
mod lent_by_size;
pub mod measure;
mod of_metric;
pub mod over;
mod overall;
mod ratio;
mod receive_time;
mod scaling;
pub(super) mod source;
mod style;
mod throughput;
mod times;
mod xray;

use draft::Draft;

use crate::plot::Figure;
use crate::study::Subject;
use crate::study::wires::families;

/// What became of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was drawn.
    Drawn(Box<Figure>),
    /// It would be nothing but level lines, of which a sentence says as much.
    Said {
        /// What it would have shown.
        title: String,
        /// The sentence.
        says: String,
    },
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

/// What streams that send as fast as they can are judged by, before the metrics that are drawn alike.
const FIRST: &[Kind] = &[throughput::KIND, ratio::KIND, receive_time::KIND, cpu_time::KIND];

/// What explains it, after them.
const THEN: &[Kind] = &[
    cache_misses::KIND,
    context_switches::KIND,
    overall::KIND,
    scaling::KIND,
    cost_model::KIND,
    copied_share::KIND,
    xray::KIND,
];

/// Every figure of conditions whose delays were measured.
const DELAYS: &[Kind] = &[
    delay_by_size::KIND,
    distribution::KIND,
    delay_by_rate::KIND,
    delay_beside_receive_time::KIND,
    lent_by_size::KIND,
];

/// Names of the kinds of figures that show a verdict, the most telling first.
pub fn shown_first() -> [&'static str; 6] {
    [
        by_wire::FILE,
        throughput::KIND.name,
        cpu_time::KIND.name,
        xray::KIND.name,
        delay_by_size::KIND.name,
        copied_share::KIND.name,
    ]
}

/// Draws every figure of a condition whose delays were measured; where others differ from it in the rate alone, with those.
pub fn draw_delays(subject: &Subject, condition: usize) -> Vec<Outcome> {
    each(DELAYS, subject, condition).collect()
}

/// Draws conditions that differ in their wire alone, side by side: a figure for each set of them.
pub fn draw_wires(subject: &Subject) -> Vec<Outcome> {
    let families = families(subject);
    let drawn = families.iter().enumerate().filter_map(|(n, family)| by_wire::draw(subject, family, n));
    drawn.map(Outcome::Drawn).collect()
}

/// Draws every figure of one condition.
pub fn draw(subject: &Subject, condition: usize) -> Vec<Outcome> {
    let of_metrics = of_metric::all().map(|(metric, drawn)| {
        let draft = Draft { subject, condition, file: drawn.file, title: drawn.title };
        of_metric::draw(&draft, metric, &drawn)
    });
    each(FIRST, subject, condition).chain(of_metrics).chain(each(THEN, subject, condition)).collect()
}

fn each(kinds: &[Kind], subject: &Subject, condition: usize) -> impl Iterator<Item = Outcome> {
    kinds
        .iter()
        .map(move |kind| (kind.draw)(&Draft { subject, condition, file: kind.name, title: kind.title }))
}
