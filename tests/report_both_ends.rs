//! What the report says of send paths against receive paths.

mod support;

use std::path::Path;

use copycost::command::report::{ReportArgs, run as write_report};
use copycost::receive;
use copycost::record::copies::{Evidence, Place, Verdict};
use copycost::record::{Appender, csv_file};
use copycost::record::{Copies, ReceiveUsage, Trial};
use copycost::report::Part;
use support::simulate::{PathCost, Simulation};

fn simulated(results: &Path, receive_paths: &[&str]) -> std::path::PathBuf {
    let simulation = Simulation {
        paths: vec![PathCost::new("plain-send", 900.0, 150.0), PathCost::new("zero-copy", 5700.0, 225.0)],
        receive_paths: receive_paths.iter().map(|path| (*path).to_owned()).collect(),
        message_sizes: vec![64 << 10],
        threads: vec![1],
        ..Simulation::default()
    };
    simulation.write(results).unwrap()
}

fn report(dir: &Path) -> String {
    write_report(&ReportArgs {
        runs: vec![dir.to_owned()],
        no_plots: true,
        only: vec![Part::Markdown],
        ..ReportArgs::default()
    })
    .unwrap();
    std::fs::read_to_string(dir.join("report.md")).unwrap()
}

/// The fields of the rows of the table behind this caption, by the first field: the send path.
fn table(text: &str, caption: &str) -> Vec<Vec<String>> {
    let (_, rest) = text.split_once(caption).unwrap_or_else(|| panic!("no table `{caption}`:\n{text}"));
    let lines =
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines
        .map(|line| line.trim_matches('|').split('|').map(|field| field.trim().to_owned()).collect())
        .collect()
}

#[test]
fn copies_and_mapped_shares_of_each_pair_are_told_as_they_are_known() {
    let results = tempfile::tempdir().unwrap();
    let dir = simulated(results.path(), &["recv", "zc-mmap", "trunc"]);
    let mut rows: Vec<Trial> = csv_file::read(&dir).unwrap().rows;
    for row in rows.iter_mut().filter(|row| row.receive_path == "zc-mmap") {
        let mapped = if row.send_path == "zero-copy" { 96 } else { 0 };
        row.receive_usage = ReceiveUsage {
            mapped_bytes: Some(mapped),
            copied_bytes: Some(100 - mapped),
            ..ReceiveUsage::default()
        };
    }
    csv_file::replace(&dir, &rows).unwrap();
    let promised = report(&dir);
    let copies = table(&promised, "Copies of each payload byte, at the sender's end");
    assert_eq!(copies[0], ["path", "size", "threads", "recv", "zc-mmap", "trunc"]);
    let sends = "1.00 (promised)";
    assert_eq!(
        copies[2][3..],
        ["1.00 (promised)", "1.00 (promised)", "0 (promised)"].map(|at| format!("{sends} + {at}"))
    );
    // By the completions: in a simulation all calls of zero-copy are flagged.
    assert_eq!(
        copies[3][3..5],
        [format!("{sends} + 1.00 (promised)"), format!("{sends} + 0.0400 (promised)")]
    );
    let mapped = table(&promised, "Share of the received bytes that was mapped");
    assert_eq!(mapped[0][3..], ["zc-mmap"], "only paths of which the kernel tells it");
    assert_eq!([&mapped[2][3], &mapped[3][3]], ["0 %", "96 %"]);
    for side in ["sender", "receiver"] {
        let cpu = table(&promised, &format!("CPU time of the {side}'s worker threads"));
        assert_eq!((cpu.len(), cpu[0].len()), (4, 6), "{side}");
        assert!(
            cpu[2][3..].iter().all(|field| field.starts_with(|one: char| one.is_ascii_digit())),
            "{cpu:?}"
        );
    }

    let found = |path: &str, place, copied_per_byte, verdict, promised| Copies {
        cell: format!("veth/{path}/static/65536B/t1"),
        place,
        evidence: Evidence::Sampled,
        verdict,
        copied_per_byte,
        promised: Some(promised),
        ..Copies::default()
    };
    let rows = [
        found("plain-send/recv", Place::User, Some(0.0), Verdict::Confirmed, 0.0),
        found("plain-send/recv", Place::Kernel, None, Verdict::Confirmed, 1.0),
        found("plain-send/recv", Place::Deferred, Some(0.0), Verdict::Confirmed, 0.0),
        found("plain-send/recv", Place::Receive, None, Verdict::NotMeasurable, 1.0),
        found("plain-send/trunc", Place::User, Some(0.0), Verdict::Confirmed, 0.0),
        found("plain-send/trunc", Place::Kernel, None, Verdict::NotMeasurable, 1.0),
        found("plain-send/trunc", Place::Deferred, Some(0.0), Verdict::Confirmed, 0.0),
        found("plain-send/trunc", Place::Receive, None, Verdict::Refuted, 0.0),
    ];
    Appender::create(&dir).unwrap().append(&rows).unwrap();
    let copies = table(&report(&dir), "Copies of each payload byte, at the sender's end");
    assert_eq!(copies[2][3], "1.00 + 1.00 (promised)", "confirmed by samples; and not measurable");
    assert_eq!(copies[2][5], "1.00 (promised) + –", "refuted, and nobody knows by how much");
}

#[test]
fn what_can_be_mapped_is_said_where_a_path_maps_and_one_receive_path_is_no_matrix() {
    const TITLE: &str = "Send and receive paths";
    let of = |receive_paths: &[&str]| {
        let results = tempfile::tempdir().unwrap();
        report(&simulated(results.path(), receive_paths))
    };
    assert!(!of(&["recv"]).contains(TITLE));
    let both = of(&["recv", "trunc"]);
    assert!(both.contains(TITLE) && !both.contains(&receive::WHAT_CAN_BE_MAPPED[..40]));
    assert!(!both.contains("Share of the received bytes that was mapped"));
}
