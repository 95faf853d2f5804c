//! What changed in one cell, and in the cells of one path together.

use std::collections::BTreeMap;
use std::fmt;

use super::footing::{Footing, SAME, Terms};
use crate::cell::words;
use crate::stats::{self, Interval};
use crate::tables::{Better, CellRow, ENOUGH_TRIALS, Estimate, Metric, Sample};

/// What can be said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judgement {
    /// The interval of the ratio lies on the better side of 1.
    Better,
    /// It lies on the worse side.
    Worse,
    /// It excludes 1, and among so many cells one that does is nothing rare: no difference after correction.
    Uncorrected,
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
    Better = "better", Worse = "worse", Uncorrected = "not after correction", Indistinct = "not distinguishable",
    Unjudged = "not judged", Incomparable = "not comparable", OnlyNew = "no figure in the base run", OnlyBase = "no figure in the new run",
    Neither = "no figure in either run",
);

impl Judgement {
    pub(super) fn of(interval: Option<Interval>, better: Better) -> Self {
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
/// `widening` is by how much figures that follow one another are known less well than independent ones.
fn ratio_of(footing: Footing, new: &[f64], base: &[f64], widening: f64) -> (Estimate, Option<f64>) {
    match footing {
        // Sides that ran together are taken within their blocks afterwards.
        Footing::Time | Footing::Blocks => match stats::unpaired_ratio(new, base) {
            Some(found) => (
                Estimate::new(Some(found.ratio), found.interval).widened(widening),
                found.p.map(|p| stats::widened_probability(p, widening)),
            ),
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

/// What a gate says of a change. It looks at trials that had their CPUs to themselves: a busy neighbour is no
/// regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateOutcome {
    /// No limit was given, or there is nothing to compare.
    None,
    /// The interval does not lie wholly beyond the limit.
    Passed,
    /// It does.
    Beyond,
    /// So many trials were disturbed that the rest do not tell.
    Disturbed,
    /// There is no interval to judge by.
    Unjudged,
}

words!(GateOutcome:
    None = "none", Passed = "passed", Beyond = "beyond the limit", Disturbed = "not gated: disturbed",
    Unjudged = "not gated: no interval",
);

/// Undisturbed trials, or blocks, that a gate needs on either side, where some were disturbed.
const ENOUGH: usize = ENOUGH_TRIALS;

impl GateOutcome {
    /// `all` are the figures of the base and of the new run; `ratio` is of the undisturbed ones, the `left`.
    fn of(terms: Terms, ratio: &Estimate, all: [&[f64]; 2], left: [&[f64]; 2]) -> Self {
        let Some(limit) = terms.limit else { return Self::None };
        let (all, left) = (all.map(<[f64]>::len), left.map(<[f64]>::len));
        if all.contains(&0) {
            return Self::None;
        }
        if left != all && left.iter().any(|&left| left < ENOUGH) {
            return Self::Disturbed;
        }
        Self::by(limit, ratio, terms.measure.better)
    }

    /// By the interval of the ratio.
    pub(super) fn by(limit: f64, ratio: &Estimate, better: Better) -> Self {
        match ratio.interval() {
            None => Self::Unjudged,
            Some(_) if is_beyond(limit, ratio, better) => Self::Beyond,
            Some(_) => Self::Passed,
        }
    }
}

/// One cell in two runs.
#[derive(Clone, Debug)]
pub struct CellChange {
    /// The cell's key.
    pub cell: String,
    /// What it is compared by.
    pub measure: &'static Metric,
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
    /// What a gate says of it.
    pub gate: GateOutcome,
}

impl CellChange {
    /// The change of a cell that at least one run knows.
    pub(super) fn of(key: &str, base: Option<&Sample>, new: Option<&Sample>, terms: Terms) -> Self {
        let Terms { footing, measure, .. } = terms;
        let values =
            |sample: Option<&Sample>| sample.map(|sample| measure.values(sample)).unwrap_or_default();
        let (base_values, new_values) = (values(base), values(new));
        let quiet = |sample: Option<&Sample>| values(sample.map(Sample::undisturbed).as_ref());
        let (base_quiet, new_quiet) = (quiet(base), quiet(new));
        // Each side's own, as the squares of what is not known of them add up.
        let squares = [base, new].map(|sample| sample.map_or(1.0, |sample| sample.widening.powi(2)));
        let widening = f64::midpoint(squares[0], squares[1]).sqrt();
        let gated = ratio_of(footing, &new_quiet, &base_quiet, widening).0;
        let (ratio, p) = ratio_of(footing, &new_values, &base_values, widening);
        let judgement = match (base_values.is_empty(), new_values.is_empty()) {
            (false, false) if footing == Footing::Nothing => Judgement::Incomparable,
            (false, false) => Judgement::of(ratio.interval(), measure.better),
            (true, false) => Judgement::OnlyNew,
            (false, true) => Judgement::OnlyBase,
            (true, true) => Judgement::Neither,
        };
        Self {
            cell: key.to_owned(),
            measure,
            base_row: base.map(CellRow::of),
            new_row: new.map(CellRow::of),
            base: Estimate::of(&base_values),
            new: Estimate::of(&new_values),
            ratio,
            p,
            judgement,
            gate: GateOutcome::of(terms, &gated, [&base_values, &new_values], [&base_quiet, &new_quiet]),
        }
    }

    /// Whether both runs know the cell.
    pub fn is_in_both(&self) -> bool {
        self.base_row.is_some() && self.new_row.is_some()
    }

    /// Whether both runs have the figure.
    pub fn is_compared(&self) -> bool {
        self.base.value.is_some() && self.new.value.is_some()
    }

    /// The remarks on the cell: those of the new run, then those that only the base run has.
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
    /// Every cell that both runs have.
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
    /// What they are compared by.
    pub measure: &'static Metric,
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
    /// What a gate says of it.
    pub gate: GateOutcome,
}

impl GroupChange {
    /// The change of cells that both runs have the figure of, as pairs of base and new; absent without one, or
    /// where a figure is zero.
    pub(super) fn of(group: Group, cells: &[(&Sample, &Sample)], terms: Terms) -> Option<Self> {
        let Terms { footing, measure, .. } = terms;
        // Each cell's figures as shares of its own median in the base run, so that cells can stand for each other.
        let centre = |base: &Sample| stats::median(&measure.values(base)).filter(|&centre| centre > 0.0);
        let centres: Vec<f64> = cells.iter().map(|(base, _)| centre(base)).collect::<Option<_>>()?;
        let blocks = |cells: Vec<&Sample>| {
            let figures: Vec<_> = cells.iter().map(|sample| measure.by_block(sample)).collect();
            block_medians(&figures, &centres)
        };
        let base = blocks(cells.iter().map(|(base, _)| *base).collect());
        let new = blocks(cells.iter().map(|(_, new)| *new).collect());
        let rows = [base.clone(), new.clone()];
        let widening = stats::common_correlation(&rows).map_or(1.0, stats::widening);
        let (ratio, p) = ratio_of(footing, &new, &base, widening);
        ratio.value?;
        let undisturbed: Vec<_> =
            cells.iter().map(|(base, new)| (base.undisturbed(), new.undisturbed())).collect();
        let base_quiet = blocks(undisturbed.iter().map(|(base, _)| base).collect());
        let new_quiet = blocks(undisturbed.iter().map(|(_, new)| new).collect());
        let gated = ratio_of(footing, &new_quiet, &base_quiet, widening).0;
        Some(Self {
            group,
            measure,
            cells: cells.len(),
            base_blocks: base.len(),
            new_blocks: new.len(),
            ratio,
            p,
            judgement: Judgement::of(ratio.interval(), measure.better),
            gate: GateOutcome::of(terms, &gated, [&base, &new], [&base_quiet, &new_quiet]),
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
