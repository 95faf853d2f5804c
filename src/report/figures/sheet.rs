//! A figure's sheet: its panels side by side under one title and over one legend, as SVG and PNG. There is one
//! drawing: the PNG, and the PDF of [`super::pdf`], are made from the SVG, with the embedded font.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use resvg::{tiny_skia, usvg};

use super::{Figure, font, style};

/// Pixels of the PNG for each CSS pixel: sharp on a page of print.
const PNG_SCALE: f32 = 2.0;
/// Space between panels, and around them.
const GAP: f64 = 12.0;

/// The whole figure as one SVG document.
#[must_use]
pub fn svg(figure: &Figure) -> String {
    let columns = figure.columns.max(1);
    let widest = figure.panels.iter().map(|panel| panel.width).max().unwrap_or_default();
    let width = (f64::from(widest) + GAP) * columns as f64 + GAP;
    let mut body = String::new();
    let mut y = 12.0;
    let mut line = |words: &str, size: f64, bold: bool, y: &mut f64| {
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let fill = if bold { style::INK } else { style::QUIET };
        for part in wrapped(words, size, bold, width - 2.0 * GAP) {
            *y += size * 1.3;
            let escaped = maud::html! { (part) }.into_string();
            let _ = writeln!(
                body,
                "<text x=\"{GAP}\" y=\"{y:.1}\" font-size=\"{size}\"{weight} fill=\"{}\">{escaped}</text>",
                hex(fill)
            );
        }
    };
    line(&figure.title, 16.0, true, &mut y);
    line(&figure.caption, 11.5, false, &mut y);
    y += GAP;
    for row in figure.panels.chunks(columns) {
        for (place, panel) in row.iter().enumerate() {
            let x = GAP + (f64::from(widest) + GAP) * place as f64;
            let _ = writeln!(body, "<g transform=\"translate({x} {y:.1}) scale(0.1)\">{}</g>", panel.body);
        }
        y += row.iter().map(|panel| f64::from(panel.height)).fold(0.0, f64::max) + GAP / 2.0;
    }
    y = legend(figure, &mut body, width, y + 4.0);
    let height = y + GAP;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width} {height:.0}\" font-family=\"{}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n{body}</svg>\n",
        font::FAMILIES
    )
}

/// Swatches and names in lines as wide as the sheet; gives the place below them.
fn legend(figure: &Figure, body: &mut String, width: f64, mut y: f64) -> f64 {
    let mut x = GAP;
    for key in &figure.legend {
        let wide = 28.0 + font::width(&key.name, 12.0, false) + 18.0;
        if x > GAP && x + wide > width {
            (x, y) = (GAP, y + 20.0);
        }
        let escaped = maud::html! { (key.name) }.into_string();
        let _ = writeln!(
            body,
            "<g transform=\"translate({x:.1} {y:.1}) scale(0.1)\">{}</g>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\" fill=\"{}\">{escaped}</text>",
            key.swatch.body,
            x + 28.0,
            y + 10.0,
            hex(style::INK)
        );
        x += wide;
    }
    if figure.legend.is_empty() { y } else { y + 18.0 }
}

/// Breaks words into lines of at most so many pixels.
fn wrapped(words: &str, size: f64, bold: bool, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if font::width(&format!("{line} {word}"), size, bold) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn hex(colour: plotters::style::RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// The sheet as the renderers take it.
///
/// # Errors
/// When the SVG is none.
pub fn parse(svg: &str) -> Result<usvg::Tree> {
    let options = usvg::Options {
        font_family: "Arimo".to_owned(),
        fontdb: font::database(),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options).context("the figure's SVG cannot be read back")
}

/// The sheet as PNG.
///
/// # Errors
/// When it cannot be drawn or encoded.
pub fn png(tree: &usvg::Tree) -> Result<Vec<u8>> {
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).context("the figure has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).context("the figure has no size")?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(tree, tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("the figure cannot be encoded as PNG")
}
