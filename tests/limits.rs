//! Limits of the process: what they stop is one sentence that says which it is and what raises it, and never a signal.

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{Resource, setrlimit};
use support::lab::{has_netns, only_run, sweep, tiny_grid, trials};
use support::process::{Ended, run};
use support::{Scratch, copycost};

/// Runs a command under a limit.
fn limited(mut command: Command, resource: Resource, most: u64) -> Ended {
    // SAFETY: one system call; nothing is allocated between fork and exec.
    unsafe { command.pre_exec(move || setrlimit(resource, most, most).map_err(Into::into)) };
    run(command)
}

fn measure(path: &str, more: &[&str]) -> Command {
    let words = ["measure", "--lab", "loopback", "--size", "64KiB", "--messages", "5", "--path", path];
    copycost(words.into_iter().chain(more.iter().copied()))
}

#[test]
fn too_few_files_are_told_with_their_limit_wherever_the_last_one_is_taken() {
    let mut told = Vec::new();
    for path in ["sendfile", "splice"] {
        for most in 8..40 {
            let ended = limited(measure(path, &["--threads", "4"]), Resource::RLIMIT_NOFILE, most);
            match ended.code() {
                Some(0) => {}
                Some(1) => {
                    let said = format!("{most} files open: raise the limit with `ulimit -n`");
                    assert!(ended.stderr.contains(&said), "{most}: {ended:?}");
                    assert!(!ended.stderr.contains("3.17"), "{most}: {ended:?}");
                    told.push(ended.stderr);
                }
                _ => panic!("{most}: {ended:?}"),
            }
        }
    }
    assert!(!told.is_empty(), "eight files were enough");
}

#[test]
fn a_file_that_may_not_grow_is_told_with_its_limit_and_rows_stay_whole() {
    for path in ["sendfile", "sendfile-disk"] {
        let ended = limited(measure(path, &[]), Resource::RLIMIT_FSIZE, 20 << 10);
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        assert!(ended.stderr.contains("files of 20480 bytes: raise the limit with `ulimit -f`"), "{ended:?}");
    }
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000\nlab: loopback"));
    let results = scratch.path("results");
    let ended = limited(sweep(&grid, &results, &[]), Resource::RLIMIT_FSIZE, 24 << 10);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.trim_end().ends_with("raise the limit with `ulimit -f`"), "{ended:?}");
    // Where the room for all rows was asked for before, there is no run.
    if let Some(run) = only_run(&results) {
        assert!(!trials(&run).0.is_empty());
    }
}

#[test]
fn memory_that_the_kernel_refuses_is_told_and_no_abort() {
    for path in ["two-copy", "zero-copy", "splice", "uring-send-zc-fixed"] {
        let command = measure(path, &["--working-set", "1GiB"]);
        let ended = limited(command, Resource::RLIMIT_AS, 800 << 20);
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        let said = &ended.stderr;
        assert!(said.contains("no memory for ") && said.contains("`ulimit -v`"), "{path}: {said}");
    }
}

#[test]
fn agents_whose_coordinator_is_killed_say_nothing() {
    const TEST: &str = "agents_whose_coordinator_is_killed_say_nothing";
    let lab = if has_netns(TEST) { "netns" } else { "loopback" };
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000"));
    for turn in 0..40_u64 {
        let results = scratch.path(&format!("results-{turn}"));
        let sweep = support::process::Running::start(sweep(&grid, &results, &["--lab", lab, "--quiet"]));
        // From before the handshakes until trials run.
        std::thread::sleep(std::time::Duration::from_millis(20 * turn));
        sweep.signal(nix::sys::signal::Signal::SIGKILL);
        let ended = sweep.wait();
        assert_eq!((ended.signal(), ended.stderr.as_str()), (Some(9), ""), "turn {turn}");
    }
}
