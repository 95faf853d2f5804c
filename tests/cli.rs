//! The command line as a user meets it: help, wrong flags, completions, closed pipes.

mod support;

use std::collections::HashSet;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use copycost::cli::Cli;
use copycost::lab::kind;
use copycost::{path, receive, workload};
use support::lab::{directory, sweep, tiny_grid, trials};
use support::process::run;
use support::{Scratch, copycost};

/// Every verb that there is.
fn verbs() -> Vec<String> {
    Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

#[test]
fn help_names_every_verb_and_the_exit_codes() {
    let help = run(copycost(["--help"]));
    assert_eq!(help.code(), Some(0));
    for verb in verbs() {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb} is missing:\n{}", help.stdout);
        let own = run(copycost([&verb, "--help"]));
        assert_eq!((own.code(), own.stdout.contains("Usage: copycost")), (Some(0), true), "{verb}");
    }
    assert!(help.stdout.contains("Exit codes: 0"), "{}", help.stdout);
}

#[test]
fn the_version_is_the_package_s() {
    for flag in ["--version", "-V"] {
        let ended = run(copycost([flag]));
        assert_eq!(ended.stdout, format!("copycost {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn what_is_wrong_on_the_command_line_exits_2_and_is_named() {
    for (arguments, named) in [
        (&[][..], "Usage"),
        (&["nonsense"], "nonsense"),
        (&["paths", "--loud"], "--loud"),
        (&["sweep", "--lab", "moon"], "netns, loopback"),
        (&["sweep", "--seed", "-1"], "-1"),
        (&["sweep", "--lab", "loopback", "--sender", "127.0.0.1:1"], "--sender"),
        (&["sweep", "quick", "--resume", "somewhere"], "--resume"),
        (&["sweep", "no-such-grid"], "quick"),
        (&["sweep", "quik"], "did you mean `quick`?"),
        (&["sweep", "--set", "duration"], "KEY=VALUE"),
        (&["sweep", "--set", "duratoin=1s"], "did you mean `duration`?"),
        (&["sweep", "--set", "duration=1"], "not a duration"),
        (&["sweep", "--only", "path=splice"], "no path `splice`, but plain-send"),
        (&["sweep", "--only", "paths=splice"], "did you mean `path`?"),
        (&["sweep", "--reproduce", "somewhere", "--set", "seed=1"], "--set"),
        (&["grids", "show", "quik"], "did you mean `quick`?"),
        (&["man", "swep"], "did you mean `sweep`?"),
        (&["compare", "/tmp", "/tmp/."], "the same run"),
        (&["report", "/tmp", "/tmp/."], "the same run"),
        (&["report", "/tmp", "/var", "--no-plots"], "leave them out"),
        (&["history", "/tmp", "--measure", "throughput"], "throughput_gbps"),
        (&["measure", "--path", "A4"], "plain-send"),
        (&["measure", "--path", "zerocopy"], "did you mean `zero-copy`?"),
        (&["measure", "--receive-path", "A4"], "trunc"),
        (&["measure", "--payload", "cold"], "static, fresh"),
        (&["measure", "--size", "0"], "64B to 256MiB"),
        (&["measure", "--size", "10TiB"], "64B to 256MiB"),
        (&["measure", "--size", "much"], "not a size"),
        (&["measure", "--threads", "0"], "1 to 1024"),
        (&["measure", "--threads", "1000000000"], "1 to 1024"),
        (&["measure", "--duration", "1"], "500ms"),
        (&["measure", "--duration", "2h"], "1h"),
        (&["measure", "--duration", "1s", "--messages", "5"], "--messages"),
        (&["measure", "--messages", "0"], "1..="),
        (
            &["measure", "--workload", "request:depth=1000", "--size", "1MiB", "--threads", "64"],
            "lower the depth",
        ),
        (&["measure", "--workload", "request:background=2", "--messages", "9"], "bounded by a duration"),
        (&["measure", "--workload", "request:background=1024"], "more than 1024"),
        (&["measure", "--workload", "open-loop"], "rate"),
        (&["measure", "--warmup", "-1s"], "-1"),
        (&["measure", "--pin", "some"], "auto, none"),
        (&["measure", "--read-size", "0"], "auto"),
        (&["measure", "--working-set", "1"], "hot"),
        (&["measure", "--format", "xml"], "table, csv, json, summary"),
        (&["measure", "--wire", "veth=198.19.0.1"], "--sender"),
        (&["measure", "--wire", "nic"], "--interfaces"),
        (&["measure", "--wire", "overlay"], "has only veth"),
        (&["measure", "--lab", "loopback", "--wire", "veth"], "--lab netns"),
        (&["measure", "--interfaces", "one"], "two names"),
        (&["measure", "--interfaces", "one,one"], "twice"),
        (&["measure", "--interfaces", "no-such0,no-such1"], "no interface no-such0"),
        (&["measure", "--interfaces", "lo,no-such1"], "no interface no-such1"),
        (&["measure", "--interfaces", "a,b", "--lab", "loopback"], "--lab netns"),
        (&["measure", "--interfaces", "a,b", "--sender", "127.0.0.1:1"], "--sender"),
        (&["measure", "--sender", "127.0.0.1:1", "--token-file", "/no/such/file"], "/no/such/file"),
        (&["agent", "--listen", "nowhere"], "nowhere"),
        (&["agent", "--netns"], "--inherited"),
        (&["agent", "--new-token", "/no/such/directory/token"], "/no/such/directory/token"),
        (&["agent", "--data-port", "0"], "1..="),
        (&["agent", "--token-file", "/no/such/file"], "/no/such/file"),
        (&["completions", "cmd.exe"], "bash"),
    ] {
        let ended = run(copycost(arguments.iter().copied()));
        assert_eq!(ended.code(), Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{arguments:?} does not name {named}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn paths_lists_every_path_with_what_it_copies_and_workloads_and_labs() {
    let ended = run(copycost(["paths"]));
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    for entry in path::REGISTRY {
        let line = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(entry.name));
        let line = line.unwrap_or_else(|| panic!("no line for {}:\n{}", entry.name, ended.stdout));
        let promise = entry.promise;
        let counts = [promise.user.to_string(), promise.on_this_host(), promise.kernel.to_string()];
        for part in counts.iter().map(String::as_str).chain(entry.alias) {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
    }
    let own = path::REGISTRY.iter().map(|entry| (entry.name, entry.parameters.list));
    let received = receive::REGISTRY.iter().map(|entry| (entry.name, entry.parameters.list));
    let common = [("every send path", path::COMMON), ("every receive path", receive::COMMON)];
    for (of, parameter) in
        own.chain(received).chain(common).flat_map(|(of, list)| list.iter().map(move |one| (of, one)))
    {
        let names = |line: &&str| {
            let rest = line.trim_start().strip_prefix(of);
            rest.is_some_and(|rest| rest.split_whitespace().next() == Some(parameter.key))
        };
        let line = ended.stdout.lines().find(names);
        let line = line.unwrap_or_else(|| panic!("no line for {} of {of}:\n{}", parameter.key, ended.stdout));
        for part in [parameter.about, &parameter.usual(), &parameter.values.about()] {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
    }
    let labs = kind::REGISTRY.iter().flat_map(|entry| [entry.name, entry.about, entry.guard]);
    let receives = receive::REGISTRY.iter().flat_map(|entry| [entry.name, entry.about]);
    let workloads = workload::REGISTRY.iter().flat_map(|entry| [entry.name, entry.about]);
    for what in labs.chain(receives).chain(workloads) {
        assert!(ended.stdout.contains(what), "{what}");
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ended.stdout).contains(&words(receive::WHAT_CAN_BE_MAPPED)), "{}", ended.stdout);
}

#[test]
fn completions_and_the_man_page_know_the_verbs() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = run(copycost(["completions", shell]));
        assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""), "{shell}");
        let words: HashSet<&str> = ended.stdout.split(|c: char| !c.is_alphanumeric()).collect();
        for word in verbs().iter().map(String::as_str).chain(["copycost", "resume"]) {
            assert!(words.contains(word), "{shell} does not know {word}");
        }
        // Not every shell's script completes values.
        if ["bash", "fish", "zsh"].contains(&shell) {
            // Fish completes no values of arguments that are not flags.
            let values = ["uring-send-zc", "zc-mmap", "study-c"];
            for value in &values[..if shell == "fish" { 2 } else { 3 }] {
                assert!(ended.stdout.contains(value), "{shell} does not know {value}");
            }
        }
    }
    let man = run(copycost(["man"]));
    assert_eq!(man.code(), Some(0));
    assert!(man.stdout.contains(".TH copycost"), "{}", man.stdout);
    for verb in verbs() {
        assert!(man.stdout.contains(&format!("copycost\\-{verb}(1)")), "{verb} is missing:\n{}", man.stdout);
    }
    let scratch = Scratch::new();
    let all = run({
        let mut command = copycost(["man", "--into"]);
        command.arg(scratch.path("man"));
        command
    });
    assert_eq!((all.code(), all.stdout.as_str()), (Some(0), ""), "{}", all.stderr);
    for verb in verbs() {
        let own = run(copycost(["man", &verb])).stdout;
        assert!(own.contains(&format!(".TH copycost-{verb}")), "{verb}: {own}");
        let written =
            std::fs::read_to_string(scratch.path(&format!("man/copycost-{verb}.1"))).expect("its page");
        assert!(written.contains(".SH SYNOPSIS"), "{verb}: {written}");
    }
}

#[test]
fn bash_takes_the_completions() {
    let Ok(bash) = Command::new("bash").arg("--version").output() else {
        return support::skip("bash_takes_the_completions", "bash");
    };
    assert!(bash.status.success());
    let scratch = Scratch::new();
    let script = scratch.file("copycost.bash", run(copycost(["completions", "bash"])).stdout);
    let checked = Command::new("bash").args(["-n", &script]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// The writing end of a pipe that nobody reads from any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    for arguments in [
        &["--help"][..],
        &["paths"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["man"],
        &["doctor"],
        &["sweep", "--dry-run"],
        &["measure", "--lab", "loopback", "--messages", "5", "--format", "csv"],
    ] {
        let output = copycost(arguments.iter().copied()).stdout(closed_pipe()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
}

#[test]
fn a_sweep_whose_progress_nobody_reads_goes_on_to_its_end() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let results = scratch.path("results");
    let output = sweep(&grid, &results, &[]).stderr(closed_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = String::from_utf8(output.stdout).unwrap();
    let (rows, _) = trials(run.lines().last().unwrap().as_ref());
    assert_eq!(rows.len(), 4);

    // What goes wrong is still told by the exit code.
    let output = copycost(["sweep", "no-such-grid"]).stderr(closed_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn figures_that_cannot_be_written_are_an_error() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return support::skip("figures_that_cannot_be_written_are_an_error", "/dev/full");
    };
    for arguments in [
        &["measure", "--lab", "loopback", "--messages", "5", "--format", "json"][..],
        &["completions", "fish"],
        &["man"],
        &["paths"],
    ] {
        let output = copycost(arguments.iter().copied()).stdout(full.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left"), "{arguments:?}: {said}");
    }
}

#[test]
fn quiet_says_nothing_but_the_table_and_the_directory() {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlab: loopback"));
    let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    assert!(directory(&ended).starts_with(scratch.path("results")));
}
