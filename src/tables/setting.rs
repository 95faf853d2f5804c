//! What two cells must have in common for their paths to be compared.

use crate::cell::{Cell, Payload, Wire};

/// A cell without its send path and message size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting {
    /// What joined the agents.
    pub wire: Wire,
    /// How bytes left the socket.
    pub receive_path: String,
    /// Whether the bytes changed between sends.
    pub payload: Payload,
    /// Bytes of distinct message buffers a stream cycles through; absent: hot.
    pub working_set_bytes: Option<u64>,
    /// Number of streams.
    pub threads: u32,
}

impl Setting {
    /// The setting of a cell.
    #[must_use]
    pub fn of(cell: &Cell) -> Self {
        Self {
            wire: cell.wire,
            receive_path: cell.receive_path.clone(),
            payload: cell.payload,
            working_set_bytes: cell.working_set,
            threads: cell.threads,
        }
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            wire: Wire::Loopback,
            receive_path: String::new(),
            payload: Payload::Static,
            working_set_bytes: None,
            threads: 0,
        }
    }
}

/// The columns of a setting that lies in a row at `setting`.
macro_rules! setting_columns {
    () => {
        [
            column!("wire", setting.wire, "what joined the agents"),
            column!("receive_path", setting.receive_path, "how bytes left the socket"),
            column!("payload", setting.payload, "static or fresh"),
            column!("threads", setting.threads, "number of streams"),
            column!(
                "working_set_bytes",
                setting.working_set_bytes,
                "distinct message buffers of a stream, bytes; empty: hot"
            ),
        ]
    };
}
pub(crate) use setting_columns;
