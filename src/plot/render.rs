//! A figure's SVG as PNG and PDF, with the embedded font: there is one drawing.

use anyhow::{Context, Result, anyhow};
use resvg::{tiny_skia, usvg};
use svg2pdf::{ConversionOptions, PageOptions};

use super::font;

/// Pixels of the PNG for each CSS pixel: sharp on a page of print.
const PNG_SCALE: f32 = 2.0;

/// The SVG as the renderers take it.
///
/// # Errors
/// When it is none.
pub(crate) fn parse(svg: &str) -> Result<usvg::Tree> {
    let options = usvg::Options {
        font_family: font::FAMILY.to_owned(),
        fontdb: font::database(),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options).context("the figure's SVG cannot be read back")
}

/// The figure as PNG.
pub(crate) fn png(tree: &usvg::Tree) -> Result<Vec<u8>> {
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).context("the figure has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).context("the figure has no size")?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(tree, tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("the figure cannot be encoded as PNG")
}

/// The figure as a PDF of one page of its size, a point for each CSS pixel, with its text as text.
pub(crate) fn pdf(tree: &usvg::Tree) -> Result<Vec<u8>> {
    svg2pdf::to_pdf(tree, ConversionOptions::default(), PageOptions::default())
        .map_err(|error| anyhow!("the figure cannot be drawn as PDF: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Figure, Key, Panel, Point, Series};
    use crate::style::{Colour, Line, Marker, Style};

    fn figure() -> Figure {
        let style = Style { colour: Colour(0x00, 0x72, 0xB2), marker: Marker::Up };
        let point = Point { x: 1.0, value: 5.0, interval: None, says: "hidden".to_owned(), circled: false };
        let series = Series { style, points: vec![point], trials: vec![(1.0, 4.0)], line: Some(Line::Solid) };
        let axes =
            Panel::new("1 thread", Axis::linear("size", 0.0, 2.0), Axis::linear("µs & more", 0.0, 10.0));
        Figure {
            name: "one".to_owned(),
            title: "Time < size".to_owned(),
            caption: "Marks: medians.".to_owned(),
            columns: 1,
            panels: vec![Panel { series: vec![series], ..axes }.draw()],
            legend: vec![Key::series("two-copy", style)],
            source: "a CPU, run 1".to_owned(),
        }
    }

    #[test]
    fn the_pdf_is_one_page_of_the_figure_s_size_and_its_text_is_text() {
        let tree = parse(&figure().svg()).unwrap();
        let pdf = lopdf::Document::load_mem(&pdf(&tree).unwrap()).unwrap();
        let pages = pdf.get_pages();
        assert_eq!(pages.len(), 1);
        let page = pdf.get_dictionary(pages[&1]).unwrap();
        let corners = page.get(b"MediaBox").unwrap().as_array().unwrap();
        let corners: Vec<f32> = corners.iter().map(|corner| corner.as_float().unwrap()).collect();
        assert_eq!(corners, [0.0, 0.0, tree.size().width(), tree.size().height()]);
        let text = pdf.extract_text(&[1]).unwrap();
        let text: String = text.split_whitespace().collect();
        for words in [
            "Time<size",
            "Marks:medians.",
            "1thread",
            "size",
            "µs&more",
            "0.5",
            "10",
            "two-copy",
            "aCPU,run1",
        ] {
            assert!(text.contains(words), "`{words}` is not in {text}");
        }
        assert!(!text.contains("hidden"), "what a pointer asks for is in no print: {text}");
    }

    #[test]
    fn the_png_is_twice_as_large_and_drawn_in_its_colours() {
        let tree = parse(&figure().svg()).unwrap();
        let drawn = tiny_skia::Pixmap::decode_png(&png(&tree).unwrap()).unwrap();
        assert_eq!(drawn.width(), 2 * tree.size().width() as u32);
        assert_eq!(drawn.height(), 2 * tree.size().height() as u32);
        let blue = |pixel: &&tiny_skia::PremultipliedColorU8| {
            (pixel.red(), pixel.green(), pixel.blue()) == (0x00, 0x72, 0xB2)
        };
        assert!(drawn.pixels().iter().filter(blue).count() > 100, "the marker and its key");
    }
}
