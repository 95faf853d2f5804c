//! The grid as YAML has it. Unknown keys and duplicates are refused by the parser; values by [`super::parse`].

use serde::Deserialize;
use serde_yaml::Spanned;

use super::list::List;
use super::only::RawOnly;
use super::paths::RawPaths;
use super::workloads::RawWorkloads;

/// A scalar as written, with its line.
pub(super) type Word = Spanned<String>;
/// A list as written, or one word alone, with its line.
pub(super) type Words = Spanned<List<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrid {
    pub(super) name: Word,
    pub(super) workload: Option<Spanned<RawWorkloads>>,
    pub(super) latency: Option<bool>,
    pub(super) depth: Option<Spanned<OneOrMany>>,
    pub(super) wait: Option<Spanned<OneOrMany>>,
    pub(super) background: Option<Spanned<OneOrMany>>,
    pub(super) paths: RawPaths,
    pub(super) receive_paths: Option<RawPaths>,
    pub(super) payload: Option<Words>,
    pub(super) message_sizes: Words,
    pub(super) working_set: Option<Spanned<OneOrMany>>,
    pub(super) threads: Words,
    pub(super) duration: Option<Word>,
    pub(super) messages: Option<Word>,
    pub(super) warmup: Option<Word>,
    pub(super) repetitions: Option<Spanned<RawRepetitions>>,
    pub(super) control: Option<Word>,
    pub(super) seed: Option<Word>,
    pub(super) lab: Option<Word>,
    pub(super) wire: Option<Spanned<OneOrMany>>,
    pub(super) pin: Option<Spanned<RawPin>>,
    pub(super) socket: Option<RawSocket>,
    pub(super) link: Option<RawLink>,
    pub(super) read_size: Option<Word>,
    pub(super) verify: Option<bool>,
    pub(super) xray: Option<bool>,
    pub(super) measurement: Option<bool>,
    pub(super) only: Option<RawOnly>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a word, or a list of words")]
pub(super) enum OneOrMany {
    One(Plain),
    Many(Vec<Plain>),
}

/// A scalar where YAML must first find out which variant is meant: a number is then not one of its words.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a word, or a list of words")]
pub(super) enum Plain {
    Word(String),
    Number(u64),
    Switch(bool),
}

impl OneOrMany {
    pub(super) fn list(&self) -> Vec<String> {
        let text = |plain: &Plain| match plain {
            Plain::Word(word) => word.clone(),
            Plain::Number(number) => number.to_string(),
            Plain::Switch(is_on) => (if *is_on { "on" } else { "off" }).to_owned(),
        };
        match self {
            Self::One(plain) => vec![text(plain)],
            Self::Many(all) => all.iter().map(text).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number, or {min: 5, max: 30, until: 2%}")]
pub(super) enum RawRepetitions {
    Fixed(u32),
    Between(Between),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Between {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) until: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected auto, none, or {sender: [0], receiver: [1]}")]
pub(super) enum RawPin {
    Word(String),
    Explicit(ExplicitPin),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplicitPin {
    pub(super) sender: Vec<usize>,
    pub(super) receiver: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSocket {
    pub(super) congestion: Option<Word>,
    pub(super) nodelay: Option<bool>,
    pub(super) cork: Option<Spanned<OneOrMany>>,
    pub(super) send_buffer: Option<Word>,
    pub(super) receive_buffer: Option<Word>,
    pub(super) rcvlowat: Option<Spanned<OneOrMany>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLink {
    pub(super) interfaces: Option<Spanned<Vec<String>>>,
    pub(super) mtu: Option<Spanned<u32>>,
    pub(super) tso: Option<bool>,
    pub(super) gso: Option<bool>,
    pub(super) gro: Option<bool>,
    #[serde(rename = "tx-checksum")]
    pub(super) tx_checksum: Option<bool>,
    #[serde(rename = "rx-checksum")]
    pub(super) rx_checksum: Option<bool>,
    #[serde(rename = "scatter-gather")]
    pub(super) scatter_gather: Option<bool>,
    pub(super) delay: Option<Word>,
    pub(super) jitter: Option<Word>,
    pub(super) loss: Option<Word>,
    pub(super) rate: Option<Word>,
}
