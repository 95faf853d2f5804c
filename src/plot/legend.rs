//! Legends: names, each beside a picture of how it looks.

use super::canvas::{Canvas, Drawing, Stroke};
use super::panel::broken;
use crate::style::{Colour, Line, Style};

/// A line of a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What the legend calls it.
    pub name: String,
    /// A picture of how it looks.
    pub swatch: Drawing,
}

impl Key {
    /// A key with a series' line and marker.
    pub fn series(name: impl Into<String>, style: Style) -> Self {
        Self::lined(name, style, Line::Solid)
    }

    /// The same with a line of another kind.
    pub fn lined(name: impl Into<String>, style: Style, line: Line) -> Self {
        Self::drawn(name, |canvas| {
            canvas.line(&[(1.0, 6.0), (21.0, 6.0)], style.stroke(line));
            style.mark(canvas, (11.0, 6.0));
        })
    }

    /// A key with a line that has no markers.
    pub fn curve(name: impl Into<String>, colour: Colour, dashed: bool) -> Self {
        let stroke = Stroke { colour, width: 1.4, line: broken(dashed) };
        Self::drawn(name, |canvas| canvas.line(&[(1.0, 6.0), (21.0, 6.0)], stroke))
    }

    /// A key with a filled square.
    pub fn area(name: impl Into<String>, colour: Colour) -> Self {
        Self::drawn(name, |canvas| canvas.rectangle([(4.0, 0.0), (18.0, 12.0)], colour, 1.0))
    }

    fn drawn(name: impl Into<String>, draw: impl FnOnce(&mut Canvas)) -> Self {
        let mut canvas = Canvas::default();
        draw(&mut canvas);
        Self { name: name.into(), swatch: canvas.finish(22.0, 12.0) }
    }
}
