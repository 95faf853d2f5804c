//! Stacked bars that lie beneath each other.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Stroke};
use super::colour::{INK, WHITE};
use super::panel::{self, WIDTH};
use super::scale::{BELOW, Scale};
use crate::style::Colour;

/// Height of a bar with the space after it, and of the bar alone, in pixels.
const STEP: f64 = 21.0;
const BREADTH: f64 = 15.0;

const LABEL: Lettering = Lettering { size: 11.0, bold: false, colour: INK, anchor: Anchor::End };

/// A panel of bars.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BarChart {
    /// What sets it apart from its neighbours.
    pub title: String,
    /// The axis that the bars lie along, from zero.
    pub axis: Axis,
    /// The bars, from the top.
    pub bars: Vec<Bar>,
}

/// A label and its segments, laid end to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    /// What stands beside it.
    pub label: String,
    /// Its pieces, from the left.
    pub segments: Vec<Segment>,
}

/// A piece of a bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    /// The fill, the same for this part in every bar.
    pub colour: Colour,
    /// Its length, in the axis' unit.
    pub value: f64,
    /// What a reader sees who points at it.
    pub says: String,
}

impl Bar {
    /// Where it ends.
    pub(crate) fn end(&self) -> f64 {
        self.segments.iter().map(|segment| segment.value).sum()
    }
}

impl BarChart {
    /// The panel as it looks.
    pub(crate) fn draw(&self) -> Drawing {
        let mut canvas = Canvas::default();
        let top = panel::title(&mut canvas, &self.title);
        let bottom = top + STEP * self.bars.len() as f64;
        let labels = self.bars.iter().map(|bar| super::font::width(&bar.label, LABEL.size, false));
        // With room for the broader font that a page may be shown in.
        let left = labels.fold(0.0, f64::max) * 1.15 + 14.0;
        let x = Scale { axis: &self.axis, from: left, to: WIDTH - 14.0 };
        x.upright_grid(&mut canvas, top, bottom);
        x.below(&mut canvas, bottom);
        let mut answers = Canvas::default();
        for (place, bar) in self.bars.iter().enumerate() {
            let upper = top + STEP * place as f64 + (STEP - BREADTH) / 2.0;
            let lower = upper + BREADTH;
            let baseline = upper.midpoint(lower) + LABEL.below_middle();
            canvas.text(&bar.label, (left - 6.0, baseline), LABEL);
            let mut from = 0.0;
            for segment in &bar.segments {
                let (start, end) = (x.at(from), x.at(from + segment.value));
                canvas.rectangle([(start, upper), (end, lower)], segment.colour, 1.0);
                // A pale seam, so that neighbours can be distinguished without their colours.
                canvas.line(&[(end, upper), (end, lower)], Stroke::solid(WHITE, 0.5));
                answers.answer_area([(start, upper), (end, lower)], &segment.says);
                from += segment.value;
            }
        }
        canvas.append(answers);
        canvas.finish(WIDTH, bottom + BELOW + 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::any_number;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bars_of_any_length_have_places_on_paper(lengths in prop::collection::vec(any_number(), 0..4)) {
            let segment = |&value: &f64| Segment { colour: INK, value, says: String::new() };
            let segments = lengths.iter().map(segment).collect();
            let bars = vec![Bar { label: "a".to_owned(), segments }];
            let axis = Axis::linear("ns", 0.0, bars.iter().map(Bar::end).fold(0.0, f64::max));
            let body = BarChart { title: String::new(), axis, bars }.draw().body;
            prop_assert!(!body.contains("NaN") && !body.contains("inf"), "{body}");
        }
    }

    #[test]
    fn segments_follow_each_other_and_answer() {
        let segment =
            |value: f64, blue| Segment { colour: Colour(0, 0, blue), value, says: format!("{value} ns") };
        let bars = vec![Bar { label: "a".to_owned(), segments: vec![segment(30.0, 1), segment(70.0, 2)] }];
        let drawing = BarChart { title: "one".to_owned(), axis: Axis::linear("ns", 0.0, 104.0), bars }.draw();
        let of = |line: &str, name: &str| -> f64 {
            line.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let filled = |colour| drawing.body.lines().find(|line| line.contains(colour)).unwrap();
        let (first, second) = (filled("fill=\"#000001\""), filled("fill=\"#000002\""));
        assert!((of(first, "x") + of(first, "width") - of(second, "x")).abs() < 0.2, "{first} {second}");
        assert!((of(second, "width") / of(first, "width") - 7.0 / 3.0).abs() < 0.01, "{first} {second}");
        assert!(drawing.body.contains("<title>70 ns</title>"));
        assert_eq!(drawing.height, 26 + 21 + 44);
    }
}
