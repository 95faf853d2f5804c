//! The report's parts, in the order they are read in.

use super::figures::{self, Outcome};
use super::{
    account, basis, both_ends, by_wire, delays, environment, flames, tabular, validity, verdict, xray,
};
use crate::plot::{Figure, FlameGraph};
use crate::prose::block::{Block, Text};
use crate::study::{self, Subject};

/// Figures that stand beside the verdict, at most.
const MOST_SHOWN: usize = 3;

/// What a report says, before it becomes a page or Markdown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// What the page and its tab are called.
    pub title: String,
    /// One line under the title.
    pub subtitle: String,
    /// What the part is called that stands first and apart.
    pub heading: &'static str,
    /// What it says: the verdict.
    pub verdict: Vec<Block>,
    /// The figures that show it.
    pub shown: Vec<Figure>,
    /// Everything else, in order.
    pub blocks: Vec<Block>,
}

impl Document {
    /// What there is to say of a run, with the figures that were tried and its flame graphs.
    pub fn new(subject: &Subject, figures: Vec<Outcome>, flames: Vec<FlameGraph>) -> Self {
        let manifest = &subject.run.manifest;
        let (concludes, has_trials) = (manifest.is_measurement(), !subject.run.trials.is_empty());
        let validity = validity::blocks(subject, &figures);
        let (shown, further) = chosen(figures);
        let mut blocks = basis::blocks(subject);
        // An x-ray alone has nothing to be compared.
        if has_trials {
            blocks.extend(tabular::blocks(subject));
        }
        if concludes {
            blocks.extend(by_wire::blocks(subject));
        }
        blocks.extend(xray::blocks(subject));
        blocks.extend(flames::blocks(flames));
        blocks.extend(both_ends::blocks(subject));
        blocks.extend(account::blocks(subject));
        blocks.extend(delays::blocks(subject));
        if has_trials && concludes {
            blocks.extend(study::sections(subject));
        }
        blocks.extend(validity);
        if !further.is_empty() {
            blocks.push(Block::Folded("Further figures".to_owned(), further));
        }
        blocks.push(Block::Folded("Environment".to_owned(), environment::blocks(subject)));
        Self {
            title: format!("What the copies cost: {}", manifest.grid_name),
            subtitle: format!(
                "Run {}, started {}, by copycost {}.",
                manifest.run_id, manifest.started_at, manifest.tool.version
            ),
            heading: "Verdict",
            verdict: verdict::verdict(subject),
            shown,
            blocks,
        }
    }
}

/// Of the figures that were drawn those that show the verdict, the first of each such kind, and the others in their order,
/// with the sentences that stand for some.
fn chosen(mut figures: Vec<Outcome>) -> (Vec<Figure>, Vec<Block>) {
    let mut shown = Vec::new();
    for kind in figures::shown_first() {
        let is_of_kind =
            |one: &Outcome| matches!(one, Outcome::Drawn(figure) if figure.name.starts_with(kind));
        let place = figures.iter().position(is_of_kind).filter(|_| shown.len() < MOST_SHOWN);
        if let Some(Outcome::Drawn(figure)) = place.map(|place| figures.remove(place)) {
            shown.push(*figure);
        }
    }
    let further = figures.into_iter().filter_map(|outcome| match outcome {
        Outcome::Drawn(figure) => Some(Block::Figure(figure)),
        Outcome::Said { title, says } => {
            Some(Block::Paragraph(Text::default().strong(title).and(": ").and(says)))
        }
        Outcome::Absent { .. } => None,
    });
    (shown, further.collect())
}
