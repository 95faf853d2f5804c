//! The x-ray where something on the wire copies every byte: no path may be confirmed to be free of it.

mod support;

use copycost::record::copies::{Place, Verdict};
use support::disturbance::Disturbance;
use support::lab::directory;
use support::process::Running;
use support::xray::{Xray, sees_everything};
use support::{PATIENCE, Scratch, copycost, skip, until};

const PATHS: [&str; 4] = ["zero-copy", "sendfile", "splice", "two-copy"];

/// X-rays every path over a wire that has been disturbed as soon as the agents are there: the lab is made, and
/// the memory roofline takes a second before the first pass.
fn xray(
    link: &str,
    disturb: impl FnOnce(&Running) -> std::io::Result<Option<Disturbance>>,
) -> std::io::Result<Xray> {
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        format!(
            "name: wire\npaths: [{}]\nmessage_sizes: [64KiB]\nthreads: [1]\nrepetitions: 1\n{link}\n",
            PATHS.join(", ")
        ),
    );
    let mut command = copycost(["xray", "--quiet", &grid]);
    command.args(["--results", &scratch.text_path("results")]);
    let running = Running::start(command);
    assert!(until(PATIENCE, || running.agents().len() == 2), "no agents:\n{}", running.stderr());
    let disturbance = disturb(&running)?;
    let ended = running.wait();
    drop(disturbance);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    Ok(Xray::read(&directory(&ended)))
}

/// No path is confirmed, and the copies are found where they are made.
fn assert_copies_below_tcp(seen: &Xray) {
    for path in PATHS {
        let (verdict, sentence) = seen.sentence(path);
        assert!(matches!(verdict, Verdict::Refuted | Verdict::NotMeasurable), "{verdict}: {sentence}");
        let below = seen.copy(path, Place::BelowTcp);
        assert_ne!(below.verdict, Verdict::Confirmed, "{below:?}");
    }
    let found = PATHS.iter().filter(|path| seen.copy(path, Place::BelowTcp).verdict == Verdict::Refuted);
    assert!(found.count() > 1, "{:?}", seen.copies);
}

#[test]
fn copies_for_xdp_are_found() {
    const TEST: &str = "copies_for_xdp_are_found";
    if !sees_everything(TEST) {
        return;
    }
    // The receiver's end is where the payload arrives.
    match xray("", |running| Disturbance::xdp(running.agents()[1].pid).map(Some)) {
        Ok(seen) => assert_copies_below_tcp(&seen),
        Err(error) => skip(TEST, &format!("XDP ({error})")),
    }
}

#[test]
fn copies_into_a_packet_ring_are_found() {
    const TEST: &str = "copies_into_a_packet_ring_are_found";
    if !sees_everything(TEST) {
        return;
    }
    match xray("", |running| Disturbance::tap(running.agents()[0].pid).map(Some)) {
        Ok(seen) => assert_copies_below_tcp(&seen),
        Err(error) => skip(TEST, &format!("packet rings ({error})")),
    }
}

#[test]
fn copies_of_segments_without_scatter_gather_are_found() {
    if !sees_everything("copies_of_segments_without_scatter_gather_are_found") {
        return;
    }
    let seen = xray("link: {scatter-gather: false}", |_| Ok(None)).unwrap();
    assert_copies_below_tcp(&seen);
    for path in PATHS {
        let below = seen.copy(path, Place::BelowTcp);
        assert!(below.note.contains("scatter-gather off"), "what the interface says explains it: {below:?}");
    }
}
