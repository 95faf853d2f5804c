//! How a series looks: its colour and its marker. Who measures names them, and who draws draws them.

/// A colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

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

/// The line that joins the values of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// Without a gap.
    #[default]
    Solid,
    /// Of dashes.
    Dashed,
    /// Of dots.
    Dotted,
    /// Of dashes and dots in turn.
    DashDotted,
}

/// Colour and marker of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colour of line, marker and interval.
    pub colour: Colour,
    /// Shape of the marker.
    pub marker: Marker,
}

// Colours of data: those of Okabe and Ito ("Color Universal Design", 2008), which readers with any of the common colour
// deficiencies can distinguish. Markers say the same again for readers of a grey print.

/// Blue.
pub(crate) const BLUE: Colour = Colour(0x00, 0x72, 0xB2);
/// Orange.
pub(crate) const ORANGE: Colour = Colour(0xE6, 0x9F, 0x00);
/// Vermillion.
pub(crate) const VERMILLION: Colour = Colour(0xD5, 0x5E, 0x00);
/// Bluish green.
pub(crate) const GREEN: Colour = Colour(0x00, 0x9E, 0x73);
/// Reddish purple.
pub(crate) const PURPLE: Colour = Colour(0xCC, 0x79, 0xA7);
/// Sky blue.
pub(crate) const SKY: Colour = Colour(0x56, 0xB4, 0xE9);
/// Grey, in place of black, which is the text's.
pub(crate) const GREY: Colour = Colour(0x6B, 0x6B, 0x6B);
/// The yellow of the set, darkened: pale yellow on paper cannot be read.
pub(crate) const OLIVE: Colour = Colour(0x9A, 0x8B, 0x00);
