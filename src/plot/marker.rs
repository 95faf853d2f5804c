//! Markers as they are drawn: the shapes that stand for values.

use super::canvas::{Canvas, Position, Stroke};
use crate::style::{Line, Marker, Style};

impl Style {
    /// The line that joins values, or a solid one that shows their intervals.
    pub(super) fn stroke(&self, line: Line) -> Stroke {
        Stroke { line, ..Stroke::solid(self.colour, 1.6) }
    }

    /// Draws the marker.
    pub(super) fn mark(&self, canvas: &mut Canvas, (x, y): Position) {
        let colour = self.colour;
        let stroke = Stroke::solid(colour, 1.8);
        let around = |(a, b): Position| (x + a, y + b);
        match self.marker {
            Marker::Disc => canvas.disc((x, y), 3.6, colour, 1.0),
            Marker::Ring => canvas.ring((x, y), 3.4, stroke),
            Marker::Square => {
                canvas.polygon(
                    &[(-3.3, -3.3), (3.3, -3.3), (3.3, 3.3), (-3.3, 3.3)].map(around),
                    colour,
                    1.0,
                );
            }
            Marker::Up => canvas.polygon(&[(0.0, -4.4), (4.2, 3.2), (-4.2, 3.2)].map(around), colour, 1.0),
            Marker::Down => canvas.polygon(&[(0.0, 4.4), (4.2, -3.2), (-4.2, -3.2)].map(around), colour, 1.0),
            Marker::Diamond => {
                canvas.polygon(&[(0.0, -4.6), (4.2, 0.0), (0.0, 4.6), (-4.2, 0.0)].map(around), colour, 1.0);
            }
            Marker::Cross => {
                canvas.line(&[(-3.4, -3.4), (3.4, 3.4)].map(around), stroke);
                canvas.line(&[(-3.4, 3.4), (3.4, -3.4)].map(around), stroke);
            }
            Marker::Plus => {
                canvas.line(&[(-4.4, 0.0), (4.4, 0.0)].map(around), stroke);
                canvas.line(&[(0.0, -4.4), (0.0, 4.4)].map(around), stroke);
            }
        }
    }
}
