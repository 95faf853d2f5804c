//! The report as Markdown (with tables, as most readers of Markdown have them).
//!
//! What a grid or a reason holds is text, so every character that Markdown or HTML would act upon is escaped.

use std::fmt::Write as _;

use super::document::Document;
use crate::plot::{Figure, FlameGraph};
use crate::prose::block::{Block, Span, Table, Text};

/// Rows that a table shows; the rest is in the run's files.
const MOST_ROWS: usize = 1000;

/// The whole report. Figures are shown from `plots/`, where they were written there.
pub fn page(document: &Document, plots: bool) -> String {
    let Document { title, subtitle, heading, .. } = document;
    let mut out = format!("# {}\n\n{}\n\n## {heading}\n\n", plain(title), plain(subtitle));
    document.verdict.iter().for_each(|block| one(&mut out, block, plots));
    if !document.shown.is_empty() {
        out.push_str("## Figures\n\n");
        document.shown.iter().for_each(|shown| figure(&mut out, shown, plots));
    }
    document.blocks.iter().for_each(|block| one(&mut out, block, plots));
    out
}

fn one(out: &mut String, block: &Block, plots: bool) {
    let _ = match block {
        Block::Heading(level, words) => {
            write!(out, "{} {}\n\n", "#".repeat(usize::from(*level)), plain(words))
        }
        Block::Paragraph(words) => write!(out, "{}\n\n", text(words)),
        Block::List(points) => {
            list(out, points);
            Ok(())
        }
        Block::Table(rows) => {
            table(out, rows);
            Ok(())
        }
        Block::Figure(drawn) => {
            figure(out, drawn, plots);
            Ok(())
        }
        Block::Flame(drawn) => {
            flame(out, drawn, plots);
            Ok(())
        }
        Block::Folded(words, blocks) => {
            let written = write!(out, "## {}\n\n", plain(words));
            blocks.iter().for_each(|block| one(out, block, plots));
            written
        }
    };
}

fn figure(out: &mut String, figure: &Figure, plots: bool) {
    let (title, name) = (plain(&figure.title), &figure.name);
    let _ = write!(out, "### {title}\n\n");
    if plots {
        let _ = write!(out, "![{title}](plots/{name}.svg)\n\n");
    }
    let files = format!("`plots/{name}.svg`, `.png`, `.pdf`");
    let where_ = if plots { format!(" Files: {files}.") } else { String::new() };
    let _ = write!(out, "{}{where_}\n\n", plain(&figure.caption));
}

/// A flame graph, where it was written into `plots/`.
fn flame(out: &mut String, flame: &FlameGraph, plots: bool) {
    if plots {
        let (title, name) = (plain(&flame.title), &flame.name);
        let _ = write!(out, "### {title}\n\n![{title}](plots/{name}.svg)\n\n");
    }
}

fn list(out: &mut String, points: &[Text]) {
    for point in points {
        let _ = writeln!(out, "- {}", text(point));
    }
    out.push('\n');
}

fn table(out: &mut String, table: &Table) {
    let _ = write!(out, "{}\n\n|", plain(&table.caption));
    for column in &table.columns {
        let _ = write!(out, " {} |", plain(&column.name));
    }
    out.push_str("\n|");
    for column in &table.columns {
        out.push_str(if column.numeric { " ---: |" } else { " --- |" });
    }
    out.push('\n');
    for row in table.rows.iter().take(MOST_ROWS) {
        out.push('|');
        for field in row {
            let _ = write!(out, " {} |", plain(&field.text));
        }
        out.push('\n');
    }
    out.push('\n');
    if table.rows.len() > MOST_ROWS {
        let _ = write!(out, "{} more rows are in the run's files.\n\n", table.rows.len() - MOST_ROWS);
    }
}

fn text(text: &Text) -> String {
    let span = |span: &Span| match span {
        Span::Plain(words) => plain(words),
        Span::Strong(words) => format!("**{}**", plain(words)),
        Span::Code(words) => code(words),
    };
    text.0.iter().map(span).collect()
}

/// Words with nothing in them that Markdown or HTML acts upon, on one line.
fn plain(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for (place, c) in words.chars().enumerate() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '<' | '>' | '&' | '$' => out.extend(['\\', c]),
            // These act at the start of a line only.
            '#' | '-' | '+' | '=' | '!' if place == 0 => out.extend(['\\', c]),
            // A scheme would become a link.
            ':' if words[..].contains("://") => out.push_str("&#58;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A name between enough backticks.
fn code(words: &str) -> String {
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = words.trim();
    if words.is_empty() {
        return String::new();
    }
    let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{words}{space}{fence}")
}
