//! The instruction clock: two machines count the same, and a planted copy is as many instructions as it is.

mod support;

use copycost::compare::{Comparison, Judgement, SAME};
use copycost::record::Status;
use copycost::tables::{Instructions, Metric, Run, THROUGHPUT, samples};
use support::machine::Machine;
use support::{Scratch, process};

const SERIES: &str = "6.12";

/// Sweeps a grid in a machine of its own.
fn sweep(machine: &Machine, grid: &str) -> Run {
    let scratch = Scratch::new();
    scratch.file("grid.yaml", grid);
    let words = ["sweep", "grid.yaml", "--no-report", "--results", "results"];
    let mut command = machine.run(["--clock", "instructions"], words);
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
    let Some(machine) = Machine::with_kernel(SERIES, "two_machines_count_the_same_instructions") else {
        return;
    };
    // What the built-in grid holds still, in fewer cells.
    let grid = "name: twice\npaths: [plain-send, one-copy, zero-copy, splice]\nmessage_sizes: [64, 16KiB]\n\
                threads: [1]\nmessages: 1024\nwarmup: 10ms\nrepetitions: 3\n\
                socket: {congestion: cubic, nodelay: true, send_buffer: 512KiB, receive_buffer: 512KiB}\n";
    let (one, other) = (sweep(&machine, grid), sweep(&machine, grid));
    assert_eq!(one.manifest.seed, other.manifest.seed, "the order of trials is held still too");
    for measure in [&THROUGHPUT, Metric::judged("mean_recv_us").unwrap()] {
        let found = Comparison::of(&one, &other, measure, Some(SAME));
        let told: Vec<_> = found.cells.iter().map(|cell| (&cell.cell, cell.ratio.value)).collect();
        assert_eq!(found.count(Judgement::Indistinct), 8, "{}: {told:?}", measure.name);
        assert_eq!(found.regressions(), [] as [String; 0], "{}: {told:?}", measure.name);
    }
}

#[test]
fn a_planted_copy_is_as_many_instructions_per_byte_whatever_its_size_and_number() {
    let test = "a_planted_copy_is_as_many_instructions_per_byte_whatever_its_size_and_number";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let run = sweep(
        &machine,
        "name: planted\npaths: [plain-send, planted-1, planted-2, planted-4]\nmessage_sizes: [16KiB, 64KiB]\n\
         threads: [1]\nmessages: 300\nwarmup: 10ms\nrepetitions: 1\n\
         socket: {nodelay: true, send_buffer: 512KiB, receive_buffer: 512KiB}\n",
    );
    let all: Vec<Instructions> = samples(&run).iter().map(Instructions::of).collect();
    let sent = |path: &str, bytes: u64| {
        let found = all.iter().find(|one| one.cell.send_path == path && one.cell.message_bytes == bytes);
        found.and_then(|one| one.sender).expect("the sender's instructions")
    };
    // What a message adds whatever its size, some seventy instructions and in a debug build three hundred for each
    // copy, is the same in both sizes: the bytes between them cost what the copy of a byte does.
    let (small, large) = (16 << 10, 64 << 10);
    let (mut per_byte, mut whole) = (Vec::new(), Vec::new());
    for copies in [1_u64, 2, 4] {
        let [few, many] =
            [small, large].map(|bytes| sent(&format!("planted-{copies}"), bytes) - sent("plain-send", bytes));
        per_byte.push((many - few) / ((large - small) * copies) as f64);
        whole.extend([few / (small * copies) as f64, many / (large * copies) as f64]);
    }
    println!("instructions per byte of a planted copy: {per_byte:?}; with what a message adds: {whole:?}");
    let least = per_byte.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    assert!(least > 0.0 && most(&per_byte) / least < 1.03, "{per_byte:?}");
    assert!(most(&whole) / least < 1.2, "{whole:?}");
}
