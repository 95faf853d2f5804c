//! The history of a results directory, as a user asks for it.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use support::past::{plain_run, run_of_day, speed_up};
use support::process::{Ended, run};
use support::{Scratch, copycost};

const CELL: &str = "veth/two-copy/recv/static/65536B/t1";

fn history(results: &Path, more: &[&str]) -> Ended {
    let words = ["history", results.to_str().expect("UTF-8")];
    run(copycost(words.into_iter().chain(more.iter().copied())))
}

fn as_json(results: &Path) -> Value {
    let ended = history(results, &["--format", "json"]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("JSON")
}

/// The page's text.
fn page(results: &Path) -> String {
    let ended = history(results, &[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let page = results.join("history.html");
    assert_eq!(Path::new(ended.last_line()), page, "the last line is the page");
    std::fs::read_to_string(page).expect("the page")
}

/// The figures of a cell.
fn figures<'a>(history: &'a Value, cell: &str) -> Vec<&'a Value> {
    let cells = history["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|one| one["cell"] == cell).expect("the cell");
    cell["figures"].as_array().expect("figures").iter().collect()
}

fn judgements(history: &Value, cell: &str) -> Vec<Option<String>> {
    let judgement = |one: &&Value| one["change"]["judgement"].as_str().map(str::to_owned);
    figures(history, cell).iter().map(judgement).collect()
}

#[test]
fn a_slowed_run_is_marked_and_noise_is_not() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    for day in [2, 1, 3] {
        plain_run(&results, day);
    }
    run_of_day(&results, 4, |_, trials| speed_up(trials, "two-copy", 0.7));
    let found = as_json(&results);
    let runs: Vec<_> =
        found["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(
        runs,
        ["1", "2", "3", "4"].map(|day| format!("2027010{day}T000000Z-sample")),
        "by their start"
    );
    let alike = Some("not distinguishable".to_owned());
    for cell in found["cells"].as_array().unwrap() {
        let cell = cell["cell"].as_str().unwrap();
        let last = if cell.contains("/two-copy/") { Some("worse".to_owned()) } else { alike.clone() };
        assert_eq!(judgements(&found, cell), [None, alike.clone(), alike.clone(), last], "{cell}");
    }
    let ratio = figures(&found, CELL)[3]["change"]["ratio"]["value"].as_f64().unwrap();
    assert!((ratio - 0.7).abs() < 0.03, "{ratio}");

    let ended = history(&results, &[]);
    assert!(
        ended.stderr.contains(&format!("{CELL} -")) && ended.stderr.contains("% (worse)"),
        "{}",
        ended.stderr
    );
    let page = page(&results);
    assert_eq!(page.matches("r=\"6.5\"").count(), 3, "a ring around each of the three cells that changed");
    assert!(page.contains("fell, worse than in the run before"));
    let table = history(&results, &["--format", "table"]);
    assert!(
        table.stdout.lines().any(|line| line.trim_start().starts_with(CELL) && line.contains("% worse")),
        "{}",
        table.stdout
    );
}

#[test]
fn a_gap_is_a_gap_and_a_change_across_it_is_found() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    for day in [1, 2, 4] {
        plain_run(&results, day);
    }
    let lacking = |manifest: &mut copycost::record::Manifest, trials: &mut Vec<copycost::record::Trial>| {
        manifest.cells.retain(|cell| cell != CELL);
        trials.retain(|trial| trial.cell != CELL);
    };
    run_of_day(&results, 3, lacking);
    run_of_day(&results, 5, |_, trials| speed_up(trials, "two-copy", 1.5));
    run_of_day(&results, 6, lacking);
    let found = as_json(&results);
    let of_cell = figures(&found, CELL);
    assert_eq!(of_cell.len(), 4, "absent is not zero");
    assert_eq!(of_cell[2]["change"]["since"], "20270102T000000Z-sample", "the last run that has it");
    assert_eq!(of_cell[3]["change"]["judgement"], "better");
    // The chart's line has two stretches; a chart without a gap has one.
    let page = page(&results);
    assert!(!page.contains("<details>"), "few changes stand open");
    let charts: Vec<&str> = page.split("<svg class=\"chart\"").skip(1).collect();
    let lines = |chart: &str| {
        let chart = chart.split("</svg>").next().unwrap();
        let is_line = |one: &&str| one.contains("stroke=\"#6B6B6B\" stroke-width=\"1.4\"");
        chart.split("<polyline").filter(is_line).count()
    };
    let with_gap: Vec<&&str> = charts.iter().filter(|chart| lines(chart) == 2).collect();
    assert_eq!((with_gap.len(), charts.len()), (1, 12));
    assert_eq!(with_gap[0].split("</svg>").next().unwrap().matches("class=\"hit\"").count(), 4);
}

#[test]
fn another_kernel_program_or_grid_is_said_and_another_clock_is_no_change() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    plain_run(&results, 1);
    run_of_day(&results, 2, |manifest, _| {
        for end in [&mut manifest.sender, &mut manifest.receiver] {
            end.host.kernel = "6.99-other".into();
        }
        manifest.tool.git_revision = Some("feedfacecafe".into());
        manifest.grid_sha256 = "0123456789".into();
    });
    run_of_day(&results, 3, |manifest, trials| {
        manifest.vm =
            Some(copycost::record::manifest::Vm { clock: "instructions".into(), ..Default::default() });
        speed_up(trials, "two-copy", 0.1);
    });
    run_of_day(&results, 4, |manifest, trials| {
        manifest.measurement = Some(false);
        speed_up(trials, "two-copy", 0.1);
    });
    let ended = history(&results, &["--format", "table"]);
    let second = ended.stdout.lines().find(|line| line.contains("20270102")).expect("the second run");
    for said in
        ["kernel 6.18", "-> 6.99-other", "program 0.1.0 (b6901caf) -> 0.1.0 (feedface)", "-> sample 01234567"]
    {
        assert!(second.contains(said), "{said}: {second}");
    }
    assert!(ended.stdout.contains("Run 3 is counted in instructions"), "{}", ended.stdout);
    assert!(ended.stdout.contains("Run 4 is no measurement"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("worse\n") && !ended.stdout.contains("% worse"), "{}", ended.stdout);
    let page = page(&results);
    assert!(page.contains("another host or kernel from here on"));
    assert!(page.contains("two-copy over veth, throughput_gbps, instructions counted"));
    assert!(page.contains("No figure changed by more than the noise"));
}

#[test]
fn what_is_no_run_is_counted_what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    let first = plain_run(&results, 1);
    plain_run(&results, 2);
    symlink(&first, results.join("latest")).unwrap();
    std::fs::create_dir(results.join("notes")).unwrap();
    std::fs::create_dir(results.join("plots")).unwrap();
    std::fs::write(results.join("README"), "no directory").unwrap();
    let broken = plain_run(&results, 3);
    std::fs::write(broken.join("manifest.json"), "{").unwrap();
    // A run without its table, and one that a link pretends to be.
    let empty = plain_run(&results, 4);
    std::fs::remove_file(empty.join("trials.csv")).unwrap();
    let precious = scratch.file("precious", "precious");
    symlink(&precious, results.join("history.html")).unwrap();

    let ended = history(&results, &[]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(ended.stderr.contains("2 directories in"), "{}", ended.stderr);
    for run in [&broken, &empty] {
        let named = |line: &&str| line.contains("left out") && line.contains(run.to_str().unwrap());
        assert_eq!(ended.stderr.lines().filter(named).count(), 1, "{}: {}", run.display(), ended.stderr);
    }
    assert_eq!(std::fs::read_to_string(precious).unwrap(), "precious", "no link is followed");
    assert!(results.join("history.html").symlink_metadata().unwrap().is_file());
    let found = as_json(&results);
    assert_eq!((found["runs"].as_array().unwrap().len(), &found["not_runs"]), (2, &2.into()));
    assert_eq!(found["unreadable"].as_array().unwrap().len(), 2);
}

#[test]
fn fewer_than_two_runs_are_told_in_a_sentence() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    std::fs::create_dir(&results).unwrap();
    let refused = |at: &Path, more: &[&str], words: &str| {
        let ended = history(at, more);
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    };
    refused(&results, &[], "holds no run, and a history takes two; `");
    let run = plain_run(&results, 1);
    refused(&results, &[], &format!("sweep --results {}` makes another", results.display()));
    refused(&run, &[], "is one run; give the directory that holds it");
    refused(&scratch.path("nowhere"), &[], "give a directory that holds runs");
    assert!(!results.join("history.html").exists());
    plain_run(&results, 2);
    refused(&results, &["--measure", "response_p50_us"], "has response_p50_us; take another --measure");
    let ended = history(&results, &["--measure", "cpus"]);
    assert_eq!(ended.code(), Some(2), "{ended:?}");
}

#[test]
fn another_figure_is_shown_by_its_own_better_side() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    plain_run(&results, 1);
    run_of_day(&results, 2, |_, trials| {
        for trial in trials.iter_mut().filter(|trial| trial.send_path == "splice") {
            for seconds in [&mut trial.sender.user_s, &mut trial.sender.system_s] {
                *seconds = seconds.map(|seconds| seconds * 1.5);
            }
        }
    });
    let ended = history(&results, &["--measure", "cpu_ns_per_kib"]);
    assert!(ended.stderr.contains("splice") && ended.stderr.contains("+50"), "{}", ended.stderr);
    let page = std::fs::read_to_string(results.join("history.html")).unwrap();
    assert!(page.contains("rose, worse than in the run before") && page.contains("lower is better"));
}

#[test]
fn words_of_others_are_shown_and_not_obeyed() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    plain_run(&results, 1);
    run_of_day(&results, 2, |manifest, _| {
        manifest.run_id = "2\u{1b}[2J<script>alert(1)<".into();
        manifest.sender.host.kernel = "6\u{1b}]0;owned\u{7}</title><script>".into();
        manifest.grid_name = "<b>grid".into();
    });
    for format in ["page", "table", "json"] {
        let ended = history(&results, &["--format", format]);
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!ended.stdout.contains(acts) && !ended.stderr.contains(acts), "{format}: {ended:?}");
    }
    let page = page(&results);
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(page.contains("&lt;b&gt;grid") && !page.contains('\u{1b}'));
}

#[test]
fn many_changes_are_folded_so_that_the_charts_stand_near() {
    let scratch = Scratch::new();
    let results = scratch.path("results");
    for day in 1..=7 {
        run_of_day(&results, day, |_, trials| {
            speed_up(trials, "two-copy", if day % 2 == 0 { 0.7 } else { 1.0 });
        });
    }
    let page = page(&results);
    let folded = page.split("<details>").nth(1).expect("a table that is folded");
    assert!(folded.split("</summary>").next().unwrap().contains("Changes of single cells"));
    // Six steps of the path as a whole stand open, and above its charts.
    assert!(page.contains("Paths whose cells changed together"));
    assert!(page.contains("All of its cells together: -"), "the first fell");
}
