//! What the report makes of an x-ray whose findings are known.

mod support;

use std::path::Path;

use copycost::cell::Side;
use copycost::command::report::{ReportArgs, run as write_report};
use copycost::record::Appender;
use copycost::record::category::Category;
use copycost::record::copies::{Evidence, Place, Verdict};
use copycost::record::roofline::Level;
use copycost::record::{Attribution, Copies, Recorded, Roofline};
use copycost::report::{self, Part};
use copycost::tables::Run;
use copycost::validate::validate;
use support::simulate::{Noise, PathCost, Simulation};

fn append<R: Recorded>(dir: &Path, rows: &[R]) {
    Appender::create(dir).unwrap().append(rows).unwrap();
}

/// Two senders of 64 KiB: two-copy gathers and copies, zero-copy has a deferred copy and pins.
fn xray(dir: &Path) {
    let cell = |path: &str| format!("veth/{path}/recv/static/65536B/t1");
    let found = |path, place, evidence, verdict, count| Copies {
        cell: cell(path),
        place,
        evidence,
        verdict,
        copied_per_byte: count,
        note: "a right is missing".to_owned(),
        ..Copies::default()
    };
    let rows = [
        found("two-copy", Place::User, Evidence::Exact, Verdict::Confirmed, Some(1.0)),
        found("two-copy", Place::Kernel, Evidence::Sampled, Verdict::Confirmed, None),
        found("zero-copy", Place::Kernel, Evidence::NotMeasurable, Verdict::NotMeasurable, None),
        found("zero-copy", Place::Deferred, Evidence::Flagged, Verdict::Refuted, Some(1.0)),
    ];
    append(dir, &rows);
    let spent = |path, category, user, system, softirq, idle| Attribution {
        cell: cell(path),
        rep: 1,
        side: Side::Sender,
        category,
        samples: 100,
        share: 0.25,
        ns_per_kib: Some(user + system + softirq + idle),
        user_ns_per_kib: Some(user),
        system_ns_per_kib: Some(system),
        softirq_ns_per_kib: Some(softirq),
        idle_ns_per_kib: Some(idle),
        ..Attribution::default()
    };
    let rows = [
        spent("two-copy", Category::GatherCopy, 20.0, 0.0, 0.0, 0.0),
        spent("two-copy", Category::KernelCopy, 0.0, 60.0, 0.0, 0.0),
        spent("two-copy", Category::SchedulingIdle, 0.0, 5.0, 0.0, 30.0),
        spent("zero-copy", Category::DeferredCopy, 0.0, 10.0, 80.0, 0.0),
        spent("zero-copy", Category::PagePinning, 0.0, 25.0, 0.0, 0.0),
    ];
    append(dir, &rows);
    let rows = [
        Roofline {
            level: Level::Memory,
            throughput_gbps: 50.0,
            ns_per_kib: Some(160.0),
            ..Roofline::default()
        },
        Roofline { level: Level::L2, throughput_gbps: 9999.0, ns_per_kib: Some(0.8), ..Roofline::default() },
    ];
    append(dir, &rows);
}

#[test]
fn an_x_ray_heads_the_report_and_answers_in_it() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    xray(&dir);
    report::write(&Run::load(&dir).unwrap()).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let text = read("report.md");

    let verdict = text.split("## Verdict").nth(1).unwrap().trim_start();
    let refuted = "- **Label refuted**: zero-copy on veth: 1 deferred copy for each byte";
    assert!(verdict.starts_with(refuted), "{verdict}");
    for part in [
        "**copies into the kernel of zero-copy**: a right is missing.",
        "| two-copy | 64 KiB | 1 | 1.000, exact | seen, sampled |",
        // Waiting is no cost: 20 + 60 + 5.
        "| two-copy | 64 KiB | 1 | sender | 20.0 | 65.0 | 0 | 85.0 |",
        "| zero-copy | 64 KiB | 1 | sender | 0 | 35.0 | 80.0 | 115 |",
        "of 115 ns of CPU time per KiB at the sender, at 64 KiB with 1 thread: deferred copy 90.0 and page pinning 25.0.",
        "two-copy spent copy into the kernel 60.0 and gather copy (user space) 20.0, of 85.0 ns.",
        "Outside the figure: roofline: one copy in L2 at 9,999",
    ] {
        assert!(text.replace('\\', "").contains(part), "`{part}` is not in:\n{text}");
    }
    let figure = read("plots/xray-cpu-by-category.svg");
    assert!(figure.contains("zero-copy sends") && !figure.contains("receives"), "nothing was seen there");
    assert!(read("plots/throughput-by-size.svg").contains("roofline: one copy in memory"));
}

#[test]
fn call_chains_become_a_flame_graph_a_path_and_what_is_no_chain_is_left_out() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    xray(&dir);
    report::write(&Run::load(&dir).unwrap()).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert!(!read("report.md").contains("Flame graphs"), "absent where the run has no call chains");

    let chains = "veth/two-copy/recv/static/65536B/t1;sender;main;_copy_from_iter_[k];rep_movs_alternative_[k] 30\n\
                  veth/two-copy/recv/static/65536B/t1;receiver;main;tcp_recvmsg_[k] 10\n\
                  veth/two-copy/recv/static/64B/t1;sender;main;small_[k] 10\n";
    std::fs::write(dir.join("xray.folded"), chains).unwrap();
    assert!(validate(&dir).unwrap().checked.contains(&("xray.folded", 3)));
    let written = report::write(&Run::load(&dir).unwrap()).unwrap();
    assert!(written.files.contains(&dir.join("plots/flame-two-copy.svg")), "{:?}", written.files);
    let flame = read("plots/flame-two-copy.svg");
    for part in [
        "two-copy, 64 KiB with 1 thread (veth)",
        "rep_movs_alternative (30 samples, 75.00%)",
        "run simulated",
    ] {
        assert!(flame.contains(part), "`{part}` is not in {flame}");
    }
    let (page, text) = (read("report.html"), read("report.md"));
    assert!(text.contains("## Flame graphs") && text.contains("](plots/flame-two-copy.svg)"), "{text}");
    assert!(page.contains("<img src=\"data:image/svg+xml;base64,"), "the page needs no other file");

    // Of a stranger's hand: a name that is markup, a line that is none.
    std::fs::write(dir.join("xray.folded"), chains.replace("main", "</title><script>alert(1)</script>"))
        .unwrap();
    report::write(&Run::load(&dir).unwrap()).unwrap();
    assert!(!read("plots/flame-two-copy.svg").contains("<script>alert"));
    std::fs::write(dir.join("xray.folded"), format!("{chains}a b c\n")).unwrap();
    let run = Run::load(&dir).unwrap();
    assert!(run.xray.stacks.is_empty() && !run.xray.costs.is_empty());
    let said = run.left_out.join("\n");
    assert!(said.contains("xray.folded, line 4") && said.contains("flame graphs are left out"), "{said}");
    assert!(validate(&dir).unwrap().violations.iter().any(|fault| fault.to_string().contains("xray.folded")));
}

/// Two senders of 64 KiB in one stream, sampled with all that their CPUs did: together as long as the simulation has
/// them, 350 ns, and 40 of the 50 apart.
fn account(dir: &Path) {
    let cost = |path: &str, category, samples, user: f64, system: f64, gbps| Attribution {
        cell: format!("veth/{path}/recv/static/65536B/t1"),
        rep: 1,
        side: Side::Sender,
        category,
        samples,
        ns_per_kib: Some(user + system),
        user_ns_per_kib: Some(user),
        system_ns_per_kib: Some(system),
        throughput_gbps: Some(gbps),
        ..Attribution::default()
    };
    let rows = [
        cost("two-copy", Category::GatherCopy, 400, 40.0, 0.0, 8192.0 / 195.0),
        cost("two-copy", Category::TcpIp, 1550, 0.0, 155.0, 8192.0 / 195.0),
        cost("one-copy", Category::KernelCopy, 40, 4.0, 0.0, 8192.0 / 155.0),
        cost("one-copy", Category::TcpIp, 1510, 0.0, 151.0, 8192.0 / 155.0),
    ];
    append(dir, &rows);
}

#[test]
fn a_headline_says_what_it_costs_what_held_it_back_and_where_the_time_went() {
    let results = tempfile::tempdir().unwrap();
    let simulation = Simulation {
        paths: vec![PathCost::new("two-copy", 0.0, 200.0), PathCost::new("one-copy", 0.0, 150.0)],
        message_sizes: vec![64 << 10],
        threads: vec![1],
        repetitions: 10,
        control: Some("two-copy".to_owned()),
        noise: Noise::NONE,
        ..Simulation::default()
    };
    let dir = simulation.write(results.path()).unwrap();
    account(&dir);
    let only = vec![Part::Tables, Part::Markdown];
    write_report(&ReportArgs { runs: vec![dir.clone()], no_plots: true, only, ..ReportArgs::default() })
        .unwrap();
    let text = std::fs::read_to_string(dir.join("report.md")).unwrap().replace('\\', "");
    let verdict = text.split("## Verdict").nth(1).unwrap().split("\n## ").next().unwrap();
    for part in [
        "% faster than two-copy [",
        ", held back by the sender. Its sender's CPU time per KiB was 0.7",
        "Noise floor of",
        "(two-copy against itself)",
        "the x-ray finds 36.0 in copies and 4.00 in other work (TCP/IP 4.00);",
        "this account does not close",
    ] {
        assert!(verdict.contains(part), "`{part}` is not in:\n{verdict}");
    }
    let section = text.split("## Account").nth(1).unwrap();
    assert!(section.contains("| one-copy | 64 KiB | 1 |") && section.contains("tcp-ip 4.0"), "{section}");
    // The x-ray's 400 and 40 samples in user space, where ticks would have found a fifth of both.
    let answer = text.split("### 5. From").nth(1).unwrap();
    assert!(answer.contains("| 10.0 times [7.23–13.8] | x-ray |"), "{answer}");
    let rows = std::fs::read_to_string(dir.join("account.csv")).unwrap();
    assert!(rows.lines().count() == 3 && rows.contains(",tcp-ip 4.0,stream\n"), "{rows}");
}

#[test]
fn a_broken_file_of_the_x_ray_is_left_out_and_said_so() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    xray(&dir);
    let file = dir.join("xray.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("gather-copy", "no-such-category")).unwrap();
    let run = Run::load(&dir).unwrap();
    assert!(run.xray.costs.is_empty() && run.xray.copies.len() == 4);
    let said = run.left_out.join("\n");
    assert!(said.contains("xray.csv, line 2, column category") && said.contains("left out"), "{said}");
}

#[test]
fn an_x_ray_alone_says_what_it_left_out_and_misses_no_trials() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    xray(&dir);
    for file in ["trials.csv", "streams.csv"] {
        let text = std::fs::read_to_string(dir.join(file)).unwrap();
        std::fs::write(dir.join(file), text.lines().next().unwrap().to_owned() + "\n").unwrap();
    }
    let copies = dir.join("copies.csv");
    let text = std::fs::read_to_string(&copies).unwrap();
    std::fs::write(&copies, text + "veth/cut-").unwrap();
    report::write(&Run::load(&dir).unwrap()).unwrap();
    let text = std::fs::read_to_string(dir.join("report.md")).unwrap();
    let validity = text.split("## Validity").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(
        validity.contains("copies.csv, line 6: the row is cut off in the middle and left out"),
        "{validity}"
    );
    assert!(!validity.contains("missing cells") && !validity.contains("not drawn"), "{validity}");
    assert!(text.contains("an x-ray alone, without timed trials") && !text.contains("## Answers"));
}
