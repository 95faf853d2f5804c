//! Simulated runs: a run's directory drawn from a cost model and a model of noise, without a network.
//!
//! For tests of everything that reads a run, where the truth must be known: what the paths cost is chosen,
//! so what the report should find is known. The default noise is that of a small virtual machine: a few per
//! cent within a block, a block that is slow or fast as a whole, and now and then a trial that is far off.
//! The manifest of a simulated run says that it is simulated.

mod delays;
mod files;
mod noise;

pub use noise::Noise;

use noise::Source;

use copycost::cell::{Cell, Payload, Wire, Workload};
use copycost::path;
use copycost::record::histogram_log::StreamDelays;
use copycost::record::{BoundKind, End, Status, Stream, Trial, Verified, stream::ZeroCopy};
use copycost::units;

/// What a send path costs in a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct PathCost {
    /// The send path, by its registry name.
    pub name: String,
    /// Time of a message whatever its size, ns.
    pub fixed_ns: f64,
    /// Time that each KiB adds, ns.
    pub per_kib_ns: f64,
}

impl PathCost {
    /// A path with a cost.
    #[must_use]
    pub fn new(name: &str, fixed_ns: f64, per_kib_ns: f64) -> Self {
        Self { name: name.to_owned(), fixed_ns, per_kib_ns }
    }
}

/// A run to be drawn. Change what a test is about and leave the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// Name of the grid and of the directory.
    pub name: String,
    /// The paths, in the order of the grid.
    pub paths: Vec<PathCost>,
    /// What joins the agents.
    pub wire: Wire,
    /// The receive paths, by name.
    pub receive_paths: Vec<String>,
    /// Kinds of payload: written once, or anew for each message.
    pub payloads: Vec<Payload>,
    /// What streams do. Where answers or a rate set the pace, a message takes its cost and half of it or twice as much,
    /// and messages at more than 80 % of what a path can queue.
    pub workloads: Vec<Workload>,
    /// Message sizes, bytes.
    pub message_sizes: Vec<u64>,
    /// Numbers of streams.
    pub threads: Vec<u32>,
    /// Trials of each cell; one a block.
    pub repetitions: u32,
    /// Length of the window, seconds.
    pub window_s: f64,
    /// By how much trials of one cell differ.
    pub noise: Noise,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Whether the machine has hardware counters.
    pub hardware_counters: bool,
    /// Share of the completions that the kernel copied after all.
    pub zc_copied: f64,
    /// Send paths that the machine cannot run: their rows say so.
    pub unsupported: Vec<String>,
    /// Share of trials that fail.
    pub failing: f64,
    /// A path whose cells run twice in every block, as a control.
    pub control: Option<String>,
    /// Share of the window that a receiver's worker is on its CPU, where a sender's is on 90 %.
    pub receiver_busy: f64,
}

impl Default for Simulation {
    /// Three paths on veth whose costs are those of a small virtual machine, four sizes, two numbers of
    /// streams, five repetitions.
    fn default() -> Self {
        Self {
            name: "simulated".to_owned(),
            paths: vec![
                PathCost::new("two-copy", 900.0, 196.0),
                PathCost::new("one-copy", 1400.0, 185.0),
                PathCost::new("zero-copy", 5700.0, 225.0),
            ],
            wire: Wire::Veth,
            receive_paths: vec!["recv".to_owned()],
            payloads: vec![Payload::Static],
            workloads: vec![Workload::default()],
            message_sizes: vec![64, 1 << 10, 16 << 10, 64 << 10],
            threads: vec![1, 2],
            repetitions: 5,
            window_s: 1.0,
            noise: Noise::default(),
            seed: 42,
            hardware_counters: false,
            zc_copied: 1.0,
            unsupported: Vec::new(),
            failing: 0.0,
            control: None,
            receiver_busy: 0.7,
        }
    }
}

/// The rows of a simulated run.
#[derive(Debug)]
pub struct SimulatedRows {
    /// Those of `trials.csv`.
    pub trials: Vec<Trial>,
    /// Those of `streams.csv`.
    pub streams: Vec<Stream>,
    /// The response times of each stream.
    pub delays: Vec<StreamDelays>,
}

impl Simulation {
    /// Every cell, in the order of the grid.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let paths = || self.paths.iter().flat_map(|path| self.workloads.iter().map(move |work| (path, work)));
        for (path, workload) in paths() {
            for receive_path in &self.receive_paths {
                for &payload in &self.payloads {
                    for &message_bytes in &self.message_sizes {
                        cells.extend(self.threads.iter().map(|&threads| Cell {
                            workload: workload.clone(),
                            wire: self.wire,
                            send_path: path.name.clone(),
                            receive_path: receive_path.clone(),
                            payload,
                            message_bytes,
                            threads,
                            working_set: None,
                        }));
                    }
                }
            }
        }
        cells
    }

    /// Draws the rows. The same simulation always draws the same rows.
    #[must_use]
    pub fn rows(&self) -> SimulatedRows {
        let mut source = Source::new(self.seed);
        let cells = self.cells();
        let widths: Vec<f64> = cells.iter().map(|_| source.between(self.noise.within)).collect();
        let mut rows = SimulatedRows { trials: Vec::new(), streams: Vec::new(), delays: Vec::new() };
        let mut reps = vec![0; cells.len()];
        for block in 1..=self.repetitions {
            let block_factor = source.log_normal(self.noise.block);
            let twice = |&cell: &usize| Some(&cells[cell].send_path) == self.control.as_ref();
            let mut order: Vec<usize> = (0..cells.len()).chain((0..cells.len()).filter(twice)).collect();
            source.shuffle(&mut order);
            for index in order {
                reps[index] += 1;
                let place = rows.trials.len() as u64 + 1;
                let mut trial =
                    Trial::new(&self.name, &cells[index], reps[index], place, block, started(place));
                trial.bound = Some(BoundKind::Duration);
                if self.unsupported.contains(&trial.send_path) {
                    trial.status = Status::Unsupported;
                    trial.reason = format!("{} needs a newer kernel", trial.send_path);
                } else if source.chance(self.failing) {
                    trial.status = Status::Failed;
                    trial.reason = "the receiver reset the connection".to_owned();
                } else {
                    let factor = block_factor * source.trial_factor(&self.noise, widths[index]);
                    let streams = self.fill(&mut trial, factor, &mut source);
                    rows.streams.extend(streams);
                    if !cells[index].workload.is_stream() {
                        rows.delays.push(delays::pace(&mut trial, &cells[index].workload, &mut source));
                    }
                }
                rows.trials.push(trial);
            }
        }
        rows
    }

    /// Fills in a trial that goes well, and gives its streams.
    fn fill(&self, trial: &mut Trial, factor: f64, source: &mut Source) -> Vec<Stream> {
        let cost = self.paths.iter().find(|path| path.name == trial.send_path).expect("a path of the grid");
        let kib = trial.message_bytes as f64 / 1024.0;
        let crowding = 1.0 + 0.8 * f64::from(trial.threads - 1);
        let ns = (cost.fixed_ns + cost.per_kib_ns * kib) * crowding * factor;
        let streams: Vec<Stream> = (0..trial.threads)
            .map(|number| {
                let ns = ns * source.log_normal(0.01);
                self.stream(trial, number, ns, cost, source)
            })
            .collect();
        let ends = |of: fn(&Stream) -> &End| -> Vec<End> {
            streams.iter().map(|stream| of(stream).clone()).collect()
        };
        trial.status = Status::Ok;
        trial.sender = End::sum(&ends(|stream| &stream.sender));
        trial.receiver = End::sum(&ends(|stream| &stream.receiver));
        trial.zc = ZeroCopy::sum(&streams.iter().map(|stream| stream.zc.clone()).collect::<Vec<_>>());
        trial.window_s = trial.receiver.window_s;
        trial.bytes = trial.receiver.bytes;
        trial.messages = trial.receiver.messages;
        trial.throughput_gbps = streams.iter().map(|stream| stream.throughput_gbps).sum();
        let mean: Option<f64> = streams.iter().map(|stream| stream.mean_recv_us).sum();
        trial.mean_recv_us = mean.map(|sum| sum / f64::from(trial.threads));
        trial.total_bytes = streams.iter().map(|stream| stream.total_bytes).sum();
        trial.retransmits = Some(0);
        let busy = self.window_s * 1.9;
        trial.host_busy_s = Some(busy);
        trial.host_softirq_s = Some(busy * 0.3);
        trial.host_steal_s = Some(0.0);
        trial.verified = Some(Verified::Count);
        trial.congestion = Some("cubic".to_owned());
        streams
    }

    fn stream(&self, trial: &Trial, number: u32, ns: f64, cost: &PathCost, source: &mut Source) -> Stream {
        let messages = (self.window_s * 1e9 / ns).round().max(1.0) as u64;
        let bytes = messages * trial.message_bytes;
        let sender = self.sender(messages, bytes, cost, source);
        let receiver = End {
            user_s: Some(self.window_s * 0.05),
            system_s: Some(self.window_s * (self.receiver_busy - 0.05)),
            task_clock_s: Some(self.window_s * self.receiver_busy),
            // It sleeps when nothing is there.
            voluntary_switches: Some((self.window_s * 20_000.0 * (1.0 - self.receiver_busy)) as u64),
            context_switches: Some((self.window_s * 20_000.0 * (1.0 - self.receiver_busy)) as u64),
            calls: Some(bytes.div_ceil(128 << 10)),
            ..sender.clone()
        };
        let is_notified = path::notified().any(|(entry, _)| entry.name == trial.send_path);
        let counted = |share: f64| is_notified.then(|| (messages as f64 * share).round() as u64);
        Stream {
            run_id: trial.run_id.clone(),
            cell: trial.cell.clone(),
            rep: trial.rep,
            order: trial.order,
            stream: number,
            throughput_gbps: Some(units::gbps(bytes, self.window_s)),
            mean_recv_us: Some(self.window_s / messages as f64 * 1e6),
            sender,
            receiver,
            zc: ZeroCopy {
                sends: counted(1.0),
                completions: counted(1.0),
                copied: counted(self.zc_copied),
                unreported: counted(0.0),
                enobufs: counted(0.0),
                drain_s: is_notified.then_some(0.001),
            },
            retransmits: Some(0),
            total_bytes: Some(bytes + bytes / 5),
            sender_cpu: None,
            receiver_cpu: None,
            window_s: Some(self.window_s),
            bytes: Some(bytes),
            ..Stream::default()
        }
    }

    /// A stream's sender; a receiver counts the same where it is not said to differ.
    fn sender(&self, messages: u64, bytes: u64, cost: &PathCost, source: &mut Source) -> End {
        let mut sender = End {
            window_s: Some(self.window_s),
            bytes: Some(bytes),
            messages: Some(messages),
            calls: Some(messages),
            user_s: Some(self.window_s * 0.2),
            system_s: Some(self.window_s * 0.7),
            task_clock_s: Some(self.window_s * 0.9),
            context_switches: Some(source.count(40.0)),
            cpu_migrations: Some(0),
            page_faults: Some(source.count(4.0)),
            ..End::default()
        };
        sender.voluntary_switches = sender.context_switches.map(|switches| switches / 2);
        if self.hardware_counters {
            let kib = bytes as f64 / 1024.0;
            let count = |each: f64, source: &mut Source| Some((each * source.log_normal(0.02)) as u64);
            let cycles = 3.0 * (cost.fixed_ns * messages as f64 + cost.per_kib_ns * kib);
            sender.cycles = count(cycles, source);
            sender.instructions = count(cycles * 1.4, source);
            sender.cache_references = count(kib * 20.0, source);
            sender.cache_misses = count(kib * 2.0, source);
            sender.l1d_load_misses = count(kib * cost.per_kib_ns / 8.0, source);
            sender.llc_load_misses = count(kib * 0.5, source);
            sender.branch_misses = count(messages as f64 * 1.5, source);
            sender.counter_running = Some(1.0);
        }
        sender
    }
}

/// Trials start a second and a half apart.
fn started(place: u64) -> String {
    let seconds = place * 3 / 2;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("2026-01-{:02}T{hours:02}:{minutes:02}:{:02}Z", 1 + seconds / 86400 % 28, seconds % 60)
}
