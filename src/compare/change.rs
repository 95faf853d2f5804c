//! What changed in one cell, and in the cells of one path together.

use std::fmt;

use super::footing::Terms;
use super::joint::Joint;
use super::judged::{Judged, Judgement, Observed};
use crate::cell::words;
use crate::tables::{Better, CellRow, ENOUGH_TRIALS, Estimate, Metric, Sample};

/// Whether the whole interval of a ratio lies further than a share on the worse side of 1.
fn is_beyond(limit: f64, ratio: &Estimate, better: Better) -> bool {
    ratio.interval().is_some_and(|ends| match better {
        Better::Higher => ends.high < 1.0 - limit,
        Better::Lower => ends.low > 1.0 + limit,
        Better::Neither => false,
    })
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
        let observed = |sample: Option<&Sample>| Observed::of(sample, measure);
        let quiet = |sample: Option<&Sample>| observed(sample.map(Sample::undisturbed).as_ref());
        let ([base_all, new_all], [base_quiet, new_quiet]) =
            ([base, new].map(observed), [base, new].map(quiet));
        let gated = Judged::of(footing, measure.better, &base_quiet, &new_quiet).ratio;
        let Judged { ratio, p, judgement } = Judged::of(footing, measure.better, &base_all, &new_all);
        let (all, left) = ([&base_all, &new_all], [&base_quiet, &new_quiet]);
        Self {
            cell: key.to_owned(),
            measure,
            base_row: base.map(CellRow::of),
            new_row: new.map(CellRow::of),
            base: Estimate::of(&base_all.values),
            new: Estimate::of(&new_all.values),
            ratio,
            p,
            judgement,
            gate: GateOutcome::of(
                terms,
                &gated,
                all.map(|one| &one.values[..]),
                left.map(|one| &one.values[..]),
            ),
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
        let observed = |sample: &Sample| Observed::of(Some(sample), measure);
        let all: Vec<_> = cells.iter().map(|(base, new)| (observed(base), observed(new))).collect();
        let quiet = |sample: &Sample| observed(&sample.undisturbed());
        let quiet: Vec<_> = cells.iter().map(|(base, new)| (quiet(base), quiet(new))).collect();
        let joint = Joint::of(&all)?;
        let quiet = joint.of_part(&quiet);
        let (ratio, p) = joint.ratio(footing);
        ratio.value?;
        let gated = quiet.ratio(footing).0;
        Some(Self {
            group,
            measure,
            cells: cells.len(),
            base_blocks: joint.base.len(),
            new_blocks: joint.new.len(),
            ratio,
            p,
            judgement: Judgement::of(ratio.interval(), measure.better),
            gate: GateOutcome::of(terms, &gated, [&joint.base, &joint.new], [&quiet.base, &quiet.new]),
        })
    }
}
