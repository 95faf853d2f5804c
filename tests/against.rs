//! Two programs against each other in the same blocks: what is run and written, what is found, what is refused.

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use copycost::record::manifest::ComparisonSide;
use copycost::record::{Status, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::lab::{
    assert_whole, directory, has_netns, manifest, our_interfaces, rows_so_far, sweep, tiny_grid, trials,
};
use support::process::{Running, of_session, run};
use support::{BINARY, PATIENCE, Scratch, copycost, until};

/// A lab that can be made here.
fn lab(test: &str) -> &'static str {
    if has_netns(test) { "netns" } else { "loopback" }
}

fn compared(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("comparison.json")).expect("a comparison")).expect("JSON")
}

/// Start times by block and cell.
fn started(rows: &[Trial]) -> BTreeMap<(u32, String), String> {
    rows.iter().map(|row| ((row.block, row.cell.clone()), row.started_at.clone())).collect()
}

#[test]
fn a_program_against_itself_is_two_whole_runs_whose_trials_alternate() {
    const TEST: &str = "a_program_against_itself_is_two_whole_runs_whose_trials_alternate";
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 4\ncontrol: two-copy\nxray: true"));
    let flags = ["--lab", lab(TEST), "--against", BINARY, "--max-regression", "95%"];
    let ended = run(sweep(&grid, &scratch.path("results"), &flags));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let new = directory(&ended);
    let base = new.join("against");
    for run in [&new, &base] {
        let (rows, _) = trials(run);
        assert_eq!(rows.len(), 16, "{}", run.display());
        assert!(rows.iter().all(|row| row.status == Status::Ok));
        assert_whole(run);
        for verb in ["validate", "report"] {
            let said = support::process::run(copycost([verb, run.to_str().unwrap()]));
            assert_eq!(said.code(), Some(0), "{verb}: {said:?}");
        }
    }
    let sides = [manifest(&new), manifest(&base)];
    assert_eq!(sides.each_ref().map(|one| one.outcome.as_deref()), [Some("complete"); 2]);
    assert_eq!(
        sides.each_ref().map(|one| one.together.as_ref().unwrap().side),
        [ComparisonSide::New, ComparisonSide::Base]
    );
    assert!(sides[0].ran_together_with(&sides[1]) && !sides[0].ran_together_with(&sides[0]));

    let (new_rows, base_rows) = (started(&trials(&new).0), started(&trials(&base).0));
    assert!(new_rows.keys().eq(base_rows.keys()), "the same cells in the same blocks");
    let mut first = BTreeMap::<&str, Vec<bool>>::new();
    for ((key, new), base) in new_rows.iter().zip(base_rows.values()) {
        first.entry(&key.1).or_default().push(new < base);
    }
    for (cell, new_first) in first {
        assert_eq!((new_first[0], new_first[2]), (!new_first[1], !new_first[3]), "{cell}: {new_first:?}");
    }

    let written = compared(&new);
    assert_eq!(written["footing"], "blocks");
    assert_eq!(written["cells"].as_array().unwrap().len(), 4);
    let again = run_compare(&base, &new);
    let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!((&again["cells"], &again["groups"]), (&written["cells"], &written["groups"]));
    assert!(ended.stdout.contains("Both sides ran in the same blocks"), "{}", ended.stdout);
    assert_eq!(our_interfaces(), Vec::<String>::new());

    let refused = run(support::lab::resume(&new));
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("one side of a comparison"), "{}", refused.stderr);
}

fn run_compare(base: &Path, new: &Path) -> String {
    let (base, new) = (base.to_str().unwrap(), new.to_str().unwrap());
    run(copycost(["compare", base, new, "--max-regression", "95%", "--format", "json"])).stdout
}

/// A program that is this one, but for what it calls planted-32: it sends by two-copy instead, without the copies.
fn faster(scratch: &Scratch) -> PathBuf {
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {BINARY} --version\nwhile [ \"$1\" != --results ]; do shift; done\n\
         shift; results=$1; shift\nsed s/planted-32/two-copy/ | {BINARY} sweep - --quiet --no-report --results \"$results\" \"$@\"; code=$?\n\
         sed -i s/two-copy/planted-32/g \"$results\"/*/trials.csv \"$results\"/*/streams.csv\nexit $code\n"
    );
    let path = PathBuf::from(scratch.file("faster", text));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    path
}

#[test]
fn a_path_that_copies_many_times_more_is_a_regression_and_another_is_not() {
    const TEST: &str = "a_path_that_copies_many_times_more_is_a_regression_and_another_is_not";
    let scratch = Scratch::new();
    let grid = "name: planted\npaths: [planted-32, plain-send]\nmessage_sizes: [256KiB]\nthreads: [1]\nduration: 150ms\n\
                warmup: 20ms\nrepetitions: 8\nseed: 3\n";
    let grid = scratch.file("grid.yaml", grid);
    let other = faster(&scratch);
    // Thirty-two copies cost several times the send, so that a machine whose speed doubles in mid-run
    // changes no judgement; and CPU time is less affected by a busy machine than throughput.
    let gate = ["--max-regression", "50%", "--measure", "cpu_ns_per_kib"];
    let flags = [&["--lab", lab(TEST), "--against", other.to_str().unwrap()][..], &gate].concat();
    let ended = run(sweep(&grid, &scratch.path("results"), &flags));
    assert_eq!(ended.code(), Some(3), "{ended:?}");
    let regressions = compared(&directory(&ended))["regressions"].clone();
    let regressions: Vec<String> = serde_json::from_value(regressions).expect("names");
    assert!(regressions.iter().any(|name| name.contains("planted-32")), "{regressions:?}");
    assert!(!regressions.iter().any(|name| name.contains("plain-send")), "{regressions:?}");
}

#[test]
fn an_older_program_that_lacks_a_path_gets_a_row_that_says_so() {
    const TEST: &str = "an_older_program_that_lacks_a_path_gets_a_row_that_says_so";
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2"));
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {BINARY} --version\ngrid=$(cat)\ncase $grid in *zero-copy*) \
         echo 'copycost: grid -: `zero-copy` is no path' >&2; exit 2;; esac\necho \"$grid\" | exec {BINARY} \"$@\"\n"
    );
    let other = PathBuf::from(scratch.file("older", text));
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let flags = ["--lab", lab(TEST), "--against", other.to_str().unwrap()];
    let ended = run(sweep(&grid, &scratch.path("results"), &flags));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let (rows, _) = trials(&directory(&ended).join("against"));
    let unsupported: Vec<&Trial> = rows.iter().filter(|row| row.status == Status::Unsupported).collect();
    assert_eq!(unsupported.len(), 2, "each of its cells once: {rows:?}");
    assert!(unsupported.iter().all(|row| row.reason.contains("no path")), "{unsupported:?}");
}

#[test]
fn a_signal_leaves_whole_rows_and_no_process() {
    const TEST: &str = "a_signal_leaves_whole_rows_and_no_process";
    let lab = lab(TEST);
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(130)), (Signal::SIGKILL, None)]
    {
        let scratch = Scratch::new();
        let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000"));
        let results = scratch.path("results");
        let mut command = sweep(&grid, &results, &["--lab", lab, "--against", BINARY]);
        command.env("TMPDIR", scratch.path(""));
        let running = Running::start(command);
        let base = results.join("latest/against");
        let there = until(PATIENCE, || rows_so_far(&base) >= 2);
        assert!(there, "no rows: {}", running.stderr());
        let session = running.pid();
        kill(Pid::from_raw(session), signal).expect("a living process");
        let ended = running.wait();
        assert_eq!(ended.code(), code, "{signal}: {ended:?}");
        assert!(until(PATIENCE, || of_session(session).is_empty()), "{signal}: {:?}", of_session(session));
        assert_eq!(our_interfaces(), Vec::<String>::new());
        for run in [results.join("latest"), base] {
            let (rows, half) = trials(&run);
            assert!(!rows.is_empty() && (!half || signal == Signal::SIGKILL), "{signal}");
            if signal != Signal::SIGKILL {
                assert_whole(&run);
                assert_eq!(manifest(&run).outcome.as_deref(), Some("interrupted"));
            }
        }
    }
}

#[test]
fn what_cannot_be_held_against_is_one_sentence() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2"));
    let text = scratch.file("text", "no program\n");
    let empty = scratch.text_path("empty");
    std::fs::create_dir(&empty).expect("a directory");
    let run_dir = scratch.text_path("run");
    std::fs::create_dir(&run_dir).expect("a directory");
    let mut foreign = support::simulate::Simulation::default().manifest();
    foreign.tool.version = "0.0.1".to_owned();
    foreign.grid = tiny_grid("");
    foreign.write(Path::new(&run_dir).join("manifest.json").as_path()).expect("a manifest");
    let cases = [
        ("/no/such/program", 2, "no such file or run, and no revision"),
        ("no-such-revision", 2, "no such file or run, and no revision"),
        (text.as_str(), 2, "cannot be run"),
        ("/bin/true", 2, "not copycost"),
        ("/bin/cat", 2, "not copycost"),
        (empty.as_str(), 2, "no manifest.json"),
        (run_dir.as_str(), 1, "give --against the path of that binary, or a revision"),
    ];
    for (what, code, words) in cases {
        let mut command = sweep(&grid, &scratch.path("results"), &["--against", what]);
        command.current_dir(scratch.path(""));
        let ended = run(command);
        assert_eq!(ended.code(), Some(code), "{what}: {ended:?}");
        assert!(
            ended.stderr.contains(words) && ended.stderr.trim().lines().count() == 1,
            "{what}: {}",
            ended.stderr
        );
        assert!(!scratch.path("results").exists(), "{what}: something was written");
    }
    let smoke =
        run(sweep("smoke", &scratch.path("results"), &["--against", BINARY, "--max-regression", "5%"]));
    assert_eq!(smoke.code(), Some(2), "{smoke:?}");
    assert!(
        smoke.stderr.contains("smoke is not a measurement") && !scratch.path("results").exists(),
        "{smoke:?}"
    );
    for flags in [&["--max-regression", "5%"][..], &["--against", BINARY, "--sender", "127.0.0.1:1"]] {
        let ended = run(sweep(&grid, &scratch.path("results"), flags));
        assert_eq!(ended.code(), Some(2), "{flags:?}: {ended:?}");
    }
}

#[test]
fn a_side_that_could_measure_nothing_is_said_and_told_by_the_exit_code() {
    const TEST: &str = "a_side_that_could_measure_nothing_is_said_and_told_by_the_exit_code";
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {BINARY} --version\nfor word do [ \"$last\" = --results ] && \
         results=$word; last=$word; done\n{BINARY} \"$@\"\nsed -i 's/,ok,,/,unsupported,too old,/' \"$results\"/*/trials.csv\n"
    );
    let other = PathBuf::from(scratch.file("older", text));
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let flags = ["--lab", lab(TEST), "--against", other.to_str().unwrap()];
    let ended = run(sweep(&grid, &scratch.path("results"), &flags));
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    assert!(ended.stderr.contains("copycost: one side ran nothing: too old"), "{}", ended.stderr);
}
