//! `copycost grids`: the grids that the program carries.

use std::path::Path;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};

use super::dry_run::round;
use super::{Exit, UsageError, print};
use crate::cell::Wire;
use crate::grid::{Grid, builtin};
use crate::spelling;
use crate::sweep::expected;

/// Flags of `copycost grids`.
#[derive(Clone, Debug, Args)]
pub struct GridsArgs {
    /// What of them is printed; all of them, a line each, where nothing is said.
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What is printed.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Print one as a file, to begin an own grid with
    Show {
        /// Its name
        name: String,
    },
}

/// Prints them.
pub fn run(arguments: &GridsArgs) -> anyhow::Result<Exit> {
    match &arguments.what {
        None => print(&list()?)?,
        Some(What::Show { name }) => {
            let known = builtin::ALL.iter().map(|(name, _)| *name);
            let text = builtin::find(name)
                .ok_or_else(|| UsageError(spelling::unknown(name, "a built-in grid", known)))?;
            print(text)?;
        }
    }
    Ok(Exit::Success)
}

fn list() -> anyhow::Result<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["grid", "cells", "time", ""]);
    for (name, text) in builtin::ALL {
        let grid = Grid::parse(text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let cells = grid.cells(Wire::Veth);
        let expected = expected::of(&grid, &cells, Path::new("results"));
        let most = expected.trials[1] + expected.xray.unwrap_or_default();
        let time = match expected.unknown {
            0 => round(most),
            _ => "by messages".to_owned(),
        };
        table.add_row([name.to_string(), cells.len().to_string(), time, about(text)]);
    }
    Ok(format!(
        "{}\n\nThe time is the longest, with the x-ray where the grid has one. `copycost grids show NAME` prints a grid;\n\
         `copycost sweep NAME --set duration=1s --only threads=1` runs a shorter one, or a part.\n",
        table.trim_fmt()
    ))
}

/// What a grid is for: the first sentence of its comment.
fn about(text: &str) -> String {
    let comment =
        text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect::<Vec<_>>().join(" ");
    let sentence = comment.split_inclusive(['.', '?']).next().unwrap_or_default();
    sentence.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_says_what_it_is_for() {
        let list = list().unwrap();
        for (name, text) in builtin::ALL {
            let line = list
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{name} ")))
                .expect("its line");
            assert!(about(text).len() > 20 && line.trim_end().ends_with(&about(text)), "{line}");
        }
    }
}
