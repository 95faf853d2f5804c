//! io_uring: what is refused, by the program or by the machine, and with which remedy; many streams; killed in mid-trial.

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use copycost::record::{Status, Trial, Verified};
use nix::sys::signal::Signal;
use support::lab::{assert_whole, directory, runs_here, start_with_rows, sweep, trials};
use support::process::run;
use support::seccomp::refuse_io_uring;
use support::{Scratch, copycost, is_root, skip};

const PATHS: [&str; 4] = ["uring-send", "uring-send-zc", "uring-send-zc-fixed", "uring-bundle"];

/// Lets the process lock 1 MiB, without the capability that needs no limit.
fn lock_little() -> std::io::Result<()> {
    const CAP_IPC_LOCK: libc::c_int = 14;
    let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
    // SAFETY: the kernel reads the one structure; the other call has no pointer.
    let set = unsafe {
        libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit)
            + libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
    };
    nix::errno::Errno::result(set)?;
    Ok(())
}

/// The command, run as `restrict` lets it.
fn restricted(mut command: Command, restrict: fn() -> std::io::Result<()>) -> Command {
    // SAFETY: system calls alone; nothing is allocated between fork and exec.
    unsafe { command.pre_exec(restrict) };
    command
}

/// A grid of these paths on loopback.
fn grid(paths: &[&str], more: &str) -> String {
    format!(
        "name: uring\nlab: loopback\nseed: 7\nrepetitions: 1\nverify: true\npaths: [{}]\n{more}\n",
        paths.join(", ")
    )
}

fn rows(grid: &str, restrict: Option<fn() -> std::io::Result<()>>, codes: &[i32]) -> Vec<Trial> {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", grid);
    let mut command = sweep(&grid, &scratch.path("results"), &["-q"]);
    if let Some(how) = restrict {
        command = restricted(command, how);
    }
    let ended = run(command);
    assert!(ended.code().is_some_and(|code| codes.contains(&code)), "{ended:?}");
    trials(&directory(&ended)).0
}

#[test]
fn a_sandbox_without_io_uring_is_an_unsupported_row_with_the_remedy() {
    let small = "message_sizes: [4KiB]\nthreads: [1]\nmessages: 20\nwarmup: 1ms";
    let rows = rows(
        &grid(&["plain-send", PATHS[0], PATHS[1], PATHS[2], PATHS[3]], small),
        Some(refuse_io_uring),
        &[0],
    );
    for row in rows {
        if row.send_path == "plain-send" {
            assert_eq!(row.status, Status::Ok, "{}", row.reason);
        } else {
            assert_eq!(row.status, Status::Unsupported, "{}", row.reason);
            assert!(
                row.reason.contains("seccomp=unconfined") || row.reason.contains("io_uring_disabled"),
                "{}",
                row.reason
            );
        }
    }
    let doctor = run(restricted(copycost(["doctor"]), refuse_io_uring));
    let line =
        doctor.stdout.lines().find(|line| line.starts_with("shortfall  io_uring ")).expect("a finding");
    assert!(line.contains("io_uring_setup: Operation not permitted"), "{line}");
    assert!(
        doctor.stdout.contains("> a sandbox refuses it")
            || doctor.stdout.contains("> kernel.io_uring_disabled"),
        "{doctor:?}"
    );
}

#[test]
fn too_little_locked_memory_is_an_unsupported_row_with_the_remedy() {
    const TEST: &str = "too_little_locked_memory_is_an_unsupported_row_with_the_remedy";
    if !is_root() {
        return skip(TEST, "root, which may give a capability away for good");
    }
    let small = "message_sizes: [16KiB]\nthreads: [1]\nmessages: 20\nwarmup: 1ms";
    let rows = rows(&grid(&["uring-send", "uring-send-zc-fixed"], small), Some(lock_little), &[0, 4]);
    let [send, fixed] = rows.as_slice() else { panic!("{rows:?}") };
    let (send, fixed) = if send.send_path == "uring-send" { (send, fixed) } else { (fixed, send) };
    // Locked memory is counted for the user: other processes of root may hold all of it, and nothing can run then.
    if !runs_here(TEST, "uring-send", std::slice::from_ref(send)) {
        return;
    }
    assert_eq!(fixed.status, Status::Unsupported, "{}", fixed.reason);
    assert!(
        fixed.reason.contains("4MiB of buffers") && fixed.reason.contains("ulimit -l"),
        "{}",
        fixed.reason
    );
}

#[test]
fn several_requests_without_a_chain_are_one_sentence_from_a_flag_and_from_a_grid() {
    let by_flag = run(copycost(["measure", "--path", "uring-send:depth=8"]));
    let scratch = Scratch::new();
    let file = scratch.file(
        "grid.yaml",
        grid(&["{uring-send-zc: {depth: [1, 8]}}"], "message_sizes: [64]\nthreads: [1]\nmessages: 1"),
    );
    let by_grid = run(sweep(&file, &scratch.path("results"), &[]));
    for ended in [by_flag, by_grid] {
        assert_eq!(ended.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains("add chain=link, or use uring-bundle"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    assert!(!scratch.path("results").exists(), "a run was begun");
}

#[test]
fn chains_bundles_and_polled_rings_bring_every_byte_in_order() {
    let paths = [
        "{uring-send: {depth: [1, 8], chain: link, sqpoll: [off, on]}}",
        "{uring-send-zc: {depth: 8, chain: link}}",
        "{uring-send-zc-fixed: {depth: 8, chain: link}}",
        "{uring-bundle: {depth: [1, 64]}}",
    ];
    let more = "payload: [static, fresh]\nmessage_sizes: [64, 1001, 256KiB]\nthreads: [1, 4]\nmessages: 100\nwarmup: 2ms";
    let rows = rows(&grid(&paths, more), None, &[0]);
    assert_eq!(rows.len(), (4 + 1 + 1 + 2) * 2 * 3 * 2);
    for row in &rows {
        if row.status == Status::Unsupported {
            skip("chains_bundles_and_polled_rings", &row.reason);
            continue;
        }
        assert_eq!(
            (row.status, row.verified),
            (Status::Ok, Some(Verified::Bytes)),
            "{}: {}",
            row.cell,
            row.reason
        );
        assert_eq!(row.zc.completions, row.zc.sends, "{}", row.cell);
        if row.cell.contains("sqpoll=on") {
            assert_eq!(row.sender.cycles, None, "events of the worker alone: {}", row.cell);
        }
    }
}

#[test]
fn sixty_four_streams_have_a_ring_each() {
    let more = "message_sizes: [64, 16KiB]\nthreads: [64]\nmessages: 20\nwarmup: 2ms";
    for row in rows(&grid(&PATHS, more), None, &[0]) {
        if row.status == Status::Unsupported {
            skip("sixty_four_streams_have_a_ring_each", &row.reason);
            continue;
        }
        assert_eq!(
            (row.status, row.verified),
            (Status::Ok, Some(Verified::Bytes)),
            "{}: {}",
            row.cell,
            row.reason
        );
    }
}

/// That no process is left is looked for where the sweep is waited for; a thread that submits would keep its process.
#[test]
fn a_sender_that_is_killed_in_mid_trial_leaves_nothing_behind() {
    for path in ["uring-send:depth=8:chain=link:sqpoll=on", "uring-send-zc-fixed", "uring-bundle"] {
        let scratch = Scratch::new();
        let endless = grid(&[path], "message_sizes: [64KiB]\nthreads: [2]\nduration: 50ms\nwarmup: 1ms")
            .replace("repetitions: 1", "repetitions: 1000");
        let file = scratch.file("grid.yaml", endless);
        let results = scratch.path("results");
        let running = start_with_rows(sweep(&file, &results, &[]), &results, 2);
        let agents = running.agents();
        agents[0].kill(Signal::SIGKILL);
        let killed = Instant::now();
        let ended = running.wait();
        assert!(killed.elapsed() < Duration::from_secs(30), "{path}: {:?}", killed.elapsed());
        assert!(ended.stderr.contains("the sender agent was killed by signal 9"), "{path}: {ended:?}");
        assert_whole(&directory(&ended));
    }
}
