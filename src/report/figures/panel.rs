//! One panel: axes, and on them series of values with their intervals and the trials behind them.
//!
//! A panel is drawn once, as a fragment of SVG. A figure's sheet sets panels side by side for files; the page
//! lets them flow, so that each stays legible on a phone.

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::font;
use super::style::{self, FINE, Marker, Style};
use crate::stats::Interval;

/// Width of a panel, in CSS pixels and in points of a page.
pub const WIDTH: f64 = 400.0;
/// Height of a panel.
pub const HEIGHT: f64 = 290.0;

/// One marked value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its place on the horizontal axis.
    pub x: f64,
    /// The median.
    pub value: f64,
    /// Its 95 % interval, where more than one trial gave it one.
    pub interval: Option<Interval>,
    /// What a reader sees who points at it.
    pub says: String,
    /// Whether a circle is drawn around it: something else than the sender held the cell back.
    pub circled: bool,
}

/// Values of one thing, joined by a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Colour and marker.
    pub style: Style,
    /// Medians, by ascending place.
    pub points: Vec<Point>,
    /// Single trials: place and value.
    pub trials: Vec<(f64, f64)>,
    /// Whether neighbouring points are joined.
    pub joined: bool,
}

/// A line without points of its own: a model, or a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its colour.
    pub colour: RGBColor,
    /// Whether it is broken.
    pub dashed: bool,
    /// Its corners.
    pub points: Vec<(f64, f64)>,
}

/// A stretch of the horizontal axis that is shaded from bottom to top.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Its colour.
    pub colour: RGBColor,
    /// From and to.
    pub x: (f64, f64),
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What sets it apart from its neighbours; empty when it is alone.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Shaded stretches, behind everything.
    pub bands: Vec<Band>,
    /// Lines without points.
    pub curves: Vec<Curve>,
    /// Series, in the order of the legend.
    pub series: Vec<Series>,
    /// Room that the markers of all series at the same place share, in pixels.
    pub dodge: f64,
}

impl Content {
    /// A panel without anything on it.
    #[must_use]
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        let (bands, curves, series) = Default::default();
        Self { title: title.into(), x, y, bands, curves, series, dodge: 12.0 }
    }
}

/// A drawn panel, or a drawn legend: the inside of an `<svg>` element in units of a tenth of a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// SVG elements.
    pub body: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Draws a panel.
///
/// # Errors
/// When the drawing library refuses; it names why.
pub fn draw(content: &Content) -> Result<Fragment> {
    fragment(WIDTH, HEIGHT, |root| {
        let mut top = 10.0;
        if !content.title.is_empty() {
            text(root, &content.title, (12.0, 4.0), 12.5, true, style::INK, (HPos::Left, VPos::Top))?;
            top = 26.0;
        }
        let (x, y) = (&content.x, &content.y);
        let longest = y.ticks.iter().map(|(_, label)| font::width(label, 11.0, false)).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(root)
            .margin_top(fine(top))
            .margin_right(fine(14.0))
            .margin_bottom(fine(4.0))
            .margin_left(fine(6.0))
            .x_label_area_size(fine(40.0))
            .y_label_area_size(fine(longest + 30.0))
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .bold_line_style(style::GRID.stroke_width(broad(1.0)))
            .axis_style(style::QUIET.stroke_width(broad(1.0)))
            .set_all_tick_mark_size(fine(4.0))
            .x_desc(&x.title)
            .y_desc(&y.title)
            .label_style(font::style(11.0, false, style::INK))
            .axis_desc_style(font::style(11.5, false, style::QUIET))
            .draw()?;
        let pixel = |a: f64, b: f64| (x.takes(a) && y.takes(b)).then(|| chart.backend_coord(&(a, b)));

        for band in &content.bands {
            if let (Some(from), Some(to)) = (pixel(band.x.0, y.high), pixel(band.x.1, y.low)) {
                root.draw(&Rectangle::new([from, to], band.colour.mix(0.15).filled()))?;
            }
        }
        for curve in &content.curves {
            let corners: Vec<_> = curve.points.iter().filter_map(|&(a, b)| pixel(a, b)).collect();
            let stroke = curve.colour.stroke_width(broad(1.4));
            if curve.dashed {
                let dashes = DashedLineSeries::new(corners, broad(5.0), broad(4.0), stroke);
                dashes.into_iter().try_for_each(|dash| root.draw(&dash))?;
            } else {
                root.draw(&PathElement::new(corners, stroke))?;
            }
        }
        let shifts = shifts(content);
        for (series, shift) in content.series.iter().zip(&shifts) {
            for &(a, b) in &series.trials {
                if let Some((a, b)) = pixel(a, b) {
                    root.draw(&Circle::new(
                        (a + shift, b),
                        fine(1.7),
                        series.style.colour.mix(0.4).filled(),
                    ))?;
                }
            }
        }
        for (series, shift) in content.series.iter().zip(&shifts) {
            let stroke = series.style.colour.stroke_width(broad(1.6));
            if series.joined {
                let line = series.points.iter().filter_map(|point| pixel(point.x, point.value));
                root.draw(&PathElement::new(line.map(|(a, b)| (a + shift, b)).collect::<Vec<_>>(), stroke))?;
            }
            for point in &series.points {
                let Some((a, b)) = pixel(point.x, point.value) else { continue };
                if let Some(Interval { low, high }) = point.interval {
                    let end = |value: f64| chart.backend_coord(&(point.x, value.max(y.low))).1;
                    whisker(root, a + shift, end(low), end(high), stroke)?;
                }
                mark(root, (a + shift, b), series.style)?;
                if point.circled {
                    root.draw(&Circle::new(
                        (a + shift, b),
                        fine(6.5),
                        style::QUIET.stroke_width(broad(0.9)),
                    ))?;
                }
            }
        }
        let mut hits = String::new();
        for (series, shift) in content.series.iter().zip(&shifts) {
            for point in &series.points {
                if let Some((a, b)) = pixel(point.x, point.value) {
                    hit(&mut hits, a + shift, b, &point.says);
                }
            }
        }
        Ok(hits)
    })
}

/// How far each series is moved sideways, so that intervals at the same place stand beside each other.
fn shifts(content: &Content) -> Vec<i32> {
    let last = content.series.len().saturating_sub(1) as f64;
    let step = if last > 0.0 { content.dodge / last } else { 0.0 };
    (0..content.series.len()).map(|place| fine((place as f64 - last / 2.0) * step)).collect()
}

/// The legend's picture of a style: a piece of line with the marker on it, 22 by 12 pixels.
///
/// # Errors
/// When the drawing library refuses; it names why.
pub fn swatch(style: Style) -> Result<Fragment> {
    fragment(22.0, 12.0, |root| {
        let stroke = style.colour.stroke_width(broad(1.6));
        root.draw(&PathElement::new(vec![(fine(1.0), fine(6.0)), (fine(21.0), fine(6.0))], stroke))?;
        mark(root, (fine(11.0), fine(6.0)), style)?;
        Ok(String::new())
    })
}

/// Pixels as the drawing library's whole units.
pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// The same for the breadth of a line.
fn broad(pixels: f64) -> u32 {
    fine(pixels).unsigned_abs()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws into an area of so many pixels; what the closure returns is put after the drawing.
pub(super) fn fragment(
    width: f64,
    height: f64,
    draw: impl FnOnce(&Area<'_>) -> Result<String>,
) -> Result<Fragment> {
    font::register();
    let mut svg = String::new();
    let after = {
        let root =
            SVGBackend::with_string(&mut svg, (fine(width) as u32, fine(height) as u32)).into_drawing_area();
        let after = draw(&root)?;
        root.present()?;
        after
    };
    let inside = svg.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</svg>"));
    let (inside, _) = inside.context("the drawing library wrote no svg element")?;
    // Only fills are ever translucent; `opacity` proper would make each of them a layer of its own in the PDF.
    let body = inside
        .replace(font::ATTRIBUTE, "")
        .replace(" opacity=\"1\"", "")
        .replace(" opacity=", " fill-opacity=")
        .replace(" stroke=\"none\" stroke-width=\"1\"", "");
    let body = format!("{body}{after}");
    Ok(Fragment { body, width: width as u32, height: height as u32 })
}

/// Text at a place in pixels.
pub(super) fn text(
    root: &Area<'_>,
    words: &str,
    at: (f64, f64),
    size: f64,
    bold: bool,
    colour: RGBColor,
    (across, down): (HPos, VPos),
) -> Result<()> {
    let style = font::style(size, bold, colour).pos(Pos::new(across, down));
    root.draw(&Text::new(words.to_owned(), (fine(at.0), fine(at.1)), style))
        .map_err(|error| anyhow!("{error}"))
}

fn whisker(root: &Area<'_>, x: i32, low: i32, high: i32, stroke: ShapeStyle) -> Result<()> {
    let cap = fine(3.0);
    let corners = vec![(x - cap, low), (x + cap, low), (x, low), (x, high), (x - cap, high), (x + cap, high)];
    root.draw(&PathElement::new(corners, stroke)).map_err(|error| anyhow!("{error}"))
}

fn mark(root: &Area<'_>, (x, y): (i32, i32), style: Style) -> Result<()> {
    let full = style.colour.filled();
    let stroke = style.colour.stroke_width(broad(1.8));
    let corners = |places: &[(f64, f64)]| -> Vec<_> {
        places.iter().map(|&(a, b)| (x + fine(a), y + fine(b))).collect()
    };
    match style.marker {
        Marker::Disc => root.draw(&Circle::new((x, y), fine(3.6), full)),
        Marker::Ring => root.draw(&Circle::new((x, y), fine(3.4), stroke)),
        Marker::Square => {
            root.draw(&Polygon::new(corners(&[(-3.3, -3.3), (3.3, -3.3), (3.3, 3.3), (-3.3, 3.3)]), full))
        }
        Marker::Up => root.draw(&Polygon::new(corners(&[(0.0, -4.4), (4.2, 3.2), (-4.2, 3.2)]), full)),
        Marker::Down => root.draw(&Polygon::new(corners(&[(0.0, 4.4), (4.2, -3.2), (-4.2, -3.2)]), full)),
        Marker::Diamond => {
            root.draw(&Polygon::new(corners(&[(0.0, -4.6), (4.2, 0.0), (0.0, 4.6), (-4.2, 0.0)]), full))
        }
        Marker::Cross => {
            root.draw(&PathElement::new(corners(&[(-3.4, -3.4), (3.4, 3.4)]), stroke))?;
            root.draw(&PathElement::new(corners(&[(-3.4, 3.4), (3.4, -3.4)]), stroke))
        }
        Marker::Plus => {
            root.draw(&PathElement::new(corners(&[(-4.4, 0.0), (4.4, 0.0)]), stroke))?;
            root.draw(&PathElement::new(corners(&[(0.0, -4.4), (0.0, 4.4)]), stroke))
        }
    }?;
    Ok(())
}

/// An area that answers to a pointer, given by two corners.
pub(super) fn hit_area(out: &mut String, [(left, top), (right, bottom)]: [(i32, i32); 2], says: &str) {
    let words = maud::html! { (says) }.into_string();
    let _ = writeln!(
        out,
        "<rect class=\"hit\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill-opacity=\"0\">\
         <title>{words}</title></rect>",
        (right - left).max(1),
        bottom - top
    );
}

/// A place that answers to a pointer: an unseen disc with the words as its title, which browsers show even
/// where no script runs.
fn hit(out: &mut String, x: i32, y: i32, says: &str) {
    let words = maud::html! { (says) }.into_string();
    let _ = writeln!(
        out,
        "<circle class=\"hit\" cx=\"{x}\" cy=\"{y}\" r=\"{}\" fill-opacity=\"0\"><title>{words}</title></circle>",
        fine(9.0)
    );
}
