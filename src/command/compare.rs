//! `copycost compare`: whether two runs differ, and what differs in their environments.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};

use super::{Exit, runs};
use crate::compare::{CellChange, Comparison, Footing, GateOutcome, NO_MEASUREMENT, export, footing, text};
use crate::output::{Out, say};
use crate::tables::{Better, Metric, Run};
use crate::units;

/// The arguments of `copycost compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// Directory of the run to compare with
    pub base: PathBuf,
    /// Directory of the run to judge
    pub new: PathBuf,
    /// Exit with 3 when the interval of a cell or a path lies wholly beyond this, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = units::parse_percent)]
    pub max_regression: Option<f64>,
    /// Figure to judge by: a column of derived.csv of which more or less is better [default: throughput_gbps of streams,
    /// response_p50_us and response_p99_us of request and open-loop]
    #[arg(long, visible_alias = "metric", value_name = "COLUMN", value_parser = Metric::judged)]
    pub measure: Option<&'static Metric>,
    /// What to print
    #[arg(long, value_enum, default_value_t = ComparisonFormat::Table)]
    pub format: ComparisonFormat,
}

/// What `copycost compare` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// A table for a terminal
    Table,
    /// The same as Markdown, for a pull request
    Markdown,
    /// Everything, for programs
    Json,
    /// The new run in Bencher's metric format
    Bencher,
    /// The new run's figures that should fall, for github-action-benchmark (customSmallerIsBetter)
    GhaSmaller,
    /// The new run's figures that should rise, for github-action-benchmark (customBiggerIsBetter)
    GhaBigger,
}

/// Compares the two runs and prints what differs.
pub fn run(arguments: &CompareArgs) -> anyhow::Result<Exit> {
    Ok(if arguments.print(&mut Out)? { Exit::Success } else { Exit::Found })
}

impl CompareArgs {
    /// Compares the two runs and prints what differs. False when an interval lies beyond the limit.
    ///
    /// # Errors
    /// A run that cannot be read, two runs without a common cell, a limit for two runs whose figures are of
    /// different kinds, or an output that cannot be written.
    pub fn print(&self, out: &mut impl Write) -> anyhow::Result<bool> {
        let regressions = self.write(out)?;
        for regression in &regressions {
            say(format_args!("regression: {regression}"));
        }
        Ok(regressions.is_empty())
    }

    /// Compares the two runs and writes what differs, without a word beside it. The names of the cells and paths
    /// whose interval lies beyond the limit.
    pub fn write(&self, out: &mut impl Write) -> anyhow::Result<Vec<String>> {
        runs::distinct([&self.base, &self.new])?;
        let base = Run::load(&self.base).context("the base run")?;
        let new = Run::load(&self.new).context("the new run")?;
        let comparison = Comparison::of(&base, &new, self.measure, self.max_regression);
        ensure!(
            comparison.cells.iter().any(CellChange::is_in_both),
            "{} and {} have no cell in common; compare runs of the same grid",
            base.dir.display(),
            new.dir.display()
        );
        ensure!(
            comparison.footing != Footing::Nothing || self.max_regression.is_none(),
            "{} {} and {} {}, so neither can be judged by the other; compare with a run made under the same clock",
            base.dir.display(),
            footing::clock(&base.manifest),
            new.dir.display(),
            footing::clock(&new.manifest)
        );
        if self.max_regression.is_some() {
            for run in [&base, &new] {
                ensure!(run.manifest.is_measurement(), "{} is {NO_MEASUREMENT}", run.dir.display());
            }
        }
        let printed = match self.format {
            ComparisonFormat::Table => text::table(&comparison),
            ComparisonFormat::Markdown => text::markdown(&comparison),
            ComparisonFormat::Json => export::json(&comparison),
            ComparisonFormat::Bencher => export::bencher(&new),
            ComparisonFormat::GhaSmaller => export::github_action(&new, Better::Lower),
            ComparisonFormat::GhaBigger => export::github_action(&new, Better::Higher),
        };
        writeln!(out, "{}", printed.trim_end())?;
        let has = |gate| comparison.cells.iter().any(|cell| cell.gate == gate);
        let regressions = comparison.regressions();
        if self.max_regression.is_some() && regressions.is_empty() && !has(GateOutcome::Passed) {
            bail!(match () {
                () if has(GateOutcome::Disturbed) =>
                    "no cell could be gated: others were busy on the hosts in too many trials; run both sides with \
                     `sweep --against`, or where nothing else runs",
                () if has(GateOutcome::Unjudged) =>
                    "no cell could be gated: there are too few trials for an interval; raise the grid's repetitions",
                () =>
                    "no cell could be gated: none has the figure in both runs; see the reasons in their trials.csv",
            });
        }
        Ok(regressions)
    }
}
