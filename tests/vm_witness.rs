//! The card as a witness in a virtual machine: what it read, held against the x-ray's verdicts.

mod support;

use std::path::PathBuf;
use std::process::Command;

use copycost::record::copies::{Copies, Evidence, Place, Verdict};
use support::process::run;
use support::xray::Xray;
use support::{Scratch, copycost, skip};

/// An unpacked kernel package with a module for the card e1000e; the test is skipped where there is none, and
/// where there is no QEMU.
fn kernel(test: &str) -> Option<PathBuf> {
    let program = std::env::var("COPYCOST_QEMU").unwrap_or_else(|_| "qemu-system-x86_64".to_owned());
    if Command::new(program).arg("--version").output().is_err() {
        skip(test, "QEMU");
        return None;
    }
    let directory = std::env::var_os("COPYCOST_TEST_KERNELS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/kernels")), PathBuf::from);
    let mut kernels: Vec<PathBuf> =
        std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    kernels.sort();
    let suits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_dir() && name.contains("6.12") && !name.contains("cloud")
    };
    let found = kernels.into_iter().find(suits);
    if found.is_none() {
        skip(test, "an unpacked kernel 6.12 under target/kernels");
    }
    found
}

/// The x-ray of these paths over the machine's two cards.
fn xray(kernel: &std::path::Path, machine: &[&str], paths: &[&str]) -> Xray {
    let scratch = Scratch::new();
    let results = scratch.text_path("results");
    let mut command = copycost(["vm", "--quiet", "--accel", "tcg", "--kernel"]);
    command.arg(kernel).args(machine).args(["--", "xray", "--wire", "nic", "--size", "64KiB", "--quiet"]);
    for path in paths {
        command.args(["--path", path]);
    }
    command.args(["--results", &results]);
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let mut runs = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    Xray::read(&runs.find(|path| path.is_dir() && !path.is_symlink()).expect("a run that came home"))
}

/// What the card told of a path: payload bytes that it read in the program's own pages, per payload byte.
fn direct(card: &Copies) -> f64 {
    assert_eq!(card.evidence, Evidence::Witnessed, "{card:?}");
    let (copied, sent) = (card.copied_bytes.unwrap(), card.call_bytes.unwrap());
    assert!(sent > 1 << 20, "{card:?}");
    1.0 - copied as f64 / sent as f64
}

#[test]
fn the_card_reads_what_was_not_copied_in_the_program_s_own_pages() {
    let test = "the_card_reads_what_was_not_copied_in_the_program_s_own_pages";
    let Some(kernel) = kernel(test) else { return };
    let seen = xray(&kernel, &[], &["zero-copy", "sendfile", "splice", "one-copy"]);
    for path in ["zero-copy", "sendfile", "splice"] {
        let card = seen.copy(path, Place::Card);
        assert!(direct(card) >= 0.95, "{path}: {card:?}");
        assert_eq!((card.verdict, card.promised), (Verdict::Confirmed, Some(0.0)), "{path}: {card:?}");
        let (verdict, sentence) = seen.sentence(path);
        assert!(!matches!(verdict, Verdict::Refuted | Verdict::Contradicted), "{sentence}");
    }
    let card = seen.copy("one-copy", Place::Card);
    assert!(direct(card) <= 0.05, "{card:?}");
    assert_eq!((card.verdict, card.promised), (Verdict::Confirmed, Some(1.0)), "{card:?}");
}

#[test]
fn bounce_buffers_are_seen_by_the_card() {
    let Some(kernel) = kernel("bounce_buffers_are_seen_by_the_card") else { return };
    let seen = xray(&kernel, &["--append", "swiotlb=force"], &["zero-copy"]);
    let card = seen.copy("zero-copy", Place::Card);
    assert!(direct(card) <= 0.05, "{card:?}");
    let (verdict, sentence) = seen.sentence("zero-copy");
    assert!(matches!(verdict, Verdict::Refuted | Verdict::Contradicted), "{sentence}");
}

#[test]
fn a_card_whose_reads_cannot_be_known_says_so() {
    let Some(kernel) = kernel("a_card_whose_reads_cannot_be_known_says_so") else { return };
    let seen = xray(&kernel, &["--nic", "virtio"], &["one-copy"]);
    let card = seen.copy("one-copy", Place::Card);
    assert_eq!((card.evidence, card.copied_per_byte), (Evidence::NotMeasurable, None), "{card:?}");
    assert!(card.note.contains("virtio") && card.note.contains("--nic e1000e"), "{card:?}");
}
