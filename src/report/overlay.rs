//! Several runs laid over each other: their curves in the same axes, and what `compare` says of them.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::basis;
use super::document::Document;
use super::figures::over::{self, Layer, MOST_RUNS};
use crate::compare::text::{sentences, tables};
use crate::compare::{CellChange, Comparison, Footing, footing};
use crate::output::harmless;
use crate::prose::block::{Block, Table, TableField, Text};
use crate::prose::words;
use crate::study::Subject;
use crate::tables::{Run, Tables};

/// The page's name in the directory of the last run.
pub(crate) const PAGE: &str = "overlay.html";

/// The page of several runs, of which the last is held against each of the others.
///
/// # Errors
/// More runs than a reader tells apart on a figure, runs whose figures are of different kinds, or without a common cell.
pub(crate) fn document(runs: &[Run]) -> Result<Document> {
    let names = names(runs);
    let comparisons = comparisons(runs, &names)?;
    let tables: Vec<Tables> = runs.iter().map(Tables::of).collect();
    let layer = |((run, tables), name): ((_, _), &String)| Layer {
        name: name.clone(),
        subject: Subject::new(run, tables),
    };
    let layers: Vec<Layer<'_>> = runs.iter().zip(&tables).zip(&names).map(layer).collect();
    let mut figures = over::draw(&layers);
    let shown = figures.drain(..figures.len().min(1)).collect();
    let mut blocks = Vec::new();
    if !figures.is_empty() {
        blocks.push(Block::section("Figures"));
        blocks.extend(figures.into_iter().map(|figure| Block::Figure(Box::new(figure))));
    }
    blocks.extend(comparisons.iter().flat_map(compared));
    // All runs are of one clock.
    let caveat = runs.last().and_then(|run| basis::caveat(run.manifest.basis())).map(Block::says);
    let mut verdict: Vec<Block> = caveat.into_iter().chain(runs.iter().filter_map(no_measurement)).collect();
    for (place, comparison) in comparisons.iter().enumerate() {
        // What the trials of the last run say of themselves is said once.
        let is_said = |words: &String| comparisons[..place].iter().any(|one| one.drift.contains(words));
        let points = comparison.unlike.iter().cloned().chain(sentences(comparison));
        let points = points.filter(|words| !is_said(words));
        verdict.push(Block::says(format!("{} against {}:", comparison.new, comparison.base)));
        verdict.push(Block::List(points.map(|words| Text::marked(&words)).collect()));
    }
    Ok(Document {
        title: format!("{} over each other", words::plural(runs.len() as u64, "run")),
        subtitle: format!("{}. By copycost {}.", words::list(&names), env!("CARGO_PKG_VERSION")),
        heading: "What differs",
        verdict,
        shown,
        blocks,
    })
}

/// What the runs are called: by their directories where two have one id, as copies have.
fn names(runs: &[Run]) -> Vec<String> {
    let ids: BTreeSet<String> = runs.iter().map(Run::name).collect();
    let directory = |run: &Run| harmless(&run.dir.display().to_string());
    runs.iter().map(|run| if ids.len() < runs.len() { directory(run) } else { run.name() }).collect()
}

/// The last run against each of the others.
fn comparisons(runs: &[Run], names: &[String]) -> Result<Vec<Comparison>> {
    ensure!(
        runs.len() <= MOST_RUNS,
        "{} runs cannot be told apart on a figure; name {MOST_RUNS} at most, or see `copycost history`",
        runs.len()
    );
    let (Some((new, bases)), Some((new_name, names))) = (runs.split_last(), names.split_last()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (base, name) in bases.iter().zip(names) {
        let comparison =
            Comparison { base: name.clone(), new: new_name.clone(), ..Comparison::of(base, new, None, None) };
        let [base, new] = [base, new].map(|run| (run.dir.display(), footing::clock(&run.manifest)));
        ensure!(
            comparison.footing != Footing::Nothing,
            "{} {} and {} {}, so that one's curves say nothing of the other's; name runs of the same clock",
            base.0,
            base.1,
            new.0,
            new.1
        );
        ensure!(
            comparison.cells.iter().any(CellChange::is_in_both),
            "{} and {} have no cell in common; name runs of the same grid",
            base.0,
            new.0
        );
        found.push(comparison);
    }
    Ok(found)
}

fn no_measurement(run: &Run) -> Option<Block> {
    let says = || {
        Block::says(format!(
            "{} is no measurement, as its grid says (`measurement: false`): it shows that everything runs.",
            run.name()
        ))
    };
    (!run.manifest.is_measurement()).then(says)
}

/// The tables of a comparison, and how the environments differ.
fn compared(comparison: &Comparison) -> Vec<Block> {
    let (new, base) = (&comparison.new, &comparison.base);
    let mut blocks = vec![Block::section(format!("{new} against {base}"))];
    for (header, rows) in tables(comparison).filter(|(_, rows)| !rows.is_empty()) {
        // Without the columns that have no name, as nothing stands in them.
        let named: Vec<usize> = (0..header.len()).filter(|&place| !header[place].is_empty()).collect();
        let heads: Vec<String> = named.iter().map(|&place| head(place, &header[place])).collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut table = Table::new(format!("{new} against {base}, {}", header[0]), &heads);
        for row in rows {
            table.push(named.iter().map(|&place| field(place, &row[place])).collect());
        }
        blocks.push(Block::Table(table));
    }
    if !comparison.environment.is_empty() {
        let mut table =
            Table::new("What differs between the environments of the two runs.", &["fact", "base", "new"]);
        for one in &comparison.environment {
            let fields = [&one.what, &one.base, &one.new].map(|text| TableField::from(text.clone()));
            table.push(fields.to_vec());
        }
        blocks.push(Block::Folded(format!("Environments of {new} and {base}"), vec![Block::Table(table)]));
    }
    blocks
}

/// Columns of a comparison's tables that hold numbers: figures, the change and its interval.
const NUMBERS: std::ops::RangeInclusive<usize> = 1..=4;

fn head(place: usize, name: &str) -> String {
    let mark = if NUMBERS.contains(&place) { "#" } else { "" };
    format!("{mark}{name}")
}

/// A field, which sorts by the number that it begins with.
fn field(place: usize, text: &str) -> TableField {
    let number = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    match NUMBERS.contains(&place) {
        true => TableField::number(text, number),
        false => text.into(),
    }
}
