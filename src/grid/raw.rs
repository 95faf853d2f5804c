//! The grid as YAML has it: unknown keys and duplicates are refused by the parser, values here, each with
//! its line and what is allowed.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use serde::Deserialize;
use serde_yaml::Spanned;

use super::{Bound, Grid, LinkOptions, MOST_CELLS, Pin, ReadSize, Repetitions, TrialOptions, two_interfaces};
use crate::agent::order::MOST_STREAMS;
use crate::cell::{Payload, Wire};
use crate::link::Offload;
use crate::message::{LARGEST, SMALLEST};
use crate::socket::{self, SocketOptions};
use crate::{path, receive, units};

/// Why a grid was refused: one sentence with its line.
#[derive(Debug, PartialEq, Eq)]
pub struct GridError {
    /// Line of the file, from 1; 0 when it concerns all of it.
    pub line: u64,
    /// The sentence.
    pub what: String,
}

impl fmt::Display for GridError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}", self.what),
            line => write!(out, "line {line}: {}", self.what),
        }
    }
}

impl std::error::Error for GridError {}

/// A scalar as written, with its line.
type Word = Spanned<String>;
/// A list as written, with its line.
type Words = Spanned<Vec<Word>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrid {
    name: Word,
    paths: Words,
    receive_paths: Option<Words>,
    payload: Option<Words>,
    message_sizes: Words,
    working_set: Option<Spanned<OneOrMany>>,
    threads: Words,
    duration: Option<Word>,
    messages: Option<Word>,
    warmup: Option<Word>,
    repetitions: Option<Spanned<RawRepetitions>>,
    control: Option<Word>,
    seed: Option<Word>,
    lab: Option<Word>,
    wire: Option<Spanned<OneOrMany>>,
    pin: Option<Spanned<RawPin>>,
    socket: Option<RawSocket>,
    link: Option<RawLink>,
    read_size: Option<Word>,
    verify: Option<bool>,
    xray: Option<bool>,
    measurement: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a word, or a list of words")]
enum OneOrMany {
    One(Plain),
    Many(Vec<Plain>),
}

/// A scalar where YAML must first find out which variant stands there: a number is none of its words then.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a word, or a list of words")]
enum Plain {
    Word(String),
    Number(u64),
}

impl OneOrMany {
    fn list(&self) -> Vec<String> {
        let text = |plain: &Plain| match plain {
            Plain::Word(word) => word.clone(),
            Plain::Number(number) => number.to_string(),
        };
        match self {
            Self::One(plain) => vec![text(plain)],
            Self::Many(all) => all.iter().map(text).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number, or {min: 5, max: 30, until: 2%}")]
enum RawRepetitions {
    Fixed(u32),
    Between(Between),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    min: u32,
    max: u32,
    until: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected auto, none, or {sender: [0], receiver: [1]}")]
enum RawPin {
    Word(String),
    Explicit(ExplicitPin),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplicitPin {
    sender: Vec<usize>,
    receiver: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSocket {
    congestion: Option<Word>,
    nodelay: Option<bool>,
    send_buffer: Option<Word>,
    receive_buffer: Option<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    interfaces: Option<Spanned<Vec<String>>>,
    mtu: Option<Spanned<u32>>,
    tso: Option<bool>,
    gso: Option<bool>,
    gro: Option<bool>,
    #[serde(rename = "tx-checksum")]
    tx_checksum: Option<bool>,
    #[serde(rename = "rx-checksum")]
    rx_checksum: Option<bool>,
    #[serde(rename = "scatter-gather")]
    scatter_gather: Option<bool>,
}

fn line<T>(spanned: &Spanned<T>) -> u64 {
    spanned.referenced.line()
}

fn refuse<T>(spanned: &Spanned<T>, what: impl Into<String>) -> GridError {
    GridError { line: line(spanned), what: what.into() }
}

/// Reads one word.
fn word<T>(word: &Word, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, GridError> {
    read(&word.value).map_err(|what| refuse(word, what))
}

/// Reads a list of words: at least one, none twice.
fn list<T: Eq + Hash + Clone>(
    words: &Words,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, GridError> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for one in &words.value {
        let value = word(one, &read)?;
        if !seen.insert(value.clone()) {
            return Err(refuse(one, format!("{what} `{}` stands there twice", one.value)));
        }
        all.push(value);
    }
    if all.is_empty() { Err(refuse(words, format!("the list of {what}s is empty"))) } else { Ok(all) }
}

fn one_or_many<T: Eq + Hash + Clone>(
    words: &Spanned<OneOrMany>,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, GridError> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for one in words.value.list() {
        let value = read(&one).map_err(|why| refuse(words, why))?;
        if !seen.insert(value.clone()) {
            return Err(refuse(words, format!("{what} `{one}` stands there twice")));
        }
        all.push(value);
    }
    if all.is_empty() { Err(refuse(words, format!("the list of {what}s is empty"))) } else { Ok(all) }
}

fn number(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{what} is a whole number from {least} to {most}, not `{text}`"))
}

fn bounded_duration(text: &str, least: Duration, most: Duration, what: &str) -> Result<Duration, String> {
    let duration = units::parse_duration(text)?;
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("{what} lasts {} to {}, not {text}", units::duration(least), units::duration(most)))
    }
}

fn bounded_size(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    let bytes = units::parse_size(text)?;
    if (least..=most).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("{what} has {} to {} bytes, not {text}", units::size(least), units::size(most)))
    }
}

fn grid_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "name: `{text}` cannot be part of a directory's name; use up to 64 letters, digits, `-`, `_` and `.`"
        ))
    }
}

pub(super) fn parse(text: &str) -> Result<Grid, GridError> {
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
        let what = "it is empty, and needs at least name, paths, message_sizes and threads";
        return Err(GridError { line: 0, what: what.to_owned() });
    }
    let raw: RawGrid = serde_yaml::from_str(text).map_err(yaml_error)?;
    let defaults = one_second();
    let bound = match (&raw.duration, &raw.messages) {
        (Some(_), Some(messages)) => {
            return Err(refuse(messages, "a trial is bounded by `duration` or by `messages`, not by both"));
        }
        (Some(duration), None) => Bound::Duration(word(duration, parse_window)?),
        (None, Some(messages)) => {
            Bound::Messages(word(messages, |text| number(text, 1, 1_000_000_000, "messages"))?)
        }
        (None, None) => defaults,
    };
    let grid = Grid {
        name: word(&raw.name, grid_name)?,
        paths: list(&raw.paths, "path", |text| Ok(path::find(text)?.name.to_owned()))?,
        receive_paths: raw.receive_paths.as_ref().map_or(Ok(vec!["recv".to_owned()]), |words| {
            list(words, "receive path", |text| Ok(receive::find(text)?.name.to_owned()))
        })?,
        payloads: raw
            .payload
            .as_ref()
            .map_or(Ok(vec![Payload::Static]), |words| list(words, "payload", str::parse))?,
        message_sizes: list(&raw.message_sizes, "message size", parse_message_size)?,
        working_sets: raw
            .working_set
            .as_ref()
            .map_or(Ok(vec![None]), |words| one_or_many(words, "working set", parse_working_set))?,
        threads: list(&raw.threads, "number of threads", parse_threads)?,
        wires: raw
            .wire
            .as_ref()
            .map_or(Ok(Vec::new()), |words| one_or_many(words, "wire", str::parse::<Wire>))?,
        trial: TrialOptions {
            bound,
            warmup: raw.warmup.as_ref().map_or(Ok(DEFAULT_WARMUP), |text| word(text, parse_warmup))?,
            pin: raw.pin.as_ref().map_or(Ok(Pin::Auto), pin)?,
            socket: socket_options(raw.socket.as_ref())?,
            read_size: raw
                .read_size
                .as_ref()
                .map_or(Ok(ReadSize::Auto), |text| word(text, parse_read_size))?,
            verify: raw.verify.unwrap_or(false),
        },
        repetitions: raw.repetitions.as_ref().map_or(Ok(DEFAULT_REPETITIONS), repetitions)?,
        control: match &raw.control {
            Some(name) => Some(word(name, |text| Ok(path::find(text)?.name.to_owned()))?),
            None => None,
        },
        seed: match &raw.seed {
            Some(seed) => Some(word(seed, |text| number(text, 0, u64::MAX, "seed"))?),
            None => None,
        },
        lab: match &raw.lab {
            Some(lab) => Some(word(lab, str::parse)?),
            None => None,
        },
        link: raw.link.as_ref().map_or(Ok(LinkOptions::default()), link_options)?,
        xray: raw.xray.unwrap_or(false),
        measurement: raw.measurement.unwrap_or(true),
        text: text.to_owned(),
    };
    if let (Some(control), Some(raw)) = (&grid.control, &raw.control)
        && !grid.paths.contains(control)
    {
        return Err(refuse(raw, format!("control: `{control}` is not among the grid's paths")));
    }
    let dimensions = [
        grid.paths.len(),
        grid.receive_paths.len(),
        grid.payloads.len(),
        grid.message_sizes.len(),
        grid.working_sets.len(),
        grid.threads.len(),
        grid.wires.len().max(1),
    ];
    let cells = dimensions.iter().try_fold(1_usize, |product, &count| product.checked_mul(count));
    match cells {
        Some(cells) if cells <= MOST_CELLS => Ok(grid),
        _ => Err(GridError { line: 0, what: format!("the grid has more than {MOST_CELLS} cells") }),
    }
}

/// What a grid that bounds its trials by nothing gets.
fn one_second() -> Bound {
    Bound::Duration(Duration::from_secs(1))
}

const DEFAULT_WARMUP: Duration = Duration::from_millis(200);
const DEFAULT_REPETITIONS: Repetitions = Repetitions { min: 5, max: 5, until: None };

/// Reads the length of a window.
pub(crate) fn parse_window(text: &str) -> Result<Duration, String> {
    bounded_duration(text, Duration::from_millis(1), Duration::from_secs(3600), "a window")
}

/// Reads the length of a warm-up.
pub(crate) fn parse_warmup(text: &str) -> Result<Duration, String> {
    bounded_duration(text, Duration::ZERO, Duration::from_secs(600), "a warm-up")
}

/// Reads the size of a message.
pub(crate) fn parse_message_size(text: &str) -> Result<u64, String> {
    bounded_size(text, SMALLEST, LARGEST, "a message")
}

/// Reads a number of streams.
pub(crate) fn parse_threads(text: &str) -> Result<u32, String> {
    number(text, 1, u64::from(MOST_STREAMS), "threads").map(|threads| threads as u32)
}

/// Reads a working set: `hot` or a size.
pub(crate) fn parse_working_set(text: &str) -> Result<Option<u64>, String> {
    match text {
        "hot" => Ok(None),
        _ => bounded_size(text, SMALLEST, 4 << 30, "a working set")
            .map(Some)
            .map_err(|what| format!("{what}; or write `hot`")),
    }
}

/// Reads the bytes of a receive call.
pub(crate) fn parse_read_size(text: &str) -> Result<ReadSize, String> {
    match text {
        "auto" => Ok(ReadSize::Auto),
        "message" => Ok(ReadSize::Message),
        _ => bounded_size(text, 1, LARGEST, "read_size")
            .map(ReadSize::Bytes)
            .map_err(|what| format!("{what}; or write `auto` or `message`")),
    }
}

fn pin(raw: &Spanned<RawPin>) -> Result<Pin, GridError> {
    match &raw.value {
        RawPin::Word(text) if text == "auto" => Ok(Pin::Auto),
        RawPin::Word(text) if text == "none" => Ok(Pin::None),
        RawPin::Word(text) => {
            Err(refuse(raw, format!("pin: `{text}` is none of auto, none, {{sender: [0], receiver: [1]}}")))
        }
        RawPin::Explicit(ExplicitPin { sender, receiver }) => {
            if sender.is_empty() || receiver.is_empty() {
                return Err(refuse(raw, "pin: each end needs at least one CPU"));
            }
            if let Some(cpu) = sender.iter().chain(receiver).find(|&&cpu| cpu >= 1024) {
                return Err(refuse(raw, format!("pin: CPU {cpu} is beyond what can be pinned (0 to 1023)")));
            }
            Ok(Pin::Explicit { sender: sender.clone(), receiver: receiver.clone() })
        }
    }
}

fn repetitions(raw: &Spanned<RawRepetitions>) -> Result<Repetitions, GridError> {
    let (min, max, until) = match &raw.value {
        RawRepetitions::Fixed(count) => (*count, *count, None),
        RawRepetitions::Between(Between { min, max, until }) => {
            let until = units::parse_percent(until)
                .map_err(|what| refuse(raw, format!("repetitions.until: {what}")))?;
            (*min, *max, Some(until))
        }
    };
    if !(1..=10_000).contains(&max) || min < 1 || min > max {
        return Err(refuse(raw, "repetitions: 1 to 10000, and min at most max"));
    }
    Ok(Repetitions { min, max, until })
}

fn socket_options(raw: Option<&RawSocket>) -> Result<SocketOptions, GridError> {
    let buffer = |text: &Option<Word>, what: &str| match text {
        Some(text) => word(text, |text| bounded_size(text, 4096, 1 << 30, what)).map(Some),
        None => Ok(None),
    };
    Ok(SocketOptions {
        congestion: match raw.and_then(|raw| raw.congestion.as_ref()) {
            Some(name) => match name.value.as_str() {
                "default" => None,
                text if (1..16).contains(&text.len()) && text.is_ascii() => Some(text.to_owned()),
                text => return Err(refuse(name, format!("`{text}` names no congestion control"))),
            },
            None => default_congestion(),
        },
        insist_on_congestion: raw.is_some_and(|raw| raw.congestion.is_some()),
        nodelay: raw.and_then(|raw| raw.nodelay).unwrap_or(false),
        send_buffer: raw.map_or(Ok(None), |raw| buffer(&raw.send_buffer, "send_buffer"))?,
        receive_buffer: raw.map_or(Ok(None), |raw| buffer(&raw.receive_buffer, "receive_buffer"))?,
    })
}

/// CUBIC where the kernel has it and lets us: the default of many hosts is BBR, which paces and so hides what a copy costs.
pub(crate) fn default_congestion() -> Option<String> {
    let available = socket::available_congestion()?;
    available.into_iter().find(|name| name == "cubic")
}

fn link_options(raw: &RawLink) -> Result<LinkOptions, GridError> {
    if let Some(mtu) = &raw.mtu
        && !(68..=65535).contains(&mtu.value)
    {
        return Err(refuse(mtu, format!("an MTU has 68 to 65535 bytes, not {}", mtu.value)));
    }
    let offloads = [
        (Offload::Tso, raw.tso),
        (Offload::Gso, raw.gso),
        (Offload::Gro, raw.gro),
        (Offload::TxChecksum, raw.tx_checksum),
        (Offload::RxChecksum, raw.rx_checksum),
        (Offload::ScatterGather, raw.scatter_gather),
    ];
    let offloads = offloads.into_iter().filter_map(|(offload, on)| Some((offload, on?))).collect();
    let interfaces = raw.interfaces.as_ref().map(|names| {
        let words: Vec<&str> = names.value.iter().map(String::as_str).collect();
        two_interfaces(&words).map_err(|what| refuse(names, what))
    });
    let interfaces = interfaces.transpose()?;
    Ok(LinkOptions { interfaces, mtu: raw.mtu.as_ref().map(|mtu| mtu.value), offloads })
}

/// The parser's own error, as one sentence.
fn yaml_error(error: serde_yaml::Error) -> GridError {
    let line = error.location().map_or(0, |location| location.line());
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(first);
    let what = match (what.strip_prefix("line "), what.split_once(": ")) {
        (Some(_), Some((_, what))) => what,
        _ => what,
    };
    let what = what.strip_suffix(", set DuplicateKeyPolicy in Options if acceptable").unwrap_or(what);
    GridError { line, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name: x\npaths: [A1, zero-copy]\nmessage_sizes: [64, 1KiB]\nthreads: [1, 4]\n";

    fn with(line: &str) -> Result<Grid, GridError> {
        parse(&format!("{SMALL}{line}\n"))
    }

    #[test]
    fn a_small_grid_gets_the_documented_defaults() {
        let grid = parse(SMALL).unwrap();
        assert_eq!(grid.paths, ["two-copy", "zero-copy"]);
        assert_eq!(grid.cells(Wire::Veth).len(), 8);
        assert_eq!(grid.cells(Wire::Veth)[0].key(), "veth/two-copy/recv/static/64B/t1");
        assert_eq!(grid.trial.bound, Bound::Duration(Duration::from_secs(1)));
        assert_eq!((grid.repetitions, grid.trial.pin), (DEFAULT_REPETITIONS, Pin::Auto));
        assert!(!grid.trial.socket.nodelay);
    }

    #[test]
    fn the_design_example_reads() {
        let grid = parse(
            "name: example\npaths: [two-copy, one-copy, zero-copy]\nreceive_paths: [recv]\npayload: [static]\n\
             message_sizes: [64, 1KiB, 16KiB, 64KiB]\nthreads: [1, 2, 4]\nduration: 1s\nwarmup: 200ms\n\
             repetitions: {min: 5, max: 30, until: 2%}\nseed: 42\nwire: veth\n\
             pin: {sender: [0], receiver: [1]}\n\
             socket: {congestion: cubic, nodelay: true, send_buffer: 4MiB, receive_buffer: 4MiB}\n\
             link: {mtu: 1500, tso: true, gso: true, gro: true}\nread_size: auto\nverify: false\nxray: false\n",
        )
        .unwrap();
        assert_eq!(grid.repetitions, Repetitions { min: 5, max: 30, until: Some(0.02) });
        assert_eq!(grid.trial.pin, Pin::Explicit { sender: vec![0], receiver: vec![1] });
        assert_eq!(grid.trial.socket.send_buffer, Some(4 << 20));
        assert_eq!((grid.link.mtu, grid.link.offloads[&Offload::Tso]), (Some(1500), true));
        assert_eq!(grid.link.interfaces, None);
        let link = with("link: {interfaces: [ens1f0, ens1f1], mtu: 9000}").unwrap().link;
        assert_eq!(link.interfaces, Some(["ens1f0".to_owned(), "ens1f1".to_owned()]));
    }

    #[test]
    fn refusals_name_the_line_and_what_is_allowed() {
        for (text, line, part) in [
            ("colour: red", 5, "unknown field `colour`"),
            ("name: y", 5, "duplicate"),
            ("messages: 0", 5, "1 to 1000000000"),
            ("duration: 1", 5, "500ms"),
            ("duration: 2h", 5, "1h"),
            ("warmup: -1s", 5, "500ms"),
            ("repetitions: 0", 5, "1 to 10000"),
            ("repetitions: {min: 5, max: 2, until: 2%}", 5, "min at most max"),
            ("repetitions: {min: 5, mix: 2}", 5, "{min: 5, max: 30, until: 2%}"),
            ("seed: -4", 5, "seed"),
            ("lab: moon", 5, "netns, loopback"),
            ("wire: [veth, veth]", 5, "twice"),
            ("wire: air", 5, "bridge"),
            ("pin: some", 5, "auto, none"),
            ("pin: {sender: [], receiver: [1]}", 5, "at least one CPU"),
            ("pin: {sender: [0], receiver: [70000]}", 5, "0 to 1023"),
            ("read_size: 0", 5, "auto"),
            ("working_set: 10TiB", 5, "hot"),
            ("payload: [cold]", 5, "static, fresh"),
            ("receive_paths: []", 5, "empty"),
            ("control: one-copy", 5, "not among"),
            ("link: {mtu: 9, tso: true}", 5, "68 to 65535"),
            ("link: {interfaces: [ens1f0]}", 5, "two names"),
            ("link: {interfaces: [a, a]}", 5, "twice"),
            ("link: {interfaces: [a, b/c]}", 5, "two names"),
            ("link: {tsa: true}", 5, "unknown field `tsa`"),
            ("socket: {congestion: a_name_that_is_too_long}", 5, "congestion"),
            ("socket: {send_buffer: 1}", 5, "send_buffer"),
            ("socket: {nagle: true}", 5, "unknown field"),
        ] {
            let error = with(text).expect_err(text);
            assert!(error.what.contains(part), "{text}: {error}");
            assert_eq!(error.line, line, "{text}: {error}");
            assert_eq!(error.what.lines().count(), 1, "{text}: {error}");
        }
    }

    #[test]
    fn working_sets_and_wires_are_one_word_or_a_list_of_words_and_numbers() {
        let sets = |text| with(text).unwrap().working_sets;
        assert_eq!(sets("working_set: 4096"), [Some(4096)]);
        assert_eq!(sets("working_set: [hot, 4KiB, 128]"), [None, Some(4096), Some(128)]);
        assert_eq!(with("wire: [veth, bridge]").unwrap().wires, [Wire::Veth, Wire::Bridge]);
        assert!(with("working_set: {a: 1}").unwrap_err().what.contains("a list of words"));
    }

    #[test]
    fn impossible_sizes_threads_and_names_are_refused() {
        for (from, to, part) in [
            ("[64, 1KiB]", "[0]", "64 to 256MiB"),
            ("[64, 1KiB]", "[10TiB]", "64 to 256MiB"),
            ("[64, 1KiB]", "[64, 64]", "twice"),
            ("[64, 1KiB]", "[]", "empty"),
            ("[1, 4]", "[1000000000]", "1 to 1024"),
            ("[1, 4]", "[0]", "1 to 1024"),
            ("[A1, zero-copy]", "[A1, two-copy]", "twice"),
            ("[A1, zero-copy]", "[magic]", "no send path"),
            ("name: x", "name: ../x", "directory"),
            ("name: x", "name: ''", "directory"),
        ] {
            let error = parse(&SMALL.replace(from, to)).expect_err(to);
            assert!(error.what.contains(part), "{to}: {error}");
            assert!(error.line >= 1, "{to}: {error}");
        }
        for text in ["", "[]", "name: [", "\u{0}", "name: x"] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_alias_bomb_is_refused_at_once() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..30 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let started = std::time::Instant::now();
        assert!(parse(&bomb).is_err());
        let inside = bomb.replace("a0: &a0", "name: &a0").replace("\na29: &a29", "\npaths: &a29");
        assert!(parse(&inside).is_err());
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_product_of_dimensions_is_bounded() {
        let sizes: Vec<_> = (64..1500).map(|size: u32| size.to_string()).collect();
        let threads: Vec<_> = (1..=200).map(|count: u32| count.to_string()).collect();
        let text = SMALL
            .replace("[64, 1KiB]", &format!("[{}]", sizes.join(", ")))
            .replace("[1, 4]", &format!("[{}]", threads.join(", ")));
        assert!(parse(&text).unwrap_err().what.contains("100000 cells"));
    }

    #[test]
    fn a_control_path_runs_twice_in_a_block() {
        let grid = with("control: A1").unwrap();
        let times: u32 = grid.cells(Wire::Veth).iter().map(|cell| grid.times_per_block(cell)).sum();
        assert_eq!(times, 12);
    }
}
