//! What the cells of one part of a report have in common.

use crate::cell::{Payload, Rate, Wire, Workload};
use crate::prose::words;
use crate::tables::{CellRow, Setting};
use crate::{receive, units};

/// What cells have in common but for send path, message size and threads: one set of figures shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What joined the agents.
    pub wire: Wire,
    /// How bytes left the socket.
    pub receive_path: String,
    /// Whether the bytes changed between sends.
    pub payload: Payload,
    /// Bytes of distinct message buffers a stream cycles through; absent: hot.
    pub working_set_bytes: Option<u64>,
    /// What a stream does; absent in rows of older versions, whose streams all did the same.
    pub workload: Option<String>,
    /// Send paths, in the order of the grid.
    pub paths: Vec<String>,
    /// Message sizes, ascending.
    pub sizes: Vec<u64>,
    /// Numbers of threads, ascending.
    pub threads: Vec<u32>,
}

impl Condition {
    pub(crate) fn of(cell: &CellRow) -> Self {
        Self {
            wire: cell.wire,
            receive_path: cell.receive_path.clone(),
            payload: cell.payload,
            working_set_bytes: cell.working_set_bytes,
            workload: cell.workload.clone(),
            paths: Vec::new(),
            sizes: Vec::new(),
            threads: Vec::new(),
        }
    }

    /// Whether a cell is one of it.
    pub fn holds(&self, cell: &CellRow) -> bool {
        self.wire == cell.wire
            && self.receive_path == cell.receive_path
            && self.payload == cell.payload
            && self.working_set_bytes == cell.working_set_bytes
            && self.workload == cell.workload
    }

    /// The condition with a number of threads.
    pub fn setting(&self, threads: u32) -> Setting {
        Setting {
            wire: self.wire,
            receive_path: self.receive_path.clone(),
            payload: self.payload,
            working_set_bytes: self.working_set_bytes,
            workload: self.workload.clone(),
            threads,
        }
    }

    /// What its streams do.
    pub fn workload(&self) -> Workload {
        Workload::of_row(self.workload.as_deref())
    }

    /// The condition for a reader: `veth`, `veth, trunc, fresh`. What nearly every grid has goes unsaid, and so does the
    /// rate, see [`Condition::rate`].
    pub fn words(&self) -> String {
        let mut words = vec![self.wire.to_string()];
        // On a sink nobody reads, which goes without saying.
        let nobody = self.wire == Wire::Sink && self.receive_path == receive::NOBODY.name;
        if self.receive_path != receive::DEFAULT && !nobody {
            words.push(format!("received by {}", self.receive_path));
        }
        if self.payload == Payload::Fresh {
            words.push("fresh payload".to_owned());
        }
        if let Some(bytes) = self.working_set_bytes {
            words.push(format!("working set {}", units::size(bytes)));
        }
        words.extend(self.unusual_workload().map(|workload| workload.to_string()));
        words.join(", ")
    }

    /// The workload without its rate, where it is not the one that nearly every grid has.
    fn unusual_workload(&self) -> Option<Workload> {
        Some(Workload { rate: None, ..self.workload() }).filter(|workload| !workload.is_usual())
    }

    /// The rate that its messages are sent at, for a sentence; absent where none is given.
    pub fn rate(&self) -> Option<String> {
        Some(match self.workload().rate? {
            Rate::Percent(percent) => format!("{percent} % of what the same streams reach at full speed"),
            Rate::PerSecond(messages) => {
                format!("{} messages a second in each stream", words::count(messages))
            }
        })
    }

    /// The condition as a part of a file's name.
    pub fn slug(&self) -> String {
        let working_set = self.working_set_bytes.map(|bytes| format!("-ws{bytes}")).unwrap_or_default();
        let workload = self.unusual_workload().map(|workload| format!("-{workload}")).unwrap_or_default();
        let text = format!("{}-{}-{}{working_set}{workload}", self.wire, self.receive_path, self.payload);
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
    }

    /// The largest message size.
    pub fn largest(&self) -> u64 {
        self.sizes.last().copied().unwrap_or_default()
    }
}
