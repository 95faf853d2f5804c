//! How a send path looks: one colour and one marker each, the same in every figure.
//!
//! The colours are those of Okabe and Ito ("Color Universal Design", 2008), told apart by readers with any of
//! the common colour deficiencies; the markers say the same again for readers of a grey print.

use plotters::style::RGBColor;

/// The drawing library has whole pixels only, so everything is drawn this much larger and scaled down.
pub const FINE: f64 = 10.0;

/// Text, axes and everything that is not data.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Titles of axes, and remarks.
pub const QUIET: RGBColor = RGBColor(0x59, 0x59, 0x59);
/// The lines behind the data.
pub const GRID: RGBColor = RGBColor(0xE3, 0xE3, 0xE3);

/// The shape that marks a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Disc,
    /// A square on its side.
    Square,
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
    /// A square on its corner.
    Diamond,
    /// A diagonal cross.
    Cross,
    /// An upright cross.
    Plus,
    /// A circle, not filled.
    Ring,
}

/// Colour and marker of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colour of line, marker and interval.
    pub colour: RGBColor,
    /// Shape of the marker.
    pub marker: Marker,
}

const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
const GREY: RGBColor = RGBColor(0x6B, 0x6B, 0x6B);
/// The yellow of the set, darkened: pale yellow on paper cannot be read.
const OLIVE: RGBColor = RGBColor(0x9A, 0x8B, 0x00);

/// The style of a send path. A path that this table does not know gets the style of its place among `others`.
#[must_use]
pub fn of_path(path: &str, place: usize) -> Style {
    let (colour, marker) = match path {
        "plain-send" => (GREY, Marker::Diamond),
        "two-copy" => (BLUE, Marker::Disc),
        "one-copy" => (ORANGE, Marker::Square),
        "zero-copy" => (VERMILLION, Marker::Up),
        "sendfile" => (GREEN, Marker::Down),
        "splice" => (PURPLE, Marker::Ring),
        _ => return numbered(place),
    };
    Style { colour, marker }
}

/// The style of the n-th series of a figure whose series are not send paths.
#[must_use]
pub fn numbered(place: usize) -> Style {
    const ALL: [(RGBColor, Marker); 8] = [
        (BLUE, Marker::Disc),
        (ORANGE, Marker::Square),
        (GREEN, Marker::Up),
        (VERMILLION, Marker::Down),
        (PURPLE, Marker::Diamond),
        (SKY, Marker::Cross),
        (OLIVE, Marker::Plus),
        (GREY, Marker::Ring),
    ];
    let (colour, marker) = ALL[place % ALL.len()];
    Style { colour, marker }
}
