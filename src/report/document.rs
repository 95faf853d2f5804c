//! The report's parts, in the order they are read in.

use super::figures::{self, Outcome};
use super::{account, basis, both_ends, by_wire, delays, environment, tabular, validity, verdict, xray};
use crate::plot::Figure;
use crate::prose::block::Block;
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
    /// What there is to say of a run, with the figures that were tried.
    pub fn new(subject: &Subject, figures: Vec<Outcome>) -> Self {
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
        blocks.extend(both_ends::blocks(subject));
        blocks.extend(account::blocks(subject));
        blocks.extend(delays::blocks(subject));
        if has_trials && concludes {
            blocks.extend(study::sections(subject));
        }
        blocks.extend(validity);
        if !further.is_empty() {
            let further = further.into_iter().map(|figure| Block::Figure(Box::new(figure))).collect();
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

/// Of the figures that were drawn those that show the verdict, the first of each such kind, and the others in their order.
fn chosen(figures: Vec<Outcome>) -> (Vec<Figure>, Vec<Figure>) {
    let mut drawn: Vec<Figure> = figures
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Drawn(figure) => Some(*figure),
            Outcome::Absent { .. } => None,
        })
        .collect();
    let mut shown = Vec::new();
    for kind in figures::shown_first() {
        let place = drawn.iter().position(|figure| figure.name.starts_with(kind));
        if let Some(place) = place.filter(|_| shown.len() < MOST_SHOWN) {
            shown.push(drawn.remove(place));
        }
    }
    (shown, drawn)
}
