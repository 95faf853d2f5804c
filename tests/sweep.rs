//! Whole sweeps in real namespaces and on loopback: the rows, the manifest, and what is left.

mod support;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::Command;

use copycost::counters::events::Event;
use copycost::record::{Manifest, Status, Trial};
use nix::sched::{CloneFlags, unshare};
use support::lab::{
    assert_whole, copy_of, directory, has_netns, key, manifest, mounted_namespaces, our_interfaces, resume,
    streams, sweep, tiny_grid, trials,
};
use support::process::run;
use support::{BINARY, Scratch, copycost, is_root, skip};

/// Checks that the rows are the grid's: every cell once in every block, numbered as they ran.
fn assert_rows_of(rows: &[Trial], cells: &[String], blocks: u32) {
    assert_eq!(rows.len(), cells.len() * blocks as usize);
    assert!(rows.iter().map(|row| row.order).eq(1..=rows.len() as u64), "rows out of order");
    for (block, rows) in (1..).zip(rows.chunks(cells.len())) {
        let ran: BTreeSet<&str> = rows.iter().map(|row| row.cell.as_str()).collect();
        assert_eq!(ran, cells.iter().map(String::as_str).collect(), "block {block}");
        assert!(rows.iter().all(|row| row.block == block && row.rep == block), "block {block}");
    }
}

/// A counter that the manifest calls available has a figure in every row, another has none.
fn assert_counters(manifest: &Manifest, rows: &[Trial]) {
    let column = |row: &Trial, event: Event| match event {
        Event::Cycles => row.sender.cycles,
        Event::Instructions => row.sender.instructions,
        Event::CacheReferences => row.sender.cache_references,
        Event::CacheMisses => row.sender.cache_misses,
        Event::L1dLoadMisses => row.sender.l1d_load_misses,
        Event::LlcLoadMisses => row.sender.llc_load_misses,
        Event::BranchMisses => row.sender.branch_misses,
        Event::ContextSwitches => row.sender.context_switches,
        Event::CpuMigrations => row.sender.cpu_migrations,
        Event::PageFaults => row.sender.page_faults,
        Event::TaskClock => row.sender.task_clock_s.map(|_| 1),
    };
    for event in Event::ALL {
        let said = &manifest.sender.counters[event.word()];
        let there = said.is_there();
        assert!(there || said.to_string().len() > 10, "{event}: no reason, but `{said}`");
        // A hardware event that is available may still find no room on the PMU in so short a window.
        if !there || !event.is_hardware() {
            let with = rows.iter().filter(|row| column(row, event).is_some()).count();
            assert_eq!(with, if there { rows.len() } else { 0 }, "{event}: {said}");
        }
    }
}

/// Asserts that a trial of 50 messages a stream on one host was measured whole.
fn assert_went_well(row: &Trial, run_id: &str) {
    let what = format!("{} #{}", row.cell, row.rep);
    assert_eq!((row.status, row.reason.as_str(), row.run_id.as_str()), (Status::Ok, "", run_id), "{what}");
    let bytes = Some(50 * row.message_bytes * u64::from(row.threads));
    assert_eq!((row.bytes, row.sender.bytes, row.receiver.bytes), (bytes, bytes, bytes), "{what}");
    assert!(row.total_bytes >= bytes, "{what}: {:?}", row.total_bytes);
    assert!(row.throughput_gbps > Some(0.0) && row.retransmits.is_some(), "{what}");
    let zc = &row.zc;
    if row.send_path == "zero-copy" {
        // Every call is reported; and delivered on the same host, the kernel has copied every one.
        assert!(zc.sends >= row.sender.calls && zc.sends > Some(0), "{what}: {zc:?}");
        assert_eq!((zc.completions, zc.copied, zc.unreported), (zc.sends, zc.sends, Some(0)), "{what}");
    } else {
        assert_eq!((zc.sends, zc.completions, zc.copied, zc.unreported), (None, None, None, None), "{what}");
    }
}

#[test]
fn a_netns_sweep_writes_every_row_and_leaves_nothing() {
    if !has_netns("a_netns_sweep_writes_every_row_and_leaves_nothing") {
        return;
    }
    let mounts = mounted_namespaces();
    let scratch = Scratch::new();
    let text = "name: whole\npaths: [plain-send, A1, A2, A3]\nmessage_sizes: [64, 4KiB]\nthreads: [1, 2]\n\
                messages: 50\nwarmup: 5ms\nrepetitions: 2\nseed: 99\nlink: {mtu: 9000, tso: false}\n";
    let grid = scratch.file("grid.yaml", text);
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    assert_eq!(std::fs::canonicalize(scratch.path("results/latest")).unwrap(), run.canonicalize().unwrap());
    assert_whole(&run);

    let manifest = manifest(&run);
    let wire = &manifest.wires["veth"];
    assert_eq!((manifest.lab.as_str(), wire.kind.as_str()), ("netns", "veth"));
    assert_eq!((wire.sender.mtu, wire.sender.offloads.get("tso")), (Some(9000), Some(&false)));
    assert_eq!((manifest.grid.as_str(), manifest.seed, manifest.resumed), (text, 99, 0));
    assert_eq!(manifest.outcome.as_deref(), Some("complete"));
    assert!(manifest.finished_at.is_some() && manifest.grid_sha256.len() == 64);
    assert!(run.ends_with(&manifest.run_id) && manifest.run_id.ends_with("-whole"));
    assert_eq!(manifest.tool.binary_sha256, manifest.sender.binary_sha256);

    let (rows, _) = trials(&run);
    assert_rows_of(&rows, &manifest.cells, 2);
    assert_counters(&manifest, &rows);
    rows.iter().for_each(|row| assert_went_well(row, &manifest.run_id));
    assert_eq!(streams(&run).len(), rows.iter().map(|row| row.threads as usize).sum::<usize>());
    for path in ["plain-send", "two-copy", "one-copy", "zero-copy"] {
        assert!(ended.stdout.contains(path), "{path} is not in the table:\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains("deferred copy"), "{}", ended.stdout);
    assert_eq!(ended.stderr.lines().filter(|line| line.contains(" Gb/s")).count(), rows.len());
    assert_eq!((our_interfaces(), mounted_namespaces()), (vec![], mounts));
}

#[test]
fn the_same_sweep_runs_without_root() {
    const TEST: &str = "the_same_sweep_runs_without_root";
    if !is_root() {
        return skip(TEST, "root, to become nobody; without root the other test covers this");
    }
    let mut probe = Command::new("true");
    probe.uid(65534).gid(65534);
    // SAFETY: one system call between fork and exec.
    unsafe { probe.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?)) };
    if let Err(error) = probe.status() {
        return skip(TEST, &format!("user namespaces without root ({error})"));
    }
    let scratch = Scratch::new();
    let binary = scratch.text_path("copycost");
    std::fs::copy(BINARY, &binary).unwrap();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2\nlink: {mtu: 1400}"));
    let results = scratch.path("results");
    std::fs::create_dir(&results).unwrap();
    std::os::unix::fs::chown(&results, Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(&binary);
    command
        .args(["sweep", &grid, "--no-report", "--results"])
        .arg(&results)
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    let (rows, _) = trials(&run);
    let manifest = manifest(&run);
    assert_eq!(
        (manifest.wires["veth"].kind.as_str(), manifest.wires["veth"].sender.mtu),
        ("veth", Some(1400))
    );
    assert_rows_of(&rows, &manifest.cells, 2);
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    assert_eq!(our_interfaces(), Vec::<String>::new());
}

#[test]
fn a_loopback_sweep_repeats_its_control_and_stops_within_its_bounds() {
    let scratch = Scratch::new();
    let more = "lab: loopback\nrepetitions: {min: 2, max: 3, until: 0.1%}\ncontrol: A1\n";
    let grid = scratch.file("grid.yaml", tiny_grid(more));
    let ended = run(sweep(&grid, &scratch.path("results"), &["--seed", "5"]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    assert_whole(&run);
    let manifest = manifest(&run);
    assert_eq!(
        (manifest.lab.as_str(), manifest.wires["loopback"].kind.as_str(), manifest.seed),
        ("loopback", "loopback", 5)
    );
    let (rows, _) = trials(&run);
    for cell in &manifest.cells {
        let of: Vec<_> = rows.iter().filter(|row| row.cell == *cell).collect();
        let times = if cell.contains("two-copy") { 2 } else { 1 };
        assert!((2 * times..=3 * times).contains(&of.len()), "{cell}: {} trials", of.len());
        assert!(of.iter().map(|row| row.rep as usize).eq(1..=of.len()), "{cell}");
        assert_eq!(of.iter().filter(|row| row.block == 1).count(), times, "{cell}");
    }
}

#[test]
fn a_cell_that_cannot_run_is_a_row_that_says_why() {
    let scratch = Scratch::new();
    let more = "repetitions: 2\nlab: loopback\nwire: [loopback, bridge]\n";
    let grid = scratch.file("grid.yaml", tiny_grid(more));
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let (rows, _) = trials(&directory(&ended));
    let unsupported: Vec<_> = rows.iter().filter(|row| row.status == Status::Unsupported).collect();
    assert_eq!((rows.len(), unsupported.len()), (4 * 2 + 4, 4));
    for row in unsupported {
        assert!(row.cell.starts_with("bridge/") && row.reason.contains("no bridge wire"), "{}", row.reason);
        assert_eq!((row.bytes, row.throughput_gbps), (None, None));
    }
    assert!(ended.stdout.contains("unsupported: "), "{}", ended.stdout);

    // A path that is asked for what the kernel refuses is unsupported too, and so is a CPU that is not there.
    let grid = scratch.file("grid.yaml", tiny_grid("lab: loopback\npin: {sender: [1000], receiver: [0]}\n"));
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    let (rows, _) = trials(&directory(&ended));
    assert_eq!((ended.code(), rows.len()), (Some(4), 4));
    assert!(rows.iter().all(|row| row.status == Status::Unsupported && row.reason.contains("CPU 1000")));
}

#[test]
fn a_lab_that_cannot_be_made_is_said_and_no_run_is_begun() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    let grid = scratch.file("grid.yaml", tiny_grid("link: {mtu: 9000}"));
    let ended = run(sweep(&grid, &results, &["--lab", "loopback"]));
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("the loopback lab makes no link"), "{}", ended.stderr);

    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let grid = scratch.file("grid.yaml", tiny_grid(""));
    let ended = run(sweep(&grid, &results, &["--sender", &port.to_string()]));
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("does `copycost agent` run there?"), "{}", ended.stderr);
    assert!(!results.exists(), "a results directory was made");
}

#[test]
fn a_complete_run_that_is_resumed_stays_as_it_is() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    let path = directory(&ended);
    let before = trials(&path).0;
    let ended = run(resume(&path));
    assert_eq!((ended.code(), directory(&ended)), (Some(0), path.clone()), "{ended:?}");
    let (after, _) = trials(&path);
    assert_eq!(after.iter().map(key).collect::<Vec<_>>(), before.iter().map(key).collect::<Vec<_>>());
    assert_eq!(manifest(&path).resumed, 1);

    let nothing = run(copycost(["sweep", "--resume", &scratch.text_path("results")]));
    assert_eq!(nothing.code(), Some(1));
    assert!(nothing.stderr.contains("is not a run"), "{}", nothing.stderr);
    // In another lab its rows would not compare.
    let mut elsewhere = resume(&path);
    elsewhere.args(["--lab", "netns"]);
    if has_netns("a_complete_run_that_is_resumed_stays_as_it_is (in another lab)") {
        let ended = run(elsewhere);
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        assert!(ended.stderr.contains("began in a loopback lab"), "{}", ended.stderr);
    }
}

#[test]
fn congestion_control_that_was_asked_for_is_read_back_or_refused() {
    let scratch = Scratch::new();
    let rows = |more: &str, code: i32| {
        let grid = scratch.file("grid.yaml", tiny_grid(&format!("repetitions: 1\nlab: loopback\n{more}")));
        let ended = run(sweep(&grid, &scratch.path("results"), &["-q"]));
        assert_eq!(ended.code(), Some(code), "{ended:?}");
        trials(&directory(&ended)).0
    };
    // Reno is in every kernel, and allowed to everyone.
    for row in rows("socket: {congestion: reno}", 0) {
        assert_eq!((row.status, row.congestion.as_deref()), (Status::Ok, Some("reno")), "{}", row.reason);
    }
    for row in rows("socket: {congestion: no-such-one}", 4) {
        assert_eq!(row.status, Status::Unsupported, "{}", row.cell);
        assert!(row.reason.contains("congestion control no-such-one: "), "{}", row.reason);
    }
    // What nobody asked for keeps nothing from running, whoever we are and whatever is allowed here.
    let host = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
    for row in rows("", 0) {
        let name = row.congestion.as_deref().unwrap();
        assert_eq!(row.status, Status::Ok, "{}", row.reason);
        assert!(name == "cubic" || name == host.trim(), "{name}");
    }
}

#[test]
fn a_sweep_ends_with_its_report_and_calls_a_deferred_copy_by_its_name() {
    if !has_netns("a_sweep_ends_with_its_report_and_calls_a_deferred_copy_by_its_name") {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file("tiny.yaml", tiny_grid("repetitions: 2"));
    let results = scratch.text_path("results");
    let ended = run(copycost(["sweep", &grid, "--results", &results]));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let run = directory(&ended);
    for file in ["cells.csv", "derived.csv", "crossovers.csv", "report.md", "report.html"] {
        assert!(run.join(file).metadata().is_ok_and(|file| file.len() > 0), "no {file}");
    }
    assert!(ended.stdout.contains("deferred copy"), "{}", ended.stdout);
}

#[test]
fn a_worker_that_panics_is_a_failed_trial_at_once_and_the_agents_go_on() {
    let scratch = Scratch::new();
    let text = "name: defect\npaths: [planted-panic, plain-send]\nmessage_sizes: [1KiB]\nthreads: [1, 2]\n\
                messages: 50\nwarmup: 5ms\nrepetitions: 3\nseed: 1\nlab: loopback\n";
    let grid = scratch.file("grid.yaml", text);
    let began = std::time::Instant::now();
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    let (rows, _) = trials(&directory(&ended));
    assert_eq!(rows.len(), 12);
    for row in rows {
        let reason = row.reason;
        match row.send_path.as_str() {
            "plain-send" => assert_eq!(row.status, Status::Ok, "{reason}"),
            _ => {
                assert_eq!(row.status, Status::Failed);
                assert!(reason.contains("a planted panic (src/path/planted.rs:"), "{reason}");
            }
        }
    }
    // Each would be waited for ten seconds or more.
    assert!(began.elapsed().as_secs() < 45, "six panics were waited for: {:?}", began.elapsed());
}

#[test]
fn a_sweep_in_which_nothing_ran_says_so_by_its_exit() {
    let scratch = Scratch::new();
    let text = "name: nothing\npaths: [splice]\npayload: [fresh]\nmessage_sizes: [1KiB]\nthreads: [1]\n\
                messages: 10\nwarmup: 5ms\nrepetitions: 2\nseed: 1\nlab: loopback\n";
    let grid = scratch.file("grid.yaml", text);
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    let (rows, _) = trials(&directory(&ended));
    assert!(rows.iter().all(|row| row.status == Status::Unsupported), "{rows:?}");
    assert!(ended.stderr.contains("nothing ran: splice sends pages by reference"), "{}", ended.stderr);
}

#[test]
fn a_grid_that_is_no_measurement_gets_no_conclusions() {
    let scratch = Scratch::new();
    let text = "name: shows\npaths: [two-copy, one-copy]\nmessage_sizes: [1KiB]\nthreads: [1]\nmessages: 50\n\
                warmup: 5ms\nrepetitions: 2\nseed: 1\nlab: loopback\nmeasurement: false\n";
    let (grid, results) = (scratch.file("grid.yaml", text), scratch.text_path("results"));
    let ended = run(copycost(["sweep", &grid, "--results", &results]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let dir = directory(&ended);
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"measurement\": false"), "{manifest}");
    let report = std::fs::read_to_string(dir.join("report.md")).unwrap();
    assert!(
        report.contains("4 of 4 trials went well. The grid says that its figures are not a measurement"),
        "{report}"
    );
    for concludes in ["## Answers", "## Beside published figures", " than two-copy", "fastest path"] {
        assert!(!report.contains(concludes) && !ended.stdout.contains(concludes), "{concludes}: {report}");
    }
    let run_dir = dir.to_str().unwrap();
    let copy = copy_of(&dir);
    let gated = run(copycost(["compare", run_dir, copy.to_str().unwrap(), "--max-regression", "5%"]));
    assert_eq!(gated.code(), Some(1), "{gated:?}");
    assert!(gated.stderr.contains("is not a measurement"), "{gated:?}");
}

/// On loopback, which needs no right: an x-ray that sees nothing is one all the same.
#[test]
fn progress_counts_trials_and_x_ray_together_and_tells_of_the_x_ray_on_request() {
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: x\npaths: [two-copy, one-copy]\nmessage_sizes: [64KiB]\nthreads: [1]\nmessages: 20\nwarmup: 5ms\n\
         repetitions: {min: 3, max: 5, until: 10000%}\nxray: true\n",
    );
    let said = |flag: &[&str]| {
        let mut command = copycost(["sweep", &grid, "--lab", "loopback", "--no-report"]);
        command.args(flag).args(["--results", &scratch.text_path("results")]);
        let ended = run(command);
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        ended.stderr
    };
    let usual = said(&[]);
    // Two cells: five trials and five times samples each, and the x-ray of each.
    let totals: Vec<&str> = usual.lines().filter_map(|line| line.split(['/', ']']).nth(1)).collect();
    assert_eq!(totals.iter().filter(|&&total| total == "22").count(), 6, "six trials, of one total: {usual}");
    assert!(usual.contains(" left\n") && usual.contains("x-ray of 2 cells"), "{usual}");
    assert!(!usual.contains("x-ray [1/2]"), "{usual}");
    let more = said(&["--verbose"]);
    assert!(more.contains("x-ray [1/2]") && more.contains("x-ray [2/2]"), "{more}");
    assert_eq!(said(&["--quiet"]), "");
    assert!(run(copycost(["sweep", &grid, "-q", "-v"])).stderr.contains("cannot be used with"));
}
