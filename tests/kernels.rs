//! Other kernels and other wires, in virtual machines: every path runs and is verified, and no verdict says more
//! than the card, the counts and the kernel's own counters bear out.

mod support;

use copycost::path::{BASELINE, MovedBytes};
use copycost::receive;
use copycost::record::copies::{Copies, Evidence, Place, Verdict};
use copycost::record::{Status, Trial, Verified};
use std::path::{Path, PathBuf};
use support::lab::{assert_whole, manifest, only_run, trials};
use support::machine::{Machine, paths};
use support::process::run;
use support::xray::Xray;
use support::{Scratch, copycost, skip};

/// Paths that promise that a card reads the program's own pages.
fn without_copies() -> Vec<&'static str> {
    paths().filter(|entry| entry.promise.kernel == 0).map(|entry| entry.name).collect()
}

/// A test for each kernel.
macro_rules! on_each_kernel {
    ($($test:ident),+ $(,)?) => {
        mod linux_6_1 {
            $(#[test]
            fn $test() {
                super::$test("6.1", concat!("linux_6_1::", stringify!($test)));
            })+
        }
        mod linux_6_12 {
            $(#[test]
            fn $test() {
                super::$test("6.12", concat!("linux_6_12::", stringify!($test)));
            })+
        }
    };
}

on_each_kernel!(
    every_path_runs_and_every_byte_is_verified,
    every_receive_path_runs_or_says_which_kernel_has_it,
    over_veth_copies_into_the_kernel_are_counted,
    over_a_card_no_copy_is_confirmed_and_witnessed,
    without_scatter_gather_nothing_is_confirmed,
    over_a_card_without_offloads_nothing_is_confirmed,
    through_bounce_buffers_nothing_is_confirmed,
);

/// The one run that came home to this directory.
fn home(results: &Path) -> PathBuf {
    only_run(results).or_else(|| xrayed(results)).expect("a run that came home")
}

/// A run of the x-ray alone, which has no trials.
fn xrayed(results: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(results).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir() && !path.is_symlink()).find(|path| path.join("copies.csv").exists())
}

/// The x-ray of these paths over this wire.
fn xray(machine: &Machine, flags: &[&str], wire: &str, paths: &[&str]) -> Xray {
    let scratch = Scratch::new();
    let results = scratch.text_path("results");
    let words = ["xray", "--wire", wire, "--size", "64KiB", "--quiet", "--results", &results];
    let mut command = machine.run(flags.iter().copied(), words);
    for path in paths {
        command.args(["--path", path]);
    }
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    Xray::read(&home(Path::new(&results)))
}

/// Whether a trial is of what this kernel lacks, and says which one has it.
fn is_beyond(series: &str, row: &Trial) -> bool {
    row.status == Status::Unsupported && series == "6.1" && row.reason.ends_with("they take Linux 6.10")
}

fn every_path_runs_and_every_byte_is_verified(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let scratch = Scratch::new();
    let names: Vec<_> = paths().map(|entry| entry.name).collect();
    let grid = scratch.file(
        "grid.yaml",
        format!(
            "name: every\npaths: [{}]\nmessage_sizes: [64, 16KiB]\nthreads: [1, 2]\nmessages: 50\n\
             warmup: 5ms\nrepetitions: 1\nseed: 7\nverify: true\nwire: [veth, nic]\n",
            names.join(", ")
        ),
    );
    let results = scratch.text_path("results");
    let ended =
        run(machine.run(["--quiet"], ["sweep", &grid, "--no-report", "--quiet", "--results", &results]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = home(Path::new(&results));
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), names.len() * 2 * 2 * 2, "{ended:?}");
    for row in &rows {
        if is_beyond(series, row) {
            continue;
        }
        assert_eq!((row.status, row.verified), (Status::Ok, Some(Verified::Bytes)), "{row:?}");
    }
    assert_whole(&run);
    assert!(manifest(&run).sender.host.kernel.starts_with(&format!("{series}.")));
    let valid = support::process::run(copycost(["validate", run.to_str().unwrap()]));
    assert_eq!(valid.code(), Some(0), "{valid:?}");
}

fn every_receive_path_runs_or_says_which_kernel_has_it(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: receive\npaths: [plain-send, zero-copy]\nreceive_paths: [all]\nmessage_sizes: [64, 64KiB]\nthreads: [1]\n\
         messages: 50\nwarmup: 5ms\nrepetitions: 1\nseed: 7\nwire: veth\nlink: {mtu: 4148}\n\
         socket: {rcvlowat: [0, 4KiB]}\n",
    );
    let results = scratch.text_path("results");
    let ended =
        run(machine.run(["--quiet"], ["sweep", &grid, "--no-report", "--quiet", "--results", &results]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = home(Path::new(&results));
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), 2 * receive::REGISTRY.len() * 2 * 2, "{ended:?}");
    for row in &rows {
        let is_bundle = row.receive_path.starts_with("uring-bundle");
        if is_bundle && series == "6.1" {
            assert_eq!(row.status, Status::Unsupported, "{row:?}");
            assert!(row.reason.contains("Linux 6.10") && row.reason.contains("uring-multishot"), "{row:?}");
            continue;
        }
        assert_eq!((row.status, row.bytes), (Status::Ok, Some(50 * row.message_bytes)), "{row:?}");
        let usage = &row.receive_usage;
        let told = usage.mapped_bytes.zip(usage.copied_bytes);
        assert_eq!(told.map(|(mapped, copied)| mapped + copied), told.and(row.total_bytes), "{row:?}");
        let maps = row.receive_path.starts_with("zc-mmap") && row.send_path == "zero-copy";
        assert!(!maps || row.message_bytes < 4096 || usage.mapped_bytes > Some(0), "{row:?}");
    }
    assert_whole(&run);
}

fn over_veth_copies_into_the_kernel_are_counted(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let names: Vec<_> = paths().map(|entry| entry.name).collect();
    let seen = xray(&machine, &["--quiet"], "veth", &names);
    for entry in paths() {
        // Where no call's result tells how many bytes it moved, there is nothing to count.
        if matches!(entry.interface.moved, MovedBytes::Results(_)) {
            let kernel = seen.copy(entry.name, Place::Kernel);
            assert_eq!(kernel.evidence, Evidence::Exact, "{kernel:?}");
            let promised = f64::from(entry.promise.kernel);
            assert!((kernel.copied_per_byte.unwrap() - promised).abs() < 0.02, "{kernel:?}");
        }
        let (verdict, sentence) = seen.sentence(entry.name);
        // The deferred copy, or a machine too busy to show its absence.
        let is_refuted = verdict == Verdict::Refuted;
        let below = &seen.copy(entry.name, Place::BelowTcp).note;
        assert_eq!(is_refuted, entry.promise.is_deferred, "{verdict}: {sentence}: {below}");
        assert_ne!(verdict, Verdict::Contradicted, "{sentence}");
    }
}

/// What the card reported of a path: payload bytes that it read in the program's own pages, per payload byte.
fn direct(card: &Copies) -> f64 {
    assert_eq!(card.evidence, Evidence::Witnessed, "{card:?}");
    let (copied, sent) = (card.copied_bytes.unwrap(), card.call_bytes.unwrap());
    assert!(sent >= 128 << 10, "{card:?}");
    1.0 - copied as f64 / sent as f64
}

fn over_a_card_no_copy_is_confirmed_and_witnessed(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let without_copies = without_copies();
    let seen = xray(&machine, &["--quiet"], "nic", &[&without_copies[..], &[BASELINE.name]].concat());
    for &path in &without_copies {
        let card = seen.copy(path, Place::Card);
        assert!(direct(card) >= 0.95, "{path}: {card:?}");
        assert_eq!((card.verdict, card.promised), (Verdict::Confirmed, Some(0.0)), "{path}: {card:?}");
    }
    let told: Vec<_> = without_copies.iter().map(|path| seen.sentence(path)).collect();
    // On a busy host a path may move too few bytes to be confirmed; not all of them do.
    assert!(told.iter().any(|(verdict, _)| *verdict == Verdict::Confirmed), "{told:?}");
    assert!(
        told.iter().all(|(verdict, _)| matches!(verdict, Verdict::Confirmed | Verdict::NotMeasurable)),
        "{told:?}"
    );
    let card = seen.copy(BASELINE.name, Place::Card);
    assert!(direct(card) <= 0.05, "{card:?}");
    assert_eq!((card.verdict, card.promised), (Verdict::Confirmed, Some(1.0)), "{card:?}");
}

/// No path that promises to copy nothing may be confirmed, and the card, where it can be asked, says the same. On a
/// busy host a path may move too few bytes to be refuted; not all of them do.
fn assert_nothing_confirmed(seen: &Xray) {
    let without_copies = without_copies();
    let told: Vec<_> = without_copies.iter().map(|path| seen.sentence(path)).collect();
    let is_refuted =
        |(verdict, _): &&(Verdict, String)| matches!(verdict, Verdict::Refuted | Verdict::Contradicted);
    assert!(told.iter().any(|one| is_refuted(&one)), "{told:?}");
    for (path, (verdict, sentence)) in without_copies.into_iter().zip(&told) {
        assert_ne!(*verdict, Verdict::Confirmed, "{sentence}");
        let card = seen.copy(path, Place::Card);
        if card.evidence == Evidence::Witnessed {
            assert!(direct(card) <= 0.05, "{card:?}");
        }
    }
}

fn without_scatter_gather_nothing_is_confirmed(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        format!(
            "name: plain\npaths: [{}]\nmessage_sizes: [64KiB]\nthreads: [1]\nrepetitions: 1\nwire: nic\n\
             link: {{scatter-gather: false}}\n",
            without_copies().join(", ")
        ),
    );
    let results = scratch.text_path("results");
    let ended = run(machine.run(["--quiet"], ["xray", &grid, "--quiet", "--results", &results]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = home(Path::new(&results));
    assert_eq!(manifest(&run).wires["nic"].sender.offloads.get("scatter-gather"), Some(&false));
    assert_nothing_confirmed(&Xray::read(&run));
}

fn over_a_card_without_offloads_nothing_is_confirmed(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let seen = xray(&machine, &["--quiet", "--nic", "virtio"], "nic", &without_copies());
    assert_nothing_confirmed(&seen);
    let card = seen.copy("splice", Place::Card);
    assert_eq!((card.evidence, card.copied_per_byte), (Evidence::NotMeasurable, None), "{card:?}");
    assert!(card.note.contains("virtio") && card.note.contains("--nic e1000e"), "{card:?}");
}

fn through_bounce_buffers_nothing_is_confirmed(series: &str, test: &str) {
    let Some(machine) = Machine::with_kernel(series, test) else { return };
    let seen = xray(&machine, &["--quiet", "--append", "swiotlb=force"], "nic", &without_copies());
    assert_nothing_confirmed(&seen);
}

/// A card outlives the namespace that it was lent to; what was its own is given back by the next command.
#[test]
fn a_card_is_itself_again_after_the_program_was_killed() {
    let test = "a_card_is_itself_again_after_the_program_was_killed";
    let Some(machine) = Machine::with_kernel("6.12", test) else { return };
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else { return skip(test, "busybox, statically linked") };
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: card\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\nduration: 1s\nrepetitions: 100\n\
         wire: nic\nlink: {delay: 100us}\n",
    );
    // The shell of the guest: the program itself is /init there.
    let script = format!(
        "b=/carried/busybox\n\
         $b ip addr add 10.1.2.3/24 dev eth0; $b ip link set eth0 mtu 1400; $b ip link set eth0 up\n\
         (exec -a copycost /init sweep {grid} --quiet --no-report) & sweep=$!\n\
         while [ ! -s results/latest/trials.csv ]; do $b sleep 0.2; done\n\
         echo lent: $($b ip -o link)\n\
         $b kill -9 $sweep; $b sleep 1\n\
         (exec -a copycost /init doctor) | $b grep borrowed\n\
         echo back: $($b ip -o link show eth0) $($b ip -o addr show eth0)\n\
         echo queue: $($b tc qdisc show dev eth0)\n\
         echo journals: $($b ls /run/copycost | $b wc -l)\n"
    );
    let script = scratch.file("script.sh", script);
    let flags = ["--quiet", "--with", busybox, "--with", &script];
    let mut command = machine.run(flags, ["busybox", "sh", "/carried/script.sh", &grid]);
    command.current_dir(scratch.path("."));
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let line = |start: &str| ended.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    assert!(!line("lent:").contains("eth"), "{ended:?}");
    for part in ["eth0", "mtu 1400", "10.1.2.3/24", "UP"] {
        assert!(line("back:").contains(part), "`{part}` is missing: {ended:?}");
    }
    assert!(line("queue:").contains("qdisc") && !line("queue:").contains("netem"), "{ended:?}");
    assert_eq!(line("journals:"), "journals: 0", "{ended:?}");
    assert!(line("note").contains("eth0 has its name, addresses, routes and settings again"), "{ended:?}");
}
