//! `copycost sweep --dry-run`: what would be run, and how long that would take.

use std::path::Path;
use std::time::Duration;

use super::lab::LabArgs;
use super::sweep::expected_wire;
use super::{Exit, UsageError, print};
use crate::cell::{Cell, Rate};
use crate::grid::Grid;
use crate::lab;
use crate::sweep::expected::{self, Expected};
use crate::units;

/// Prints the cells, which of them cannot run, and the expected time.
pub(super) fn run(grid: &Grid, lab: &LabArgs, results: &Path) -> anyhow::Result<Exit> {
    let wire = expected_wire(grid, lab)?;
    grid.check_wires(wire).map_err(UsageError)?;
    let cells = grid.cells(wire);
    let mut lines = String::new();
    let (mut running, mut refused) = (Vec::new(), 0);
    for cell in cells {
        match refusal(grid, &cell) {
            None => {
                lines += &format!("{cell}\n");
                running.push(cell);
            }
            Some(why) => {
                lines += &format!("{cell}: cannot run: {why}\n");
                refused += 1;
            }
        }
    }
    let (min, max) = (grid.repetitions.min, grid.repetitions.max);
    let times = if min == max { format!("{max}") } else { format!("{min} to {max}") };
    let time = time(&expected::of(grid, &running, results), running.len(), results);
    let cannot = if refused > 0 { format!(", {refused} of which cannot run") } else { String::new() };
    let all = running.len() + refused;
    print(&format!("{lines}\n{all} cells{cannot}, {times} trials each; expected time: {time}\n"))?;
    Ok(Exit::Success)
}

/// Why a cell would be a row without figures whatever this machine can do; absent where it is worth a trial.
fn refusal(grid: &Grid, cell: &Cell) -> Option<String> {
    // How many messages a second that share is, its stream will tell.
    let is_share = matches!(cell.workload.rate, Some(Rate::Percent(_)));
    match lab::work(cell, &grid.trial) {
        Ok(work) => work.check().err(),
        Err(_) if is_share => None,
        Err(why) => Some(why),
    }
}

fn time(expected: &Expected, cells: usize, results: &Path) -> String {
    let untimed = "trials end after so many messages";
    let place = results.display();
    let (trials, unknown) = match (expected.trials, expected.unknown) {
        (_, unknown) if unknown == cells => {
            ("unknown".to_owned(), format!(", because {untimed}, and no run in {place} has timed them"))
        }
        ([least, most], unknown) => {
            let time = match least == most {
                true => format!("about {}", round(most)),
                false => format!("{} to {}", round(least), round(most)),
            };
            let without =
                format!(", without {unknown} cells whose {untimed} and which no run in {place} has timed");
            (time, if unknown > 0 { without } else { String::new() })
        }
    };
    let xray = expected.xray.map(|time| format!(", and about {} for the x-ray", round(time)));
    format!("{trials}{unknown}{}", xray.unwrap_or_default())
}

/// In whole seconds, the last one begun counted.
pub(super) fn round(duration: Duration) -> String {
    units::duration(Duration::from_secs(duration.as_secs_f64().ceil() as u64))
}
