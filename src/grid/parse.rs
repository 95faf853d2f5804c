//! From YAML to a grid: each value with its line and what is allowed.

use std::collections::HashSet;
use std::hash::Hash;

use serde_yaml::Spanned;

use super::defaults::{default_congestion, one_second};
use super::error::GridError;
use super::raw::{
    Between, ExplicitPin, OneOrMany, RawGrid, RawLink, RawPin, RawRepetitions, RawSocket, Word, Words,
};
use super::scalar::{
    bounded_size, grid_name, number, parse_message_size, parse_read_size, parse_threads, parse_warmup,
    parse_window, parse_working_set,
};
use super::{Grid, MOST_CELLS, Repetitions, two_interfaces};
use crate::cell::Wire;
use crate::lab::kind;
use crate::link::Offload;
use crate::options::{Bound, LinkOptions, Pin, TrialOptions};
use crate::socket::SocketOptions;
use crate::{path, receive, units, workload};

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
    distinct(line(words), words.value.iter().map(|word| (line(word), word.value.as_str())), what, read)
}

/// Reads a list, or one word alone.
fn one_or_many<T: Eq + Hash + Clone>(
    words: &Spanned<OneOrMany>,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, GridError> {
    let all = words.value.list();
    distinct(line(words), all.iter().map(|word| (line(words), word.as_str())), what, read)
}

/// Reads the words of a list, each with its line.
fn distinct<'a, T: Eq + Hash + Clone>(
    line: u64,
    words: impl Iterator<Item = (u64, &'a str)>,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, GridError> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for (line, word) in words {
        let value = read(word).map_err(|what| GridError { line, what })?;
        if !seen.insert(value.clone()) {
            return Err(GridError { line, what: format!("{what} `{word}` is listed twice") });
        }
        all.push(value);
    }
    if all.is_empty() {
        return Err(GridError { line, what: format!("the list of {what}s is empty") });
    }
    Ok(all)
}

/// The word for everything that there is.
const ALL: &str = "all";

/// Names out of a registry; the one word `all` stands for `every` one.
fn names<E: Iterator<Item = &'static str>>(
    words: &Words,
    what: &str,
    every: impl FnOnce() -> E,
    find: impl Fn(&str) -> Result<&'static str, String>,
) -> Result<Vec<String>, GridError> {
    match words.value.as_slice() {
        [one] if one.value == ALL => Ok(every().map(str::to_owned).collect()),
        _ => list(words, what, |text| find(text).map(str::to_owned)),
    }
}

pub(super) fn parse(text: &str) -> Result<Grid, GridError> {
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
        let what = "it is empty, and needs at least name, paths, message_sizes and threads";
        return Err(GridError { line: 0, what: what.to_owned() });
    }
    let raw: RawGrid = serde_yaml::from_str(text)?;
    let bound = match (&raw.duration, &raw.messages) {
        (Some(_), Some(messages)) => {
            return Err(refuse(messages, "a trial is bounded by `duration` or by `messages`, not by both"));
        }
        (Some(duration), None) => Bound::Duration(word(duration, parse_window)?),
        (None, Some(messages)) => {
            Bound::Messages(word(messages, |text| number(text, 1, 1_000_000_000, "messages"))?)
        }
        (None, None) => one_second(),
    };
    let mut grid = Grid {
        paths: names(
            &raw.paths,
            "path",
            || path::REGISTRY.iter().map(|entry| entry.name),
            |text| Ok(path::find(text)?.name),
        )?,
        message_sizes: list(&raw.message_sizes, "message size", parse_message_size)?,
        threads: list(&raw.threads, "number of threads", parse_threads)?,
        xray: raw.xray.unwrap_or(false),
        measurement: raw.measurement.unwrap_or(true),
        text: text.to_owned(),
        ..Grid::named(&word(&raw.name, grid_name)?)
    };
    dimensions(&mut grid, &raw)?;
    grid.trial.bound = bound;
    trial_options(&mut grid.trial, &raw)?;
    if let Some(count) = &raw.repetitions {
        grid.repetitions = repetitions(count)?;
    }
    if let Some(name) = &raw.control {
        grid.control = Some(word(name, |text| Ok(path::find(text)?.name.to_owned()))?);
    }
    if let Some(seed) = &raw.seed {
        grid.seed = Some(word(seed, |text| number(text, 0, u64::MAX, "seed"))?);
    }
    if let Some(lab) = &raw.lab {
        grid.lab = Some(word(lab, |text| Ok(kind::find(text)?.name.to_owned()))?);
    }
    if let Some(link) = &raw.link {
        grid.link = link_options(link)?;
    }
    if let (Some(control), Some(raw)) = (&grid.control, &raw.control)
        && !grid.paths.contains(control)
    {
        return Err(refuse(raw, format!("control: `{control}` is not among the grid's paths")));
    }
    let counts = [
        grid.workloads.len(),
        grid.paths.len(),
        grid.receive_paths.len(),
        grid.payloads.len(),
        grid.message_sizes.len(),
        grid.working_sets.len(),
        grid.threads.len(),
        grid.wires.len().max(1),
    ];
    let cells = counts.iter().try_fold(1_usize, |product, &count| product.checked_mul(count));
    match cells {
        Some(cells) if cells <= MOST_CELLS => Ok(grid),
        _ => Err(GridError { line: 0, what: format!("the grid has more than {MOST_CELLS} cells") }),
    }
}

/// The dimensions that a grid need not name.
fn dimensions(grid: &mut Grid, raw: &RawGrid) -> Result<(), GridError> {
    if let Some(words) = &raw.workload {
        let find = |text: &str| Ok(workload::find(text)?.name.to_owned());
        grid.workloads = one_or_many(words, "workload", find)?;
    }
    if let Some(words) = &raw.receive_paths {
        let every = || receive::REGISTRY.iter().map(|entry| entry.name);
        grid.receive_paths = names(words, "receive path", every, |text| Ok(receive::find(text)?.name))?;
    }
    if let Some(words) = &raw.payload {
        grid.payloads = list(words, "payload", str::parse)?;
    }
    if let Some(words) = &raw.working_set {
        grid.working_sets = one_or_many(words, "working set", parse_working_set)?;
    }
    if let Some(words) = &raw.wire {
        grid.wires = one_or_many(words, "wire", str::parse::<Wire>)?;
    }
    Ok(())
}

/// What a grid says of every trial.
fn trial_options(options: &mut TrialOptions, raw: &RawGrid) -> Result<(), GridError> {
    if let Some(text) = &raw.warmup {
        options.warmup = word(text, parse_warmup)?;
    }
    if let Some(places) = &raw.pin {
        options.pin = pin(places)?;
    }
    if let Some(socket) = &raw.socket {
        options.socket = socket_options(socket)?;
    }
    if let Some(text) = &raw.read_size {
        options.read_size = word(text, parse_read_size)?;
    }
    options.verify = raw.verify.unwrap_or(false);
    Ok(())
}

fn pin(raw: &Spanned<RawPin>) -> Result<Pin, GridError> {
    match &raw.value {
        RawPin::Word(text) if text == "auto" => Ok(Pin::Auto),
        RawPin::Word(text) if text == "none" => Ok(Pin::None),
        RawPin::Word(text) => Err(refuse(
            raw,
            format!("pin: `{text}` is not one of auto, none, {{sender: [0], receiver: [1]}}"),
        )),
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

fn socket_options(raw: &RawSocket) -> Result<SocketOptions, GridError> {
    let buffer = |text: &Option<Word>, what: &str| match text {
        Some(text) => word(text, |text| bounded_size(text, 4096, 1 << 30, what)).map(Some),
        None => Ok(None),
    };
    Ok(SocketOptions {
        congestion: match &raw.congestion {
            Some(name) => match name.value.as_str() {
                "default" => None,
                text if (1..16).contains(&text.len()) && text.is_ascii() => Some(text.to_owned()),
                text => return Err(refuse(name, format!("`{text}` names no congestion control"))),
            },
            None => default_congestion(),
        },
        insist_on_congestion: raw.congestion.is_some(),
        nodelay: raw.nodelay.unwrap_or(false),
        send_buffer: buffer(&raw.send_buffer, "send_buffer")?,
        receive_buffer: buffer(&raw.receive_buffer, "receive_buffer")?,
    })
}

fn link_options(raw: &RawLink) -> Result<LinkOptions, GridError> {
    if let Some(mtu) = &raw.mtu
        && !(68..=65535).contains(&mtu.value)
    {
        return Err(refuse(mtu, format!("an MTU must have 68 to 65535 bytes, not {}", mtu.value)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::defaults::DEFAULT_REPETITIONS;
    use std::time::Duration;

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
            ("[A1, zero-copy]", "[magic]", "not a send path"),
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
