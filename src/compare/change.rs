//! What changed in one cell, and in the cells of one path together.

use std::collections::BTreeMap;
use std::fmt;

use super::footing::{Footing, SAME};
use super::measure::Measure;
use crate::cell::words;
use crate::stats::{self, Interval};
use crate::tables::{Better, CellRow, Estimate, Sample};

/// What can be said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judgement {
    /// The interval of the ratio lies on the better side of 1.
    Better,
    /// It lies on the worse side.
    Worse,
    /// It holds 1: no difference was detected.
    Indistinct,
    /// There is no interval: one trial on a side, or a figure that is zero.
    Unjudged,
    /// The runs' figures are of different kinds.
    Incomparable,
    /// The base run has no figure of the cell.
    OnlyNew,
    /// The new run has no figure of the cell.
    OnlyBase,
    /// Neither run has one.
    Neither,
}

words!(Judgement:
    Better = "better", Worse = "worse", Indistinct = "not distinguishable",
    Unjudged = "not judged", Incomparable = "not comparable", OnlyNew = "no figure in the base run", OnlyBase = "no figure in the new run",
    Neither = "no figure in either run",
);

impl Judgement {
    fn of(interval: Option<Interval>, better: Better) -> Self {
        match (interval, better) {
            (None, _) => Self::Unjudged,
            (Some(ends), _) if ends.contains(1.0) => Self::Indistinct,
            (Some(ends), better) if (ends.low > 1.0) == (better == Better::Higher) => Self::Better,
            (Some(_), _) => Self::Worse,
        }
    }
}

/// Whether the whole interval of a ratio lies further than a share on the worse side of 1.
fn is_beyond(limit: f64, ratio: &Estimate, better: Better) -> bool {
    ratio.interval().is_some_and(|ends| match better {
        Better::Higher => ends.high < 1.0 - limit,
        Better::Lower => ends.low > 1.0 + limit,
        Better::Neither => false,
    })
}

/// The ratio of two medians with its interval, and how likely one so large is by chance.
///
/// Counted instructions have no chance in them: what remains is by how much two runs of the same thing differ.
fn ratio(footing: Footing, new: &[f64], base: &[f64]) -> (Estimate, Option<f64>) {
    match footing {
        Footing::Time => match stats::ratio_of_medians(new, base) {
            Some(found) => (Estimate::new(Some(found.ratio), found.interval), found.p),
            None => (Estimate::default(), None),
        },
        Footing::Instructions => {
            let base = stats::median(base).filter(|&base| base > 0.0);
            let ratio = stats::median(new).zip(base).map(|(new, base)| new / base);
            let interval =
                ratio.map(|ratio| Interval { low: ratio * (1.0 - SAME), high: ratio * (1.0 + SAME) });
            (Estimate::new(ratio, interval), None)
        }
        Footing::Nothing => (Estimate::default(), None),
    }
}

/// One cell in two runs.
#[derive(Clone, Debug)]
pub struct CellChange {
    /// The cell's key.
    pub cell: String,
    /// The cell in the base run; absent where the run does not know it.
    pub base_row: Option<CellRow>,
    /// The cell in the new run; absent where the run does not know it.
    pub new_row: Option<CellRow>,
    /// The figure in the base run.
    pub base: Estimate,
    /// The figure in the new run.
    pub new: Estimate,
    /// New median over base median.
    pub ratio: Estimate,
    /// Two-sided probability of such a ratio if the runs were alike.
    pub p: Option<f64>,
    /// What can be said.
    pub judgement: Judgement,
    /// Whether the interval lies beyond the limit.
    pub beyond_limit: bool,
}

impl CellChange {
    /// The change of a cell that at least one run knows.
    pub(super) fn of(
        key: &str,
        base: Option<&Sample>,
        new: Option<&Sample>,
        footing: Footing,
        measure: Measure,
        limit: Option<f64>,
    ) -> Self {
        let values =
            |sample: Option<&Sample>| sample.map(|sample| sample.values(measure.of)).unwrap_or_default();
        let (base_values, new_values) = (values(base), values(new));
        let (ratio, p) = ratio(footing, &new_values, &base_values);
        let judgement = match (base_values.is_empty(), new_values.is_empty()) {
            (false, false) if footing == Footing::Nothing => Judgement::Incomparable,
            (false, false) => Judgement::of(ratio.interval(), measure.better),
            (true, false) => Judgement::OnlyNew,
            (false, true) => Judgement::OnlyBase,
            (true, true) => Judgement::Neither,
        };
        Self {
            cell: key.to_owned(),
            base_row: base.map(CellRow::of),
            new_row: new.map(CellRow::of),
            base: Estimate::of(&base_values),
            new: Estimate::of(&new_values),
            ratio,
            p,
            judgement,
            beyond_limit: limit.is_some_and(|limit| is_beyond(limit, &ratio, measure.better)),
        }
    }

    /// Whether both runs know the cell.
    #[must_use]
    pub fn is_in_both(&self) -> bool {
        self.base_row.is_some() && self.new_row.is_some()
    }

    /// Whether both runs have the figure.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        self.base.value.is_some() && self.new.value.is_some()
    }

    /// The remarks on the cell: those of the new run, then those that only the base run has.
    #[must_use]
    pub fn remarks(&self) -> String {
        let of = |row: &Option<CellRow>| row.as_ref().map(|row| row.flags.0.clone()).unwrap_or_default();
        let (base, new) = (of(&self.base_row), of(&self.new_row));
        let only_base = base.iter().filter(|flag| !new.contains(flag)).map(|flag| format!("{flag} (base)"));
        let remarks: Vec<String> = new.iter().map(ToString::to_string).chain(only_base).collect();
        remarks.join(", ")
    }
}

/// Several cells together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// All cells of one send path.
    Path(String),
    /// All cells.
    All,
}

impl fmt::Display for Group {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => out.write_str(path),
            Self::All => out.write_str("all paths"),
        }
    }
}

/// Cells of two runs together: what moves a whole path by a few per cent is lost in the noise of each of its
/// cells and plain in all of them. The block is the sample: all its cells share what slowed it.
#[derive(Clone, Debug)]
pub struct GroupChange {
    /// Which cells.
    pub group: Group,
    /// How many of them both runs have the figure of.
    pub cells: usize,
    /// Blocks of the base run that hold at least half of them.
    pub base_blocks: usize,
    /// Blocks of the new run that hold at least half of them.
    pub new_blocks: usize,
    /// Median over cells and blocks of new over base.
    pub ratio: Estimate,
    /// Two-sided probability of such a ratio if the runs were alike.
    pub p: Option<f64>,
    /// What can be said.
    pub judgement: Judgement,
    /// Whether the interval lies beyond the limit.
    pub beyond_limit: bool,
}

impl GroupChange {
    /// The change of cells that both runs have the figure of, as pairs of base and new; absent without one, or
    /// where a figure is zero.
    pub(super) fn of(
        group: Group,
        cells: &[(&Sample, &Sample)],
        footing: Footing,
        measure: Measure,
        limit: Option<f64>,
    ) -> Option<Self> {
        // Each cell's figures as shares of its own median in the base run, so that cells can stand for each other.
        let centre = |base: &Sample| stats::median(&base.values(measure.of)).filter(|&centre| centre > 0.0);
        let centres: Vec<f64> = cells.iter().map(|(base, _)| centre(base)).collect::<Option<_>>()?;
        let blocks = |cells: Vec<&Sample>| {
            let figures: Vec<_> = cells.iter().map(|sample| sample.by_block(measure.of)).collect();
            block_medians(&figures, &centres)
        };
        let base = blocks(cells.iter().map(|(base, _)| *base).collect());
        let new = blocks(cells.iter().map(|(_, new)| *new).collect());
        let (ratio, p) = ratio(footing, &new, &base);
        ratio.value?;
        Some(Self {
            group,
            cells: cells.len(),
            base_blocks: base.len(),
            new_blocks: new.len(),
            ratio,
            p,
            judgement: Judgement::of(ratio.interval(), measure.better),
            beyond_limit: limit.is_some_and(|limit| is_beyond(limit, &ratio, measure.better)),
        })
    }
}

/// For each block the median over the cells of figure over centre, where at least half of the cells have one.
fn block_medians(cells: &[BTreeMap<u32, f64>], centres: &[f64]) -> Vec<f64> {
    let mut blocks: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (figures, centre) in cells.iter().zip(centres) {
        for (&block, figure) in figures {
            blocks.entry(block).or_default().push(figure / centre);
        }
    }
    blocks
        .into_values()
        .filter(|shares| 2 * shares.len() >= cells.len())
        .filter_map(|shares| stats::median(&shares))
        .collect()
}
