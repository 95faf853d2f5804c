//! The card as a witness in a virtual machine: what it read, held against the x-ray's verdicts.

mod support;

use copycost::record::copies::{Copies, Evidence, Place, Verdict};
use support::Scratch;
use support::machine::Machine;
use support::process::run;
use support::xray::Xray;

const SERIES: &str = "6.12";

/// The x-ray of these paths over the machine's two cards.
fn xray(machine: &Machine, flags: &[&str], paths: &[&str]) -> Xray {
    let scratch = Scratch::new();
    let results = scratch.text_path("results");
    let words = ["xray", "--wire", "nic", "--size", "64KiB", "--quiet", "--results", &results];
    let mut command = machine.run(flags.iter().copied(), words);
    for path in paths {
        command.args(["--path", path]);
    }
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let mut runs = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    Xray::read(&runs.find(|path| path.is_dir() && !path.is_symlink()).expect("a run that came home"))
}

/// What the card told of a path: payload bytes that it read in the program's own pages, per payload byte.
fn direct(card: &Copies) -> f64 {
    assert_eq!(card.evidence, Evidence::Witnessed, "{card:?}");
    let (copied, sent) = (card.copied_bytes.unwrap(), card.call_bytes.unwrap());
    assert!(sent >= 128 << 10, "{card:?}");
    1.0 - copied as f64 / sent as f64
}

#[test]
fn the_card_reads_what_was_not_copied_in_the_program_s_own_pages() {
    let test = "the_card_reads_what_was_not_copied_in_the_program_s_own_pages";
    let Some(machine) = Machine::with_kernel(SERIES, test) else { return };
    let seen = xray(&machine, &[], &["zero-copy", "sendfile", "splice", "one-copy"]);
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
    let Some(machine) = Machine::with_kernel(SERIES, "bounce_buffers_are_seen_by_the_card") else { return };
    let seen = xray(&machine, &["--append", "swiotlb=force"], &["zero-copy"]);
    let card = seen.copy("zero-copy", Place::Card);
    assert!(direct(card) <= 0.05, "{card:?}");
    let (verdict, sentence) = seen.sentence("zero-copy");
    assert!(matches!(verdict, Verdict::Refuted | Verdict::Contradicted), "{sentence}");
}

#[test]
fn a_card_whose_reads_cannot_be_known_says_so() {
    let Some(machine) = Machine::with_kernel(SERIES, "a_card_whose_reads_cannot_be_known_says_so") else {
        return;
    };
    let seen = xray(&machine, &["--nic", "virtio"], &["one-copy"]);
    let card = seen.copy("one-copy", Place::Card);
    assert_eq!((card.evidence, card.copied_per_byte), (Evidence::NotMeasurable, None), "{card:?}");
    assert!(card.note.contains("virtio") && card.note.contains("--nic e1000e"), "{card:?}");
}
