//! The font: Arimo, embedded, because the machine that draws may have no font at all. Its widths are those of
//! Arial, Helvetica and Liberation Sans, so an SVG file that is opened elsewhere keeps its layout.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

const REGULAR: &[u8] = include_bytes!("font/Arimo-Regular.ttf");
const BOLD: &[u8] = include_bytes!("font/Arimo-Bold.ttf");

pub(super) const FAMILY: &str = "Arimo";
/// Families to ask for, in order, where a drawing is looked at.
pub(super) const FAMILIES: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";

/// Width of a text in pixels.
pub(super) fn width(text: &str, pixels: f64, bold: bool) -> f64 {
    static FONTS: LazyLock<[FontRef<'static>; 2]> =
        LazyLock::new(|| [REGULAR, BOLD].map(|bytes| FontRef::new(bytes).expect("the font reads")));
    let font = &FONTS[usize::from(bold)];
    let glyphs = font.charmap();
    let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
    let advance = |c| metrics.advance_width(glyphs.map(c).unwrap_or_default()).unwrap_or_default();
    let units: f64 = text.chars().map(|c| f64::from(advance(c))).sum();
    let em = font.metrics(Size::unscaled(), LocationRef::default()).units_per_em;
    units * pixels / f64::from(em)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_the_font_s() {
        // Of 2048 units an em: a digit has 1139, an i 455 and a bold i 569.
        assert!((width("00", 10.0, false) - 20.0 * 1139.0 / 2048.0).abs() < 1e-9);
        assert!((width("i", 2048.0, false) - 455.0).abs() < 1e-9);
        assert!((width("i", 2048.0, true) - 569.0).abs() < 1e-9);
        assert_eq!(width("", 11.0, false), 0.0);
    }
}
