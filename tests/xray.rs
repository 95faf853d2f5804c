//! The x-ray of whole cells: what each path copies is found, counted where it can be, and never guessed.

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use copycost::cell::Side;
use copycost::path::{self, Entry, MovedBytes};
use copycost::record::Copies;
use copycost::record::category::{Category, Scope};
use copycost::record::copies::{Evidence, Place, Verdict};
use copycost::record::roofline::Level;
use support::lab::{directory, has_netns};
use support::process::run;
use support::xray::{Xray, sees_everything};
use support::{BINARY, Scratch, copycost, is_root, skip};

fn xray(arguments: &[&str]) -> Command {
    copycost(["xray", "--quiet"].iter().chain(arguments).copied())
}

fn xray_run(scratch: &Scratch, arguments: &[&str]) -> Xray {
    let mut command = xray(arguments);
    command.args(["--results", &scratch.text_path("results")]);
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    Xray::read(&directory(&ended))
}

/// Counted to the byte; a worker copies a few structures of its own beside the payload.
fn assert_counted(row: &Copies, copies: f64) {
    let counted = row.copied_per_byte.unwrap_or(f64::NAN);
    assert!(row.evidence == Evidence::Exact && (counted - copies).abs() < 1e-3, "{row:?}");
}

#[test]
fn every_path_is_seen_for_what_it_copies() {
    if !sees_everything("every_path_is_seen_for_what_it_copies") {
        return;
    }
    let scratch = Scratch::new();
    let seen = xray_run(&scratch, &["--size", "64KiB"]);

    for entry in path::REGISTRY {
        let first = seen.copy(entry.name, Place::User);
        if first.note.starts_with("unsupported here") {
            skip("every_path_is_seen_for_what_it_copies", &first.note);
            continue;
        }
        assert_seen(&seen, entry);
        match entry.promise {
            promise if promise.is_deferred => assert_deferred(&seen, entry.name),
            promise if promise.kernel > 0 => assert_copied(&seen, entry.name),
            _ => assert_uncopied(&seen, entry),
        }
    }
    assert!(seen.share("zero-copy", Side::Sender, Category::PagePinning) > 0.02);
    let levels: Vec<_> = seen.bounds.iter().map(|bound| bound.level).collect();
    assert!(levels.contains(&Level::Memory) && levels.contains(&Level::Floor), "{levels:?}");
}

/// What holds for every path: what it copies in user space, what the receiver copies, and that nothing else does.
fn assert_seen(seen: &Xray, entry: &Entry) {
    let path = entry.name;
    // Where the kernel tells nowhere how many bytes a call moved, there is nothing to count.
    if entry.interface.moved != MovedBytes::Nowhere {
        assert_counted(seen.copy(path, Place::User), f64::from(entry.promise.user));
    }
    if entry.promise.user > 0 {
        assert!(seen.share(path, Side::Sender, Category::GatherCopy) > 0.01, "{path}");
    }
    let receive = seen.copy(path, Place::Receive);
    assert_eq!((receive.copied_per_byte, receive.evidence), (Some(1.0), Evidence::Exact), "{receive:?}");
    assert_eq!(receive.copied_bytes, receive.call_bytes, "{receive:?}");
    for side in [Side::Sender, Side::Receiver] {
        let unknown = seen.share(path, side, Category::Unattributed);
        assert!(unknown < 0.1, "{path}, {side}: {unknown:.3} of the samples have no category");
    }
    // Beside other work on the same CPUs a few samples may leave it open; a copy of each byte would not.
    for place in [Place::BelowTcp, Place::Unknown] {
        let row = seen.copy(path, place);
        assert_ne!(row.verdict, Verdict::Refuted, "{row:?}");
        assert!(row.share.is_some_and(|share| share < 0.01 + seen.stray(path)), "{row:?}");
    }
}

fn assert_copied(seen: &Xray, path: &str) {
    let kernel = seen.copy(path, Place::Kernel);
    assert_eq!(kernel.verdict, Verdict::Confirmed, "{kernel:?}");
    assert!(seen.share(path, Side::Sender, Category::KernelCopy) > 0.04, "{path}");
}

fn assert_deferred(seen: &Xray, path: &str) {
    let deferred = seen.copy(path, Place::Deferred);
    // A flag that proves nothing leaves the samples.
    let (count, evidence, copies) = match path::is_flag_proof(path) {
        true => (Some(1.0), Evidence::Flagged, "1 deferred copy for each byte"),
        false => (None, Evidence::Sampled, "deferred copies were seen"),
    };
    assert_eq!((deferred.copied_per_byte, deferred.evidence), (count, evidence), "{deferred:?}");
    assert!(seen.share(path, Side::Sender, Category::DeferredCopy) > 0.05, "{path}");
    let refuted = (Verdict::Refuted, format!("{path} on veth: {copies}"));
    assert_eq!(seen.sentence(path), refuted);
}

/// A path that copies nothing into the kernel, now or later.
fn assert_uncopied(seen: &Xray, entry: &Entry) {
    let path = entry.name;
    let copies: f64 = [Category::KernelCopy, Category::DeferredCopy]
        .map(|copy| seen.share(path, Side::Sender, copy))
        .iter()
        .sum();
    // A copy of each byte takes a third of them.
    let few = 0.03 + seen.stray(path).min(0.1);
    assert!(copies < few, "{path}: {copies:.3} of the sender's samples are in a copy by the kernel");
    let (verdict, sentence) = seen.sentence(path);
    assert_eq!(verdict, Verdict::Confirmed, "{sentence}");
    if entry.promise.user == 0 {
        let gather = seen.share(path, Side::Sender, Category::GatherCopy);
        assert!(
            copies + gather < few,
            "{path}: {gather:.3} of the sender's samples are in a copy of its own"
        );
        assert_eq!(sentence, format!("{path} on veth: no copy on the sender's side"));
    }
}

#[test]
fn an_xray_alone_is_valid_and_has_a_report_that_refutations_head() {
    const TEST: &str = "an_xray_alone_is_valid_and_has_a_report_that_refutations_head";
    if !sees_everything(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let mut command = xray(&["--size", "64KiB", "--path", "two-copy", "--path", "zero-copy"]);
    command.args(["--results", &scratch.text_path("results")]);
    let ended = run(command);
    let path = directory(&ended);
    for verb in ["validate", "report"] {
        let ended = run(copycost([verb, path.to_str().unwrap()]));
        assert_eq!(ended.code(), Some(0), "{ended:?}");
    }
    let text = std::fs::read_to_string(path.join("report.md")).unwrap();
    let verdict = text.split("## Verdict").nth(1).unwrap().trim_start();
    assert!(
        verdict.starts_with("- **Label refuted**: zero-copy on veth: 1 deferred copy for each byte"),
        "{verdict}"
    );
    assert!(text.contains("## X-ray") && !text.contains("no trial went well"), "{text}");
    let figure = std::fs::read_to_string(path.join("plots/xray-cpu-by-category.svg")).unwrap();
    for words in ["two-copy sends", "zero-copy receives", "deferred copy", "gather copy (user space)"] {
        assert!(figure.contains(words), "{words}");
    }
    let chains = std::fs::read_to_string(path.join("xray.folded")).unwrap();
    for (cell, function) in [("zero-copy", "skb_copy_ubufs_[k]"), ("two-copy", "tcp_sendmsg_[k]")] {
        let starts = format!("veth/{cell}/recv/static/65536B/t1;sender;");
        let mut of_sender = chains.lines().filter(|line| line.starts_with(&starts));
        assert!(of_sender.any(|line| line.contains(function)), "{cell}: {function}");
    }
    assert!(chains.lines().any(|line| line.contains(";receiver;") && line.contains("tcp_recvmsg_[k]")));
    let flame = std::fs::read_to_string(path.join("plots/flame-zero-copy.svg")).unwrap();
    assert!(flame.contains("skb_copy_ubufs (") && text.contains("](plots/flame-zero-copy.svg)"));

    // What is not as it was measured is found.
    let copies = path.join("copies.csv");
    let rows = std::fs::read_to_string(&copies).unwrap();
    std::fs::write(&copies, rows.replacen("veth/two-copy", "veth/no-copy", 1)).unwrap();
    let ended = run(copycost(["validate", path.to_str().unwrap()]));
    assert_eq!(ended.code(), Some(3), "{ended:?}");
    assert!(ended.stdout.contains("copies.csv, line 2, column cell: the manifest has no cell"), "{ended:?}");
}

#[test]
fn planted_copies_are_counted_one_by_one_and_trunc_copies_nothing() {
    if !sees_everything("planted_copies_are_counted_one_by_one_and_trunc_copies_nothing") {
        return;
    }
    let scratch = Scratch::new();
    let paths = ["plain-send", "planted-1", "planted-2", "planted-4", "planted-32"];
    let arguments = paths.iter().flat_map(|path| ["--path", path]).chain(["--receive-path", "trunc"]);
    let seen = xray_run(&scratch, &arguments.collect::<Vec<_>>());
    for (path, copies) in paths.into_iter().zip([0.0, 1.0, 2.0, 4.0, 32.0]) {
        let user = seen.copy(path, Place::User);
        assert_counted(user, copies);
        let receive = seen.copy(path, Place::Receive);
        assert_eq!((receive.copied_per_byte, receive.evidence), (Some(0.0), Evidence::Exact), "{receive:?}");
    }
    let cost = |path: &str| {
        let rows = seen.costs.iter().filter(|row| row.cell.split('/').nth(1) == Some(path));
        rows.filter(|row| row.category == Category::GatherCopy).filter_map(|row| row.ns_per_kib).sum::<f64>()
    };
    // The further copies find what the first brought into the cache, and the machine may have changed its speed.
    assert!(cost("planted-32") > cost("planted-1") * 3.0, "thirty-two copies take longer than one");
}

#[test]
fn a_grid_with_xray_has_its_passes_after_the_trials_and_apart_from_them() {
    const TEST: &str = "a_grid_with_xray_has_its_passes_after_the_trials_and_apart_from_them";
    if !has_netns(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: tiny\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\nmessages: 50\nwarmup: 5ms\n\
         working_set: [hot, 1MiB]\nrepetitions: 2\nxray: true\n",
    );
    let results = scratch.path("results");
    let ended = run(support::lab::sweep(&grid, &results, &[]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run_directory = directory(&ended);
    let (trials, _) = support::lab::trials(&run_directory);
    assert_eq!(trials.len(), 4, "the passes are in no row of trials.csv");
    let seen = Xray::read(&run_directory);
    assert_eq!(seen.copies.len(), 2 * Place::XRAYED.len(), "two cells of six places each");

    let again = run(support::lab::resume(&run_directory));
    assert_eq!(again.code(), Some(0), "{again:?}");
    assert_eq!(Xray::read(&run_directory).copies, seen.copies, "what was x-rayed is not x-rayed again");
}

#[test]
fn without_rights_nothing_is_guessed_and_the_missing_right_is_named() {
    const TEST: &str = "without_rights_nothing_is_guessed_and_the_missing_right_is_named";
    if !is_root() {
        return skip(TEST, "root, to become nobody");
    }
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    if paranoid.trim().parse::<i32>().is_ok_and(|level| level < 2) {
        return skip(TEST, "kernel.perf_event_paranoid of 2 or more");
    }
    let scratch = Scratch::new();
    let results = scratch.path("results");
    std::fs::create_dir(&results).unwrap();
    std::os::unix::fs::chown(&results, Some(65534), Some(65534)).unwrap();
    let binary = scratch.text_path("copycost");
    std::fs::copy(BINARY, &binary).unwrap();
    let grid = scratch.file(
        "grid.yaml",
        "name: poor\npaths: [two-copy, splice]\nmessage_sizes: [64KiB]\nthreads: [1]\nlab: loopback\n\
         socket: {congestion: default}\n",
    );
    let mut command = Command::new(binary);
    command
        .args(["xray", "--quiet", &grid, "--results"])
        .arg(&results)
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let seen = Xray::read(&directory(&ended));
    for row in &seen.copies {
        if matches!(row.place, Place::Kernel | Place::Receive) {
            assert_eq!((row.copied_per_byte, row.evidence), (None, Evidence::NotMeasurable), "{row:?}");
            assert!(row.note.contains("CAP_PERFMON") || row.note.contains("CAP_SYS_ADMIN"), "{row:?}");
        }
    }
    assert!(
        seen.costs.iter().all(|row| row.scope == Scope::UserSpace),
        "the kernel was sampled without the right"
    );
    assert_eq!(seen.sentence("splice").0, Verdict::NotMeasurable);
}

#[test]
fn a_cell_that_cannot_run_has_rows_that_say_why() {
    let scratch = Scratch::new();
    let mut command = xray(&["--lab", "loopback", "--path", "splice", "--payload", "fresh"]);
    command.args(["--results", &scratch.text_path("results")]);
    let ended = run(command);
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    assert!(ended.stderr.contains("copycost: nothing could be x-rayed: "), "{}", ended.stderr);
    let seen = Xray::read(&directory(&ended));
    assert_eq!(seen.copies.len(), Place::XRAYED.len());
    for row in &seen.copies {
        assert_eq!(row.evidence, Evidence::NotMeasurable);
        assert!(row.note.contains("no completion"), "{row:?}");
    }
    assert!(seen.costs.is_empty());
}

#[test]
fn wrong_flags_and_grids_are_the_command_lines_fault() {
    for wrong in [&["--path", "no-such"][..], &["no-such-grid.yaml"], &["quick", "--path", "splice"]] {
        let ended = run(xray(wrong));
        assert_eq!(ended.code(), Some(2), "{ended:?}");
    }
}
