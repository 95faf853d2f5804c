//! Parts of the report that are written alone, what stands in all figures or in their place, and a run that cannot be
//! reported.

mod support;

use copycost::command::report::{ReportArgs, run as write_report};
use copycost::report::Part;
use support::simulate::Simulation;

#[test]
fn parts_can_be_written_alone_and_bad_input_writes_nothing() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    let args = ReportArgs {
        runs: vec![dir.clone()],
        no_plots: false,
        only: vec![Part::Markdown],
        ..ReportArgs::default()
    };
    write_report(&args).unwrap();
    assert!(dir.join("report.md").exists());
    for absent in ["report.html", "plots", "cells.csv"] {
        assert!(!dir.join(absent).exists(), "{absent} was written");
    }
    assert!(
        !std::fs::read_to_string(dir.join("report.md")).unwrap().contains("](plots/"),
        "a link to no file"
    );

    let before = std::fs::read(dir.join("report.md")).unwrap();
    let mut rows = std::fs::read_to_string(dir.join("trials.csv")).unwrap();
    rows = rows.replacen("throughput_gbps", "speed", 1);
    std::fs::write(dir.join("trials.csv"), rows).unwrap();
    let error = write_report(&ReportArgs { only: Vec::new(), ..args }).unwrap_err().to_string();
    assert!(error.contains("trials.csv, line 1, column throughput_gbps"), "{error}");
    assert_eq!(std::fs::read(dir.join("report.md")).unwrap(), before);
    assert!(!dir.join("plots").exists());
}

#[test]
fn a_figure_says_where_it_is_from_and_one_of_level_lines_is_a_sentence() {
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    write_report(&ReportArgs { runs: vec![dir.clone()], ..ReportArgs::default() }).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert!(read("plots/throughput-by-size.svg").contains(">Simulated, run simulated</text>"));
    assert!(read("report.html").contains("<p class=\"source\">Simulated, run simulated</p>"));
    // Every completion of the simulation is flagged.
    assert!(!dir.join("plots/zero-copy-copied-by-size.svg").exists());
    let said = "At every size and number of threads, 100 % of those of zero-copy were flagged.";
    assert!(read("report.md").contains(said) && read("report.html").contains(said));
}
