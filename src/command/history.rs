//! `copycost history`: each cell over the runs of a directory.

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use super::{Exit, print};
use crate::history::{History, export, page, text};
use crate::output::{hint, say};
use crate::report::{html, put};
use crate::tables::Metric;

/// The page's name in the directory of the runs.
const PAGE: &str = "history.html";

/// The arguments of `copycost history`.
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    /// Directory that holds the runs, such as results; links in it, such as latest, are passed over
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Figure to show and judge by: a column of derived.csv of which more or less is better [default: throughput_gbps of
    /// streams, response_p50_us and response_p99_us of request and open-loop]
    #[arg(long, visible_alias = "metric", value_name = "COLUMN", value_parser = Metric::judged)]
    pub measure: Option<&'static Metric>,
    /// What to make
    #[arg(long, value_enum, default_value_t = HistoryFormat::Page)]
    pub format: HistoryFormat,
}

/// What `copycost history` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// The page DIR/history.html; its path is printed
    Page,
    /// A table for a terminal, without a file
    Table,
    /// Everything, for programs, without a file
    Json,
}

/// Reads the runs, and writes or prints their history.
pub fn run(arguments: &HistoryArgs) -> anyhow::Result<Exit> {
    let dir = arguments.dir.display();
    let history = History::read(&arguments.dir, arguments.measure)?;
    for sentence in left_out(&history) {
        say(sentence);
    }
    let count = history.runs.len();
    ensure!(
        count > 1,
        "{dir} holds {}, and a history takes two; `{}` makes another",
        if count == 0 { "no run" } else { "one run" },
        hint(&["sweep", "--results", &dir.to_string()])
    );
    ensure!(
        !history.tracks.is_empty(),
        "no run in {dir} has {}; take another --measure, or see the reasons in their trials.csv",
        arguments.measure.map_or("a figure to compare", |measure| measure.name)
    );
    match arguments.format {
        HistoryFormat::Page => {
            let page = html::page(&page::document(&history));
            let file = put(&arguments.dir.join(PAGE), page.as_bytes())?;
            text::sentences(&history).iter().for_each(say);
            print(&format!("{}\n", file.display()))?;
        }
        HistoryFormat::Table => print(&format!("{}\n", text::table(&history)))?,
        HistoryFormat::Json => print(&format!("{}\n", export::json(&history)))?,
    }
    Ok(Exit::Success)
}

/// What is not in the history, a sentence each.
fn left_out(history: &History) -> Vec<String> {
    let mut sentences: Vec<String> = history
        .unreadable
        .iter()
        .map(|error| format!("left out, since it cannot be read: {error}"))
        .collect();
    let dir = history.dir.display();
    match history.strangers {
        0 => {}
        1 => sentences
            .push(format!("1 directory in {dir} is no run (it has no manifest.json) and is left out")),
        many => {
            sentences.push(format!(
                "{many} directories in {dir} are no runs (they have no manifest.json) and are left out"
            ));
        }
    }
    sentences
}
