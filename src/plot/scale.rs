//! An axis on paper: its place, its ticks, their labels and lines.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Lettering, Stroke};
use super::colour::{GRID, INK, QUIET};
use crate::style::Colour;

const TICK: f64 = 4.0;
const LABEL: Lettering = Lettering { size: 11.0, bold: false, colour: INK, anchor: Anchor::Middle };
const TITLE: Lettering = Lettering { size: 11.5, bold: false, colour: QUIET, anchor: Anchor::Middle };
/// Room that an axis takes below its panel.
pub(super) const BELOW: f64 = 40.0;
/// Room that an axis takes on the left, besides its labels.
pub(super) const LEFT: f64 = 30.0;

/// An axis laid between two places, in pixels from the left or from the top.
pub(super) struct Scale<'a> {
    pub(super) axis: &'a Axis,
    /// Where its lower end is.
    pub(super) from: f64,
    /// Where its upper end is.
    pub(super) to: f64,
}

impl Scale<'_> {
    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * self.axis.share(value)
    }

    /// Room that the labels of an axis on the left need.
    pub(super) fn room(axis: &Axis) -> f64 {
        let widths = axis.ticks.iter().map(|(_, label)| super::font::width(label, LABEL.size, false));
        widths.fold(0.0, f64::max) + LEFT
    }

    /// Upright lines through the ticks of a horizontal axis.
    pub(super) fn upright_grid(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        for (x, _) in self.ticks() {
            canvas.line(&[(x, top), (x, bottom)], thin(GRID));
        }
    }

    /// Level lines through the ticks of a vertical axis.
    pub(super) fn level_grid(&self, canvas: &mut Canvas, left: f64, right: f64) {
        for (y, _) in self.ticks() {
            canvas.line(&[(left, y), (right, y)], thin(GRID));
        }
    }

    /// The axis below a panel that ends at `y`.
    pub(super) fn below(&self, canvas: &mut Canvas, y: f64) {
        canvas.line(&[(self.from, y), (self.to, y)], thin(QUIET));
        for (x, label) in self.ticks() {
            canvas.line(&[(x, y), (x, y + TICK)], thin(QUIET));
            canvas.text(label, (x, y + 2.0 * TICK + LABEL.below_top()), LABEL);
        }
        canvas.text(&self.axis.title, (self.middle(), y + BELOW - TITLE.below_middle()), TITLE);
    }

    /// The axis on the left of a panel that starts at `x`; its title starts at `edge`.
    pub(super) fn left(&self, canvas: &mut Canvas, x: f64, edge: f64) {
        let label = Lettering { anchor: Anchor::End, ..LABEL };
        canvas.line(&[(x, self.from), (x, self.to)], thin(QUIET));
        for (y, words) in self.ticks() {
            canvas.line(&[(x - TICK, y), (x, y)], thin(QUIET));
            canvas.text(words, (x - 2.0 * TICK, y + label.below_middle()), label);
        }
        canvas.text_upwards(&self.axis.title, (edge + TITLE.below_top(), self.middle()), TITLE);
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.axis.ticks.iter().map(|(value, label)| (self.at(*value), label.as_str()))
    }

    fn middle(&self) -> f64 {
        self.from.midpoint(self.to)
    }
}

fn thin(colour: Colour) -> Stroke {
    Stroke::solid(colour, 1.0)
}
