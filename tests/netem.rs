//! A link with a delay: each way has it once, as long as the grid says, with every path; and a kernel that has no netem
//! says so in its rows.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use copycost::histogram::Delays;
use copycost::record::Status;
use copycost::record::histogram_log::{HistogramLog, StreamDelays};
use copycost::record::latency::DelayKind;
use support::lab::{directory, has_netns, manifest, only_run, sweep, tiny_grid, trials};
use support::machine::Machine;
use support::process::run;
use support::{Scratch, skip};

#[test]
fn a_kernel_without_netem_says_so_in_each_row() {
    if !has_netns("a_kernel_without_netem_says_so_in_each_row") {
        return;
    }
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1\nlink: {delay: 1ms, loss: 0.1%}"));
    let run = directory(&run(sweep(&grid, &scratch.path("results"), &["--quiet"])));
    let link = manifest(&run).wires["veth"].clone();
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), 4);
    for row in rows {
        let netem = link.sender.netem.zip(link.receiver.as_ref().unwrap().netem);
        match netem {
            Some((sender, receiver)) => {
                assert_eq!((row.status, sender.delay_ns), (Status::Ok, 1_000_000), "{}", row.reason);
                assert_eq!(sender, receiver);
            }
            None => {
                assert_eq!(row.status, Status::Unsupported);
                assert!(row.reason.starts_with("netem: the kernel has no sch_netem; run"), "{}", row.reason);
            }
        }
    }
}

/// The delays of each cell and kind.
type OfCells = BTreeMap<(String, DelayKind), Delays>;

fn delays(run: &Path) -> OfCells {
    let (rows, _) = trials(run);
    // What a kernel, or a machine without a disk, lacks is no failure.
    let went = |status| rows.iter().filter(|row| row.status == status).count();
    assert!(went(Status::Ok) > 0 && went(Status::Failed) == 0, "{rows:?}");
    let log = HistogramLog::read(run).expect("a log");
    let of =
        |line: StreamDelays| ((line.cell, line.kind), Delays::decode(&line.histogram).expect("a histogram"));
    log.into_iter().map(of).collect()
}

/// The delay that half of the messages had at most, microseconds.
fn median(delays: &Delays) -> f64 {
    delays.points().find(|(longer, _)| *longer <= 0.5).expect("delays").1
}

/// How much longer the median delay of this kind is in each cell, microseconds.
fn longer(with: &OfCells, without: &OfCells, kind: DelayKind) -> Vec<(String, f64)> {
    let of_kind = with.iter().filter(|((_, its_kind), _)| *its_kind == kind);
    of_kind.map(|(key, delays)| (key.0.clone(), median(delays) - median(&without[key]))).collect()
}

fn assert_about(told: &[(String, f64)], expected: f64, within: f64) {
    println!("{told:.1?}");
    assert!(told.iter().all(|(_, more)| (more - expected).abs() <= within), "not {expected}: {told:.1?}");
}

/// The sweeps of a machine: name, what runs, what of the link.
const SWEEPS: [(&str, &str, &str); 6] = [
    ("plain", PATHS, ""),
    ("delay", PATHS, "link: {delay: 1ms}"),
    ("jitter", ONE_PACKET, "link: {delay: 1ms, jitter: 200us}"),
    ("card-plain", CARD, ""),
    ("card-delay", CARD, "link: {delay: 1ms}"),
    ("rate", STREAM, "link: {rate: 100Mbit}"),
];
const PATHS: &str = "workload: request\npaths: [all]\nmessage_sizes: [64, 16KiB]\nmessages: 200\nwire: veth";
/// A message of several packets takes as long as the slowest of them.
const ONE_PACKET: &str = "workload: request\npaths: [all]\nmessage_sizes: [64]\nmessages: 1000\nwire: veth";
/// The card holds interrupts back where packets follow one another, as they do without a delay.
const CARD: &str = "workload: request\npaths: [two-copy]\nmessage_sizes: [64]\nmessages: 200\nwire: nic";
const STREAM: &str =
    "workload: stream\npaths: [two-copy]\nmessage_sizes: [16KiB]\nduration: 500ms\nwire: veth";

/// Runs them all in one machine, whose instruction clock makes a wait as long as it is meant to be, however busy the
/// host is. None where something is missing, which is said.
fn swept(series: &str, test: &str) -> Option<Scratch> {
    let machine = Machine::with_kernel(series, test)?;
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else {
        skip(test, "busybox, statically linked");
        return None;
    };
    let scratch = Scratch::new();
    let (mut script, mut grids) = (String::new(), Vec::new());
    for (name, cells, link) in SWEEPS {
        let text = format!("name: x\n{cells}\nthreads: [1]\nwarmup: 5ms\nrepetitions: 1\nseed: 7\n{link}\n");
        let grid = scratch.file(&format!("{name}.yaml"), text);
        let flags = "--quiet --no-report --results";
        script += &format!("(exec -a copycost /init sweep {grid} {flags} {name}) || exit 1\n");
        grids.push(grid);
    }
    let script = scratch.file("script.sh", script);
    let flags = ["--quiet", "--clock", "instructions", "--with", busybox, "--with", &script];
    let words = ["busybox", "sh", "/carried/script.sh"].into_iter().chain(grids.iter().map(String::as_str));
    let mut command = machine.run(flags, words);
    command.current_dir(scratch.path("."));
    let ended = run(command);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    Some(scratch)
}

fn each_way_has_the_delay(series: &str, test: &str) {
    let Some(scratch) = swept(series, test) else { return };
    let run_of = |name: &str| only_run(&scratch.path(name)).expect("a run that came home");
    let link = manifest(&run_of("jitter")).wires["veth"].clone();
    for end in [&link.sender, link.receiver.as_ref().unwrap()] {
        let netem = end.netem.expect("netem");
        assert_eq!((netem.delay_ns, netem.jitter_ns, netem.rate_bit_s), (1_000_000, 200_000, None));
    }
    // Headers count too: 1448 bytes of a frame's 1514 are payload.
    let through = trials(&run_of("rate")).0[0].throughput_gbps.expect("throughput");
    println!("at 100 Mb/s: {through} Gb/s");
    assert!((0.090..=0.1).contains(&through), "{through} Gb/s");

    let [plain, delay, jitter, card_plain, card_delay] =
        ["plain", "delay", "jitter", "card-plain", "card-delay"].map(|name| delays(&run_of(name)));
    let one_way = longer(&delay, &plain, DelayKind::OneWay);
    let (rows, _) = trials(&run_of("plain"));
    let lacking = rows.iter().filter(|row| row.status != Status::Ok).count();
    assert!(lacking <= 4, "of two paths at most, the two sizes: {rows:?}");
    assert_eq!(one_way.len() + lacking, rows.len());
    assert_about(&one_way, 1000.0, 10.0);
    // A way back may also begin while the sender is at work on completions, which a delay gives it time for.
    assert_about(&longer(&delay, &plain, DelayKind::WayBack), 1000.0, 20.0);
    assert_about(&longer(&card_delay, &card_plain, DelayKind::OneWay), 1000.0, 10.0);
    assert_evenly_distributed(&jitter, &delay);
}

/// 200 us to either side of a delay: a median of 1000 errs by 6 us, the mean of one for each path by less than 3.
fn assert_evenly_distributed(jitter: &OfCells, delay: &OfCells) {
    let shifts = longer(jitter, delay, DelayKind::OneWay);
    println!("{shifts:.1?}");
    let mean = shifts.iter().map(|(_, shift)| shift).sum::<f64>() / shifts.len() as f64;
    assert!(mean.abs() <= 10.0, "jitter shifted the median by {mean} us: {shifts:.1?}");
    for (key, delays) in jitter.iter().filter(|((_, kind), _)| *kind == DelayKind::OneWay) {
        let of = |share: f64| delays.points().find(|(longer, _)| *longer <= 1.0 - share).unwrap().1;
        let spread = of(0.9) - of(0.1);
        assert!((spread - 0.8 * 400.0).abs() < 25.0, "{}: four fifths lie within {spread} us", key.0);
    }
}

#[test]
fn each_way_has_the_delay_on_linux_6_1() {
    each_way_has_the_delay("6.1", "each_way_has_the_delay_on_linux_6_1");
}

#[test]
fn each_way_has_the_delay_on_linux_6_12() {
    each_way_has_the_delay("6.12", "each_way_has_the_delay_on_linux_6_12");
}
