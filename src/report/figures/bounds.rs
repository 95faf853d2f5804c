//! What no path can beat, as lines in a figure: the copy bandwidth of the caches and of memory, and the floor
//! that copies nothing.

use super::measure::Measure;
use crate::plot::{Curve, INK, Key};
use crate::prose::words;
use crate::record::Roofline;
use crate::record::roofline::Level;
use crate::study::Subject;
use crate::style::Colour;

/// A bound that lies further than this beyond all measured values would only flatten them.
const FAR: f64 = 4.0;

/// The bounds of a condition's figure of one measure.
pub(super) struct Bounds<'a> {
    rows: Vec<&'a Roofline>,
    of: fn(&Roofline) -> Option<f64>,
    /// What the caption must say of those that are not drawn.
    pub(super) remark: Option<String>,
}

impl<'a> Bounds<'a> {
    /// No bounds.
    pub(super) fn none() -> Self {
        Self { rows: Vec::new(), of: |_| None, remark: None }
    }

    /// The bounds of a run on a measure, as `of` reads it of them.
    pub(super) fn new(
        subject: &Subject<'a>,
        condition: usize,
        measure: &Measure,
        of: fn(&Roofline) -> Option<f64>,
    ) -> Self {
        let condition = &subject.conditions[condition];
        let cells = subject.tables.derived.iter().filter(|row| condition.holds(&row.cell));
        let measured: Vec<f64> = cells.filter_map(|row| measure.of_cell(row).value).collect();
        let least = measured.iter().copied().fold(f64::INFINITY, f64::min);
        let most = measured.iter().copied().fold(0.0, f64::max);
        let here = |row: &&Roofline| row.wire.is_none_or(|wire| wire == condition.wire) && of(row).is_some();
        let near = |row: &&Roofline| of(row).is_some_and(|value| value <= most * FAR && value * FAR >= least);
        let (rows, far): (Vec<_>, Vec<_>) = subject.run.xray.bounds.iter().filter(here).partition(near);
        let mut names: Vec<String> = Vec::new();
        for row in far.iter().filter(|row| row.level != Level::Floor) {
            let value = of(row).map(words::number).unwrap_or_default();
            names.push(format!("{} at {value}", name(row.level)));
        }
        let remark = (!names.is_empty()).then(|| format!("Outside the figure: {}.", words::list(&names)));
        Self { rows, of, remark }
    }

    /// Whether the bandwidth of a copy is among them.
    pub(super) fn has_copies(&self) -> bool {
        self.rows.iter().any(|row| row.level != Level::Floor)
    }

    /// Every value that is drawn, for an axis that holds them.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().filter_map(|row| (self.of)(row))
    }

    /// The lines of a panel by message size at one number of threads.
    pub(super) fn curves(&self, sizes: &[u64], threads: u32) -> Vec<Curve> {
        let mut curves = Vec::new();
        let ends = [sizes.first(), sizes.last()].map(|size| size.copied().unwrap_or(1) as f64);
        for row in self.rows.iter().filter(|row| row.level != Level::Floor) {
            let Some(value) = (self.of)(row) else { continue };
            let points = ends.map(|size| (size, value)).to_vec();
            curves.push(Curve { colour: colour(row.level), dashed: true, points });
        }
        let floor = self.rows.iter().filter(|row| row.level == Level::Floor && row.threads == Some(threads));
        let mut points: Vec<(f64, f64)> =
            floor.filter_map(|row| Some((row.message_bytes? as f64, (self.of)(row)?))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if points.len() > 1 {
            curves.push(Curve { colour: colour(Level::Floor), dashed: false, points });
        }
        curves
    }

    /// The lines' entries in the legend.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let mut levels: Vec<Level> = self.rows.iter().map(|row| row.level).collect();
        levels.sort_unstable();
        levels.dedup();
        levels.into_iter().map(|level| Key::curve(name(level), colour(level), level != Level::Floor))
    }
}

fn name(level: Level) -> String {
    let what = words::bound(level);
    if level == Level::Floor { what.to_owned() } else { format!("roofline: {what}") }
}

/// Browns and black, which no path has.
fn colour(level: Level) -> Colour {
    match level {
        Level::L2 => Colour(0xC4, 0x9A, 0x6C),
        Level::Llc => Colour(0x8F, 0x5F, 0x33),
        Level::Memory => Colour(0x5A, 0x36, 0x16),
        Level::Floor => INK,
    }
}
