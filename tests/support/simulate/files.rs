//! A simulated run's directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Simulation;
use copycost::counters::events::Event;
use copycost::record::Appender;
use copycost::record::histogram_log::HistogramLog;
use copycost::record::manifest::{Agent, Host, Interface, Link, Manifest, Tool};
use copycost::record::{CounterSource, SCHEMA_VERSION, Stream};
use copycost::tables::{Run, StreamRate, XrayRows};

impl Simulation {
    /// Writes `manifest.json`, `trials.csv` and `streams.csv` into a new directory under `parent`, named after
    /// the simulation, and gives its path.
    ///
    /// # Errors
    /// When the directory exists already or cannot be written.
    pub fn write(&self, parent: &Path) -> io::Result<PathBuf> {
        let dir = parent.join(&self.name);
        std::fs::create_dir(&dir)?;
        self.manifest().write(&dir.join("manifest.json"))?;
        let rows = self.rows();
        Appender::create(&dir)?.append(&rows.trials)?;
        Appender::create(&dir)?.append(&rows.streams)?;
        if !rows.delays.is_empty() {
            HistogramLog::create(&dir)?.append(&rows.delays)?;
        }
        Ok(dir)
    }

    /// The run as [`Run::load`] would read it from its directory, without a file.
    #[must_use]
    pub fn run(&self) -> Run {
        let rows = self.rows();
        let rate = |row: &Stream| StreamRate {
            order: row.order,
            stream: row.stream,
            throughput_gbps: row.throughput_gbps,
        };
        Run {
            dir: PathBuf::from(&self.name),
            manifest: self.manifest(),
            streams: rows.streams.iter().map(rate).collect(),
            trials: rows.trials,
            delays: rows.delays,
            xray: XrayRows::default(),
            left_out: Vec::new(),
        }
    }

    /// The manifest of the simulated run.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let agent = Agent {
            address: "child".to_owned(),
            binary_sha256: None,
            host: host(),
            counters: self.counters(),
            pinned: Vec::new(),
        };
        let grid = format!("# simulated, not measured\nname: {}\n", self.name);
        Manifest {
            schema_version: SCHEMA_VERSION.to_owned(),
            run_id: self.name.clone(),
            tool: Tool { version: env!("CARGO_PKG_VERSION").to_owned(), ..Tool::default() },
            command_line: vec!["copycost".to_owned(), "(simulated)".to_owned()],
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            finished_at: Some("2026-01-01T01:00:00Z".to_owned()),
            outcome: Some("complete".to_owned()),
            grid_name: self.name.clone(),
            grid_sha256: hex::encode(Sha256::digest(&grid)),
            grid,
            cells: self.cells().iter().map(copycost::cell::Cell::key).collect(),
            seed: self.seed,
            lab: "netns".to_owned(),
            wires: [(
                self.wire.to_string(),
                Link {
                    kind: self.wire.to_string(),
                    sender: Interface {
                        interface: Some("simulated0".to_owned()),
                        mtu: Some(1500),
                        offloads: ["tso", "gso", "gro"].map(|name| (name.to_owned(), true)).into(),
                        ..Interface::default()
                    },
                    ..Link::default()
                },
            )]
            .into(),
            sender: agent.clone(),
            receiver: agent,
            ..Manifest::default()
        }
    }

    fn counters(&self) -> BTreeMap<String, CounterSource> {
        let source = |event: Event| match (event.is_hardware(), self.hardware_counters) {
            (true, false) => CounterSource::Absent(
                "ENOENT: this CPU has no such event; a virtual machine often has no PMU".to_owned(),
            ),
            (true, true) => CounterSource::Perf,
            (false, _) => CounterSource::Other("a simulation".to_owned()),
        };
        Event::ALL.into_iter().map(|event| (event.to_string(), source(event))).collect()
    }
}

fn host() -> Host {
    Host {
        kernel: "6.18.0-simulated".to_owned(),
        architecture: "x86_64".to_owned(),
        boot_id: Some("simulated".to_owned()),
        cpu_model: Some("Simulated CPU".to_owned()),
        cpus_online: Some(2),
        cpus_allowed: vec![0, 1],
        virtualisation: Some("kvm".to_owned()),
        tick_hz: Some(250),
        ..Host::default()
    }
}
