//! The sweep with a fake executor: rows, interruption, loss and resumption, without a socket.

use std::collections::VecDeque;
use std::sync::Arc;

use super::progress::{Steps, Verbosity};
use super::*;
use crate::cell::Wire;
use crate::grid::Grid;
use crate::record::{Manifest, csv_file};

/// Answers from a script; when that is over, every trial fails with the same words.
struct Script {
    answers: VecDeque<Result<Measured, Trouble>>,
    stop: Arc<AtomicBool>,
    stop_after: usize,
    ran: usize,
}

impl Executor for Script {
    fn run(&mut self, _: &Cell, _: &TrialOptions) -> Result<Measured, Trouble> {
        self.ran += 1;
        if self.ran == self.stop_after {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.answers.pop_front().unwrap_or_else(|| Ok(Measured::sample(5.0)))
    }
}

fn grid() -> Grid {
    Grid::parse("name: x\npaths: [A1, A2, A3]\nmessage_sizes: [64]\nthreads: [1]\nrepetitions: 2\n").unwrap()
}

fn plan(grid: &Grid) -> Plan {
    let cells = grid.cells(Wire::Veth);
    let times = vec![1; cells.len()];
    Plan::new(cells, times, grid.repetitions, 7)
}

fn sweep(script: &mut Script, run_dir: &mut RunDir, rows: Vec<Trial>) -> (Ended, Vec<Trial>) {
    let grid = grid();
    let mut plan = plan(&grid);
    rows.iter().for_each(|row| plan.note(row));
    let (mut rows, stop) = (rows, Arc::clone(&script.stop));
    let mut progress = Progress::new(Steps::trials(plan.remaining()), Verbosity::Quiet);
    let ended = run(script, &mut plan, &grid.trial, run_dir, &mut rows, &mut progress, &stop).unwrap();
    (ended, rows)
}

fn script(answers: Vec<Result<Measured, Trouble>>, stop_after: usize) -> Script {
    Script { answers: answers.into(), stop: Arc::default(), stop_after, ran: 0 }
}

fn run_dir(results: &std::path::Path) -> RunDir {
    let manifest = Manifest { run_id: "r".into(), schema_version: "1.0.0".into(), ..Manifest::default() };
    RunDir::create(results, manifest, 6).unwrap()
}

fn on_disk(run: &RunDir) -> Vec<Trial> {
    csv_file::read::<Trial>(run.path()).unwrap().rows
}

#[test]
fn failure_is_a_row_with_its_reason() {
    let results = tempfile::tempdir().unwrap();
    let mut run = run_dir(results.path());
    let answers = vec![
        Err(Trouble::Trial(Failure::Failed("it broke".into()))),
        Err(Trouble::Trial(Failure::Unsupported("too old".into()))),
    ];
    let (ended, rows) = sweep(&mut script(answers, 99), &mut run, Vec::new());
    assert_eq!(ended, Ended::Complete);
    assert_eq!(on_disk(&run), rows);
    assert_eq!(rows.len(), 5, "three cells twice, the unsupported one once");
    assert_eq!((rows[0].status, rows[0].reason.as_str()), (Status::Failed, "it broke"));
    assert_eq!((rows[1].status, rows[1].reason.as_str()), (Status::Unsupported, "too old"));
    assert_eq!(rows[1].throughput_gbps, None);
}

#[test]
fn a_lost_agent_ends_the_sweep_after_its_row() {
    let results = tempfile::tempdir().unwrap();
    let mut run = run_dir(results.path());
    let answers = vec![Ok(Measured::sample(5.0)), Err(Trouble::Lost("the sender agent was killed".into()))];
    let (ended, rows) = sweep(&mut script(answers, 99), &mut run, Vec::new());
    assert_eq!(ended, Ended::Broken("the sender agent was killed".into()));
    assert_eq!((rows.len(), rows[1].status), (2, Status::Failed));
    assert_eq!(on_disk(&run), rows);
}

#[test]
fn a_signal_finishes_the_row_in_hand_and_resuming_yields_the_rows_of_an_unbroken_sweep() {
    let key = |rows: &[Trial]| -> Vec<(u64, String, u32, u32)> {
        rows.iter().map(|row| (row.order, row.cell.clone(), row.rep, row.block)).collect()
    };
    let results = tempfile::tempdir().unwrap();
    let (_, whole) = sweep(&mut script(vec![], 99), &mut run_dir(results.path()), Vec::new());
    for stop_after in 1..6 {
        let results = tempfile::tempdir().unwrap();
        let mut run = run_dir(results.path());
        let (ended, rows) = sweep(&mut script(vec![], stop_after), &mut run, Vec::new());
        assert_eq!((ended, rows.len()), (Ended::Interrupted, stop_after));
        let path = run.path().to_owned();
        drop(run);
        let (mut run, rows) = RunDir::resume(&path).unwrap();
        let (ended, rows) = sweep(&mut script(vec![], 99), &mut run, rows);
        assert_eq!(ended, Ended::Complete);
        assert_eq!(key(&rows), key(&whole));
        assert_eq!(key(&on_disk(&run)), key(&whole));
    }
}
