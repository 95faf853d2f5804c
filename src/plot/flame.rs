//! A flame graph: call chains laid over each other, each function as wide as the samples below it.

use std::collections::HashSet;
use std::io;

use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap, StrokeColor};
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

use crate::style::Colour;

/// Width in pixels.
const WIDTH: usize = 1200;
/// Pixels that a function must be wide to be drawn: what nobody sees would only fill the file.
const NARROWEST: f64 = 0.25;

/// A flame graph, drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlameGraph {
    /// Name of its file, without what follows the dot.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Where it is from.
    pub source: String,
    /// The drawing, which by itself can be searched and zoomed.
    pub svg: String,
}

impl FlameGraph {
    /// Draws call chains, the outermost function first and joined by `;`, with how many samples there are of each, and
    /// each function in its colour.
    ///
    /// # Errors
    /// When there is no sample.
    pub(crate) fn draw<'a>(
        (name, title, source): (String, String, String),
        chains: impl Iterator<Item = (&'a str, u64)>,
        colour: impl Fn(&str) -> Colour,
    ) -> io::Result<Self> {
        let lines: Vec<String> = chains.map(|(chain, samples)| format!("{chain} {samples}")).collect();
        let mut colours = PaletteMap::default();
        let functions: HashSet<&str> = lines
            .iter()
            .filter_map(|line| line.rsplit_once(' '))
            .flat_map(|(chain, _)| chain.split(';'))
            .collect();
        // Nothing has no name: the whole.
        for function in functions.into_iter().chain([""]) {
            let Colour(r, g, b) = colour(function);
            colours.insert(function, Color { r, g, b });
        }
        let mut options = Options::default();
        options.title.clone_from(&title);
        options.subtitle = Some(source.clone());
        options.bgcolors = Some(BackgroundColor::Flat(Color { r: 255, g: 255, b: 255 }));
        options.palette_map = Some(&mut colours);
        options.stroke_color = StrokeColor::Color(Color { r: 255, g: 255, b: 255 });
        options.image_width = Some(WIDTH);
        options.min_width = NARROWEST * 100.0 / WIDTH as f64;
        options.text_truncate_direction = TextTruncateDirection::Right;
        let mut svg = Vec::new();
        from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
        Ok(Self { name, title, source, svg: String::from_utf8(svg).map_err(io::Error::other)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_as_wide_as_their_samples_and_some_have_colours_of_their_own() {
        let chains = [("sender;main;copy_[k]", 75), ("sender;main;<b>&_[k]", 25)];
        let names = || ("flame".to_owned(), "a < b".to_owned(), "a CPU, run 1".to_owned());
        let red = |name: &str| Colour(if name.starts_with("copy") { 0xC6 } else { 0 }, 0x28, 0x28);
        let drawn = FlameGraph::draw(names(), chains.into_iter(), red).unwrap();
        for part in [
            "copy (75 samples, 75.00%)",
            "rgb(198,40,40)",
            "&lt;b&gt;&amp; (25 samples",
            "a &lt; b",
            "a CPU, run 1",
        ] {
            assert!(drawn.svg.contains(part), "`{part}` is not in {}", drawn.svg);
        }
        assert_eq!(drawn.svg.matches("rgb(198,40,40)").count(), 1);
        assert_eq!(
            FlameGraph::draw(names(), chains.into_iter(), red).unwrap(),
            drawn,
            "nothing is left to chance"
        );
        assert!(FlameGraph::draw(names(), std::iter::empty(), red).is_err());
    }
}
