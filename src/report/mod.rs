//! What people look at: figures, the page and the Markdown, made from a run's files and nothing else.
//!
//! ```text
//! Run, Tables -> study::Subject -> figures -> Outcome -> plot: SVG, PNG, PDF
//!                               -> verdict, environment, validity, tabular, …, study::sections
//!                                          -> Document -> html, markdown
//! ```

mod account;
pub mod basis;
mod both_ends;
mod by_wire;
mod category_colour;
mod delays;
mod disturbed;
pub mod document;
mod environment;
pub mod figures;
mod flames;
pub mod html;
pub mod markdown;
pub(crate) mod overlay;
pub(crate) mod tabular;
mod validity;
mod verdict;
mod way;
mod xray;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::file;
use crate::plot::{self, Figure};
use crate::prose::block::Block;
use crate::study::Subject;
use crate::tables::{Run, Tables};
use document::Document;
use figures::Outcome;

/// A part of the report that can be written alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// cells.csv, derived.csv and the other tables
    Tables,
    /// plots/*.svg, *.png and *.pdf
    Plots,
    /// report.html
    Html,
    /// report.md
    Markdown,
}

/// What a report wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The files, in the order they were written in.
    pub files: Vec<PathBuf>,
    /// The verdict, a sentence each, for a terminal.
    pub verdict: Vec<String>,
}

/// Writes the whole report of a run into its directory.
pub fn write(run: &Run) -> Result<Written> {
    write_parts(run, |_| true)
}

/// Writes those parts of a run's report into its directory that are wanted.
pub fn write_parts(run: &Run, wanted: impl Fn(Part) -> bool) -> Result<Written> {
    let tables = Tables::of(run);
    let mut written = Written::default();
    if wanted(Part::Tables) {
        let files = tables
            .write(&run.dir)
            .with_context(|| format!("cannot write the tables into {}", run.dir.display()))?;
        written.files.extend(files);
    }
    let subject = Subject::new(run, &tables);
    let mut outcomes = if run.manifest.is_measurement() { figures::draw_wires(&subject) } else { Vec::new() };
    for (condition, _) in subject.streams() {
        outcomes.extend(figures::draw(&subject, condition));
    }
    for condition in subject.paced() {
        outcomes.extend(figures::draw_delays(&subject, condition));
    }
    let flames = flames::draw(&subject)?;
    if wanted(Part::Plots) {
        let dir = run.dir.join("plots");
        written.files.extend(plots(&dir, &outcomes)?);
        for flame in &flames {
            written.files.push(put(&dir.join(format!("{}.svg", flame.name)), flame.svg.as_bytes())?);
        }
    }
    let document = Document::new(&subject, outcomes, flames);
    if wanted(Part::Html) {
        written.files.push(put(&run.dir.join("report.html"), html::page(&document).as_bytes())?);
    }
    if wanted(Part::Markdown) {
        let text = markdown::page(&document, wanted(Part::Plots));
        written.files.push(put(&run.dir.join("report.md"), text.as_bytes())?);
    }
    written.verdict = lines(&document.verdict);
    Ok(written)
}

/// Paragraphs and points as lines for a terminal.
pub(crate) fn lines(blocks: &[Block]) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks {
        match block {
            Block::Paragraph(text) => lines.push(text.words()),
            Block::List(points) => lines.extend(points.iter().map(|point| format!("- {}", point.words()))),
            _ => {}
        }
    }
    lines
}

/// Writes every figure in three formats, on as many threads as there are CPUs.
fn plots(dir: &Path, outcomes: &[Outcome]) -> Result<Vec<PathBuf>> {
    file::make_directory(dir).with_context(|| format!("cannot write into {}", dir.display()))?;
    let figures: Vec<&Figure> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Drawn(figure) => Some(&**figure),
            Outcome::Said { .. } | Outcome::Absent { .. } => None,
        })
        .collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(figures.len().max(1));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        while let Some(figure) = figures.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            files.extend(plot(dir, figure)?);
        }
        Ok(files)
    };
    let mut files = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            files.extend(thread.join().expect("a drawing thread does not panic")?);
        }
        Ok(())
    })?;
    files.sort();
    Ok(files)
}

fn plot(dir: &Path, figure: &Figure) -> Result<[PathBuf; 3]> {
    let svg = figure.svg();
    let tree = plot::parse(&svg)?;
    let file = |extension: &str| dir.join(format!("{}.{extension}", figure.name));
    Ok([
        put(&file("svg"), svg.as_bytes())?,
        put(&file("png"), &plot::png(&tree)?)?,
        put(&file("pdf"), &plot::pdf(&tree)?)?,
    ])
}

/// Puts a file in the place of the old one, so that a reader sees one or the other.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    file::replace(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}
