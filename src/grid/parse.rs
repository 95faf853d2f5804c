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
    bounded_size, grid_name, number, parse_delay, parse_loss, parse_message_size, parse_rate,
    parse_read_size, parse_threads, parse_warmup, parse_window, parse_working_set,
};
use super::{Grid, MOST_CELLS, Repetitions, only, paths, workloads};
use crate::cell::Wire;
use crate::lab::kind;
use crate::link::{Offload, netem};
use crate::options::{Bound, LinkOptions, Pin, TrialOptions, two_interfaces};
use crate::record::manifest::Netem;
use crate::socket::SocketOptions;
use crate::{choice, path, receive, units};

fn line<T>(spanned: &Spanned<T>) -> u64 {
    spanned.referenced.line()
}

pub(super) fn refuse<T>(spanned: &Spanned<T>, what: impl Into<String>) -> GridError {
    GridError { line: line(spanned), what: what.into() }
}

/// The line of one of a list's values; of one that stands alone, that of the list.
pub(super) fn line_in<L, T>(list: &Spanned<L>, item: &Spanned<T>) -> u64 {
    match line(item) {
        0 => line(list),
        line => line,
    }
}

pub(super) fn refuse_in<L, T>(list: &Spanned<L>, item: &Spanned<T>, what: impl Into<String>) -> GridError {
    GridError { line: line_in(list, item), what: what.into() }
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
    let all = words.value.0.iter().map(|word| (line_in(words, word), word.value.as_str()));
    distinct(line(words), all, what, read)
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

pub(super) fn parse(text: &str) -> Result<Grid, GridError> {
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
        let what = "it is empty, and needs at least name, paths, message_sizes and threads";
        return Err(GridError { line: 0, what: what.to_owned() });
    }
    let raw: RawGrid = serde_yaml::from_str(text)?;
    let mut grid = Grid {
        paths: paths::parse(&raw.paths, "path", path::REGISTRY.iter().map(|entry| entry.name), path::choose)?,
        message_sizes: list(&raw.message_sizes, "message size", parse_message_size)?,
        threads: list(&raw.threads, "number of threads", parse_threads)?,
        xray: raw.xray.unwrap_or(false),
        measurement: raw.measurement.unwrap_or(true),
        text: text.to_owned(),
        ..Grid::named(&word(&raw.name, grid_name)?)
    };
    dimensions(&mut grid, &raw)?;
    trial_options(&mut grid.trial, &raw)?;
    if let Some(count) = &raw.repetitions {
        grid.repetitions = repetitions(count)?;
    }
    if let Some(name) = &raw.control {
        grid.control = Some(word(name, |text| Ok(path::choose(text)?.to_string()))?);
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
    if let Some(raw) = &raw.only {
        only::narrow(&mut grid, raw)?;
    }
    check_size(&grid)?;
    Ok(grid)
}

/// Checks that no product of the dimensions is beyond what can be run.
fn check_size(grid: &Grid) -> Result<(), GridError> {
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
        Some(cells) if cells <= MOST_CELLS => Ok(()),
        _ => Err(GridError { line: 0, what: format!("the grid has more than {MOST_CELLS} cells") }),
    }
}

/// The dimensions that a grid need not name.
fn dimensions(grid: &mut Grid, raw: &RawGrid) -> Result<(), GridError> {
    grid.workloads = workloads::parse(raw)?;
    if let Some(words) = &raw.receive_paths {
        let every = receive::REGISTRY.iter().map(|entry| entry.name);
        grid.receive_paths = paths::parse(words, "receive path", every, receive::choose)?;
    }
    if let Some(values) = raw.socket.as_ref().and_then(|socket| socket.rcvlowat.as_ref()) {
        grid.receive_paths =
            paths::spread_over(&grid.receive_paths, receive::RCVLOWAT, values, receive::choose)?;
    }
    if let Some(values) = raw.socket.as_ref().and_then(|socket| socket.cork.as_ref()) {
        grid.paths = paths::spread_over(&grid.paths, path::CORK, values, path::choose)?;
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
    if let (Some(words), [first, ..]) = (&raw.receive_paths, grid.wires.as_slice()) {
        let fits = |path: &str| grid.wires.iter().any(|&wire| receive::check_wire(path, wire).is_ok());
        let names = grid.receive_paths.iter().map(|path| choice::name(path));
        if let Some(path) = names.filter(|_| !paths::is_all(words)).find(|path| !fits(path)) {
            return Err(refuse(words, receive::check_wire(path, *first).expect_err("no wire has it")));
        }
    }
    Ok(())
}

/// What ends the window of every trial.
fn bound(raw: &RawGrid) -> Result<Bound, GridError> {
    match (&raw.duration, &raw.messages) {
        (Some(_), Some(messages)) => {
            Err(refuse(messages, "a trial is bounded by `duration` or by `messages`, not by both"))
        }
        (Some(duration), None) => Ok(Bound::Duration(word(duration, parse_window)?)),
        (None, Some(messages)) => {
            Ok(Bound::Messages(word(messages, |text| number(text, 1, 1_000_000_000, "messages"))?))
        }
        (None, None) => Ok(one_second()),
    }
}

/// What a grid says of every trial.
fn trial_options(options: &mut TrialOptions, raw: &RawGrid) -> Result<(), GridError> {
    options.bound = bound(raw)?;
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
        nodelay: raw.nodelay,
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
    let mtu = raw.mtu.as_ref().map(|mtu| mtu.value);
    Ok(LinkOptions { interfaces, mtu, offloads, netem: netem(raw)? })
}

/// What each end of a link does to the packets that leave by it; absent where the grid says nothing of it.
fn netem(raw: &RawLink) -> Result<Option<Netem>, GridError> {
    let keys = [&raw.delay, &raw.jitter, &raw.loss, &raw.rate];
    let [delay, jitter, loss, rate] = keys.map(Option::as_ref);
    if keys.iter().all(|key| key.is_none()) {
        return Ok(None);
    }
    let nanoseconds = |text: Option<&Word>, what: &str| match text {
        Some(text) => word(text, |text| parse_delay(text, what)),
        None => Ok(0),
    };
    let delay_ns = nanoseconds(delay, "link.delay")?;
    let jitter_ns = nanoseconds(jitter, "link.jitter")?;
    if let Some(jitter) = jitter.filter(|_| jitter_ns > delay_ns) {
        return Err(refuse(
            jitter,
            "link.jitter: it varies the delay to either side; give a `delay` at least as long",
        ));
    }
    Ok(Some(Netem {
        delay_ns,
        jitter_ns,
        loss: loss.map_or(Ok(0.0), |text| word(text, parse_loss))?,
        rate_bit_s: rate.map(|text| word(text, parse_rate)).transpose()?,
        limit: netem::LIMIT,
    }))
}
