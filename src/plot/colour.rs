//! Colours that belong to no data, and any as SVG has it.

use std::fmt;

use crate::style::Colour;

/// Text, axes and everything that is not data.
pub(crate) const INK: Colour = Colour(0x22, 0x22, 0x22);
/// Titles of axes, and remarks.
pub(crate) const QUIET: Colour = Colour(0x59, 0x59, 0x59);
/// The lines behind the data.
pub(super) const GRID: Colour = Colour(0xE3, 0xE3, 0xE3);
pub(super) const WHITE: Colour = Colour(0xFF, 0xFF, 0xFF);

impl fmt::Display for Colour {
    /// As SVG has it: `#0072B2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}
