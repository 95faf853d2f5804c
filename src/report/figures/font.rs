//! The font: Arimo, embedded, because the machine that draws may have no font at all. Its widths are those of
//! Arial, Helvetica and Liberation Sans, so an SVG file that is opened elsewhere keeps its layout.

use std::sync::{Arc, LazyLock, Once};

use plotters::style::{FontFamily, FontStyle, IntoFont, RGBColor, TextStyle, register_font};
use resvg::usvg::fontdb;

const REGULAR: &[u8] = include_bytes!("font/Arimo-Regular.ttf");
const BOLD: &[u8] = include_bytes!("font/Arimo-Bold.ttf");
const FAMILY: &str = "Arimo";

/// Families to ask for, in order, where a drawing is looked at.
pub const FAMILIES: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";

/// What the drawing library writes on each text; taken out again, since the outermost element says it once.
pub(super) const ATTRIBUTE: &str = " font-family=\"Arimo\"";

/// The drawing library's SVG backend divides font sizes by this.
const POINTS: f64 = 1.24;

/// Makes the font known to the drawing library.
pub(super) fn register() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        for (weight, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            assert!(register_font(FAMILY, weight, bytes).is_ok(), "the embedded font is a font");
        }
    });
}

/// A text style of so many pixels.
pub(super) fn style(pixels: f64, bold: bool, colour: RGBColor) -> TextStyle<'static> {
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let size = pixels * super::style::FINE * POINTS;
    (FontFamily::Name(FAMILY), size, weight).into_font().color(&colour)
}

/// The drawing library measures fonts by the height of a line, everyone else by the em: Arimo's line over its em.
const LINE_OVER_EM: f64 = (1854.0 + 434.0) / 2048.0;

/// Width of a text in pixels.
#[must_use]
pub(super) fn width(text: &str, pixels: f64, bold: bool) -> f64 {
    register();
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    // Measured large, since the answer is in whole pixels.
    let font = (FontFamily::Name(FAMILY), 1000.0, weight).into_font();
    font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) * LINE_OVER_EM * pixels / 1000.0)
}

/// The font for the renderers of PNG and PDF, and nothing of the machine's own fonts.
pub(super) fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut database = fontdb::Database::new();
        database.load_font_data(REGULAR.to_vec());
        database.load_font_data(BOLD.to_vec());
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    });
    DATABASE.clone()
}
