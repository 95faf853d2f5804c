//! The part of a grid that is run: `only: {path: [zero-copy, one-copy], threads: 1}`.

use std::collections::BTreeMap;

use serde_yaml::Spanned;

use super::Grid;
use super::error::GridError;
use super::parse::{line_in, refuse};
use super::raw::Words;
use super::scalar::{parse_message_size, parse_threads, parse_working_set};
use super::workloads::share_of_nothing;
use crate::cell::Workload;
use crate::{choice, path, spelling, units};

/// What of each dimension is run, as written.
pub(super) type RawOnly = Spanned<BTreeMap<String, Words>>;

/// The dimensions, as `only` names them.
pub(super) const DIMENSIONS: [&str; 8] =
    ["path", "receive_path", "size", "threads", "payload", "workload", "wire", "working_set"];

/// Leaves of each dimension what is named.
pub(super) fn narrow(grid: &mut Grid, only: &RawOnly) -> Result<(), GridError> {
    for (dimension, words) in &only.value {
        let is_path = |path: &String, word: &str| path == word || choice::name(path) == word;
        match dimension.as_str() {
            "path" => keep(&mut grid.paths, dimension, words, is_send_path, String::clone)?,
            "receive_path" => keep(&mut grid.receive_paths, dimension, words, is_path, String::clone)?,
            "size" => {
                let is = |size: &u64, word: &str| parse_message_size(word) == Ok(*size);
                keep(&mut grid.message_sizes, dimension, words, is, |&size| units::size(size))?;
            }
            "threads" => {
                let is = |threads: &u32, word: &str| parse_threads(word) == Ok(*threads);
                keep(&mut grid.threads, dimension, words, is, u32::to_string)?;
            }
            "payload" => {
                keep(
                    &mut grid.payloads,
                    dimension,
                    words,
                    |kind, word| kind.word() == word,
                    |kind| kind.word().to_owned(),
                )?;
            }
            "workload" => {
                let is = |kind: &Workload, word: &str| kind.name == word || kind.to_string() == word;
                keep(&mut grid.workloads, dimension, words, is, ToString::to_string)?;
            }
            "wire" => {
                if grid.wires.is_empty() {
                    return Err(refuse(words, "only: this grid names no wires; name one with `wire`"));
                }
                keep(
                    &mut grid.wires,
                    dimension,
                    words,
                    |wire, word| wire.word() == word,
                    |wire| wire.word().to_owned(),
                )?;
            }
            "working_set" => {
                let is = |set: &Option<u64>, word: &str| parse_working_set(word) == Ok(*set);
                let shown = |set: &Option<u64>| set.map_or("hot".to_owned(), units::size);
                keep(&mut grid.working_sets, dimension, words, is, shown)?;
            }
            other => {
                let what = spelling::unknown(other, "a dimension", DIMENSIONS);
                return Err(refuse(words, format!("only: {what}")));
            }
        }
    }
    check_shares(grid, only)?;
    // What is not run is no control.
    grid.control = grid.control.take().filter(|control| grid.paths.contains(control));
    Ok(())
}

/// Whether a send path is meant: whole, without its parameters, or by another of its names.
fn is_send_path(path: &String, word: &str) -> bool {
    path == word
        || choice::name(path) == word
        || path::choose(word).is_ok_and(|choice| choice.to_string() == *path)
}

/// Leaves of a dimension's values those that are named, each of which must be there.
fn keep<T>(
    values: &mut Vec<T>,
    dimension: &str,
    words: &Words,
    is: impl Fn(&T, &str) -> bool,
    shown: impl Fn(&T) -> String,
) -> Result<(), GridError> {
    let named = &words.value.0;
    if named.is_empty() {
        return Err(refuse(words, format!("only: the list of {dimension} is empty")));
    }
    for word in named {
        if !values.iter().any(|value| is(value, &word.value)) {
            let there: Vec<String> = values.iter().map(&shown).collect();
            let what =
                format!("only: this grid has no {dimension} `{}`, but {}", word.value, there.join(", "));
            return Err(GridError { line: line_in(words, word), what });
        }
    }
    values.retain(|value| named.iter().any(|word| is(value, &word.value)));
    Ok(())
}

/// A rate that is a share of a stream's throughput needs that stream.
fn check_shares(grid: &Grid, only: &RawOnly) -> Result<(), GridError> {
    match share_of_nothing(&grid.workloads) {
        Some(workload) => Err(refuse(
            only,
            format!(
                "only: the rate of {workload} is a share of what the cell reaches as a stream; keep stream as well"
            ),
        )),
        None => Ok(()),
    }
}
