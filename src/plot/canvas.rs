//! The elements of SVG that drawings consist of, in CSS pixels.

use std::fmt;

use maud::{Markup, PreEscaped, html};

use crate::style::{Colour, Line};

/// A place: pixels from the left and from the top.
pub(super) type Position = (f64, f64);

/// How a line looks.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    pub(super) width: f64,
    pub(super) line: Line,
}

impl Stroke {
    pub(super) fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, line: Line::Solid }
    }
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    /// Pixels of the em.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
}

impl Lettering {
    /// How far the baseline lies below the top of the text.
    pub(super) fn below_top(&self) -> f64 {
        0.76 * self.size
    }

    /// How far the baseline lies below the middle of the text.
    pub(super) fn below_middle(&self) -> f64 {
        0.25 * self.size
    }
}

/// The elements of a drawing and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// The inside of an `<svg>` element, in CSS pixels.
    pub body: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// A drawing in the making: what comes later covers what came before.
#[derive(Default)]
pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn line(&mut self, corners: &[Position], stroke: Stroke) {
        let dashes = match stroke.line {
            Line::Solid => None,
            Line::Dashed => Some("5 4"),
            Line::Dotted => Some("1.5 3"),
            Line::DashDotted => Some("7 3 1.5 3"),
        };
        self.put(html! {
            polyline fill="none" stroke=(stroke.colour) stroke-width=(Pixels(stroke.width)) stroke-dasharray=[dashes]
                points=(Points(corners)) {}
        });
    }

    pub(super) fn polygon(&mut self, corners: &[Position], fill: Colour, opacity: f64) {
        self.put(
            html! { polygon fill=(fill) fill-opacity=[translucent(opacity)] points=(Points(corners)) {} },
        );
    }

    /// A rectangle, by two of its corners.
    pub(super) fn rectangle(&mut self, corners: [Position; 2], fill: Colour, opacity: f64) {
        let [x, y, width, height] = edges(corners);
        self.put(html! {
            rect x=(x) y=(y) width=(width) height=(height) fill=(fill) fill-opacity=[translucent(opacity)] {}
        });
    }

    pub(super) fn disc(&mut self, (x, y): Position, radius: f64, fill: Colour, opacity: f64) {
        self.put(html! {
            circle cx=(Pixels(x)) cy=(Pixels(y)) r=(radius) fill=(fill) fill-opacity=[translucent(opacity)] {}
        });
    }

    pub(super) fn ring(&mut self, (x, y): Position, radius: f64, stroke: Stroke) {
        self.put(html! {
            circle cx=(Pixels(x)) cy=(Pixels(y)) r=(radius) fill="none" stroke=(stroke.colour)
                stroke-width=(stroke.width) {}
        });
    }

    /// Words whose baseline starts, has its middle or ends at a place.
    pub(super) fn text(&mut self, words: &str, at: Position, lettering: Lettering) {
        self.letters(words, at, lettering, None);
    }

    /// The same, but read from the bottom up.
    pub(super) fn text_upwards(&mut self, words: &str, (x, y): Position, lettering: Lettering) {
        let turn = format!("rotate(-90 {} {})", Pixels(x), Pixels(y));
        self.letters(words, (x, y), lettering, Some(turn));
    }

    fn letters(&mut self, words: &str, (x, y): Position, lettering: Lettering, turn: Option<String>) {
        let anchor = match lettering.anchor {
            Anchor::Start => None,
            Anchor::Middle => Some("middle"),
            Anchor::End => Some("end"),
        };
        self.put(html! {
            text x=(Pixels(x)) y=(Pixels(y)) font-size=(lettering.size) font-weight=[lettering.bold.then_some("bold")]
                text-anchor=[anchor] fill=(lettering.colour) transform=[turn] { (words) }
        });
    }

    /// A place that answers to a pointer: an unseen disc with the words as its title, which browsers show even
    /// where no script runs.
    pub(super) fn answer(&mut self, (x, y): Position, says: &str) {
        self.put(html! {
            circle.hit cx=(Pixels(x)) cy=(Pixels(y)) r="9" fill-opacity="0" { title { (says) } }
        });
    }

    /// An area that answers to a pointer.
    pub(super) fn answer_area(&mut self, corners: [Position; 2], says: &str) {
        let [x, y, width, height] = edges(corners);
        self.put(html! {
            rect.hit x=(x) y=(y) width=(width) height=(height) fill-opacity="0" { title { (says) } }
        });
    }

    /// Another drawing, its upper left corner at a place.
    pub(super) fn drawing(&mut self, drawing: &Drawing, (x, y): Position) {
        self.put(html! {
            g transform={ "translate(" (Pixels(x)) " " (Pixels(y)) ")" } { (PreEscaped(&drawing.body)) }
        });
    }

    /// Everything on another canvas, on top.
    pub(super) fn append(&mut self, other: Self) {
        self.0.push_str(&other.0);
    }

    pub(super) fn finish(self, width: f64, height: f64) -> Drawing {
        Drawing { body: self.0, width: width as u32, height: height as u32 }
    }

    fn put(&mut self, element: Markup) {
        self.0.push_str(&element.into_string());
        self.0.push('\n');
    }
}

/// Left, top, width and height. A sliver keeps a breadth, so that a pointer can find it.
fn edges([(left, top), (right, bottom)]: [Position; 2]) -> [Pixels; 4] {
    [left, top, (right - left).max(0.1), bottom - top].map(Pixels)
}

fn translucent(opacity: f64) -> Option<f64> {
    (opacity < 1.0).then_some(opacity)
}

/// A number of pixels, to a tenth.
struct Pixels(f64);

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a negative zero.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

/// The corners of a line.
struct Points<'a>(&'a [Position]);

impl fmt::Display for Points<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, &(x, y)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{},{}", Pixels(x), Pixels(y))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::INK;

    #[test]
    fn words_are_no_markup() {
        let mut canvas = Canvas::default();
        let lettering = Lettering { size: 11.0, bold: false, colour: INK, anchor: Anchor::End };
        canvas.text("a < b & \"c\" > d", (1.0, 2.25), lettering);
        canvas.answer((0.0, 0.0), "</title><script>");
        let drawing = canvas.finish(10.0, 20.0);
        assert_eq!(
            drawing.body.lines().next().unwrap(),
            "<text x=\"1\" y=\"2.3\" font-size=\"11\" text-anchor=\"end\" fill=\"#222222\">\
             a &lt; b &amp; &quot;c&quot; &gt; d</text>"
        );
        assert!(drawing.body.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"), "{}", drawing.body);
        assert_eq!((drawing.width, drawing.height), (10, 20));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(Points(&[(1.0, 2.04), (-0.01, 33.333)]).to_string(), "1,2 0,33.3");
    }
}
