//! The instruction clock: two machines count the same, and a planted copy is as many instructions as it is.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use copycost::compare::{Comparison, Judgement, Measure, SAME};
use copycost::record::Status;
use copycost::tables::{Instructions, Run, samples};
use support::{Scratch, copycost, process, skip};

/// The kernel that the tests' machines run: a directory that a package was unpacked to.
fn kernel() -> Result<PathBuf, String> {
    let there = std::env::var_os("COPYCOST_TEST_KERNELS").map(PathBuf::from);
    let kernels = there.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kernels"));
    let entries = std::fs::read_dir(&kernels).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.contains("6.12") && !name.contains("cloud") && entry.path().is_dir()
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.into_iter().next().ok_or_else(|| format!("no kernel 6.12 is unpacked in {}", kernels.display()))
}

/// What a test needs; without it the test is skipped.
fn needed(test: &str) -> Option<PathBuf> {
    let qemu = Command::new("qemu-system-x86_64").arg("--version").output();
    let found = qemu.map_err(|error| format!("qemu-system-x86_64: {error}")).and_then(|_| kernel());
    found.map_err(|missing| skip(test, &missing)).ok()
}

/// Sweeps a grid in a machine of its own.
fn sweep(kernel: &Path, grid: &str) -> Run {
    let scratch = Scratch::new();
    scratch.file("grid.yaml", grid);
    let kernel = kernel.to_str().expect("a path in UTF-8");
    let mut command = copycost(["vm", "--clock", "instructions", "--kernel", kernel, "--"]);
    command.args(["sweep", "grid.yaml", "--no-report", "--results", "results"]);
    command.current_dir(scratch.path(""));
    let ended = process::run(command);
    assert_eq!(ended.code(), Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let (caveat, figures) =
        (ended.stdout.find("counted the guest's instructions"), ended.stdout.find("Gb/s  "));
    assert!(
        caveat.is_some() && caveat < figures,
        "what is counted is said before the figures:\n{}",
        ended.stdout
    );
    let run = Run::load(&scratch.path("results/latest")).expect("a run");
    assert!(run.trials.iter().all(|trial| trial.status == Status::Ok), "{:?}", run.trials);
    run
}

#[test]
fn two_machines_count_the_same_instructions() {
    let Some(kernel) = needed("two_machines_count_the_same_instructions") else { return };
    let grid = "name: twice\npaths: [plain-send, one-copy]\nmessage_sizes: [64, 16KiB]\nthreads: [1]\n\
                messages: 500\nwarmup: 10ms\nrepetitions: 3\n\
                socket: {nodelay: true, send_buffer: 512KiB, receive_buffer: 512KiB}\n";
    let (one, other) = (sweep(&kernel, grid), sweep(&kernel, grid));
    assert_eq!(one.manifest.seed, other.manifest.seed, "the order of trials is held still too");
    for measure in [Measure::THROUGHPUT, Measure::named("mean_recv_us").unwrap()] {
        let found = Comparison::of(&one, &other, measure, Some(SAME));
        let told: Vec<_> = found.cells.iter().map(|cell| (&cell.cell, cell.ratio.value)).collect();
        assert_eq!(found.count(Judgement::Indistinct), 4, "{}: {told:?}", measure.name);
        assert_eq!(found.regressions(), [] as [String; 0], "{}: {told:?}", measure.name);
    }
}

#[test]
fn a_planted_copy_is_as_many_instructions_a_byte_whatever_its_size_and_number() {
    let test = "a_planted_copy_is_as_many_instructions_a_byte_whatever_its_size_and_number";
    let Some(kernel) = needed(test) else { return };
    let run = sweep(
        &kernel,
        "name: planted\npaths: [plain-send, planted-1, planted-2, planted-4]\nmessage_sizes: [16KiB, 64KiB]\n\
         threads: [1]\nmessages: 300\nwarmup: 10ms\nrepetitions: 1\n\
         socket: {nodelay: true, send_buffer: 512KiB, receive_buffer: 512KiB}\n",
    );
    let all: Vec<Instructions> = samples(&run).iter().map(Instructions::of).collect();
    let sent = |path: &str, bytes: u64| {
        let found = all.iter().find(|one| one.cell.send_path == path && one.cell.message_bytes == bytes);
        found.and_then(|one| one.sender).expect("the sender's instructions")
    };
    let mut a_byte = Vec::new();
    for bytes in [16 << 10, 64 << 10] {
        for copies in [1_u64, 2, 4] {
            let more = sent(&format!("planted-{copies}"), bytes) - sent("plain-send", bytes);
            a_byte.push(more / (bytes * copies) as f64);
        }
    }
    println!("instructions a byte of a planted copy: {a_byte:?}");
    let least = a_byte.iter().copied().fold(f64::INFINITY, f64::min);
    let most = a_byte.iter().copied().fold(0.0, f64::max);
    assert!(least > 0.0 && most / least < 1.02, "{a_byte:?}");
}
