//! The report's parts, in the order they are read in.

use super::figures::Outcome;
use super::{account, basis, by_wire, delays, environment, tabular, validity, verdict, xray};
use crate::prose::block::Block;
use crate::study::{self, Subject};

/// What a report says, before it becomes a page or Markdown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// What the page and its tab are called.
    pub title: String,
    /// One line under the title.
    pub subtitle: String,
    /// What stands first and apart: the verdict.
    pub verdict: Vec<Block>,
    /// Everything else, in order.
    pub blocks: Vec<Block>,
}

impl Document {
    /// What there is to say of a run, with the figures that were tried.
    pub fn new(subject: &Subject, figures: Vec<Outcome>) -> Self {
        let manifest = &subject.run.manifest;
        let mut blocks = environment::blocks(subject);
        blocks.extend(validity::blocks(subject, &figures));
        blocks.extend(basis::blocks(subject));
        blocks.push(Block::section("Figures"));
        let drawn = figures.into_iter().filter_map(|outcome| match outcome {
            Outcome::Drawn(figure) => Some(Block::Figure(figure)),
            Outcome::Absent { .. } => None,
        });
        blocks.extend(drawn);
        if manifest.is_measurement() {
            blocks.extend(by_wire::blocks(subject));
        }
        blocks.extend(xray::blocks(subject));
        blocks.extend(account::blocks(subject));
        blocks.extend(delays::blocks(subject));
        // An x-ray alone has nothing to be compared.
        if !subject.run.trials.is_empty() {
            blocks.extend(tabular::blocks(subject));
        }
        if !subject.run.trials.is_empty() && manifest.is_measurement() {
            blocks.extend(study::sections(subject));
        }
        Self {
            title: format!("What the copies cost: {}", manifest.grid_name),
            subtitle: format!(
                "Run {}, started {}, by copycost {}.",
                manifest.run_id, manifest.started_at, manifest.tool.version
            ),
            verdict: verdict::verdict(subject),
            blocks,
        }
    }
}
