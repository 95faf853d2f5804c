//! `copycost report`: the tables, figures and the written analysis of a run; several runs over each other.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::{Exit, UsageError, print, runs};
use crate::output::say;
use crate::report::{Part, html, lines, overlay, put, write_parts};
use crate::tables::Run;

/// Turns a run's directory into tables, figures, a page and Markdown.
#[derive(Args, Clone, Debug, Default)]
pub struct ReportArgs {
    /// The run's directory, such as results/latest; of several, the newest last, one page lays all over each other and
    /// holds the last against the others
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Write no files into plots/; the page keeps its charts
    #[arg(long)]
    pub no_plots: bool,
    /// Write only these
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    pub only: Vec<Part>,
    /// Where the page of several runs is written [default: overlay.html in the last run's directory]
    #[arg(long, value_name = "FILE")]
    pub into: Option<PathBuf>,
}

/// Writes the report, and says what it wrote.
pub fn run(arguments: &ReportArgs) -> anyhow::Result<Exit> {
    match &arguments.runs[..] {
        [dir] => of_one(arguments, dir),
        several => of_several(arguments, several),
    }
}

fn of_one(arguments: &ReportArgs, dir: &Path) -> anyhow::Result<Exit> {
    let ReportArgs { only, no_plots, into, .. } = arguments;
    if into.is_some() {
        let words = "--into is for the page of several runs; the report of one is written into its directory: leave it out";
        return Err(UsageError(words.to_owned()).into());
    }
    let run = Run::load(dir)?;
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

/// Lays several runs over each other.
fn of_several(arguments: &ReportArgs, dirs: &[PathBuf]) -> anyhow::Result<Exit> {
    if arguments.no_plots || !arguments.only.is_empty() {
        let words = "--only and --no-plots are for the report of one run; of several there is one page: leave them out";
        return Err(UsageError(words.to_owned()).into());
    }
    runs::distinct(dirs)?;
    let load = |dir: &PathBuf| Run::load(dir).with_context(|| format!("the run {}", dir.display()));
    let runs = dirs.iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
    let document = overlay::document(&runs)?;
    let beside = || dirs.iter().last().map(|dir| dir.join(overlay::PAGE)).unwrap_or_default();
    let file = arguments.into.clone().unwrap_or_else(beside);
    let file = put(&file, html::page(&document).as_bytes())?;
    lines(&document.verdict).iter().for_each(say);
    print(&format!("{}\n", file.display()))?;
    Ok(Exit::Success)
}
