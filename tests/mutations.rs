//! A run's files as somebody else may hand them over: changed at random, they end every command in a page or a sentence,
//! soon, and never in a panic.

mod support;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use copycost::cell::Workload;
use copycost::command::compare::{CompareArgs, ComparisonFormat};
use copycost::record::{Trial, csv_file};
use copycost::report::{self, Part};
use copycost::tables::{Run, THROUGHPUT};
use copycost::validate::validate;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use support::lab::{directory, sweep, tiny_grid};
use support::process::run;
use support::simulate::Simulation;
use support::{Scratch, copycost, random};

/// Mutations that are tried; `COPYCOST_TEST_MUTATIONS` sets another number.
const MUTATIONS: usize = 150;
/// Every so manieth is drawn as PNG and PDF too, which takes long in a test's build, and resumed.
const DRAWN: usize = 25;
/// Much longer than a report of so small a run takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a field may hold that no run writes, and what lies at the ends of what it may.
const FIELDS: &[&str] = &[
    "",
    "0",
    "-0",
    "1",
    "-1",
    "0.5",
    "1e-300",
    "-1e-300",
    "1e16",
    "1e308",
    "-1e308",
    "5e-324",
    "1.7976931348623157e308",
    "inf",
    "-inf",
    "NaN",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967295",
    "4294967296",
    "999999999999",
    "true",
    "false",
    "ok",
    "failed",
    "x",
    "\"",
    "\"\n\"",
    "\"a\nb\"",
    "\u{1b}[2J",
    "%",
    ",",
    "veth/two-copy/recv/static/64B/t1",
    "messages",
    "duration",
    "confirmed",
    "refuted",
    "request",
    "open-loop:rate=50%",
    "2026-01-01T00:00:00Z",
    "-262143-01-01T00:00:00Z",
];

/// Runs as files: a measured one, a simulated one of streams and one of delays, and one of an earlier version with an
/// x-ray.
fn runs(scratch: &Scratch) -> Vec<PathBuf> {
    let few = Simulation {
        repetitions: 3,
        message_sizes: vec![64, 4096],
        threads: vec![1, 2],
        ..Simulation::default()
    };
    let workload = |text: &str| text.parse::<Workload>().expect("a workload");
    let delays = Simulation {
        name: "delays".to_owned(),
        workloads: vec![workload("stream"), workload("request"), workload("open-loop:rate=50%")],
        threads: vec![1],
        ..few.clone()
    };
    let old = scratch.path("schema-1.0");
    std::fs::create_dir(&old).unwrap();
    for file in std::fs::read_dir("tests/runs/schema-1.0").unwrap().flatten() {
        std::fs::copy(file.path(), old.join(file.file_name())).unwrap();
    }
    let grid = tiny_grid("repetitions: 3\nlab: loopback\nworkload: [stream, request]");
    let measured = run(sweep(&scratch.file("grid.yaml", grid), &scratch.path("results"), &[]));
    let simulated = [few, delays].map(|simulation| simulation.write(&scratch.path("")).unwrap());
    simulated.into_iter().chain([directory(&measured), old]).collect()
}

/// One change to one file, at random.
fn mutate(run: &Path, random: &mut ChaCha8Rng) -> String {
    let files: Vec<_> = std::fs::read_dir(run)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    let mut files = files;
    files.sort();
    let path = files.choose(random).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let (what, changed) = match random.random_range(0..10) {
        0 => flipped(&bytes, random),
        1 => cut(&bytes, random),
        _ if name.ends_with(".csv") => table(&bytes, random),
        _ if name.ends_with(".json") => object(&bytes, random),
        _ => flipped(&bytes, random),
    };
    std::fs::write(path, changed).unwrap();
    format!("{name}: {what}")
}

fn flipped(bytes: &[u8], random: &mut ChaCha8Rng) -> (String, Vec<u8>) {
    let mut bytes = bytes.to_vec();
    let place = random.random_range(0..bytes.len().max(1));
    if let Some(byte) = bytes.get_mut(place) {
        *byte = random.random();
    }
    (format!("byte {place}"), bytes)
}

fn cut(bytes: &[u8], random: &mut ChaCha8Rng) -> (String, Vec<u8>) {
    let length = random.random_range(0..=bytes.len());
    (format!("cut to {length} bytes"), bytes[..length].to_vec())
}

/// A table with other fields, or with other rows.
fn table(bytes: &[u8], random: &mut ChaCha8Rng) -> (String, Vec<u8>) {
    let text = String::from_utf8_lossy(bytes);
    let mut rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    if rows.len() < 2 {
        return ("nothing".to_owned(), bytes.to_vec());
    }
    let (row, column) = (random.random_range(1..rows.len()), random.random_range(0..rows[0].len()));
    let field = *FIELDS.choose(random).unwrap();
    let name = rows[0][column].clone();
    let what = match random.random_range(0..8) {
        0 => {
            let row = rows[row].clone();
            rows.push(row);
            "a row twice".to_owned()
        }
        1 => {
            rows.swap_remove(row);
            "without a row".to_owned()
        }
        2 => {
            rows.iter_mut().filter(|row| row.len() > column).for_each(|row| drop(row.remove(column)));
            format!("without {name}")
        }
        3 => {
            rows[1..]
                .iter_mut()
                .filter(|row| row.len() > column)
                .for_each(|row| row[column] = field.to_owned());
            format!("{name} is {field:?} in every row")
        }
        4 => {
            for row in rows[1..].iter_mut().filter(|row| row.len() > column) {
                row[column] = FIELDS.choose(random).unwrap().to_string();
            }
            format!("{name} is anything")
        }
        _ => {
            if let Some(old) = rows[row].get_mut(column) {
                *old = field.to_owned();
            }
            format!("{name} is {field:?} in row {row}")
        }
    };
    let lines: String = rows.iter().map(|row| row.join(",") + "\n").collect();
    (what, lines.into_bytes())
}

/// JSON with another value in a place.
fn object(bytes: &[u8], random: &mut ChaCha8Rng) -> (String, Vec<u8>) {
    use serde_json::{Value, json};
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return flipped(bytes, random) };
    let others = [
        json!(null),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(5e-324),
        json!(""),
        json!("x\n\u{1b}[2J"),
        json!([]),
        json!({}),
        json!(true),
        json!("9999-99-99"),
        json!("2.0.0"),
        json!(["a", "a"]),
    ];
    let other = others.choose(random).unwrap().clone();
    let mut place = &mut value;
    let mut path = String::new();
    loop {
        let inner = match &*place {
            Value::Object(all) if !all.is_empty() => {
                let keys: Vec<&String> = all.keys().collect();
                (*keys.choose(random).unwrap()).clone()
            }
            Value::Array(all) if !all.is_empty() => random.random_range(0..all.len()).to_string(),
            _ => break,
        };
        path += &format!("/{inner}");
        place = match place {
            Value::Object(all) => &mut all[&inner],
            Value::Array(all) => &mut all[inner.parse::<usize>().unwrap()],
            _ => break,
        };
        if random.random_range(0..4) == 0 {
            break;
        }
    }
    *place = other.clone();
    (format!("{path} is {other}"), serde_json::to_vec_pretty(&value).unwrap())
}

/// Every command that reads a run; a sentence where one refuses it.
fn read(run: &Path, other: &Path, draws: bool) -> Vec<String> {
    let mut said = Vec::new();
    let validated =
        validate(run).map(|found| found.violations.iter().for_each(|one| said.push(one.to_string())));
    said.extend(validated.err().map(|error| format!("{error:#}")));
    let reported = Run::load(run)
        .map_err(anyhow::Error::from)
        .and_then(|run| report::write_parts(&run, |part| draws || part != Part::Plots));
    said.extend(reported.err().map(|error| format!("{error:#}")));
    for (base, new) in [(run, other), (other, run)] {
        let arguments = CompareArgs {
            base: base.to_owned(),
            new: new.to_owned(),
            max_regression: Some(0.05),
            measure: Some(&THROUGHPUT),
            format: ComparisonFormat::Table,
        };
        said.extend(arguments.write(&mut Vec::new()).err().map(|error| format!("{error:#}")));
    }
    said
}

/// Resuming reads all of it, and cuts off what is half.
fn is_resumed(path: &Path, what: &str) {
    let ended = run(copycost(["sweep", "--dry-run", "--resume", path.to_str().expect("a path in UTF-8")]));
    let is_refused = matches!(ended.code(), Some(1 | 2));
    assert!(is_refused || ended.code() == Some(0), "{what}: {ended:?}");
    let is_line = ended.stderr.lines().count() == 1 && !ended.stderr.trim_end().chars().any(char::is_control);
    assert!(!is_refused || is_line, "{what}: {:?}", ended.stderr);
}

#[test]
fn trials_hundreds_of_decades_apart_are_a_page() {
    let scratch = Scratch::new();
    let run = Simulation { repetitions: 2, ..Simulation::default() }.write(&scratch.path("")).unwrap();
    let mut rows = csv_file::read::<Trial>(&run).unwrap().rows;
    for (row, gbps) in rows.iter_mut().zip([1e-300, 1e16, f64::MAX, 5e-324].into_iter().cycle()) {
        (row.throughput_gbps, row.mean_recv_us, row.window_s) = (Some(gbps), Some(gbps), Some(gbps));
        row.sender.task_clock_s = Some(gbps);
    }
    csv_file::replace(&run, &rows).unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || drop(told.send(read(&run, &run, true))));
    heard.recv_timeout(PATIENCE).expect("an end, and no panic");
    assert!(scratch.path("simulated/report.html").is_file());
}

#[test]
fn any_run_ends_every_command_in_a_page_or_a_sentence() {
    const TEST: &str = "any_run_ends_every_command_in_a_page_or_a_sentence";
    let mut random = random(TEST);
    let mutations = std::env::var("COPYCOST_TEST_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let scratch = Scratch::new();
    let runs = runs(&scratch);
    let mut refused = 0;
    for number in 0..mutations.unwrap_or(MUTATIONS) {
        let original = &runs[number % runs.len()];
        let changed = scratch.path("changed");
        let _ = std::fs::remove_dir_all(&changed);
        std::fs::create_dir(&changed).unwrap();
        for file in std::fs::read_dir(original).unwrap().flatten().filter(|file| file.path().is_file()) {
            std::fs::copy(file.path(), changed.join(file.file_name())).unwrap();
        }
        let changes: Vec<String> =
            (0..random.random_range(1..4)).map(|_| mutate(&changed, &mut random)).collect();
        let what = format!("mutation {number} of {}: {}", original.display(), changes.join("; "));
        let (told, heard) = channel();
        let (original, draws) = (original.clone(), number % DRAWN == 0);
        let run = changed.clone();
        std::thread::spawn(move || drop(told.send(read(&run, &original, draws))));
        let said = match heard.recv_timeout(PATIENCE) {
            Ok(said) => said,
            Err(RecvTimeoutError::Timeout) => panic!("{what}: no end after {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("{what}: it panicked"),
        };
        for sentence in &said {
            let is_line = !sentence.trim().is_empty() && !sentence.chars().any(char::is_control);
            assert!(is_line, "{what}: {sentence:?}");
        }
        refused += usize::from(!said.is_empty());
        if draws {
            is_resumed(&changed, &what);
        }
    }
    println!("{refused} were refused or had violations");
}
