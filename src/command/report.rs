//! `copycost report`: the tables, figures and the written analysis of a run.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, print};
use crate::output::say;
use crate::report::{Part, write_parts};
use crate::tables::Run;

/// Turns a run's directory into tables, figures, a page and Markdown.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// The run's directory, such as results/latest
    pub run: PathBuf,
    /// Write no files into plots/; the page keeps its charts
    #[arg(long)]
    pub no_plots: bool,
    /// Write only these
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    pub only: Vec<Part>,
}

/// Writes the report, and says what it wrote.
pub fn run(arguments: &ReportArgs) -> anyhow::Result<Exit> {
    let ReportArgs { only, no_plots, .. } = arguments;
    let run = Run::load(&arguments.run)?;
    let parts = |part| (only.is_empty() || only.contains(&part)) && !(part == Part::Plots && *no_plots);
    let written = write_parts(&run, parts)?;
    written.verdict.iter().for_each(say);
    let plots = run.dir.join("plots");
    let (drawn, others): (Vec<_>, Vec<_>) = written.files.iter().partition(|file| file.starts_with(&plots));
    // A line for each figure and format would bury the rest.
    for file in others.into_iter().chain((!drawn.is_empty()).then_some(&plots)) {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(Exit::Success)
}
