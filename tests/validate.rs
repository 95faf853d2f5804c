//! A valid run is called valid, and each fault is named with its file, line and column.

mod support;

use std::path::{Path, PathBuf};

use copycost::command::report::{ReportArgs, run as write_report};
use copycost::command::validate::ValidateArgs;
use copycost::record::{SCHEMA_VERSION, Trial, csv_file};
use copycost::report::Part;
use copycost::tables::{Run, Tables};
use copycost::validate::validate;
use support::simulate::Simulation;
use tempfile::TempDir;

fn written(simulation: &Simulation) -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = simulation.write(parent.path()).unwrap();
    Tables::of(&Run::load(&dir).unwrap()).write(&dir).unwrap();
    (parent, dir)
}

fn sentences(dir: &Path) -> Vec<String> {
    validate(dir).unwrap().violations.iter().map(ToString::to_string).collect()
}

/// Changes one field of a file; lines count from 1, as in the sentences.
fn set(dir: &Path, file: &str, line: usize, column: &str, value: &str) {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = lines[0].split(',').position(|name| name == column).unwrap();
    let mut fields: Vec<&str> = lines[line - 1].split(',').collect();
    fields[place] = value;
    lines[line - 1] = fields.join(",");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_run_is_valid_with_counters_or_without_and_with_rows_that_did_not_end_well() {
    let plain = Simulation::default();
    let rich = Simulation {
        hardware_counters: true,
        unsupported: vec!["one-copy".into()],
        failing: 0.1,
        control: Some("two-copy".into()),
        zc_copied: 0.5,
        ..Simulation::default()
    };
    for simulation in [plain, rich] {
        let (_parent, dir) = written(&simulation);
        assert_eq!(sentences(&dir), Vec::<String>::new());
        let mut said = Vec::new();
        assert!(ValidateArgs { run: dir }.print(&mut said).unwrap());
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with("valid: manifest.json (1), trials.csv (1"), "{said}");
        assert!(said.contains("cells.csv (24)"), "{said}");
    }
}

#[test]
fn each_fault_is_one_sentence_with_its_place() {
    let faults = [
        ("trials.csv", 5, "window_s", "fast", "window_s: `fast` is not a finite number"),
        ("trials.csv", 5, "window_s", "", "window_s: the trial is ok and the figure is absent"),
        ("trials.csv", 2, "bytes", "0", "bytes: the trial is ok and the figure is 0"),
        ("trials.csv", 3, "status", "failed", "reason: the trial is failed and does not say why"),
        ("trials.csv", 3, "status", "broken", "status: `broken` is not one of ok, unsupported, failed"),
        ("trials.csv", 3, "reason", "slow", "reason: the trial is ok and has a reason"),
        ("trials.csv", 3, "order", "1", "order: 1 is the order of line 2 already"),
        ("trials.csv", 4, "block", "0", "block: it counts from 1"),
        ("trials.csv", 4, "run_id", "other", "run_id: `other` where the manifest has `simulated`"),
        ("trials.csv", 4, "started_at", "noon", "started_at: `noon` is not a time in RFC 3339"),
        ("trials.csv", 4, "sender_user_s", "-1", "sender_user_s: a time below zero"),
        ("trials.csv", 4, "sender_counter_running", "1.5", "sender_counter_running: a share that is not"),
        ("streams.csv", 2, "throughput_gbps", "99", "throughput_gbps: 99 where bytes over window_s is"),
        ("streams.csv", 2, "order", "999", "order: trials.csv has no trial of order 999"),
        ("streams.csv", 2, "stream", "9", "stream: 9 where the trial has "),
        ("cells.csv", 2, "throughput_gbps", "99", "throughput_gbps: it is not the median of the trials"),
        ("derived.csv", 2, "mean_recv_us", "x", "mean_recv_us: `x` is not a finite number"),
    ];
    for (file, line, column, value, expected) in faults {
        let (_parent, dir) = written(&Simulation::default());
        set(&dir, file, line, column, value);
        let (said, expected) = (sentences(&dir), format!("{file}, line {line}, column {expected}"));
        assert!(said.iter().any(|one| one.starts_with(&expected)), "{column}={value}: {said:#?}");
        assert!(said.iter().all(|one| !one.contains('\n')), "{said:#?}");
        assert!(!ValidateArgs { run: dir }.print(&mut Vec::new()).unwrap());
    }
}

#[test]
fn a_count_of_messages_is_timed_over_all_streams() {
    let (_parent, dir) = written(&Simulation { threads: vec![2], ..Simulation::default() });
    // The two streams took turns: together twice as long.
    let trials = csv_file::read::<Trial>(&dir).unwrap().rows;
    let gbps = trials[0].bytes.unwrap() as f64 * 8.0 / 2.0 / 1e9;
    set(&dir, "trials.csv", 2, "window_s", "2");
    let adds_up = "streams.csv: throughput_gbps adds up to";
    for bound in ["duration", "messages"] {
        set(&dir, "trials.csv", 2, "bound", bound);
        assert!(sentences(&dir)[0].starts_with(adds_up), "{bound}: the streams' rates do not add up");
    }
    set(&dir, "trials.csv", 2, "bound", "");
    assert_eq!(sentences(&dir), Vec::<String>::new(), "in a file that does not tell they may");
    set(&dir, "trials.csv", 2, "bound", "messages");
    set(&dir, "trials.csv", 2, "throughput_gbps", &gbps.to_string());
    let said = sentences(&dir);
    // Only the cell's median has moved.
    assert!(said.iter().all(|one| one.starts_with("cells.csv")), "{said:#?}");
}

#[test]
fn a_cell_is_what_its_columns_say() {
    let (_parent, dir) = written(&Simulation::default());
    set(&dir, "trials.csv", 2, "message_bytes", "65");
    let said = sentences(&dir);
    assert!(said[0].contains("trials.csv, line 2, column cell: ") && said[0].contains("make `"), "{said:#?}");
}

#[test]
fn zero_copy_counts_must_make_sense() {
    let simulation = Simulation { paths: Simulation::default().paths.split_off(2), ..Simulation::default() };
    let (_parent, dir) = written(&simulation);
    set(&dir, "trials.csv", 2, "zc_completions", "1");
    set(&dir, "trials.csv", 3, "zc_copied", "");
    let said = sentences(&dir);
    for expected in [
        "trials.csv, line 2, column zc_copied: more than zc_completions",
        "trials.csv, line 2, column zc_unreported: 1 completions and 0 unreported do not make",
        "trials.csv, line 3, column zc_sends: some of zc_sends, zc_completions,",
        "streams.csv: zc_completions adds up to",
        "where it is absent",
    ] {
        assert!(said.iter().any(|one| one.contains(expected)), "{expected}: {said:#?}");
    }
}

#[test]
fn rows_that_are_missing_or_cut_off_are_told() {
    let (_parent, dir) = written(&Simulation::default());
    let streams = std::fs::read_to_string(dir.join("streams.csv")).unwrap();
    std::fs::write(dir.join("streams.csv"), &streams[..streams.len() - 10]).unwrap();
    let said = sentences(&dir);
    assert!(said[0].contains("the row is cut off in the middle"), "{said:#?}");
    assert!(said[1].contains("rows for the trial in line"), "{said:#?}");
    std::fs::remove_file(dir.join("streams.csv")).unwrap();
    assert!(sentences(&dir)[0].starts_with("streams.csv: No such file"), "{:#?}", sentences(&dir));
}

#[test]
fn a_run_without_a_trial_is_told_as_one() {
    let parent = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(parent.path()).unwrap();
    for file in ["trials.csv", "streams.csv"] {
        let header =
            std::fs::read_to_string(dir.join(file)).unwrap().lines().next().unwrap().to_owned() + "\n";
        std::fs::write(dir.join(file), header).unwrap();
    }
    assert_eq!(sentences(&dir), ["trials.csv: no trial: the file has no whole row"]);

    let nothing_ran = Simulation { failing: 1.0, ..Simulation::default() };
    let (_parent, dir) = written(&nothing_ran);
    let mut said = Vec::new();
    assert!(ValidateArgs { run: dir }.print(&mut said).unwrap());
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("no trial went well, of 120"), "{said}");
}

#[test]
fn columns_and_the_manifest_are_checked() {
    let (_parent, dir) = written(&Simulation::default());
    let trials = std::fs::read_to_string(dir.join("trials.csv")).unwrap();
    std::fs::write(dir.join("trials.csv"), trials.replacen(",host_busy_s,", ",busy,", 1)).unwrap();
    let said = sentences(&dir);
    assert!(
        said.contains(&"trials.csv, line 1, column host_busy_s: the column is missing".to_owned()),
        "{said:#?}"
    );
    std::fs::write(dir.join("trials.csv"), &trials).unwrap();

    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let changed = manifest.replacen("name: simulated", "name: another", 1).replacen(
        "veth/one-copy",
        "veth//one-copy",
        1,
    );
    std::fs::write(dir.join("manifest.json"), changed).unwrap();
    let said = sentences(&dir);
    assert!(
        said[0].starts_with("manifest.json, column grid_sha256: it is not the hash of the grid"),
        "{said:#?}"
    );
    assert!(said[1].contains("is not the key of a cell"), "{said:#?}");
    assert!(said[2].contains("is not among the cells of the manifest"), "{said:#?}");
}

#[test]
fn what_cannot_be_read_at_all_is_an_error_and_no_violation() {
    let parent = tempfile::tempdir().unwrap();
    assert!(validate(parent.path()).unwrap_err().to_string().contains("is not a run"));
    let (_parent, dir) = written(&Simulation::default());
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    std::fs::write(
        dir.join("manifest.json"),
        manifest.replacen(&format!("{SCHEMA_VERSION:?}"), "\"2.0.0\"", 1),
    )
    .unwrap();
    assert!(validate(&dir).unwrap_err().to_string().contains("is newer than this copycost reads"));
    std::fs::write(dir.join("manifest.json"), &manifest).unwrap();
    std::fs::remove_file(dir.join("trials.csv")).unwrap();
    assert!(validate(&dir).unwrap_err().to_string().contains("cannot read"));
}

#[test]
fn the_sample_run_is_valid() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/sample");
    assert_eq!(sentences(&sample), Vec::<String>::new());
    let run = Run::load(&sample).unwrap();
    assert!(run.left_out.is_empty() && !run.trials.is_empty(), "{:?}", run.left_out);
}

/// A run that was written by the first schema, before there were common windows and surroundings.
#[test]
fn a_run_of_the_first_schema_is_valid_and_has_its_report() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs/schema-1.0");
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(&old).unwrap().flatten() {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let dir = copy.path().to_owned();
    assert_eq!(sentences(&dir), Vec::<String>::new());
    let run = Run::load(&dir).unwrap();
    assert!(run.left_out.is_empty() && run.trials.len() == 120, "{:?}", run.left_out);
    assert!(run.trials.iter().all(|trial| trial.wire_bytes.is_none() && trial.disturbed.is_empty()));
    write_report(&ReportArgs {
        runs: vec![dir.clone()],
        no_plots: true,
        only: vec![Part::Tables, Part::Markdown],
        ..ReportArgs::default()
    })
    .unwrap();
    let report = std::fs::read_to_string(dir.join("report.md")).unwrap();
    for told in ["Label refuted", "splice", "86.8", "## Account"] {
        assert!(report.contains(told), "`{told}` is missing:\n{report}");
    }
}

#[test]
fn an_older_file_may_lack_what_a_later_version_brought() {
    let (_parent, dir) = written(&Simulation::default());
    let path = dir.join("trials.csv");
    let trials = std::fs::read_to_string(&path).unwrap();
    let older: Vec<&str> = trials.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    std::fs::write(&path, older.join("\n") + "\n").unwrap();
    assert_eq!(sentences(&dir)[0], "trials.csv, line 1, column receiver_acks_cpu_s: the column is missing");
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    std::fs::write(dir.join("manifest.json"), manifest.replacen(SCHEMA_VERSION, "1.1.0", 1)).unwrap();
    assert_eq!(sentences(&dir), Vec::<String>::new());
}
