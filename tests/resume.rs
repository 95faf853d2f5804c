//! Sweeps that are told to stop, or killed, and resumed: the rows in the end are those of an unbroken
//! sweep, and nothing is left in between.

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use copycost::record::Status;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rand::RngExt;
use support::lab::{
    assert_whole, directory, has_netns, key, manifest, only_run, our_interfaces, resume, start_with_rows,
    sweep, tiny_grid, trials,
};
use support::process::{Running, run};
use support::{BINARY, Scratch, copycost, random, until};

type Key = (u64, String, u32, u32);

fn keys(run: &Path) -> Vec<Key> {
    trials(run).0.iter().map(key).collect()
}

/// The rows of an unbroken sweep of this grid.
fn unbroken(grid: &str, more: &[&str]) -> (Vec<Key>, Duration) {
    let scratch = Scratch::new();
    let ended = run(sweep(grid, &scratch.path("results"), more));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    (keys(&directory(&ended)), ended.took)
}

/// A sweep that gets this signal finishes its row, says how to go on, and does go on that way.
fn interrupted_by(signal: Signal) {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 12"));
    static EXPECTED: OnceLock<Vec<Key>> = OnceLock::new();
    let expected = EXPECTED.get_or_init(|| unbroken(&grid, &["--lab", "loopback"]).0);

    let results = scratch.path("results");
    let sweep = start_with_rows(sweep(&grid, &results, &["--lab", "loopback"]), &results, 3);
    // A terminal sends Ctrl-C to the whole foreground group; the agents must not die of it.
    killpg(Pid::from_raw(sweep.pid()), signal).unwrap();
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    let path = directory(&ended);
    let (rows, half) = trials(&path);
    assert!(!half && rows.len() < expected.len(), "{} rows", rows.len());
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    assert_whole(&path);
    assert_eq!(manifest(&path).outcome.as_deref(), Some("interrupted"));

    let said = format!("interrupted after {} trials; resume with `", rows.len());
    let hint = ended.stderr.split_once(&said).and_then(|(_, rest)| rest.split_once('`'));
    let (hint, _) = hint.unwrap_or_else(|| panic!("no hint:\n{}", ended.stderr));
    let mut words = hint.split_whitespace();
    assert_eq!(words.next(), Some(BINARY), "the program as it was called");
    let ended = run(copycost(words));
    assert_eq!((ended.code(), directory(&ended)), (Some(0), path.clone()), "{ended:?}");
    assert_eq!(keys(&path), *expected);
    assert_whole(&path);
    let manifest = manifest(&path);
    assert_eq!((manifest.outcome.as_deref(), manifest.resumed), (Some("complete"), 1));
}

#[test]
fn sigterm_finishes_the_row_in_hand() {
    interrupted_by(Signal::SIGTERM);
}

#[test]
fn ctrl_c_finishes_the_row_in_hand() {
    interrupted_by(Signal::SIGINT);
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_leaves_whole_rows() {
    let scratch = Scratch::new();
    let text = "name: slow\nlab: loopback\npaths: [A1]\nmessage_sizes: [1KiB]\nthreads: [1]\nduration: 10m\n";
    let grid = scratch.file("grid.yaml", text);
    let results = scratch.path("results");
    let mut sweep = Running::start(sweep(&grid, &results, &[]));
    assert!(until(support::PATIENCE, || sweep.has_streams()), "{}", sweep.stderr());
    // timeout(1) sends its signal twice, with nothing in between.
    sweep.signal(Signal::SIGINT);
    sweep.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_secs(1));
    assert!(sweep.is_running(), "one signal lets the row be finished: {}", sweep.stderr());
    let second = Instant::now();
    sweep.signal(Signal::SIGINT);
    let ended = sweep.wait();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert!(second.elapsed() < Duration::from_secs(60), "{:?}", second.elapsed());
    let (rows, half) = trials(&only_run(&results).unwrap());
    assert_eq!((rows.len(), half), (0, false));
}

#[test]
fn a_run_that_is_being_written_is_not_resumed() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2000\nlab: loopback"));
    let results = scratch.path("results");
    let sweep = start_with_rows(sweep(&grid, &results, &[]), &results, 1);
    let path = only_run(&results).unwrap();
    let second = run(resume(&path));
    assert_eq!(second.code(), Some(1), "{second:?}");
    assert!(second.stderr.contains("another sweep writes it"), "{}", second.stderr);
    sweep.signal(Signal::SIGTERM);
    assert_eq!(sweep.wait().code(), Some(130));
    assert_whole(&path);
}

/// The run that was begun there. What was killed before it had a manifest is no run, and is taken away.
fn begun(results: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(results).ok()?.flatten().map(|entry| entry.path());
    let (runs, rest): (Vec<_>, Vec<_>) = entries
        .filter(|path| path.is_dir() && !path.is_symlink())
        .partition(|path| path.join("manifest.json").is_file());
    rest.iter().for_each(|path| std::fs::remove_dir_all(path).unwrap());
    assert!(runs.len() <= 1, "{runs:?}");
    runs.into_iter().next()
}

#[test]
fn a_coordinator_that_is_killed_at_random_moments_loses_nothing() {
    const TEST: &str = "a_coordinator_that_is_killed_at_random_moments_loses_nothing";
    const KILLS: u32 = 10;
    let lab = if has_netns(TEST) { "netns" } else { "loopback" };
    let mut random = random(TEST);
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid(&format!("repetitions: 6\nlab: {lab}")));
    let (expected, took) = unbroken(&grid, &[]);
    assert_eq!(expected.len(), 4 * 6);

    let (mut kills, mut complete) = (0, 0);
    while kills < KILLS || complete == 0 {
        let results = scratch.path(&format!("results-{complete}"));
        loop {
            let sweep = Running::start(match begun(&results) {
                Some(run) => resume(&run),
                None => sweep(&grid, &results, &[]),
            });
            if kills < KILLS {
                std::thread::sleep(took.mul_f64(random.random_range(0.0..1.1)));
                sweep.signal(Signal::SIGKILL);
            }
            // No process of its own survives it: `wait` looks for them.
            let ended = sweep.wait();
            if ended.code() == Some(0) {
                break;
            }
            assert_eq!(ended.signal(), Some(Signal::SIGKILL as i32), "{ended:?}");
            kills += 1;
            assert_eq!(our_interfaces(), Vec::<String>::new());
            if let Some(run) = only_run(&results) {
                // What is there is the beginning of the unbroken sweep, every row whole and well.
                let (rows, _) = trials(&run);
                assert_eq!(rows.iter().map(key).collect::<Vec<_>>(), expected[..rows.len()], "kill {kills}");
                assert!(rows.iter().all(|row| row.status == Status::Ok), "kill {kills}: {rows:?}");
            }
        }
        let run = only_run(&results).expect("a complete run");
        assert_eq!(keys(&run), expected);
        assert_whole(&run);
        assert_eq!(manifest(&run).outcome.as_deref(), Some("complete"));
        complete += 1;
    }
    println!("{kills} kills, {complete} complete runs");
}
