//! What a sweep is expected to take, before it is begun.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::pass::WARMUP;
use super::passes::RECORDED;
use super::progress::{Pace, Steps};
use super::samples::{SAMPLED, Samples};
use crate::cell::Cell;
use crate::grid::Grid;
use crate::options::Bound;
use crate::record::{Recorded, Status, Trial, csv_file};
use crate::stats;

/// Connecting, starting threads, draining.
const OVERHEAD: Duration = Duration::from_millis(30);
/// What a pass of the x-ray takes beside its window: recorders are opened, functions named.
const PASS_OVERHEAD: Duration = Duration::from_millis(350);
/// What the x-ray of a cell takes after the trials, where its samples have been taken.
const XRAY: Duration = WARMUP.saturating_add(RECORDED).saturating_add(PASS_OVERHEAD);
/// Most runs that are looked through for what a message takes.
const MOST_RUNS: usize = 20;

/// What a sweep takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The timed trials, at least and at most.
    pub(crate) trials: [Duration; 2],
    /// The passes of the x-ray, where there are any.
    pub(crate) xray: Option<Duration>,
    /// Cells of which nothing is known: their trials end after so many messages, and no run here has timed them.
    pub(crate) unknown: usize,
}

/// What the cells of a grid take. Those that end after so many messages take what they took in the runs in `results`.
pub(crate) fn of(grid: &Grid, cells: &[Cell], results: &Path) -> Expected {
    let timed = match grid.trial.bound {
        Bound::Duration(_) => HashMap::new(),
        Bound::Messages(_) => message_times(results),
    };
    let mut expected = Expected::default();
    let repetitions = grid.repetitions;
    let least = if repetitions.until.is_some() { repetitions.min } else { repetitions.max };
    for cell in cells {
        let window = match grid.trial.bound {
            Bound::Duration(window) => Some(window),
            Bound::Messages(count) => {
                timed.get(&cell.key()).and_then(|each| Duration::try_from_secs_f64(each * count as f64).ok())
            }
        };
        let Some(window) = window else {
            expected.unknown += 1;
            continue;
        };
        let block = trial(grid, window) * grid.times_per_block(cell);
        expected.trials[0] += block * least;
        expected.trials[1] += block * repetitions.max;
    }
    if grid.xray {
        let each = sample(grid) * repetitions.min + XRAY;
        expected.xray = Some(each * u32::try_from(cells.len()).unwrap_or(u32::MAX));
    }
    expected
}

/// What a trial of this window takes.
fn trial(grid: &Grid, window: Duration) -> Duration {
    grid.trial.warmup + window + OVERHEAD
}

/// What the samples of a cell take between two blocks.
fn sample(grid: &Grid) -> Duration {
    Samples::new(grid.repetitions.min, &grid.trial).window() + WARMUP + PASS_OVERHEAD
}

/// The steps of a sweep of so many cells with so many trials left, and what each is expected to take. Cells are sampled
/// after each of `blocks`.
pub(crate) fn steps(grid: &Grid, cells: usize, trials: u64, blocks: u32) -> Steps {
    let window = match grid.trial.bound {
        Bound::Duration(window) => Some(window),
        Bound::Messages(_) => None,
    };
    let xrayed = if grid.xray { cells as u64 } else { 0 };
    Steps {
        trials: Pace::new(trials, window.map(|window| trial(grid, window))),
        samples: Pace::new(xrayed * u64::from(blocks), Some(sample(grid))),
        xray: Pace::new(xrayed, Some(XRAY)),
    }
}

/// The steps of an x-ray without trials.
pub(crate) fn xrays(cells: usize) -> Steps {
    Steps { xray: Pace::new(cells as u64, Some(XRAY + SAMPLED + WARMUP + PASS_OVERHEAD)), ..Steps::default() }
}

/// What a message of a stream took, seconds, by the key of its cell: the median of each cell in the latest run that has it.
fn message_times(results: &Path) -> HashMap<String, f64> {
    let mut runs: Vec<_> = std::fs::read_dir(results)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            // `latest` is a link to one of the others.
            let is_run = path.symlink_metadata().ok()?.is_dir();
            Some((path.join(Trial::FILE).metadata().ok()?.modified().ok()?, path)).filter(|_| is_run)
        })
        .collect();
    runs.sort_by(|one, other| other.cmp(one));
    let mut times = HashMap::new();
    for (_, run) in runs.into_iter().take(MOST_RUNS) {
        // A directory that cannot be read tells nothing.
        let Ok(rows) = csv_file::read::<Trial>(&run) else { continue };
        let mut of_run: HashMap<String, Vec<f64>> = HashMap::new();
        for row in rows.rows.into_iter().filter(|row| row.status == Status::Ok) {
            if let (Some(window), Some(messages)) = (row.window_s, row.messages.filter(|&count| count > 0)) {
                of_run.entry(row.cell).or_default().push(window * f64::from(row.threads) / messages as f64);
            }
        }
        for (cell, each) in of_run {
            if let Some(median) = stats::median(&each) {
                times.entry(cell).or_insert(median);
            }
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Wire;
    use crate::grid::builtin;

    const GRID: &str = "name: x\npaths: [two-copy, one-copy]\nmessage_sizes: 1KiB\nthreads: 2\nwarmup: 0s\n\
        repetitions: {min: 2, max: 4, until: 2%}\n";

    fn expected(more: &str, results: &Path) -> Expected {
        let grid = Grid::parse(&format!("{GRID}{more}")).unwrap();
        of(&grid, &grid.cells(Wire::Veth), results)
    }

    #[test]
    fn windows_of_a_length_take_that() {
        let found = expected("duration: 970ms\ncontrol: two-copy\n", Path::new("/no/such/directory"));
        let blocks = Duration::from_secs(3);
        assert_eq!(found, Expected { trials: [blocks * 2, blocks * 4], ..Expected::default() });
        let xrayed = expected("duration: 970ms\nxray: true\n", Path::new("/no/such/directory"));
        assert!(xrayed.xray.is_some_and(|time| time > Duration::from_secs(4)), "{xrayed:?}");
    }

    #[test]
    fn windows_of_messages_take_what_they_took() {
        let results = tempfile::tempdir().unwrap();
        let none = expected("messages: 1000\n", results.path());
        assert_eq!((none.unknown, none.trials[1]), (2, Duration::ZERO));
        let run = results.path().join("run");
        std::fs::create_dir(&run).unwrap();
        // 500 messages on each of two streams, in a second and in two.
        let rows = [(1.0, Status::Ok), (2.0, Status::Ok), (3.0, Status::Ok), (900.0, Status::Failed)];
        let rows = rows.map(|(window_s, status)| Trial {
            cell: "veth/two-copy/recv/static/1024B/t2".to_owned(),
            threads: 2,
            status,
            window_s: Some(window_s),
            messages: Some(1000),
            ..Trial::default()
        });
        csv_file::replace(&run, &rows).unwrap();
        let found = expected("messages: 1000\n", results.path());
        let trial = Duration::from_secs(4) + OVERHEAD;
        assert_eq!(found, Expected { trials: [trial * 2, trial * 4], xray: None, unknown: 1 });
    }

    #[test]
    fn the_quick_grids_are_quick() {
        for (name, most) in [("quick", 90), ("latency", 130), ("smoke", 30)] {
            let grid = Grid::parse(builtin::find(name).unwrap()).unwrap();
            let found = of(&grid, &grid.cells(Wire::Veth), Path::new("/no/such/directory"));
            assert!(found.unknown == 0 && found.trials[1] <= Duration::from_secs(most), "{name}: {found:?}");
        }
    }
}
