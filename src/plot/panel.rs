//! One panel: axes, and on them series of values with their intervals and the trials behind them.
//!
//! A panel is drawn once. A figure sets panels side by side for files; a page lets them flow, so that each stays
//! legible on a phone.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Position, Stroke};
use super::colour::{INK, QUIET};
use super::scale::{BELOW, Scale};
use crate::stats::Interval;
use crate::style::{Colour, Line, Style};

/// Width of a panel, in CSS pixels and in points of a page.
pub(crate) const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 290.0;

/// Space at the left, right and lower edge.
const EDGES: (f64, f64, f64) = (6.0, 14.0, 4.0);

/// One marked value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its place on the horizontal axis.
    pub x: f64,
    /// Its place on the vertical axis.
    pub value: f64,
    /// Its interval, where it has one.
    pub interval: Option<Interval>,
    /// What a reader sees who points at it.
    pub says: String,
    /// Whether a circle is drawn around it.
    pub circled: bool,
}

/// Values of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Colour and marker.
    pub style: Style,
    /// Values, by ascending place.
    pub points: Vec<Point>,
    /// What the values were made of, faint: places on both axes.
    pub trials: Vec<(f64, f64)>,
    /// What joins neighbouring points; absent where nothing does.
    pub line: Option<Line>,
}

/// A line without points of its own: a model, or a bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// The line's colour.
    pub colour: Colour,
    /// Whether it is broken.
    pub dashed: bool,
    /// The points that it joins, in this order and in data units.
    pub points: Vec<(f64, f64)>,
}

/// A stretch of the horizontal axis that is shaded from bottom to top.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// The colour of the fill.
    pub colour: Colour,
    /// Where it begins and ends, in data units.
    pub x: (f64, f64),
}

/// What lies between two lines, shaded: where the single trials behind a line are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Area {
    /// The colour of the fill.
    pub colour: Colour,
    /// Its lower and upper edge from left to right: place, low and high, in data units.
    pub edges: Vec<(f64, f64, f64)>,
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    /// What sets it apart from its neighbours; empty when it is alone.
    pub title: String,
    /// The horizontal axis: its range, scale and title.
    pub x: Axis,
    /// The vertical axis: its range, scale and title.
    pub y: Axis,
    /// Shaded stretches, behind everything.
    pub bands: Vec<Band>,
    /// Shaded areas, behind all lines.
    pub areas: Vec<Area>,
    /// Lines without points.
    pub curves: Vec<Curve>,
    /// Series, in the order of the legend.
    pub series: Vec<Series>,
    /// Room that the markers of all series at the same place share, in pixels.
    pub dodge: f64,
}

impl Panel {
    /// A panel without anything on it.
    pub(crate) fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        let (bands, areas, curves, series) = Default::default();
        Self { title: title.into(), x, y, bands, areas, curves, series, dodge: 12.0 }
    }

    /// The panel as it looks.
    pub(crate) fn draw(&self) -> Drawing {
        let mut canvas = Canvas::default();
        let top = title(&mut canvas, &self.title);
        let (edge, right, lower) = EDGES;
        let bottom = HEIGHT - lower - BELOW;
        let (left, right) = (edge + Scale::room(&self.y), WIDTH - right);
        let x = Scale { axis: &self.x, from: left, to: right };
        let y = Scale { axis: &self.y, from: bottom, to: top };
        x.upright_grid(&mut canvas, top, bottom);
        y.level_grid(&mut canvas, left, right);
        x.below(&mut canvas, bottom);
        y.left(&mut canvas, left, edge);
        let mut plot = Plot { panel: self, canvas, x, y };
        plot.bands();
        plot.areas();
        plot.curves();
        plot.trials();
        plot.values();
        plot.answers();
        plot.canvas.finish(WIDTH, HEIGHT)
    }

    /// The series, each with how far it is moved sideways, so that intervals at the same place stand beside each
    /// other.
    fn shifted(&self) -> impl Iterator<Item = (&Series, f64)> {
        let last = self.series.len().saturating_sub(1) as f64;
        let step = if last > 0.0 { self.dodge / last } else { 0.0 };
        self.series
            .iter()
            .enumerate()
            .map(move |(place, series)| (series, (place as f64 - last / 2.0) * step))
    }
}

/// The line of what may be broken.
pub(super) fn broken(dashed: bool) -> Line {
    if dashed { Line::Dashed } else { Line::Solid }
}

/// Draws a panel's title and gives the place where the panel begins below it.
pub(super) fn title(canvas: &mut Canvas, words: &str) -> f64 {
    if words.is_empty() {
        return 10.0;
    }
    let bold = Lettering { size: 12.5, bold: true, colour: INK, anchor: Anchor::Start };
    canvas.text(words, (12.0, 4.0 + bold.below_top()), bold);
    26.0
}

/// A panel in the making.
struct Plot<'a> {
    panel: &'a Panel,
    canvas: Canvas,
    x: Scale<'a>,
    y: Scale<'a>,
}

impl Plot<'_> {
    /// Where a pair of values lies, moved sideways; absent where an axis has no place for it.
    fn place(&self, (x, y): (f64, f64), shift: f64) -> Option<Position> {
        let drawn = self.panel.x.takes(x) && self.panel.y.takes(y);
        drawn.then(|| (self.x.at(x) + shift, self.y.at(y)))
    }

    fn bands(&mut self) {
        for band in &self.panel.bands {
            let corners = [(self.x.at(band.x.0), self.y.to), (self.x.at(band.x.1), self.y.from)];
            self.canvas.rectangle(corners, band.colour, 0.15);
        }
    }

    fn areas(&mut self) {
        for Area { colour, edges } in &self.panel.areas {
            let (there, back) = (edges.iter(), edges.iter().rev());
            let outline = there.map(|&(x, low, _)| (x, low)).chain(back.map(|&(x, _, high)| (x, high)));
            let corners: Vec<_> = outline.filter_map(|corner| self.place(corner, 0.0)).collect();
            self.canvas.polygon(&corners, *colour, 0.15);
        }
    }

    fn curves(&mut self) {
        for &Curve { colour, dashed, ref points } in &self.panel.curves {
            let corners: Vec<_> = points.iter().filter_map(|&point| self.place(point, 0.0)).collect();
            self.canvas.line(&corners, Stroke { colour, width: 1.4, line: broken(dashed) });
        }
    }

    fn trials(&mut self) {
        for (series, shift) in self.panel.shifted() {
            for place in
                series.trials.iter().filter_map(|&trial| self.place(trial, shift)).collect::<Vec<_>>()
            {
                self.canvas.disc(place, 1.7, series.style.colour, 0.4);
            }
        }
    }

    fn values(&mut self) {
        for (series, shift) in self.panel.shifted() {
            let points: Vec<(&Point, Position)> = series
                .points
                .iter()
                .filter_map(|point| Some((point, self.place((point.x, point.value), shift)?)))
                .collect();
            if let Some(line) = series.line {
                let corners: Vec<Position> = points.iter().map(|&(_, place)| place).collect();
                self.canvas.line(&corners, series.style.stroke(line));
            }
            for (point, place) in points {
                if let Some(ends) = point.interval {
                    self.whisker(place.0, ends, series.style.stroke(Line::Solid));
                }
                series.style.mark(&mut self.canvas, place);
                if point.circled {
                    self.canvas.ring(place, 6.5, Stroke::solid(QUIET, 0.9));
                }
            }
        }
    }

    fn whisker(&mut self, x: f64, ends: Interval, stroke: Stroke) {
        let (low, high) = (self.y.at(ends.low), self.y.at(ends.high));
        let cap = 3.0;
        let corners = [(x - cap, low), (x + cap, low), (x, low), (x, high), (x - cap, high), (x + cap, high)];
        self.canvas.line(&corners, stroke);
    }

    fn answers(&mut self) {
        for (series, shift) in self.panel.shifted() {
            for point in &series.points {
                if let Some(place) = self.place((point.x, point.value), shift) {
                    self.canvas.answer(place, &point.says);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::any_number;
    use crate::style::Marker;
    use proptest::prelude::*;

    fn series(points: Vec<Point>) -> Series {
        let style = Style { colour: Colour(0x00, 0x72, 0xB2), marker: Marker::Square };
        Series { style, points, trials: vec![(1.0, 3.0)], line: Some(Line::Solid) }
    }

    fn point(x: f64, value: f64, interval: Option<(f64, f64)>) -> Point {
        let interval = interval.map(|(low, high)| Interval { low, high });
        Point { x, value, interval, says: format!("{value} < 10 & more"), circled: false }
    }

    fn panel(y: Axis, points: Vec<Point>) -> Drawing {
        let x = Axis::linear("x", 0.0, 2.0);
        Panel { series: vec![series(points)], ..Panel::new("a < b", x, y) }.draw()
    }

    /// Every vertical place of the lines of a colour.
    fn heights(drawing: &Drawing, stroke: &str) -> Vec<f64> {
        let lines = drawing.body.lines().filter(|line| line.contains(&format!("stroke=\"{stroke}\"")));
        let points = lines.filter_map(|line| line.split("points=\"").nth(1)?.split('"').next());
        let pairs = points.flat_map(|points| points.split(' ').filter_map(|pair| pair.split_once(',')));
        pairs.map(|(_, y)| y.parse().unwrap()).collect()
    }

    #[test]
    fn a_whisker_that_leaves_the_axis_is_cut_at_its_end() {
        let (top, bottom) = (26.0, HEIGHT - 44.0);
        let drawing = panel(Axis::linear("y", 0.0, 10.0), vec![point(1.0, 5.0, Some((-50.0, 1e9)))]);
        let heights = heights(&drawing, "#0072B2");
        assert!(heights.contains(&top) && heights.contains(&bottom), "{heights:?}");
        assert!(heights.iter().all(|y| (top..=bottom).contains(y)), "{heights:?}");
    }

    #[test]
    fn what_an_axis_has_no_place_for_is_left_out() {
        let points = vec![point(0.5, -1.0, None), point(1.0, f64::NAN, None), point(1.5, 20.0, None)];
        let drawing = panel(Axis::logarithmic("y", 1.0, 100.0), points);
        assert_eq!(drawing.body.matches("class=\"hit\"").count(), 1);
        assert!(!drawing.body.contains("NaN"));
    }

    #[test]
    fn it_shows_axes_values_and_trials_and_no_word_is_markup() {
        let drawing = panel(Axis::linear("Gb/s & more", 0.0, 10.0), vec![point(1.0, 5.0, Some((4.0, 6.0)))]);
        for part in [
            ">a &lt; b</text>",
            ">Gb/s &amp; more</text>",
            ">0.5</text>",
            "<title>5 &lt; 10 &amp; more</title>",
            "<polygon fill=\"#0072B2\"",
            "fill-opacity=\"0.4\"",
        ] {
            assert!(drawing.body.contains(part), "`{part}` is not in {}", drawing.body);
        }
        assert_eq!((drawing.width, drawing.height), (400, 290));
    }

    #[test]
    fn an_area_runs_along_its_lower_edge_and_back_along_its_upper() {
        let (x, y) = (Axis::linear("x", 0.0, 2.0), Axis::linear("y", 0.0, 10.0));
        let areas = vec![Area { colour: QUIET, edges: vec![(0.0, 0.0, 5.0), (2.0, 0.0, 10.0)] }];
        let body = Panel { areas, ..Panel::new("", x, y) }.draw().body;
        let area =
            body.lines().find(|line| line.contains("<polygon") && line.contains("fill-opacity")).unwrap();
        assert_eq!(area.split("points=\"").nth(1).unwrap().matches(',').count(), 4, "four corners: {area}");
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_has_places_on_paper(numbers in prop::collection::vec(any_number(), 8)) {
            let at = |place: usize| numbers[place];
            let points = vec![point(at(0), at(1), Some((at(2), at(3)))), point(at(4), at(5), None)];
            let trials = vec![(at(6), at(7))];
            let (x, y) = (Axis::values("x", numbers.iter().copied()), Axis::logarithmic("y", at(0), at(1)));
            let corners = vec![(at(0), at(1)), (at(2), at(3)), (at(4), at(5))];
            let panel = Panel {
                series: vec![Series { trials, ..series(points) }],
                curves: vec![Curve { colour: QUIET, dashed: true, points: corners }],
                bands: vec![Band { colour: QUIET, x: (at(6), at(7)) }],
                areas: vec![Area { colour: QUIET, edges: vec![(at(0), at(1), at(2)), (at(3), at(4), at(5))] }],
                ..Panel::new("", x, y)
            };
            let body = panel.draw().body;
            let places = body.lines().map(|line| line.split("<title>").next().unwrap_or_default());
            for place in places {
                prop_assert!(!place.contains("NaN") && !place.contains("inf"), "{place}");
            }
        }
    }

    #[test]
    fn series_at_the_same_place_stand_beside_each_other() {
        let x = Axis::linear("x", 0.0, 2.0);
        let both = vec![series(vec![point(1.0, 5.0, None)]), series(vec![point(1.0, 5.0, None)])];
        let panel = Panel { series: both, ..Panel::new("", x.clone(), x) };
        assert_eq!(panel.shifted().map(|(_, shift)| shift).collect::<Vec<_>>(), [-6.0, 6.0]);
    }
}
