//! The font: Arimo, embedded, because the machine that draws may have no font at all. Its widths are those of
//! Arial, Helvetica and Liberation Sans, so an SVG file that is opened elsewhere keeps its layout.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use ttf_parser::Face;

const REGULAR: &[u8] = include_bytes!("font/Arimo-Regular.ttf");
const BOLD: &[u8] = include_bytes!("font/Arimo-Bold.ttf");

pub(super) const FAMILY: &str = "Arimo";
/// Families to ask for, in order, where a drawing is looked at.
pub(super) const FAMILIES: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";

/// Width of a text in pixels.
pub(super) fn width(text: &str, pixels: f64, bold: bool) -> f64 {
    static FACES: LazyLock<[Face<'static>; 2]> =
        LazyLock::new(|| [REGULAR, BOLD].map(|bytes| Face::parse(bytes, 0).expect("the font reads")));
    let face = &FACES[usize::from(bold)];
    let advance = |c| face.glyph_hor_advance(face.glyph_index(c).unwrap_or_default()).unwrap_or_default();
    let units: u32 = text.chars().map(|c| u32::from(advance(c))).sum();
    f64::from(units) * pixels / f64::from(face.units_per_em())
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
