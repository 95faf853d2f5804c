//! The report of simulated runs, whose truth is known: what it must say, what it must not, and how large it may be.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use copycost::cell::Payload;
use copycost::command::report::{ReportArgs, run as write_report};
use copycost::path::{self, BASELINE};
use copycost::record::Manifest;
use copycost::report::{self, Part};
use copycost::tables::Run;
use support::simulate::{Noise, PathCost, Simulation};

/// A run's report.
struct Report {
    _results: tempfile::TempDir,
    dir: PathBuf,
    html: String,
    markdown: String,
    verdict: String,
}

impl Report {
    fn of(simulation: &Simulation) -> Self {
        Self::after(simulation, |_| ())
    }

    /// The report of a run whose files were changed in between. Without the files in plots/, which take a debug
    /// build long.
    fn after(simulation: &Simulation, change: impl FnOnce(&Path)) -> Self {
        let results = tempfile::tempdir().unwrap();
        let dir = simulation.write(results.path()).unwrap();
        change(&dir);
        let only = vec![Part::Tables, Part::Html, Part::Markdown];
        write_report(&ReportArgs { runs: vec![dir.clone()], no_plots: false, only, ..ReportArgs::default() })
            .unwrap();
        Self::read(results, dir)
    }

    fn with_plots(simulation: &Simulation) -> Self {
        let results = tempfile::tempdir().unwrap();
        let dir = simulation.write(results.path()).unwrap();
        let written = report::write(&Run::load(&dir).unwrap()).unwrap();
        for file in &written.files {
            assert!(std::fs::metadata(file).unwrap().len() > 0, "{} is empty", file.display());
        }
        Self::read(results, dir)
    }

    fn read(results: tempfile::TempDir, dir: PathBuf) -> Self {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let (html, markdown) = (read("report.html"), read("report.md"));
        let mut report = Self { _results: results, html, markdown, verdict: String::new(), dir };
        report.verdict = report.section("## Verdict").replace("**", "");
        report
    }

    /// The part of the Markdown from a heading to the next of its level.
    fn section(&self, heading: &str) -> &str {
        let level = heading.split(' ').next().unwrap();
        let start = self.markdown.find(heading).unwrap_or_else(|| panic!("no {heading}"));
        let rest = &self.markdown[start + heading.len()..];
        let end = rest.find(&format!("\n{level} ")).unwrap_or(rest.len());
        &rest[..end]
    }

    fn draws(&self, name: &str) -> bool {
        self.html.contains(&format!("<figure id=\"{name}\">"))
    }

    fn plots(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.dir.join("plots"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn quiet() -> Simulation {
    Simulation {
        noise: Noise { within: (0.004, 0.006), block: 0.01, outliers: 0.0, outlier_delay: 0.0 },
        ..Simulation::default()
    }
}

#[test]
fn the_parts_stand_in_their_order() {
    let report = Report::of(&quiet());
    let order = [
        "## Verdict",
        "## Figures",
        "## Tables",
        "## Beside published figures",
        "## Answers",
        "### 1. When",
        "### 2. Why",
        "### 3. Which",
        "### 4. How",
        "### 5. From",
        "### 6. What",
        "## Validity",
        "## Further figures",
        "## Environment",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|heading| report.markdown.find(heading).unwrap_or_else(|| panic!("no {heading}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    for heading in &order[1..] {
        let words = heading.trim_start_matches('#').trim();
        assert!(report.html.contains(words), "the page lacks {words}");
    }
}

#[test]
fn the_verdict_gives_the_numbers_that_were_planted() {
    // At 64 KiB a message takes 900 + 196 * 64 = 13,444 ns, 13,240 and 20,100: ratios of 1.015 and 0.669.
    let report = Report::of(&quiet());
    assert!(
        report.verdict.contains("zero-copy (deferred copy) copied 100 % of its completed sends after all")
    );
    let (before, _) = report.verdict.split_once(" % slower than two-copy").expect("zero-copy is slower");
    let percent: u32 = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((31..=35).contains(&percent), "{}", report.verdict);
    assert!(report.verdict.contains("over veth"), "{}", report.verdict);
    assert!(report.verdict.contains("64 KiB with 1 thread"), "{}", report.verdict);
}

#[test]
fn a_deferred_copy_is_called_so_wherever_its_name_stands_in_a_result() {
    let told = path::notified().map(|(entry, _)| PathCost::new(entry.name, 5700.0, 225.0));
    let paths = std::iter::once(PathCost::new(BASELINE.name, 900.0, 196.0)).chain(told).collect();
    let report = Report::of(&Simulation { paths, ..quiet() });
    for (entry, _) in path::notified().filter(|(entry, _)| path::is_flag_proof(entry.name)) {
        assert_called_deferred(&report, entry.name);
    }
}

fn assert_called_deferred(report: &Report, path: &str) {
    let label = format!("{path} (deferred copy");
    let results =
        ["## Verdict", "## Validity", "## Tables", "### 1. When", "### 2. Why", "### 4. How", "### 6. What"];
    for heading in results {
        // What a study calls by that name is its own; the line says what it is here.
        let (published, ours): (Vec<&str>, Vec<&str>) =
            report.section(heading).lines().partition(|line| line.starts_with("- **published**"));
        for line in published.into_iter().filter(|line| line.contains(path)) {
            assert!(line.contains(&format!("; here {label})")), "{heading}: {line}");
        }
        let section = ours.join("\n");
        let named: Vec<_> = section.match_indices(path).collect();
        assert!(!named.is_empty(), "{heading} does not name {path}");
        for (at, _) in named {
            let rest = &section[at..];
            // The names of baselines, files and figures are no results.
            let is_other = ["'s |", "; ", ": every", "/", "-copied"]
                .iter()
                .any(|after| rest[path.len()..].starts_with(after));
            let after: String = rest.chars().take(60).collect();
            assert!(is_other || rest.starts_with(&label), "{heading}: {after}…");
        }
    }
    let legends = report.html.matches(&format!("{label})</li>")).count();
    assert!(legends >= 5, "{legends} legends say so");
    assert!(!report.html.contains(&format!("{path}</li>")), "a legend does not");
}

/// Every text of an SVG file stands in the PDF, and pages and pixels have its size.
fn shows_the_same(svg: &str, pdf: &[u8], png: &[u8]) {
    let joined = |text: &str| text.split_whitespace().collect::<String>();
    let size = |name: &str| -> u32 {
        svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    let (width, height) = (size("width"), size("height"));
    let pdf = lopdf::Document::load_mem(pdf).unwrap();
    let shown = joined(&pdf.extract_text(&[1]).unwrap());
    let texts: Vec<&str> =
        svg.split("<text ").skip(1).map(|text| text.split(['>', '<']).nth(1).unwrap()).collect();
    assert!(texts.len() > 10, "{texts:?}");
    for text in texts {
        let text = joined(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        assert!(shown.contains(&text), "`{text}` is not in {shown}");
    }
    let pages = pdf.get_pages();
    let corners = pdf.get_dictionary(pages[&1]).unwrap().get(b"MediaBox").unwrap().as_array().unwrap();
    let corners: Vec<f32> = corners.iter().map(|corner| corner.as_float().unwrap()).collect();
    assert_eq!((pages.len(), &corners[2..]), (1, &[width as f32, height as f32][..]));
    let pixels = |from: usize| u32::from_be_bytes(png[from..from + 4].try_into().unwrap());
    assert_eq!((&png[..4], pixels(16), pixels(20)), (&b"\x89PNG"[..], 2 * width, 2 * height));
}

#[test]
fn every_figure_has_three_formats_or_a_reason() {
    let report = Report::with_plots(&Simulation { hardware_counters: true, ..quiet() });
    let plots = report.plots();
    let names = [
        "cache-misses-by-size",
        "context-switches-by-size",
        "cost-model",
        "cpu-by-size",
        "cycles-by-size",
        "host-busy-by-size",
        "overall-at-largest-size",
        "ratio-by-size",
        "receive-time-by-threads",
        "scaling-by-threads",
        "throughput-by-size",
    ];
    let drawn: BTreeSet<&str> = plots.iter().filter_map(|file| Some(file.split_once('.')?.0)).collect();
    assert!(names.iter().all(|name| drawn.contains(name)), "{drawn:?}");
    let files: Vec<String> =
        drawn.iter().flat_map(|name| ["pdf", "png", "svg"].map(|kind| format!("{name}.{kind}"))).collect();
    assert_eq!(plots, files);
    for name in drawn {
        let read = |kind: &str| std::fs::read(report.dir.join(format!("plots/{name}.{kind}"))).unwrap();
        shows_the_same(&String::from_utf8(read("svg")).unwrap(), &read("pdf"), &read("png"));
        assert!(report.markdown.contains(&format!("](plots/{name}.svg)")), "{name} is not in the Markdown");
    }
    assert!(report.section("### 4. How").contains("because no delay was measured"), "of latency it says so");

    let without = Report::of(&quiet());
    assert!(without.draws("throughput-by-size"));
    assert!(!without.draws("cycles-by-size") && !without.draws("cache-misses-by-size"));
    let validity = without.section("## Validity");
    assert!(validity.contains("Cycles per byte at the sender") && validity.contains("no PMU"), "{validity}");
    assert!(without.section("### 3. Which").contains("**This run cannot tell**, because"));
}

#[test]
fn hardware_counters_answer_the_question_on_caches() {
    // Simulated L1 misses go with the cost per KiB: one-copy has 185/196 of two-copy's; LLC misses are alike.
    let simulation = Simulation { hardware_counters: true, repetitions: 10, ..quiet() };
    let report = Report::of(&simulation);
    let answer = report.section("### 3. Which");
    assert!(answer.contains("from two-copy to one-copy"), "{answer}");
    assert!(answer.contains("L1 data cache"), "{answer}");
    assert!(!answer.contains("cannot tell"), "{answer}");
}

#[test]
fn nothing_in_a_run_becomes_markup() {
    let evil = "<script>alert(1)</script>|*x*[y](javascript:z)`&\"'";
    let simulation = Simulation {
        paths: vec![PathCost::new("two-copy", 900.0, 196.0), PathCost::new(evil, 1400.0, 185.0)],
        receive_paths: vec!["<img src=x onerror=alert(2)>".to_owned()],
        failing: 0.2,
        ..quiet()
    };
    let report = Report::after(&simulation, |dir| {
        let path = dir.join("manifest.json");
        let mut manifest = Manifest::read(&path).unwrap();
        manifest.grid_name = "</title><script>alert(3)</script>".to_owned();
        manifest.sender.host.cpu_model =
            Some("<b>fast</b>\n# heading\n![x](http://example.invalid/x.png)".to_owned());
        manifest.command_line = vec!["copycost".to_owned(), "</script><script>alert(4)</script>".to_owned()];
        manifest.write(&path).unwrap();
        let trials = dir.join("trials.csv");
        let text = std::fs::read_to_string(&trials).unwrap();
        std::fs::write(
            &trials,
            text.replace("the receiver reset the connection", "<iframe src=//x></iframe>`|"),
        )
        .unwrap();
    });
    for tag in ["<script>alert", "<img", "<iframe", "<b>"] {
        assert!(!report.html.contains(tag), "{tag} is in the page");
    }
    assert_eq!(report.html.matches("<script>").count(), 1, "our own alone");
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(&report.markdown, options) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("Markdown holds HTML: {html}"),
            Event::Start(Tag::Link { dest_url, .. }) => panic!("Markdown holds a link to {dest_url}"),
            Event::Start(Tag::Image { dest_url, .. }) => {
                assert!(dest_url.starts_with("plots/"), "{dest_url}")
            }
            _ => {}
        }
    }
    assert!(!report.markdown.contains("\n# heading"), "a manifest made a heading");
}

#[test]
fn one_trial_a_cell_has_no_intervals_and_says_so() {
    let report = Report::of(&Simulation { repetitions: 1, ..quiet() });
    assert!(report.section("## Validity").contains("**one trial**: all 24 cells"));
    assert!(report.verdict.contains("without an interval to judge by"), "{}", report.verdict);
    assert!(report.markdown.contains("One trial per cell, so there are no intervals."));
    assert!(!report.section("### 1. When").contains("faster from"));
}

#[test]
fn what_failed_or_is_missing_is_named_and_the_rest_is_used() {
    let simulation = Simulation { unsupported: vec!["zero-copy".to_owned()], failing: 0.1, ..quiet() };
    let report = Report::after(&simulation, |dir| {
        let path = dir.join("manifest.json");
        let mut manifest = Manifest::read(&path).unwrap();
        manifest.cells.push("veth/splice/recv/static/64B/t1".to_owned());
        manifest.outcome = Some("interrupted".to_owned());
        manifest.write(&path).unwrap();
        let trials = dir.join("trials.csv");
        let text = std::fs::read_to_string(&trials).unwrap();
        std::fs::write(&trials, text.trim_end().rsplit_once(',').unwrap().0).unwrap();
    });
    let validity = report.section("## Validity");
    for label in ["unsupported cells", "failed trials", "missing cells", "not whole", "left out"] {
        assert!(validity.contains(&format!("**{label}**")), "{label}: {validity}");
    }
    assert!(validity.contains("zero-copy needs a newer kernel"));
    assert!(validity.contains("cut off in the middle"));
    assert!(report.section("## Tables").contains("no trial was recorded"));
    assert!(report.section("### 2. Why").contains("no trial that went well sent with MSG\\_ZEROCOPY"));
    assert!(report.verdict.contains("one-copy"));
}

#[test]
fn a_run_in_which_nothing_went_well_still_reports() {
    let report = Report::of(&Simulation { failing: 1.0, ..quiet() });
    assert!(report.verdict.contains("no trial went well"), "{}", report.verdict);
    assert!(report.section("### 6. What").contains("cannot tell"));
    assert!(!report.html.contains("<figure"));
}

#[test]
fn several_conditions_have_figures_of_their_own() {
    let simulation = Simulation {
        receive_paths: vec!["recv".to_owned(), "trunc".to_owned()],
        payloads: vec![Payload::Static, Payload::Fresh],
        repetitions: 3,
        ..quiet()
    };
    let report = Report::of(&simulation);
    for slug in ["veth-recv-static", "veth-trunc-static", "veth-recv-fresh", "veth-trunc-fresh"] {
        assert!(report.draws(&format!("throughput-by-size-{slug}")), "{slug}");
    }
    assert!(report.verdict.contains("received by trunc, fresh payload"), "{}", report.verdict);
}

#[test]
fn any_subset_of_paths_reports() {
    for paths in [&["splice"][..], &["one-copy", "zero-copy"], &["plain-send", "two-copy"]] {
        let costs = paths.iter().map(|name| PathCost::new(name, 1000.0, 200.0)).collect();
        let report = Report::of(&Simulation { paths: costs, repetitions: 2, threads: vec![1], ..quiet() });
        assert!(report.draws("throughput-by-size"), "{paths:?}");
        assert!(!report.verdict.is_empty(), "{paths:?}");
        if !paths.contains(&"two-copy") {
            assert!(report.section("### 1. When").contains("no two-copy cells"), "{paths:?}");
            assert!(report.section("### 5. From").contains("no two-copy cells"), "{paths:?}");
        }
    }
}

#[test]
fn published_figures_stand_beside_the_same_cells() {
    let simulation =
        Simulation { message_sizes: vec![1 << 10, 4 << 10, 16 << 10], threads: vec![1, 4], ..quiet() };
    let section = Report::of(&simulation);
    let section = section.section("## Beside published figures");
    assert!(
        section.contains("throughput of one-copy over two-copy's at 16 KiB with 1 thread | 1.05"),
        "{section}"
    );
    assert!(
        section.contains("throughput of zero-copy over two-copy's at 16 KiB with 1 thread | 0.724"),
        "{section}"
    );
    assert!(section.contains("Study C") && section.contains("Study D"), "{section}");
    // Planted: zero-copy is slower at 16 KiB, and study D has it win from there.
    assert!(section.contains("differs"), "{section}");

    let paths = vec![PathCost::new("splice", 900.0, 90.0)];
    let elsewhere = Report::of(&Simulation { paths, ..quiet() });
    assert!(elsewhere.section("## Beside published figures").contains("nothing can be set beside them"));
}

#[test]
fn the_page_of_sixty_cells_is_small_and_asks_for_nothing() {
    let simulation = Simulation {
        message_sizes: vec![64, 256, 1 << 10, 16 << 10, 64 << 10],
        threads: vec![1, 2, 4, 8],
        repetitions: 10,
        hardware_counters: true,
        ..quiet()
    };
    let report = Report::of(&simulation);
    assert!(report.html.contains("two-copy, 64 B, 1 thread: "));
    assert!(report.html.len() < 3_000_000, "{} bytes", report.html.len());
    for asks in ["src=", "@import", "url(", "fetch(", "XMLHttp", "http://", "https://"] {
        let allowed = if asks == "http://" { report.html.matches("http://www.w3.org").count() } else { 0 };
        assert_eq!(report.html.matches(asks).count(), allowed, "the page holds {asks}");
    }
}
