//! Output that nobody reads, and words that are not UTF-8: a verb still ends as it would, and never by a panic.

mod support;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use support::lab::{sweep, tiny_grid};
use support::process::run;
use support::simulate::Simulation;
use support::{Scratch, copycost};

/// The writing end of a pipe that nobody reads from any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Two runs, of which one is slower.
fn runs(scratch: &Scratch) -> [String; 2] {
    let base = Simulation { repetitions: 10, ..Simulation::default() };
    let mut new = Simulation { seed: 2, ..base.clone() };
    new.paths.iter_mut().for_each(|cost| (cost.fixed_ns, cost.per_kib_ns) = (1e6, 1e6));
    [("base", base), ("new", new)].map(|(name, simulation)| {
        let place = scratch.path(name);
        std::fs::create_dir(&place).unwrap();
        simulation.write(&place).unwrap().to_str().unwrap().to_owned()
    })
}

#[test]
fn every_verb_ends_as_it_would_where_nobody_reads() {
    let scratch = Scratch::new();
    let [base, new] = &runs(&scratch);
    let other = Scratch::new();
    let broken = &runs(&other)[0];
    let trials = format!("{broken}/trials.csv");
    std::fs::write(&trials, std::fs::read_to_string(&trials).unwrap().replace(",ok,", ",odd,")).unwrap();
    let grid = &scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let results = &scratch.text_path("results");
    for (words, code) in [
        (&["report", base][..], 0),
        (&["compare", base, new], 0),
        (&["compare", base, new, "--format", "json"], 0),
        (&["compare", base, new, "--max-regression", "5%"], 3),
        (&["validate", base], 0),
        (&["validate", broken], 3),
        (&["sweep", grid, "--dry-run"], 0),
        (&["sweep", grid, "--results", results], 0),
        (&["measure", "--lab", "loopback", "--messages", "5"], 0),
        (&["schema"], 0),
        (&["report", "/nowhere"], 1),
        (&["sweep", "no-such-grid"], 2),
        (&["no-such-verb"], 2),
    ] {
        assert_eq!(run(copycost(words.iter().copied())).code(), Some(code), "{words:?}");
        for (is_out, is_err) in [(true, false), (false, true), (true, true)] {
            let pipe = |is_closed| if is_closed { closed_pipe() } else { Stdio::piped() };
            let mut command = copycost(words.iter().copied());
            let ended = command.stdout(pipe(is_out)).stderr(pipe(is_err)).output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(code), "{words:?} {is_out} {is_err}: {said}");
        }
    }
}

#[test]
fn a_word_that_is_not_utf_8_is_refused_before_anything_is_made() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let results = scratch.path("results");
    let mut command = sweep(&grid, &results, &[]);
    command.arg("--token-file").arg(OsString::from_vec(b"/tmp/\xff\x1b[2J".to_vec()));
    let refused = run(command);
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    let said = "copycost: `/tmp/\u{fffd}\\u001b[2J` is not UTF-8; write arguments and paths in UTF-8\n";
    assert_eq!((refused.stderr.as_str(), refused.stdout.as_str()), (said, ""));
    assert!(!results.exists(), "something was made");
}

#[test]
fn an_environment_that_is_not_utf_8_harms_nothing() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let odd = |text: &[u8]| OsString::from_vec([text, b"\xff"].concat());
    let place = scratch.path("").join(odd(b"place"));
    std::fs::create_dir(&place).unwrap();
    let mut command = sweep(&grid, &scratch.path("results"), &[]);
    for name in [
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "HOME",
        "PATH",
        "COPYCOST_INTERFACES",
        "COPYCOST_IMAGE_ID",
        "SSH_CLIENT",
    ] {
        command.env(name, odd(b"/tmp/"));
    }
    let ended = run({
        command.env(odd(b"NAME"), "value").current_dir(&place);
        command
    });
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}
