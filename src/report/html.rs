//! The page: one file that asks nothing of any network.
//!
//! The template escapes all text. The only thing put in as it is are drawings and our own style and script.

use base64::prelude::{BASE64_STANDARD, Engine};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::Document;
use crate::plot::{Drawing, Figure, FlameGraph};
use crate::prose::block::{Block, Span, Table, TableField, Text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Rows that a table of the page shows; the rest is in the run's files.
const MOST_ROWS: usize = 1000;

/// The whole page.
pub fn page(document: &Document) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Even what a browser asks for of its own accord is not asked for.
                link rel="icon" href="data:,";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (document.title) }
                        p.subtitle { (document.subtitle) }
                    }
                    div.lead {
                        section.verdict aria-label=(document.heading) {
                            h2 id="verdict" { (document.heading) }
                            @for block in &document.verdict { (one(block, 0)) }
                        }
                        @for shown in document.shown.iter().take(1) { (figure(shown)) }
                    }
                    @if document.shown.len() > 1 {
                        div.shown { @for shown in &document.shown[1..] { (figure(shown)) } }
                    }
                    (contents(document))
                    @for (place, block) in document.blocks.iter().enumerate() { (one(block, place)) }
                }
                div #tip role="status" aria-live="polite" hidden {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

fn contents(document: &Document) -> Markup {
    let sections = document.blocks.iter().enumerate().filter_map(|(place, block)| match block {
        Block::Heading(2, words) | Block::Folded(words, _) => Some((place, words)),
        _ => None,
    });
    html! {
        nav aria-label="Contents" {
            ul { @for (place, words) in sections { li { a href={ "#s" (place) } { (words) } } } }
        }
    }
}

fn one(block: &Block, place: usize) -> Markup {
    match block {
        Block::Heading(2, words) => html! { h2 id={ "s" (place) } { (words) } },
        Block::Heading(_, words) => html! { h3 { (words) } },
        Block::Paragraph(words) => html! { p { (text(words)) } },
        Block::List(points) => html! { ul { @for point in points { li { (text(point)) } } } },
        Block::Table(rows) => table(rows),
        Block::Figure(drawn) => figure(drawn),
        Block::Flame(drawn) => flame(drawn),
        Block::Folded(words, blocks) => html! {
            details {
                summary { h2 id={ "s" (place) } { (words) } }
                @for block in blocks { (one(block, place)) }
            }
        },
    }
}

fn text(text: &Text) -> Markup {
    html! {
        @for span in &text.0 {
            @match span {
                Span::Plain(words) => (words),
                Span::Strong(words) => strong { (words) },
                Span::Code(words) => code { (words) },
            }
        }
    }
}

fn table(table: &Table) -> Markup {
    let hidden = table.rows.len().saturating_sub(MOST_ROWS);
    html! {
        div.table tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption {
                    (table.caption)
                    @if hidden > 0 { " The first " (MOST_ROWS) " rows; " (hidden) " more are in the run's files." }
                }
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=[column.numeric.then_some("n")] {
                                button type="button" { (column.name) }
                            }
                        }
                    }
                }
                tbody {
                    @for row in table.rows.iter().take(MOST_ROWS) {
                        tr { @for (field, column) in row.iter().zip(&table.columns) { (cell(field, column.numeric)) } }
                    }
                }
            }
        }
    }
}

fn cell(field: &TableField, numeric: bool) -> Markup {
    // Where there is little room, an interval stands below its value, and is not broken itself.
    let interval = field.text.split_once(" [").filter(|_| numeric);
    html! {
        td class=[numeric.then_some("n")] data-o=[field.order] {
            @match interval {
                Some((value, interval)) => { (value) " " span { "[" (interval) } },
                None if numeric => span { (field.text) },
                None => (field.text),
            }
        }
    }
}

fn figure(figure: &Figure) -> Markup {
    html! {
        figure id=(figure.name) {
            h3 { (figure.title) }
            ul.legend {
                @for key in &figure.legend { li { (drawing(&key.swatch, "swatch", None)) (key.name) } }
            }
            div.panels data-columns=(figure.columns) {
                @for panel in &figure.panels {
                    (drawing(panel, "chart", Some(&figure.title)))
                }
            }
            figcaption { (figure.caption) }
            p.source { (figure.source) }
        }
    }
}

/// A picture, whose own style and script stay within it.
fn flame(flame: &FlameGraph) -> Markup {
    let bytes = BASE64_STANDARD.encode(&flame.svg);
    html! {
        figure id=(flame.name) {
            h3 { (flame.title) }
            div.wide tabindex="0" role="region" aria-label=(flame.title) {
                img src={ "data:image/svg+xml;base64," (bytes) } alt={ "Flame graph of " (flame.title) } loading="lazy";
            }
            p.source { (flame.source) "; " code { "plots/" (flame.name) ".svg" } }
        }
    }
}

fn drawing(image: &Drawing, class: &str, label: Option<&str>) -> Markup {
    let (width, height) = (image.width, image.height);
    html! {
        svg class=(class) viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
            role=[label.map(|_| "img")] aria-label=[label] tabindex=[label.map(|_| "0")]
            aria-hidden=[label.is_none().then_some("true")] {
            (PreEscaped(&image.body))
        }
    }
}
