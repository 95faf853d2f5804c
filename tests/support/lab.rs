//! Labs and runs: what this machine can do, how a sweep is started, and what its directory holds.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use copycost::cell::Payload;
use copycost::receive;
use copycost::record::{Manifest, Status, Stream, Trial, csv_file};
use nix::sched::{CloneFlags, unshare};

use super::process::{Ended, Running, run};
use super::{copycost, skip};

/// Whether network namespaces and veth pairs can be made here, by root or without; the test is skipped where
/// they cannot.
pub fn has_netns(test: &str) -> bool {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let mut probe = Command::new("true");
        // SAFETY: system calls alone; nothing is allocated between fork and exec.
        unsafe {
            probe.pre_exec(|| {
                unshare(CloneFlags::CLONE_NEWNET)
                    .or_else(|_| unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET))?;
                Ok(())
            });
        }
        if let Err(error) = probe.status() {
            return Some(format!("network namespaces ({error})"));
        }
        let tried = run(copycost(["measure", "--messages", "1", "--warmup", "0s", "--format", "summary"]));
        tried.stderr.contains("the kernel refused").then(|| tried.stderr.trim().replace('\n', " "))
    });
    if let Some(missing) = missing {
        skip(test, missing);
    }
    missing.is_none()
}

/// A grid that takes a blink: two paths, one size, one and two streams; `more` lines are added.
/// Its windows are bounded by messages, so that a busy machine slows it down and breaks nothing.
pub fn tiny_grid(more: &str) -> String {
    format!(
        "name: tiny\npaths: [two-copy, zero-copy]\nmessage_sizes: [4KiB]\nthreads: [1, 2]\nmessages: 50\n\
         warmup: 5ms\nseed: 7\n{more}\n"
    )
}

/// A sweep of this grid with its results there.
pub fn sweep(grid: &str, results: &Path, more: &[&str]) -> Command {
    let mut command = copycost(["sweep", grid, "--no-report", "--results"]);
    command.arg(results).args(more);
    command
}

/// Resumes a run.
pub fn resume(run: &Path) -> Command {
    let mut command = copycost(["sweep", "--no-report", "--resume"]);
    command.arg(run);
    command
}

/// The run's directory, by the last line that the sweep printed.
pub fn directory(ended: &Ended) -> PathBuf {
    let path = PathBuf::from(ended.last_line());
    assert!(path.is_dir(), "the last line is no directory: {:?}; stderr:\n{}", ended.stdout, ended.stderr);
    path
}

/// The one run in a results directory; none yet when there is no table to append to.
pub fn only_run(results: &Path) -> Option<PathBuf> {
    // By the listing itself: the link `latest` is renamed into place, and is gone between two looks at its path.
    let is_directory = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let entries = std::fs::read_dir(results).ok()?.flatten();
    let mut runs = entries.filter(is_directory).map(|entry| entry.path());
    let first = runs.next();
    assert_eq!(runs.next(), None, "more than one run");
    // The header is written at once with the file, or a moment after.
    first.filter(|run| std::fs::metadata(run.join("streams.csv")).is_ok_and(|file| file.len() > 0))
}

/// A copy of a run beside it, links and pipes as they are; an earlier copy is replaced.
pub fn copy_of(run: &Path) -> PathBuf {
    let copy = run.with_extension("copy");
    let _ = std::fs::remove_dir_all(&copy);
    let copied = Command::new("cp").arg("-aT").args([run, &copy]).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} cannot be copied", run.display());
    copy
}

/// The whole rows of a run, read by the schema; and whether the file ends in half a row.
pub fn trials(run: &Path) -> (Vec<Trial>, bool) {
    let read = csv_file::read(run).expect("rows by the schema");
    (read.rows, read.truncated.is_some())
}

/// Whether this machine can send by a path; the test is skipped for it where each trial with static payload, which
/// every path can send, was unsupported.
pub fn runs_here(test: &str, path: &str, rows: &[Trial]) -> bool {
    let is_plain = |row: &&Trial| {
        row.send_path == path && row.payload == Payload::Static && row.receive_path == receive::DEFAULT
    };
    let is_refused = |row: &Trial| row.status == Status::Unsupported;
    let refused = rows.iter().find(is_plain).filter(|_| rows.iter().filter(is_plain).all(is_refused));
    if let Some(row) = refused {
        skip(test, &format!("what {path} needs ({})", row.reason));
    }
    refused.is_none()
}

/// The whole rows of a run that is being written; none while its table has no header yet.
pub fn rows_so_far(run: &Path) -> usize {
    let text = std::fs::read_to_string(run.join("trials.csv")).unwrap_or_default();
    text.matches('\n').count().saturating_sub(1)
}

/// The rows of the run's streams.
pub fn streams(run: &Path) -> Vec<Stream> {
    let read = csv_file::read(run).expect("rows by the schema");
    assert_eq!(read.truncated, None, "half a row of a stream");
    read.rows
}

/// The run's manifest.
pub fn manifest(run: &Path) -> Manifest {
    Manifest::read(&run.join("manifest.json")).expect("a manifest")
}

/// What identifies a row: order, cell, rep, block.
pub fn key(row: &Trial) -> (u64, String, u32, u32) {
    (row.order, row.cell.clone(), row.rep, row.block)
}

/// Checks that a complete run is whole: every row once, and the streams of each.
pub fn assert_whole(run: &Path) {
    let (rows, half) = trials(run);
    assert!(!half, "half a row");
    let of = |row: &Trial| streams(run).iter().filter(|one| one.order == row.order).count();
    for row in rows.iter().filter(|row| row.status == Status::Ok) {
        assert_eq!(of(row), row.threads as usize, "streams of {} #{}", row.cell, row.rep);
    }
    let mut keys: Vec<_> = rows.iter().map(key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), rows.len(), "a row is there twice");
}

/// Interfaces of this network namespace whose name is one of ours.
pub fn our_interfaces() -> Vec<String> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("copycost")).collect()
}

/// Network namespaces that something keeps alive by a mount.
pub fn mounted_namespaces() -> usize {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().filter(|line| line.contains(" net:[")).count()
}

/// Starts a sweep and waits until it has this many rows.
pub fn start_with_rows(command: Command, results: &Path, rows: usize) -> Running {
    let mut sweep = Running::start(command);
    let there = super::until(super::PATIENCE, || {
        !sweep.is_running() || only_run(results).is_some_and(|run| rows_so_far(&run) >= rows)
    });
    assert!(there && sweep.is_running(), "no {rows} rows while it ran:\n{}", sweep.stderr());
    sweep
}
