//! The x-ray of paths whose evidence is of more than one kind: io_uring's flags and threads, and a wire that drops.

mod support;

use std::sync::{Mutex, PoisonError};

use copycost::cell::Side;
use copycost::record::Copies;
use copycost::record::category::Category;
use copycost::record::copies::{Evidence, Place, Verdict};
use support::disturbance::Disturbance;
use support::lab::directory;
use support::process::{Running, run};
use support::xray::{Xray, sees_everything};
use support::{PATIENCE, Scratch, copycost, skip, until};

const RING: &str = "uring-send-zc";

/// What one test has copied in softirqs, another's samples cannot tell from its own.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// X-rays paths over a wire; none, and the test is skipped, where this machine cannot run one of them.
fn xray(test: &str, wire: &str, size: &str, paths: &[&str]) -> Option<Xray> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !sees_everything(test) {
        return None;
    }
    let scratch = Scratch::new();
    let mut command = copycost(["xray", "--quiet", "--wire", wire, "--size", size]);
    command.args(paths.iter().flat_map(|path| ["--path", path]));
    if wire == "sink" {
        command.args(["--receive-path", "none"]);
    }
    command.args(["--results", &scratch.text_path("results")]);
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    whole(test, Xray::read(&directory(&ended)))
}

fn whole(test: &str, seen: Xray) -> Option<Xray> {
    match seen.copies.iter().find(|row| row.note.starts_with("unsupported here")) {
        Some(row) => {
            skip(test, &row.note);
            None
        }
        None => Some(seen),
    }
}

/// The share of the calls that were flagged, by what a row says, in percent.
fn flagged(row: &Copies) -> f64 {
    let (before, _) = row.note.split_once(" %) are flagged COPIED").unwrap_or_else(|| panic!("{row:?}"));
    before.rsplit('(').next().unwrap().parse().unwrap()
}

#[test]
fn on_a_wire_that_drops_no_copy_is_confirmed_and_a_flag_that_claims_one_contradicted() {
    const TEST: &str = "on_a_wire_that_drops_no_copy_is_confirmed_and_a_flag_that_claims_one_contradicted";
    let Some(seen) = xray(TEST, "sink", "4KiB", &["zero-copy", RING]) else { return };
    assert!(seen.copies.iter().all(|row| row.place != Place::Receive), "nobody reads: {:?}", seen.copies);
    let strangers = |row: &&Copies| row.note.contains("on no worker's account");
    if let Some(row) = seen.copies.iter().find(strangers) {
        return skip(
            TEST,
            &format!("a machine on which no other program's packets are copied: {}", row.note),
        );
    }
    let none = (Verdict::Confirmed, "zero-copy on sink: no copy on the sender's side".to_owned());
    assert_eq!(seen.sentence("zero-copy"), none);
    let deferred = seen.copy(RING, Place::Deferred);
    let (verdict, sentence) = seen.sentence(RING);
    // Before Linux 6.10 the kernel stacks no notifications, and then the flag does not err.
    if flagged(deferred) > 50.0 {
        assert_eq!(
            (deferred.verdict, deferred.evidence),
            (Verdict::Contradicted, Evidence::Sampled),
            "{deferred:?}"
        );
        assert!(deferred.note.starts_with("the flag is contradicted by samples: "), "{deferred:?}");
        assert_eq!(verdict, Verdict::Contradicted, "{sentence}");
    } else {
        assert_eq!(
            (deferred.verdict, deferred.copied_per_byte),
            (Verdict::Confirmed, Some(0.0)),
            "{deferred:?}"
        );
    }
    for side in [Side::Sender, Side::Receiver] {
        let unknown = seen.share(RING, side, Category::Unattributed);
        assert!(unknown < 0.1, "{side}: {unknown:.3} of the samples have no category");
    }
}

#[test]
fn the_same_flag_is_right_where_the_kernel_copies_and_samples_refute_with_it() {
    const TEST: &str = "the_same_flag_is_right_where_the_kernel_copies_and_samples_refute_with_it";
    let Some(seen) = xray(TEST, "veth", "64KiB", &[RING]) else { return };
    let deferred = seen.copy(RING, Place::Deferred);
    assert_eq!((deferred.verdict, deferred.evidence), (Verdict::Refuted, Evidence::Sampled), "{deferred:?}");
    assert!(
        flagged(deferred) > 99.0 && deferred.note.contains("both kinds of evidence agree"),
        "{deferred:?}"
    );
    assert_eq!(seen.sentence(RING), (Verdict::Refuted, format!("{RING} on veth: deferred copies were seen")));
}

#[test]
fn what_a_thread_of_the_ring_copies_is_the_senders() {
    const TEST: &str = "what_a_thread_of_the_ring_copies_is_the_senders";
    const POLLED: &str = "uring-send:sqpoll=on";
    let Some(seen) = xray(TEST, "veth", "64KiB", &[POLLED]) else { return };
    let kernel = seen.copy(POLLED, Place::Kernel);
    assert_eq!(kernel.verdict, Verdict::Confirmed, "{kernel:?}");
    // The thread looks for requests most of the time, and whatever else runs takes its share.
    assert!(seen.share(POLLED, Side::Sender, Category::KernelCopy) > 0.005, "{:?}", seen.costs);
    // The program's own copies stand between no calls of its own.
    assert_ne!(seen.copy(POLLED, Place::User).evidence, Evidence::Exact);
    assert!(seen.share(POLLED, Side::Sender, Category::Unattributed) < 0.1, "{:?}", seen.costs);
}

#[test]
fn a_tap_copies_what_a_wire_drops() {
    const TEST: &str = "a_tap_copies_what_a_wire_drops";
    const PATHS: [&str; 2] = ["zero-copy", "splice"];
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !sees_everything(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: tap\npaths: [zero-copy, splice]\nreceive_paths: [none]\nwire: [sink]\nmessage_sizes: [64KiB]\nthreads: [1]\n\
         repetitions: 1\n",
    );
    let mut command = copycost(["xray", "--quiet", &grid]);
    command.args(["--results", &scratch.text_path("results")]);
    let running = Running::start(command);
    assert!(until(PATIENCE, || running.agents().len() == 2), "no agents:\n{}", running.stderr());
    let tap = Disturbance::tap(running.agents()[1].pid);
    let ended = running.wait();
    if let Err(error) = &tap {
        return skip(TEST, &format!("packet rings ({error})"));
    }
    drop(tap);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let Some(seen) = whole(TEST, Xray::read(&directory(&ended))) else { return };
    for path in PATHS {
        let (verdict, sentence) = seen.sentence(path);
        assert!(matches!(verdict, Verdict::Refuted | Verdict::NotMeasurable), "{verdict}: {sentence}");
    }
    assert!(PATHS.iter().any(|path| seen.sentence(path).0 == Verdict::Refuted), "{:?}", seen.copies);
}
