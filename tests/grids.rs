//! Grids as a user gives them: bad ones are refused in one line before anything starts; good ones are shown.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use copycost::cell::Wire;
use copycost::grid::{Grid, builtin};
use copycost::record::Manifest;
use support::lab::{only_run, sweep, trials};
use support::process::{Ended, run};
use support::{BINARY, Scratch, copycost, is_root};

const GOOD: &str = "name: x\npaths: [A1, A3]\nmessage_sizes: [64, 1KiB]\nthreads: [1, 4]\n";

/// One line on standard error that begins as every error does; exit 2; nothing begun.
fn assert_refused(ended: &Ended, scratch: &Scratch, part: &str) {
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{part}: {ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{part}: {}", ended.stderr);
    assert!(ended.stderr.starts_with("copycost: grid "), "{part}: {}", ended.stderr);
    assert!(ended.stderr.contains(part), "`{part}` is not said: {}", ended.stderr);
    assert!(!scratch.path("results").exists(), "{part}: a results directory was made");
}

/// Sweeps the bytes as a grid file.
fn try_grid(scratch: &Scratch, bytes: &[u8]) -> Ended {
    let grid = scratch.file("bad.yaml", bytes);
    run(sweep(&grid, &scratch.path("results"), &[]))
}

#[test]
fn a_bad_grid_is_one_line_and_exit_2_and_starts_nothing() {
    let scratch = Scratch::new();
    let with = |line: &str| format!("{GOOD}{line}\n").into_bytes();
    let instead = |from: &str, to: &str| GOOD.replace(from, to).into_bytes();
    for (bytes, part) in [
        (with("colour: red"), "line 5: unknown field `colour`"),
        (with("threads: [2]"), "duplicate"),
        (instead("[64, 1KiB]", "[0]"), "line 3: a message must be from 64B to 256MiB"),
        (instead("[64, 1KiB]", "[10TiB]"), "line 3: a message must be from 64B to 256MiB"),
        (instead("[64, 1KiB]", "[]"), "line 3: the list of message sizes is empty"),
        (instead("[1, 4]", "[1000000000]"), "line 4: threads must be a whole number from 1 to 1024"),
        (instead("[1, 4]", "[-1]"), "line 4"),
        (instead("[A1, A3]", "[A1, A9]"), "line 2: `A9` is not a send path"),
        (instead("name: x", "name: ../../etc/passwd"), "line 1: name"),
        (instead("name: x\n", ""), "name"),
        (with("duration: 1s\nmessages: 5"), "not by both"),
        (with("repetitions: 1000000000"), "1 to 10000"),
        (with("duration: 99999999999999999999s"), "duration"),
        (with("link: {mtu: 1}"), "68 to 65535"),
        (b"".to_vec(), "needs at least name, paths"),
        (b"\n\n# nothing\n".to_vec(), "needs at least name, paths"),
        (b"just words".to_vec(), "line 1"),
        (b"[1, 2, 3]".to_vec(), "line 1"),
        (b"name: [unclosed".to_vec(), "line"),
        (b"\tname: x\n".to_vec(), "line 1"),
        (b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe\x80\x81".to_vec(), "UTF-8"),
        (vec![0; 4096], "bad.yaml"),
        (b"\xff\xfen\0a\0m\0e\0".to_vec(), "UTF-8"),
    ] {
        assert_refused(&try_grid(&scratch, &bytes), &scratch, part);
    }
}

#[test]
fn a_grid_that_would_explode_is_refused_quickly() {
    let scratch = Scratch::new();
    // Nine levels of nine references each: 10^9 words, were they expanded.
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..=9 {
        let references = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{references}]\n");
    }
    let deep = format!("name: {}x{}\n", "[".repeat(200_000), "]".repeat(200_000));
    let wide =
        format!("{GOOD}working_set: [{}]\n", (64..40_064).map(|n| format!("{n},")).collect::<String>());
    let large = format!("{GOOD}# {}\n", "x".repeat(64 << 20));
    for (text, part) in [(bomb + "paths: *a9\n", ""), (deep, ""), (wide, "100000 cells"), (large, "1MiB")] {
        let ended = try_grid(&scratch, text.as_bytes());
        assert_refused(&ended, &scratch, part);
        assert!(ended.took < Duration::from_secs(30), "{part}: {:?}", ended.took);
    }
}

#[test]
fn what_is_no_readable_file_is_refused_by_name() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    let missing = run(sweep(&scratch.text_path("none.yaml"), &results, &[]));
    assert_refused(&missing, &scratch, "there is no such file");
    for name in builtin::ALL.iter().map(|(name, _)| *name) {
        assert!(missing.stderr.contains(name), "{name} is not offered: {}", missing.stderr);
    }
    std::fs::create_dir(scratch.path("folder")).unwrap();
    assert_refused(&run(sweep(&scratch.text_path("folder"), &results, &[])), &scratch, "directory");
    if std::path::Path::new("/dev/zero").exists() {
        assert_refused(&run(sweep("/dev/zero", &results, &[])), &scratch, "1MiB");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_refused_by_name() {
    let scratch = Scratch::new();
    let grid = scratch.file("secret.yaml", GOOD);
    std::fs::set_permissions(&grid, std::fs::Permissions::from_mode(0o000)).unwrap();
    let binary = scratch.text_path("copycost");
    std::fs::copy(BINARY, &binary).unwrap();
    let mut command = std::process::Command::new(&binary);
    command.args(["sweep", &grid, "--no-report", "--results"]).arg(scratch.path("results"));
    if is_root() {
        // Root reads everything.
        command.uid(65534).gid(65534);
    }
    assert_refused(&run(command), &scratch, "Permission denied");
}

#[test]
fn dry_run_prints_the_cells_of_every_built_in_grid_and_runs_nothing() {
    let scratch = Scratch::new();
    for (name, text) in builtin::ALL {
        let grid = Grid::parse(text).unwrap();
        let ended = run(sweep(name, &scratch.path("results"), &["--dry-run"]));
        assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""), "{name}");
        let wire = if *name == "single-client" { Wire::Loopback } else { Wire::Veth };
        let cells: Vec<String> = grid.cells(wire).iter().map(ToString::to_string).collect();
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(lines[..cells.len()], cells, "{name}");
        assert!(lines.last().unwrap().starts_with(&format!("{} cells, ", cells.len())), "{name}");
        assert!(ended.stdout.contains("expected time: "), "{name}");
    }
    assert!(!scratch.path("results").exists());

    let default = run(copycost(["sweep", "--dry-run"]));
    assert_eq!(default.stdout, run(copycost(["sweep", "quick", "--dry-run"])).stdout);
}

#[test]
fn dry_run_knows_what_the_flags_and_the_bounds_change() {
    let scratch = Scratch::new();
    let grid =
        scratch.file("grid.yaml", format!("{GOOD}messages: 10\nrepetitions: {{min: 3, max: 9, until: 2%}}"));
    let ended = run(copycost(["sweep", &grid, "--dry-run", "--lab", "loopback"]));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "loopback/two-copy/recv/static/64B/t1");
    assert_eq!(lines.len(), 8 + 2, "{}", ended.stdout);
    assert!(ended.stdout.contains("8 cells, 3 to 9 trials each; expected time: unknown"), "{}", ended.stdout);

    let grid = scratch.file("timed.yaml", format!("{GOOD}duration: 1s\nwarmup: 0s\nrepetitions: 2\n"));
    let ended = run(copycost(["sweep", &grid, "--dry-run", "--sender", "h:1", "--wire", "nic"]));
    assert!(ended.stdout.starts_with("nic/two-copy/"), "{}", ended.stdout);
    assert!(ended.stdout.contains("8 cells, 2 trials each; expected time: about 1"), "{}", ended.stdout);
}

#[test]
fn a_file_beside_us_comes_before_a_built_in_grid_of_its_name() {
    assert!(builtin::find("smoke").is_some());
    let scratch = Scratch::new();
    scratch.file("smoke", GOOD);
    let mut command = copycost(["sweep", "smoke", "--dry-run"]);
    command.current_dir(scratch.path("."));
    assert!(run(command).stdout.contains("8 cells"));
}

#[test]
fn a_grid_is_shortened_and_sliced_and_its_run_can_be_made_again() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", format!("{GOOD}duration: 60s\n"));
    let results = scratch.path("results");
    let flags =
        ["--lab", "loopback", "--set", "messages=20", "--set", "warmup=1ms", "--set", "repetitions=2"];
    let only = ["--only", "path=zero-copy", "--only", "threads=1"];
    let ended = run(sweep(&grid, &results, &[&flags[..], &only].concat()));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let first = only_run(&results).expect("a run");
    let keys = ["loopback/zero-copy/recv/static/64B/t1", "loopback/zero-copy/recv/static/1024B/t1"];
    let check = |path: &std::path::Path| {
        let (rows, _) = trials(path);
        let manifest = Manifest::read(&path.join("manifest.json")).expect("a manifest");
        assert_eq!(manifest.cells, keys, "{}", manifest.grid);
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.messages == Some(20)), "{rows:?}");
    };
    check(&first);
    let again = scratch.path("again");
    let mut command = copycost(["sweep", "--no-report", "--lab", "loopback", "--reproduce"]);
    command.arg(&first).arg("--results").arg(&again);
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    check(&only_run(&again).expect("a run"));
}

#[test]
fn a_single_value_needs_no_brackets() {
    let scratch = Scratch::new();
    let grid = scratch
        .file("grid.yaml", "name: x\npaths: two-copy\nmessage_sizes: 1KiB\nthreads: 1\npayload: fresh\n");
    let ended = run(copycost(["sweep", &grid, "--dry-run"]));
    assert_eq!(ended.stdout.lines().next(), Some("veth/two-copy/recv/fresh/1024B/t1"), "{}", ended.stderr);
}

#[test]
fn dry_run_says_which_cells_cannot_run_and_what_earlier_runs_took() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    let text = "name: x\npaths: [two-copy, {two-copy: {cork: on}}]\nmessage_sizes: 64\nthreads: 1\nmessages: 10\n\
        workload: request\nwarmup: 0s\nrepetitions: 2\n";
    let grid = scratch.file("grid.yaml", text);
    let dry = |more: &[&str]| {
        run(sweep(&grid, &results, &[&["--lab", "loopback", "--dry-run"], more].concat())).stdout
    };
    let before = dry(&[]);
    assert!(before.contains("two-copy:cork=on/recv/static/64B/t1/request: cannot run: cork: on"), "{before}");
    assert!(
        before.contains("2 cells, 1 of which cannot run, 2 trials each; expected time: unknown"),
        "{before}"
    );
    let ended = run(sweep(&grid, &results, &["--lab", "loopback"]));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let after = dry(&[]);
    assert!(after.contains("expected time: about 1s"), "{after}");
    let xrayed = dry(&["--set", "xray=true"]);
    assert!(xrayed.contains("for the x-ray"), "{xrayed}");
}

#[test]
fn the_grids_and_their_keys_are_listed() {
    let list = run(copycost(["grids"])).stdout;
    for (name, text) in builtin::ALL {
        assert!(list.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {list}");
        assert_eq!(run(copycost(["grids", "show", name])).stdout, *text);
    }
    let keys = run(copycost(["grid"])).stdout;
    assert!(run(copycost(["help", "grid"])).stdout.contains("`socket.nodelay`"));
    assert!(keys.contains("| `warmup` | duration up to 10 min | 200ms |"), "{keys}");
}
