//! Drawing: axes, panels, stacked bars, legends and whole figures, written as SVG; PNG and PDF are made of that. What
//! is drawn is its caller's business, and so is how it looks (`src/style.rs`).
//!
//! ```text
//! Axis -> Scale (an axis on paper) -> Panel, BarChart -> Drawing ┐
//!                                     Style, Key ──────-> Drawing ┴-> Figure -> SVG -> PNG, PDF
//! call chains -> FlameGraph -> SVG
//! ```

mod axis;
mod bars;
mod canvas;
mod colour;
mod figure;
mod flame;
mod font;
mod legend;
mod marker;
mod panel;
mod render;
mod scale;

/// Any number, and those that arithmetic does not survive.
#[cfg(test)]
fn any_number() -> impl proptest::strategy::Strategy<Value = f64> {
    use proptest::prelude::*;
    let edges =
        [0.0, -0.0, 1e-300, 1e16, 5e-324, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    prop_oneof![any::<f64>(), -1e3..1e3, prop::sample::select(edges.to_vec())]
}

pub(crate) use axis::Axis;
pub(crate) use bars::{Bar, BarChart, Segment};
pub(crate) use canvas::Drawing;
pub(crate) use colour::{INK, QUIET};
pub(crate) use figure::Figure;
pub(crate) use flame::FlameGraph;
pub(crate) use legend::Key;
pub(crate) use panel::{Area, Band, Curve, Panel, Point, Series, WIDTH};
pub(crate) use render::{parse, pdf, png};
