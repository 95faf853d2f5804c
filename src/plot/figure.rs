//! A figure: its panels side by side under one title and over one legend.

use maud::{PreEscaped, html};

use super::canvas::{Anchor, Canvas, Drawing, Lettering};
use super::colour::{INK, QUIET, WHITE};
use super::font;
use super::legend::Key;

/// Space between panels, and around them.
const GAP: f64 = 12.0;

const TITLE: Lettering = Lettering { size: 16.0, bold: true, colour: INK, anchor: Anchor::Start };
const CAPTION: Lettering = Lettering { size: 11.5, bold: false, colour: QUIET, anchor: Anchor::Start };
const SOURCE: Lettering = Lettering { size: 9.5, bold: false, colour: QUIET, anchor: Anchor::End };
const NAME: Lettering = Lettering { size: 12.0, bold: false, colour: INK, anchor: Anchor::Start };

/// A figure: panels that share a title and a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Name of its files, without what follows the dot.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it: what the marks mean, and what is left out.
    pub caption: String,
    /// Panels that stand side by side.
    pub columns: usize,
    /// Its panels, in reading order.
    pub panels: Vec<Drawing>,
    /// Names of its series.
    pub legend: Vec<Key>,
    /// Where it is from, small in a corner.
    pub source: String,
}

impl Figure {
    /// The whole figure as one SVG document.
    pub fn svg(&self) -> String {
        let columns = self.columns.max(1);
        let widest = self.panels.iter().map(|panel| f64::from(panel.width)).fold(0.0, f64::max);
        let width = (widest + GAP) * columns as f64 + GAP;
        let mut canvas = Canvas::default();
        let mut y = GAP;
        for (words, lettering) in [(&self.title, TITLE), (&self.caption, CAPTION)] {
            for line in wrapped(words, lettering, width - 2.0 * GAP) {
                y += lettering.size * 1.3;
                canvas.text(&line, (GAP, y), lettering);
            }
        }
        y += GAP;
        for row in self.panels.chunks(columns) {
            for (place, panel) in row.iter().enumerate() {
                canvas.drawing(panel, (GAP + (widest + GAP) * place as f64, y));
            }
            y += row.iter().map(|panel| f64::from(panel.height)).fold(0.0, f64::max) + GAP / 2.0;
        }
        y = self.write_legend(&mut canvas, width, y + 4.0);
        for line in wrapped(&self.source, SOURCE, width - 2.0 * GAP) {
            y += SOURCE.size * 1.3;
            canvas.text(&line, (width - GAP, y), SOURCE);
        }
        let height = y + GAP;
        let Drawing { body, width, height } = canvas.finish(width, height.round());
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                viewBox={ "0 0 " (width) " " (height) } font-family=(font::FAMILIES) {
                rect width="100%" height="100%" fill=(WHITE) {}
                "\n" (PreEscaped(body))
            }
        };
        svg.into_string() + "\n"
    }

    /// Swatches and names in lines as wide as the figure; gives the place below them.
    fn write_legend(&self, canvas: &mut Canvas, width: f64, mut y: f64) -> f64 {
        let mut x = GAP;
        for key in &self.legend {
            let wide = 28.0 + font::width(&key.name, NAME.size, NAME.bold) + 18.0;
            if x > GAP && x + wide > width {
                (x, y) = (GAP, y + 20.0);
            }
            canvas.drawing(&key.swatch, (x, y));
            canvas.text(&key.name, (x + 28.0, y + 10.0), NAME);
            x += wide;
        }
        if self.legend.is_empty() { y } else { y + 18.0 }
    }
}

/// Breaks words into lines of at most so many pixels.
fn wrapped(words: &str, lettering: Lettering, room: f64) -> Vec<String> {
    let fits = |line: &str| font::width(line, lettering.size, lettering.bold) <= room;
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Panel};
    use crate::style::{Marker, Style};

    #[test]
    fn lines_are_as_wide_as_they_may_be_and_keep_every_word() {
        let words =
            "Marks: medians, with 95 % intervals where a cell has several trials; faint: single trials.";
        let lines = wrapped(words, CAPTION, 200.0);
        assert_eq!(lines.join(" "), words);
        assert!(lines.len() > 1);
        for line in &lines {
            assert!(font::width(line, CAPTION.size, false) <= 200.0, "{line}");
        }
    }

    #[test]
    fn where_it_is_from_stands_below_everything_else_and_inside_the_figure() {
        let style = Style { colour: INK, marker: Marker::Disc };
        let figure = |source: &str| Figure {
            name: "one".to_owned(),
            title: "Title".to_owned(),
            caption: "Caption.".to_owned(),
            columns: 1,
            panels: vec![Panel::new("", Axis::linear("x", 0.0, 1.0), Axis::linear("y", 0.0, 1.0)).draw()],
            legend: vec![Key::series("two-copy", style)],
            source: source.to_owned(),
        };
        let lines: Vec<String> = figure("a CPU, run 1").svg().lines().map(str::to_owned).collect();
        let y = |line: &str| line.split(" y=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
        let at = lines.iter().position(|line| line.contains(">a CPU, run 1</text>")).unwrap();
        let legend = lines.iter().find(|line| line.contains(">two-copy</text>")).unwrap();
        assert!(y(&lines[at]) > y(legend).map(|y| y + SOURCE.size), "{} {legend}", lines[at]);
        let height =
            |svg: &str| svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>();
        let (without, with) =
            (height(&figure("").svg()).unwrap(), height(&figure("a CPU, run 1").svg()).unwrap());
        assert!(with > without && y(&lines[at]).unwrap() < with);
        assert!(!figure("").svg().contains("font-size=\"9.5\""));
    }
}
