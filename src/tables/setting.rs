//! What two cells must have in common for their paths to be compared.

use crate::cell::{Cell, Payload, Wire, Workload};
use crate::record::row::row;

row! {
    /// A cell without its send path and message size.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Setting {
        /// What joined the agents.
        wire: Wire,
        /// How bytes left the socket.
        receive_path: String,
        /// Whether the bytes changed between sends.
        payload: Payload,
        /// Number of streams.
        threads: u32,
        /// Bytes of distinct message buffers that a stream cycles through; empty for `hot`.
        working_set_bytes: Option<u64> in "B",
        /// What a stream does between connection and end.
        workload: Option<String> since "1.3.0",
    }
}

impl Setting {
    /// The setting of a cell.
    pub fn of(cell: &Cell) -> Self {
        Self {
            wire: cell.wire,
            receive_path: cell.receive_path.clone(),
            payload: cell.payload,
            threads: cell.threads,
            working_set_bytes: cell.working_set,
            workload: Some(cell.workload.to_string()),
        }
    }

    /// What its streams do.
    pub fn workload(&self) -> Workload {
        Workload::of_row(self.workload.as_deref())
    }
}
