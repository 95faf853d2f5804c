//! What is said of measured delays: of simulated runs, whose truth is known.

mod support;

use copycost::command::report::{ReportArgs, run as write_report};
use copycost::compare::{Comparison, Judgement};
use copycost::record::way::{Stage, Way};
use copycost::record::{Appender, csv_file};
use copycost::report::Part;
use copycost::tables::{Difference, Flag, RatioRow, Tables};
use support::simulate::{Noise, PathCost, Simulation};

/// Streams, requests and three rates, of which no path holds the last; one-copy takes four fifths of two-copy's time.
fn paced() -> Simulation {
    let workloads = ["stream", "request", "open-loop:rate=20%", "open-loop:rate=50%", "open-loop:rate=90%"];
    Simulation {
        paths: vec![
            PathCost::new("two-copy", 1000.0, 200.0),
            PathCost::new("one-copy", 800.0, 160.0),
            PathCost::new("zero-copy", 5000.0, 220.0),
        ],
        workloads: workloads.map(|text| text.parse().unwrap()).to_vec(),
        message_sizes: vec![64, 64 << 10],
        threads: vec![1],
        repetitions: 8,
        noise: Noise { within: (0.004, 0.006), block: 0.01, outliers: 0.0, outlier_delay: 0.0 },
        ..Simulation::default()
    }
}

/// A run's Markdown, without the marks that keep its words from being markup.
fn report(simulation: &Simulation) -> String {
    let results = tempfile::tempdir().unwrap();
    let run = simulation.write(results.path()).unwrap();
    let only = vec![Part::Tables, Part::Markdown];
    write_report(&ReportArgs { runs: vec![run.clone()], no_plots: true, only, ..ReportArgs::default() })
        .unwrap();
    let ratios = csv_file::read::<RatioRow>(&run).unwrap().rows;
    let metrics = |rows: &[RatioRow]| rows.iter().map(|row| row.metric.clone()).collect::<Vec<_>>();
    assert_eq!(metrics(&ratios), metrics(&Tables::of(&simulation.run()).ratios));
    std::fs::read_to_string(run.join("report.md")).unwrap().replace('\\', "")
}

/// The part of it from a heading to the next of its level.
fn section<'a>(report: &'a str, heading: &str) -> &'a str {
    let rest = &report[report.find(heading).unwrap_or_else(|| panic!("no {heading}")) + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn a_shorter_delay_is_faster_and_each_figure_is_corrected_by_itself() {
    let tables = Tables::of(&paced().run());
    let of = |metric: &str, workload: &str| -> Vec<&RatioRow> {
        let is_it = |row: &&RatioRow| {
            (row.metric == metric && row.setting.workload.as_deref() == Some(workload))
                && (row.path == "one-copy" && row.over == "two-copy" && row.message_bytes == 64 << 10)
        };
        tables.ratios.iter().filter(is_it).collect()
    };
    for metric in ["response_p50_us", "response_p99_us", "one_way_p50_us"] {
        let [row] = of(metric, "request")[..] else { panic!("one row of {metric}") };
        assert_eq!(row.difference, Difference::Faster, "{row:?}");
        assert!((0.75..0.85).contains(&row.ratio.value.unwrap()), "{row:?}");
    }
    let [stream] = of("throughput_gbps", "stream")[..] else { panic!("one row of throughput") };
    assert_eq!((stream.difference, stream.comparisons), (Difference::Faster, Some(6)));
    assert!(of("throughput_gbps", "open-loop:rate=50%").is_empty(), "the rate was given");
    assert!(tables.cost_model.iter().all(|row| row.setting.workload.as_deref() == Some("stream")));
    let beyond = tables.cells.iter().filter(|cell| cell.flags.has(Flag::Beyond));
    assert!(beyond.clone().count() == 6 && beyond.clone().all(|cell| cell.cell.ends_with("rate=90%")));
    let crossover = tables.crossovers.iter().find(|row| {
        (row.metric == "response_p99_us" && row.path == "one-copy" && row.over == "two-copy")
            && row.setting.workload.as_deref() == Some("request")
    });
    assert_eq!(crossover.unwrap().supported_win_bytes, Some(64));
}

#[test]
fn the_report_tells_delays_apart_from_throughput() {
    let text = report(&paced());
    let verdict = section(&text, "## Verdict");
    for part in [
        "over veth, request, response times at 64 KiB with 1 thread:",
        "over veth, open-loop at 50 % of what the same streams reach at full speed",
        "(faster); p99",
        "6 of 24 cells have a rate that their path does not hold",
    ] {
        assert!(verdict.contains(part), "`{part}` is not in {verdict}");
    }
    let latency = section(&text, "## Latency");
    let header = "| workload | path | size | p50 | p90 | p99 | p99.9 | late | rate |";
    assert!(latency.contains(header), "{latency}");
    assert!(latency.contains("two-copy from 90 % on"), "{latency}");
    let figures = [section(&text, "\n## Figures\n"), section(&text, "\n## Further figures\n")].concat();
    for title in [
        "Response time and one-way delay by message size (veth, request)",
        "Distribution of response times (veth, open-loop)",
        "Response time by rate (veth, open-loop)",
        "Measured delay beside mean receive time (veth, open-loop)",
        "How long buffers were lent, by message size (veth, request)",
    ] {
        assert!(figures.contains(title), "`{title}` is not in {figures}");
    }
    assert!(
        figures.contains("the inverse of its rate and no delay: at 5,000 messages a second it is 200 µs")
    );
    assert!(figures.contains(
        "The buffer of zero-copy (deferred copy) comes back before the answer at 64 B and 64 KiB."
    ));
    assert!(!figures.contains("Throughput by message size (veth, open-loop)"));
    let answers = section(&text, "## Answers");
    assert!(!answers.contains("open-loop") && !section(&text, "## Tables").contains("open-loop"));
}

/// The same with these workloads alone, and two numbers of threads.
fn threaded(workloads: &[&str]) -> Simulation {
    let workloads = workloads.iter().map(|text| text.parse().unwrap()).collect();
    Simulation { workloads, threads: vec![1, 2], ..paced() }
}

#[test]
fn a_run_without_delays_says_nothing_of_them() {
    let text = report(&threaded(&["stream"]));
    assert!(!text.contains("## Latency") && !text.contains("Response time"));
    assert!(text.contains("Of **latency** this run cannot tell, because no delay was measured."));
}

#[test]
fn threads_act_on_delays_where_they_were_measured() {
    let text = report(&threaded(&["stream", "request"]));
    let answers = section(&text, "## Answers");
    assert!(answers.contains("Of **latency**, by measured delays."), "{answers}");
    assert!(answers.contains("**99th percentile of the response time**: higher for every path"), "{answers}");
}

#[test]
fn a_run_of_requests_alone_is_reported_by_its_delays() {
    let text = report(&Simulation { workloads: vec!["request".parse().unwrap()], ..paced() });
    assert!(section(&text, "## Verdict").contains("response times at 64 KiB"));
    assert!(section(&text, "## Answers").contains("none of its streams sent as fast as it could"));
}

#[test]
fn two_runs_are_judged_by_throughput_and_by_delays() {
    let slower = |seed| {
        let mut simulation = Simulation { seed, ..paced() };
        simulation.paths[1] = PathCost::new("one-copy", 960.0, 192.0);
        simulation
    };
    let found = Comparison::of(&paced().run(), &slower(7).run(), None, Some(0.05));
    let names: Vec<&str> = found.measures.iter().map(|measure| measure.name).collect();
    assert_eq!(names, ["throughput_gbps", "response_p50_us", "response_p99_us"]);
    for change in &found.cells {
        let is_stream = !change.cell.contains("request") && !change.cell.contains("open-loop");
        assert_eq!(change.measure.name == "throughput_gbps", is_stream, "{}", change.cell);
        // Beyond the path the delay is the window's.
        if change.cell.contains("one-copy") && !change.cell.ends_with("rate=90%") {
            assert_eq!(change.judgement, Judgement::Worse, "{} by {}", change.cell, change.measure.name);
        }
    }
    assert!(found.regressions().iter().any(|name| name.ends_with("request (response_p99_us)")));
}

#[test]
fn the_stages_of_a_message_are_told_where_a_pass_split_them() {
    let simulation = paced();
    let results = tempfile::tempdir().unwrap();
    let run = simulation.write(results.path()).unwrap();
    let cells = simulation.cells();
    let of = |path: &str| {
        cells.iter().find(|cell| cell.send_path == path && cell.workload.name == "request").unwrap().key()
    };
    let (told, untold) = (of("two-copy"), of("one-copy"));
    let way = |(stage, us): (Stage, f64)| Way {
        cell: told.clone(),
        stage,
        count: 1234,
        p50_us: Some(us),
        ..Way::default()
    };
    let mut ways: Vec<Way> = Stage::ALL.into_iter().zip([1.25, 2.5, 3.75, 8.5]).map(way).collect();
    ways.push(Way { cell: untold, reason: "no stamps here".to_owned(), ..Way::default() });
    Appender::create(&run).unwrap().append(&ways).unwrap();
    write_report(&ReportArgs {
        runs: vec![run.clone()],
        no_plots: true,
        only: vec![Part::Markdown],
        ..ReportArgs::default()
    })
    .unwrap();
    let text = std::fs::read_to_string(run.join("report.md")).unwrap().replace('\\', "");
    let latency = section(&text, "## Latency");
    for line in [
        "| two-copy | 64 B | 1,234 | 1.25 | 2.50 | 3.75 | 8.50 |  |",
        "| one-copy | 64 B | 0 | – | – | – | – | no stamps here |",
    ] {
        assert!(latency.contains(line), "`{line}` is not in {latency}");
    }
}
