//! Parts of the report that are written alone, and a run that cannot be reported.

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
