//! A cell: one point of the grid, and its stable key.

mod workload;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units;
pub use workload::{Arrivals, Rate, USUAL_WORKLOAD, Wait, Waits, Workload};

/// What joins the two agents, as recorded in each row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// 127.0.0.1 of one host.
    #[default]
    Loopback,
    /// A veth pair between two network namespaces, nothing in between.
    Veth,
    /// A software bridge, such as Docker's, with whatever the host filters on it.
    Bridge,
    /// An overlay network, such as VXLAN between two hosts.
    Overlay,
    /// A network card.
    Nic,
    /// A veth pair whose far end drops the payload before the kernel copies it, and is acknowledged for: the sender's
    /// side of a card that reads pages where they are.
    Sink,
    /// Unix-domain sockets of one host: a stream without TCP.
    Unix,
}

impl Wire {
    /// Whether its interfaces count what passes as it passes. A card's driver may read the card's counters now and then.
    #[must_use]
    pub fn counts_at_once(self) -> bool {
        self != Self::Nic
    }

    /// What is to be known of its figures wherever they stand, as a sentence.
    #[must_use]
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Sink => Some(
                "On the sink wire nobody reads: the payload is dropped where it arrives, before the kernel copies it, and \
                 copycost acknowledges it. The sender's side is that of a network card, without DMA mapping, IOMMU and \
                 card; the bytes are not verified.",
            ),
            _ => None,
        }
    }

    /// Whether it goes by interfaces at all, and so by TCP.
    #[must_use]
    pub fn has_interfaces(self) -> bool {
        self != Self::Unix
    }
}

/// Whether the bytes of a message change between two sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The same bytes again and again.
    #[default]
    Static,
    /// Rewritten before each send; a buffer in flight is never touched.
    Fresh,
}

/// Which end of a stream, and which agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The end that sends.
    #[default]
    Sender,
    /// The end that receives.
    Receiver,
}

/// One point of the grid. The send and receive paths are names from the registries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What a stream does.
    pub workload: Workload,
    /// What joins the two agents.
    pub wire: Wire,
    /// How a message gets into the socket: a name of [`crate::path::REGISTRY`].
    pub send_path: String,
    /// How bytes leave the socket: a name of [`crate::receive::REGISTRY`].
    pub receive_path: String,
    /// Whether the bytes change between sends.
    pub payload: Payload,
    /// Size of one message, all eight fields together, in bytes.
    pub message_bytes: u64,
    /// Number of streams: each has one sender and one receiver thread.
    pub threads: u32,
    /// Bytes of distinct message buffers that a stream cycles through; absent: as few as the path needs
    /// (`hot`), which flatters some paths because the message stays in the cache.
    #[serde(default)]
    pub working_set: Option<u64>,
}

impl Cell {
    /// The stable key of the cell, such as `veth/two-copy/recv/static/1024B/t4`.
    pub fn key(&self) -> String {
        self.to_string()
    }

    /// The same cell where its streams send as fast as they can.
    pub fn as_stream(&self) -> Self {
        Self { workload: Workload::default(), ..self.clone() }
    }

    /// The cell for a person: `two-copy 16KiB t4`, without what most grids do not vary.
    pub fn short(&self) -> String {
        let usual = format!("{} {} t{}", self.send_path, units::size(self.message_bytes), self.threads);
        if self.workload.is_usual() { usual } else { format!("{usual} {}", self.workload) }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}/{}/{}/{}/{}B/t{}",
            self.wire, self.send_path, self.receive_path, self.payload, self.message_bytes, self.threads
        )?;
        self.working_set.map_or(Ok(()), |bytes| write!(out, "/ws{bytes}B"))?;
        if self.workload.is_usual() { Ok(()) } else { write!(out, "/{}", self.workload) }
    }
}

/// The cell of a key.
impl FromStr for Cell {
    type Err = String;

    fn from_str(key: &str) -> Result<Self, String> {
        let parse = || -> Option<Self> {
            let mut parts = key.split('/');
            let mut part = || parts.next();
            let bytes = |text: &str| text.strip_suffix('B')?.parse().ok();
            let mut cell = Self {
                workload: Workload::default(),
                wire: part()?.parse().ok()?,
                send_path: part()?.to_owned(),
                receive_path: part()?.to_owned(),
                payload: part()?.parse().ok()?,
                message_bytes: bytes(part()?)?,
                threads: part()?.strip_prefix('t')?.parse().ok()?,
                working_set: None,
            };
            for more in parts {
                match more.strip_prefix("ws") {
                    Some(set) => cell.working_set = Some(bytes(set)?),
                    None => cell.workload = more.parse().ok()?,
                }
            }
            Some(cell)
        };
        // Whatever a key does not print is no part of one.
        parse().filter(|cell| cell.key() == key).ok_or_else(|| format!("`{key}` is not the key of a cell"))
    }
}

/// `Display` and `FromStr` of a plain enum by one table of its words.
macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// Every word of this kind, as grids and rows write it.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that grids and rows write.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.word())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::spelling::not_one_of(text, Self::WORDS.iter().copied())),
                }
            }
        }
    };
}
pub(crate) use words;

words!(Wire: Loopback = "loopback", Veth = "veth", Bridge = "bridge", Overlay = "overlay", Nic = "nic", Sink = "sink", Unix = "unix");
words!(Payload: Static = "static", Fresh = "fresh");
words!(Side: Sender = "sender", Receiver = "receiver");

#[cfg(test)]
impl Cell {
    /// A cell for tests: one stream over veth into a buffer.
    pub(crate) fn example(send_path: &str, message_bytes: u64) -> Self {
        Self {
            workload: Workload::default(),
            wire: Wire::Veth,
            send_path: send_path.into(),
            receive_path: "recv".into(),
            payload: Payload::Static,
            message_bytes,
            threads: 1,
            working_set: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_stable() {
        let cell = Cell { threads: 4, ..Cell::example("two-copy", 1024) };
        assert_eq!(cell.key(), "veth/two-copy/recv/static/1024B/t4");
        let cold = Cell { working_set: Some(64 << 20), ..cell };
        assert_eq!(cold.key(), "veth/two-copy/recv/static/1024B/t4/ws67108864B");
    }

    #[test]
    fn a_key_reads_back_and_anything_else_is_none() {
        for key in [
            "veth/two-copy/recv/static/1024B/t4",
            "loopback/splice/trunc/fresh/64B/t1/ws65536B/open-loop:rate=50%",
        ] {
            assert_eq!(key.parse::<Cell>().unwrap().key(), key);
        }
        for bad in
            ["", "veth", "veth/a/b/static/1024/t4", "veth/a/b/static/1024B/4", "veth/a/b/static/01B/t1"]
        {
            assert_eq!(bad.parse::<Cell>(), Err(format!("`{bad}` is not the key of a cell")));
        }
    }

    #[test]
    fn words_read_back_and_strangers_are_told_what_is_allowed() {
        for word in Wire::WORDS {
            assert_eq!(&word.parse::<Wire>().unwrap().to_string(), word);
        }
        assert_eq!("hot".parse::<Payload>(), Err("`hot` is not one of static, fresh".into()));
    }
}
