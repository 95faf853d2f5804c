//! Drawing: axes, panels, stacked bars, legends and whole figures, written as SVG; PNG and PDF are made of that. What
//! is drawn is its caller's business.
//!
//! ```text
//! Axis -> Scale (an axis on paper) -> Panel, BarChart -> Drawing ┐
//!                                     Style, Key ──────-> Drawing ┴-> Figure -> SVG -> PNG, PDF
//! ```

mod axis;
mod bars;
mod canvas;
mod colour;
mod figure;
mod font;
mod legend;
mod marker;
pub mod palette;
mod panel;
mod render;
mod scale;

pub use axis::Axis;
pub use bars::{Bar, BarChart, Segment};
pub use canvas::Drawing;
pub use colour::{Colour, INK, QUIET};
pub use figure::Figure;
pub use legend::Key;
pub use marker::{Marker, Style};
pub use panel::{Band, Curve, Panel, Point, Series, WIDTH};
pub use render::{parse, pdf, png};
