//! What the report says of figures that rest on little, or on something else than the sender: of simulated runs, whose
//! truth is known.

mod support;

use copycost::command::report::{ReportArgs, run as write_report};
use copycost::path::{self, BASELINE};
use copycost::report::Part;
use support::simulate::{Noise, PathCost, Simulation};

/// A run's Markdown, without the marks that keep its words from being markup.
fn report(simulation: &Simulation) -> String {
    let results = tempfile::tempdir().unwrap();
    let run = simulation.write(results.path()).unwrap();
    let only = vec![Part::Tables, Part::Markdown];
    write_report(&ReportArgs { runs: vec![run.clone()], no_plots: true, only, ..ReportArgs::default() })
        .unwrap();
    std::fs::read_to_string(run.join("report.md")).unwrap().replace('\\', "")
}

/// The part of it from a heading to the next of its level.
fn section<'a>(report: &'a str, heading: &str) -> &'a str {
    let rest = &report[report.find(heading).unwrap_or_else(|| panic!("no {heading}")) + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

fn quiet() -> Simulation {
    Simulation {
        noise: Noise { within: (0.004, 0.006), block: 0.01, outliers: 0.0, outlier_delay: 0.0 },
        ..Simulation::default()
    }
}

#[test]
fn a_path_that_the_receiver_holds_back_is_marked_and_its_sender_s_time_is_told() {
    let held = report(&Simulation { receiver_busy: 0.99, ..quiet() });
    let verdict = section(&held, "## Verdict");
    assert!(verdict.contains(", held back by the receiver"), "{verdict}");
    assert!(verdict.contains("Its sender's CPU time per KiB was"), "{verdict}");
    assert!(held.contains("Circled: not the sender but the receiver"));
    assert!(section(&held, "## Tables").contains("| receiver |"));
    let plain = report(&quiet());
    assert!(
        section(&plain, "## Verdict").contains(", held back by the sender") && !plain.contains("Circled")
    );
    assert!(section(&plain, "## Validity").contains("**no noise floor**"));
}

#[test]
fn what_is_said_of_noise_claims_neither_a_difference_nor_that_there_is_none() {
    let noise = Noise { within: (0.2, 0.3), block: 0.05, outliers: 0.1, outlier_delay: 0.5 };
    let alike = |name: &str| PathCost::new(name, 900.0, 196.0);
    let (mut wide, mut corrected) = (0, 0);
    for seed in 0..12 {
        let paths = ["two-copy", "one-copy", "plain-send", "splice"].map(alike).to_vec();
        let text = report(&Simulation {
            paths,
            repetitions: 3 + seed % 4,
            noise: noise.clone(),
            seed: seed.into(),
            ..quiet()
        });
        wide += usize::from(text.contains("too few trials to tell"));
        corrected += usize::from(text.contains("by itself, but not after correction for 48 comparisons"));
        assert!(!text.contains("too wide to say") && !text.contains("not slower"), "{text}");
        // No percentage of less than nothing.
        for (at, _) in text.match_indices(" % slower") {
            let number = text[..at].rsplit(' ').next().unwrap().trim_start_matches('(');
            assert!(number.parse::<f64>().unwrap() <= 100.0, "{number} % slower");
        }
        let intervals = text.split('[').filter_map(|rest| rest.split_once(" %]")).map(|(inside, _)| inside);
        for low in
            intervals.filter(|inside| inside.len() < 20).filter_map(|inside| inside.split(" to ").next())
        {
            assert!(low.parse::<f64>().is_ok_and(|low| low > -101.0) || !low.starts_with('-'), "[{low} …]");
        }
    }
    assert!(wide > 0 && corrected > 0, "{wide} {corrected}");
}

#[test]
fn what_no_flag_proves_is_never_called_a_deferred_copy() {
    let told = path::notified().map(|(entry, _)| PathCost::new(entry.name, 5700.0, 225.0));
    let paths = std::iter::once(PathCost::new(BASELINE.name, 900.0, 196.0)).chain(told).collect();
    let report = report(&Simulation { paths, ..quiet() });
    for (entry, _) in path::notified().filter(|(entry, _)| !path::is_flag_proof(entry.name)) {
        let path = entry.name;
        assert!(!report.contains(&format!("{path} (deferred copy")), "{path}");
        for heading in ["## Validity", "### 2. Why", "### 6. What"] {
            let section = section(&report, heading);
            assert!(
                section.contains("on io_uring") && section.contains("proves nothing"),
                "{heading}: {section}"
            );
            // A list of many cells names the first.
            assert!(heading == "## Validity" || section.contains(path), "{heading} does not name {path}");
        }
    }
}
