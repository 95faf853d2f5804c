//! Several runs laid over each other on one page, as a user asks for it.

mod support;

use std::path::{Path, PathBuf};

use support::lab::copy_of;
use support::past::{plain_run, run_of_day, speed_up};
use support::process::{Ended, run};
use support::simulate::Simulation;
use support::{Scratch, copycost};

fn report<'a>(runs: impl IntoIterator<Item = &'a PathBuf>, more: &[&str]) -> Ended {
    let mut command = copycost(["report"]);
    command.args(runs).args(more);
    run(command)
}

fn refused(ended: &Ended, code: i32, words: &str) {
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

#[test]
fn both_runs_curves_stand_in_the_same_axes_with_what_compare_says() {
    let scratch = Scratch::new();
    let base = plain_run(&scratch.path(""), 1);
    let new = run_of_day(&scratch.path(""), 2, |manifest, trials| {
        manifest.sender.host.kernel = "6.99".into();
        speed_up(trials, "two-copy", 0.7);
    });
    let ended = report([&base, &new], &[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(Path::new(ended.last_line()), new.join("overlay.html"));
    assert!(ended.stderr.contains("3 worse, 0 better"), "{}", ended.stderr);
    for (run, files) in [(&base, 2), (&new, 3)] {
        assert_eq!(std::fs::read_dir(run).unwrap().count(), files, "nothing else is written");
    }

    let page = std::fs::read_to_string(new.join("overlay.html")).unwrap();
    let figure = page.split("<figure id=\"over-throughput-1\">").nth(1).expect("the figure");
    let figure = figure.split("</figure>").next().unwrap();
    for named in ["two-copy", "splice", "20270101T000000Z-sample", "20270102T000000Z-sample"] {
        assert!(figure.split("</ul>").next().unwrap().contains(named), "the legend lacks {named}");
    }
    let chart = figure.split("<svg class=\"chart\"").nth(1).expect("a chart");
    let lines = |with: &str| {
        let is_line = |one: &&str| one.contains("stroke-width=\"1.6\"") && one.contains(with);
        chart.split("<polyline").filter(|one| is_line(one) && one.split("points=").nth(1).is_some()).count()
    };
    assert_eq!(lines("stroke-dasharray=\"5 4\""), 4, "the base run's curve of each path is broken");
    assert!(chart.matches("class=\"hit\"").count() == 24, "each cell of both runs answers");
    assert!(chart.contains("20270101T000000Z-sample: two-copy, 64 KiB, 1 thread"));
    assert!(page.contains("<h2 id=\"verdict\">What differs</h2>"));
    assert!(page.contains("6.99") && page.contains("95 % interval") && page.contains("not distinguishable"));
}

#[test]
fn delays_are_drawn_where_answers_set_the_pace() {
    let results = Scratch::new();
    let paced = |name: &str, seed| {
        let workloads = vec!["request".parse().expect("a workload")];
        Simulation { name: name.into(), seed, workloads, ..Simulation::default() }
    };
    let runs = [("base", 1), ("new", 2)]
        .map(|(name, seed)| paced(name, seed).write(&results.path("")).expect("a run"));
    let ended = report(&runs, &[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let page = std::fs::read_to_string(runs[1].join("overlay.html")).unwrap();
    for figure in ["over-response-p50-1", "over-response-p99-1"] {
        assert!(page.contains(&format!("<figure id=\"{figure}\">")), "{figure}");
    }
    assert!(!page.contains("over-throughput") && page.contains("cell by response_p99_us"));
    let history = run(copycost(["history", &results.text_path("")]));
    assert!(history.stderr.contains("24 cells by response_p50_us and response_p99_us"), "{}", history.stderr);
}

#[test]
fn three_runs_go_into_a_file_of_the_users_choice_and_the_last_is_held_against_the_others() {
    let scratch = Scratch::new();
    let runs: Vec<PathBuf> = (1..=3).map(|day| plain_run(&scratch.path(""), day)).collect();
    let into = scratch.text_path("three.html");
    let ended = report(&runs, &["--into", &into]);
    assert_eq!((ended.code(), ended.last_line()), (Some(0), into.as_str()), "{ended:?}");
    let page = std::fs::read_to_string(into).unwrap();
    for base in ["20270101", "20270102"] {
        assert!(
            page.contains(&format!("20270103T000000Z-sample against {base}T000000Z-sample</h2>")),
            "{base}"
        );
    }
    assert!(runs.iter().all(|run| !run.join("overlay.html").exists()));
}

#[test]
fn what_cannot_be_laid_over_each_other_is_refused_in_a_sentence() {
    let scratch = Scratch::new();
    let (one, other) = (plain_run(&scratch.path(""), 1), plain_run(&scratch.path(""), 2));
    let itself = one.join("../").join(one.file_name().unwrap());
    refused(&report([&one, &itself], &[]), 2, "are the same run; name two");
    refused(&report([&one, &other, &one], &[]), 2, "are the same run; name two");
    refused(
        &report([&one, &other], &["--only", "html"]),
        2,
        "--only and --no-plots are for the report of one run",
    );
    refused(&report([&one, &other], &["--no-plots"]), 2, "leave them out");
    refused(&report([&one], &["--into", "x.html"]), 2, "--into is for the page of several runs");
    refused(&report([&one, &scratch.path("nowhere")], &[]), 1, "is not a run");
    let counted = run_of_day(&scratch.path(""), 3, |manifest, _| {
        manifest.vm =
            Some(copycost::record::manifest::Vm { clock: "instructions".into(), ..Default::default() });
    });
    refused(&report([&one, &counted], &[]), 1, "name runs of the same clock");
    let elsewhere = run_of_day(&scratch.path(""), 4, |manifest, trials| {
        manifest.cells.clear();
        trials.retain(|trial| trial.message_bytes == 65536);
        for trial in trials {
            trial.message_bytes = 128;
            trial.cell = trial.cell.replace("65536B", "128B");
        }
    });
    refused(&report([&one, &elsewhere], &[]), 1, "no cell in common");
    let many: Vec<PathBuf> = (11..=15).map(|day| plain_run(&scratch.path(""), day)).collect();
    refused(&report(&many, &[]), 1, "name 4 at most");
}

#[test]
fn a_copy_is_told_from_its_run_by_its_directory() {
    let scratch = Scratch::new();
    let run = plain_run(&scratch.path(""), 1);
    let copy = copy_of(&run);
    let ended = report([&run, &copy], &[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let page = std::fs::read_to_string(copy.join("overlay.html")).unwrap();
    assert!(page.contains(&format!("{} against {}", copy.display(), run.display())), "both are named");
}
