//! Run directories of somebody else: links and pipes in them, and files that are no tables. Nothing outside is written,
//! nothing is waited for, and what cannot be resumed is as it was.

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use support::lab::{copy_of, directory, resume, sweep, tiny_grid, trials};
use support::process::{Ended, run};
use support::{Scratch, copycost};

/// What a pipe that is waited for would take longer than.
const SOON: Duration = Duration::from_secs(120);

/// A run that ended well.
fn a_run(scratch: &Scratch) -> PathBuf {
    let grid =
        scratch.file("grid.yaml", tiny_grid("repetitions: 2\nlab: loopback\nworkload: [stream, request]"));
    let ended = run(sweep(&grid, &scratch.path("results"), &[]));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    directory(&ended)
}

/// Every verb that reads a run, or writes into it.
fn verbs(at: &Path) -> Vec<(&'static str, Ended)> {
    let text = at.to_str().expect("a path in UTF-8");
    vec![
        ("report", run(copycost(["report", "--only", "tables", "--only", "html", text]))),
        ("validate", run(copycost(["validate", text]))),
        ("compare", run(copycost(["compare", text, copy_of(at).to_str().expect("UTF-8")]))),
        ("reproduce", run(copycost(["sweep", "--dry-run", "--reproduce", text]))),
        ("resume", run(resume(at))),
    ]
}

/// It ended by itself, soon, and said one line where it could not do its work.
fn ended_well(verb: &str, what: &str, ended: &Ended) {
    assert!(ended.took < SOON, "{what}: {verb} took {:?}", ended.took);
    let is_refused = matches!(ended.code(), Some(1 | 2));
    assert!(is_refused || matches!(ended.code(), Some(0 | 3)), "{what}: {verb}: {ended:?}");
    assert!(!is_refused || ended.stderr.lines().count() == 1, "{what}: {verb}: {}", ended.stderr);
}

const FILES: [&str; 7] = [
    "manifest.json",
    "trials.csv",
    "streams.csv",
    "latency.csv",
    "latency.hlog",
    "copies.csv",
    "xray.folded",
];

#[test]
fn a_link_in_a_run_leads_nowhere() {
    let scratch = Scratch::new();
    let original = a_run(&scratch);
    let precious = scratch.path("precious");
    for name in FILES.into_iter().chain(["cells.csv", "report.html", "cells.csv.new", "manifest.json.new"]) {
        let path = original.join(name);
        let kept = std::fs::read(&path).ok();
        // What the link leads to is what should have been there: reading it would go well.
        std::fs::write(&precious, kept.clone().unwrap_or_default()).unwrap();
        let _ = std::fs::remove_file(&path);
        symlink(&precious, &path).unwrap();
        let is_input = FILES.contains(&name);
        for (verb, ended) in verbs(&original) {
            ended_well(verb, name, &ended);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let reads = is_input && matches!(verb, "validate" | "resume");
            assert!(!reads || said.contains("it is a symbolic link"), "{name}: {verb}: {said}");
        }
        assert_eq!(
            std::fs::read(&precious).unwrap(),
            kept.clone().unwrap_or_default(),
            "{name} was followed"
        );
        let _ = std::fs::remove_file(&path);
        kept.map_or(Ok(()), |kept| std::fs::write(&path, kept)).unwrap();
    }
    // The directory itself may be named by a link.
    let latest = scratch.text_path("results/latest");
    assert_eq!(run(copycost(["validate", &latest])).code(), Some(0));
}

#[test]
fn figures_are_not_drawn_into_another_directory() {
    let scratch = Scratch::new();
    let original = a_run(&scratch);
    let elsewhere = scratch.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, original.join("plots")).unwrap();
    let ended = run(copycost(["report", original.to_str().unwrap()]));
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("plots: it is a symbolic link") && ended.stderr.lines().count() == 1,
        "{ended:?}"
    );
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let scratch = Scratch::new();
    let original = a_run(&scratch);
    for name in FILES {
        let path = original.join(name);
        let kept = std::fs::read(&path).ok();
        let _ = std::fs::remove_file(&path);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        for (verb, ended) in verbs(&original) {
            ended_well(verb, name, &ended);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let reads = matches!(verb, "validate" | "resume");
            assert!(!reads || said.contains("it is a pipe, a socket or a device"), "{name}: {verb}: {said}");
        }
        std::fs::remove_file(&path).unwrap();
        kept.map_or(Ok(()), |kept| std::fs::write(&path, kept)).unwrap();
    }
}

#[test]
fn what_cannot_be_resumed_is_as_it_was() {
    let scratch = Scratch::new();
    let original = a_run(&scratch);
    let read = |name: &str| std::fs::read(original.join(name)).unwrap();
    let (trials, streams) = (read("trials.csv"), read("streams.csv"));
    let half = trials[..trials.len() - 9].to_vec();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let is_refused = |name: &str, bytes: &[u8], what: &str| {
        // Half a row that resuming would cut off, beside what cannot be read.
        std::fs::write(original.join("trials.csv"), &half).unwrap();
        std::fs::write(original.join(name), bytes).unwrap();
        let before = (read("trials.csv"), read(name), read("streams.csv"));
        let ended = run(resume(&original));
        assert_eq!(ended.code(), Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(what) && ended.stderr.lines().count() == 1, "{name}: {}", ended.stderr);
        assert_eq!((read("trials.csv"), read(name), read("streams.csv")), before, "{name}: {}", ended.stderr);
    };
    is_refused("trials.csv", b"a line of something else", "another version");
    is_refused("trials.csv", b"of something\nelse", "another version");
    is_refused("streams.csv", b"of something else", "another version");
    std::fs::write(original.join("streams.csv"), &streams).unwrap();
    is_refused(
        "trials.csv",
        text(&trials).replacen(",two-copy,", ",\"two-copy,", 1).as_bytes(),
        "a quote is opened and never closed",
    );
    is_refused(
        "trials.csv",
        text(&trials).replacen(",ok,", ",well,", 1).as_bytes(),
        "`well` is not one of ok",
    );
    is_refused("copies.csv", b"cell\nx\n", "copies.csv, line 1");
    is_refused("latency.hlog", b"Tag=x,1\n", "latency.hlog, line 1");
    for name in ["latency.hlog", "copies.csv"] {
        std::fs::remove_file(original.join(name)).unwrap();
    }
    is_refused("xray.folded", b"a b\n", "xray.folded, line 1");
}

#[test]
fn half_a_row_ends_where_its_quotes_do() {
    let scratch = Scratch::new();
    let original = a_run(&scratch);
    let path = original.join("trials.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let (expected, _) = trials(&original);
    // As versions before this one wrote an agent's reason of several lines, cut off in its second line, and behind its
    // first.
    for half in ["\"first\nsecond, thi", "\"first\n"] {
        let (whole, last) = text.trim_end().rsplit_once('\n').unwrap();
        let cut = last.split_once(",ok,").unwrap().0;
        std::fs::write(&path, format!("{whole}\n{cut},failed,{half}")).unwrap();
        let validated = run(copycost(["validate", original.to_str().unwrap()]));
        assert!(validated.stdout.contains("the row is cut off in the middle"), "{validated:?}");
        let ended = run(resume(&original));
        assert_eq!(ended.code(), Some(0), "{half:?}: {ended:?}");
        let (rows, is_half) = trials(&original);
        assert_eq!((rows.len(), is_half), (expected.len(), false));
        assert_eq!(rows[..rows.len() - 1], expected[..rows.len() - 1]);
        assert_eq!(run(copycost(["validate", original.to_str().unwrap()])).code(), Some(0));
    }
}
