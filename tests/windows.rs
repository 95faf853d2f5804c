//! Trials of one stream to hundreds, compared with the byte counters of the interface that they went by: no trial
//! reports more than the wire carried, whatever else runs here.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use copycost::record::{Disturbance, Status, Trial};
use support::Scratch;
use support::lab::{assert_whole, directory, has_netns, sweep, trials};
use support::process::{Running, run};

/// How often the counters are read.
const PACE: Duration = Duration::from_millis(2);

/// Headers of a packet: Ethernet, IPv6 and TCP with all their options.
const MOST_HEADERS: u64 = 14 + 40 + 60;

/// The received bytes of one interface at one moment, by the clock that rows are dated by.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at_s: f64,
    bytes: u64,
}

/// What the receiver's interface has brought since its lab was made.
#[derive(Default)]
struct Counters {
    readings: Vec<Reading>,
}

impl Counters {
    /// Reads those of the lab's interface in an agent's network namespace, once it is there.
    fn read(&mut self, agent: i32) {
        let at_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let text = std::fs::read_to_string(format!("/proc/{agent}/net/dev")).unwrap_or_default();
        // `NAME: BYTES PACKETS …`, below two lines of header (proc_net(5)).
        let counts = text.lines().find_map(|line| line.trim().strip_prefix("copycost")?.split_once(':'));
        let bytes: Option<u64> =
            counts.and_then(|(_, counts)| counts.split_whitespace().next()?.parse().ok());
        // The end of a pair counts what the other end sent: once that is taken away, it has received nothing.
        let last = self.readings.last().map_or(0, |last| last.bytes);
        let bytes = bytes.filter(|&bytes| bytes >= last);
        self.readings.extend(bytes.map(|bytes| Reading { at_s, bytes }));
    }

    /// The most that may have come in any window of this length that lies between two moments, 10^9 bit/s: of windows
    /// that begin between two readings, what came from the first of them until such a window is over for certain.
    /// However seldom a busy machine lets the counters be read, no window has more.
    fn most_gbps(&self, from_s: f64, until_s: f64, window_s: f64) -> f64 {
        let most = self.readings.windows(2).filter_map(|pair| {
            let over_s = pair[1].at_s + window_s;
            let end = self.readings.partition_point(|one| one.at_s < over_s);
            let last = self.readings.get(end).or(self.readings.last())?;
            let is_between = pair[1].at_s >= from_s && pair[0].at_s <= until_s;
            is_between.then(|| last.bytes - pair[0].bytes)
        });
        most.max().unwrap_or(0) as f64 * 8.0 / 1e9 / window_s
    }
}

/// Runs a sweep and reads the counters of its receiver's interface meanwhile.
fn watched(grid: &str, scratch: &Scratch) -> (Vec<Trial>, Counters) {
    let mut running = Running::start(sweep(grid, &scratch.path("results"), &["--quiet"]));
    let mut receiver = None;
    let mut counters = Counters::default();
    while running.is_running() {
        match receiver {
            Some(agent) => counters.read(agent),
            None => receiver = running.agents().get(1).map(|agent| agent.pid),
        }
        std::thread::sleep(PACE);
    }
    let run = directory(&running.wait());
    assert_whole(&run);
    assert!(!counters.readings.is_empty(), "the receiver's counters could not be read");
    (trials(&run).0, counters)
}

#[test]
fn no_trial_of_one_to_256_streams_reports_more_than_the_wire_carried() {
    const TEST: &str = "no_trial_of_one_to_256_streams_reports_more_than_the_wire_carried";
    if !has_netns(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let (mut seen, mut ran) = (0, 0);
    for window in ["100ms", "400ms"] {
        let text = format!(
            "name: windows\npaths: [two-copy, zero-copy]\nmessage_sizes: [16KiB]\nthreads: [1, 16, 64, 256]\n\
             duration: {window}\nwarmup: 100ms\nrepetitions: 1\nseed: 5\n"
        );
        let grid = scratch.file(&format!("{window}.yaml"), text);
        let (rows, counters) = watched(&grid, &scratch);
        let dated: Vec<f64> = rows
            .iter()
            .map(|row| row.started_at.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as f64 / 1e9)
            .collect();
        for (place, row) in rows.iter().enumerate() {
            seen += 1;
            if row.status != Status::Ok {
                println!("{} #{}: {}", row.cell, row.rep, row.reason);
                continue;
            }
            ran += 1;
            let window_s = row.window_s.unwrap();
            let until = dated.get(place + 1).copied().unwrap_or(f64::INFINITY);
            let most = counters.most_gbps(dated[place], until, window_s);
            let gbps = row.throughput_gbps.unwrap();
            let what = format!("{} #{}: {gbps} Gb/s, and at most {most} on the wire", row.cell, row.rep);
            assert!(gbps <= most, "{what}");
            let in_gbps = |bytes: u64| bytes as f64 * 8.0 / 1e9 / window_s;
            let (carried, packets) = (row.wire_bytes.unwrap(), row.wire_packets.unwrap());
            assert!(gbps <= in_gbps(carried) * 1.001, "{what}; {carried} bytes in its window");
            // Where nothing else ran, what was received is what the wire carried, but for the headers.
            if row.disturbed.is_empty() {
                let least = in_gbps(carried - packets * MOST_HEADERS) * 0.96;
                assert!(gbps >= least, "{what}; {carried} bytes in {packets} packets in its window");
            }
        }
    }
    // A machine that is busy with something else may fail a trial of hundreds of threads, and not those after it.
    assert!(ran * 4 >= seen * 3, "{ran} of {seen} trials ran");
}

#[test]
fn a_busy_neighbour_stands_in_the_row() {
    const TEST: &str = "a_busy_neighbour_stands_in_the_row";
    if !has_netns(TEST) {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file(
        "grid.yaml",
        "name: neighbour\npaths: [two-copy]\nmessage_sizes: [16KiB]\nthreads: [1]\nduration: 1s\n\
         warmup: 50ms\nrepetitions: 2\n",
    );
    let is_over = AtomicBool::new(false);
    let rows = std::thread::scope(|scope| {
        // As many as there are CPUs: wherever the workers are, one is beside them.
        let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        for _ in 0..cpus {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let ended = run(sweep(&grid, &scratch.path("results"), &["--quiet"]));
        is_over.store(true, Ordering::Relaxed);
        trials(&directory(&ended)).0
    });
    let ok: Vec<&Trial> = rows.iter().filter(|row| row.status == Status::Ok).collect();
    assert!(!ok.is_empty(), "{rows:#?}");
    for row in ok {
        for host in [&row.sender_host, &row.receiver_host] {
            // Absent where the kernel does not say whose the softirqs are.
            assert!(host.foreign_cpus.is_none_or(|cpus| cpus > 0.3), "{host:?}");
            assert!(host.on_cpu.is_some_and(|share| share < 0.9), "{host:?}");
        }
        assert!(row.sender_host.kept_off_cpu.is_some_and(|share| share > 0.1), "{:?}", row.sender_host);
        assert!(row.disturbed.0.contains(&Disturbance::KeptOffCpu), "{}", row.disturbed);
        assert!(row.sender_run_delay_s > Some(0.0));
    }
}
