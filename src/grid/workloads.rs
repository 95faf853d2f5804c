//! The workloads of a grid: `stream`, `request`, `{open-loop: {rate: [1000, 50%]}}`, and the parameters that stand beside
//! them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::Spanned;

use super::error::GridError;
use super::parse::refuse;
use super::raw::{OneOrMany, RawGrid};
use crate::cell::{Rate, Workload};
use crate::workload;

/// One workload, or a list of them.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a workload such as request, or {open-loop: {rate: 1000}}, or a list of them"
)]
pub(super) enum RawWorkloads {
    One(RawWorkload),
    Many(Vec<RawWorkload>),
}

/// A workload by its name, or with parameters; each parameter may have several values.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a workload such as request, or {open-loop: {rate: 1000}}")]
pub(super) enum RawWorkload {
    Name(String),
    With(BTreeMap<String, BTreeMap<String, OneOrMany>>),
}

/// Parameters that may stand beside the workloads, for all that have them.
const BESIDE: [&str; 3] = ["depth", "wait", "background"];

/// Reads a grid's workloads; none are said: the usual one. With `latency`, a request cell comes beside each stream cell.
pub(super) fn parse(raw: &RawGrid) -> Result<Vec<Workload>, GridError> {
    let mut all = listed(raw)?;
    let request = Workload::named(workload::CLOSED_LOOP.name);
    if raw.latency == Some(true) && all.iter().any(Workload::is_usual) && !all.contains(&request) {
        all.push(request);
    }
    Ok(all)
}

fn listed(raw: &RawGrid) -> Result<Vec<Workload>, GridError> {
    let beside = [&raw.depth, &raw.wait, &raw.background];
    let Some(words) = &raw.workload else {
        return match BESIDE.iter().zip(beside).find_map(|(key, values)| Some((key, values.as_ref()?))) {
            Some((key, values)) => Err(refuse(values, without(key))),
            None => Ok(vec![Workload::default()]),
        };
    };
    let listed = match &words.value {
        RawWorkloads::One(one) => std::slice::from_ref(one),
        RawWorkloads::Many(all) => all,
    };
    let mut all = Vec::new();
    for one in listed {
        for (mut workload, said) in with_parameters(one).map_err(|what| refuse(words, what))? {
            let entry = workload::find(&workload.name).map_err(|what| refuse(words, what))?;
            let mut several = vec![std::mem::take(&mut workload)];
            for (key, values) in BESIDE.iter().zip(beside) {
                let Some(values) = values else { continue };
                if entry.parameters.contains(key) && !said.iter().any(|name| name == key) {
                    several =
                        spread(&several, key, values.value.list()).map_err(|what| refuse(values, what))?;
                }
            }
            all.extend(several);
        }
    }
    for (key, values) in BESIDE.iter().zip(beside) {
        let has = |workload: &Workload| {
            workload::find(&workload.name).is_ok_and(|entry| entry.parameters.contains(key))
        };
        if let Some(values) = values
            && !all.iter().any(has)
        {
            return Err(refuse(values, without(key)));
        }
    }
    check(words, &all)?;
    Ok(all)
}

fn without(key: &str) -> String {
    let name = workload::CLOSED_LOOP.name;
    format!("{key}: no workload of this grid has it; add `workload: {name}`")
}

/// A workload with each combination of its parameters' values, and the names of those.
fn with_parameters(raw: &RawWorkload) -> Result<Vec<(Workload, Vec<String>)>, String> {
    match raw {
        RawWorkload::Name(text) => {
            let workload: Workload = text.parse()?;
            let said = workload.parameters().into_iter().map(|(key, _)| key.to_owned()).collect();
            Ok(vec![(workload, said)])
        }
        RawWorkload::With(named) => {
            let mut all = Vec::new();
            for (name, parameters) in named {
                let mut several = vec![Workload::named(name)];
                for (key, values) in parameters {
                    several = spread(&several, key, values.list())?;
                }
                let said: Vec<String> = parameters.keys().cloned().collect();
                all.extend(several.into_iter().map(|workload| (workload, said.clone())));
            }
            Ok(all)
        }
    }
}

/// Each of these workloads with each of these values of a parameter.
fn spread(workloads: &[Workload], key: &str, values: Vec<String>) -> Result<Vec<Workload>, String> {
    let mut all = Vec::new();
    for workload in workloads {
        for value in &values {
            let mut with = workload.clone();
            with.set(key, value)?;
            all.push(with);
        }
    }
    if all.is_empty() { Err(format!("the list of {key} is empty")) } else { Ok(all) }
}

/// Each has its own parameters alone and is listed once, and a share is one of something that is measured.
fn check(words: &Spanned<RawWorkloads>, all: &[Workload]) -> Result<(), GridError> {
    for (place, workload) in all.iter().enumerate() {
        workload::check(workload).map_err(|what| refuse(words, what))?;
        if all[..place].contains(workload) {
            return Err(refuse(words, format!("workload `{workload}` is listed twice")));
        }
    }
    match share_of_nothing(all) {
        Some(workload) => {
            let rate = workload.rate.map(|rate| rate.to_string()).unwrap_or_default();
            Err(refuse(
                words,
                format!(
                    "a rate of {rate} is a share of the cell's throughput as a stream; add stream to `workload`"
                ),
            ))
        }
        None if all.is_empty() => Err(refuse(words, "the list of workloads is empty")),
        None => Ok(()),
    }
}

/// A workload whose rate is a share of what its cell reaches as a stream, where no stream is among them.
pub(super) fn share_of_nothing(all: &[Workload]) -> Option<&Workload> {
    let is_share = |workload: &&Workload| matches!(workload.rate, Some(Rate::Percent(_)));
    all.iter().find(is_share).filter(|_| !all.iter().any(Workload::is_usual))
}

/// Reads the workload of a single cell, whose rate can be a share of nothing.
pub(crate) fn parse_workload(text: &str) -> Result<Workload, String> {
    let parsed: Workload = text.parse()?;
    workload::check(&parsed)?;
    match parsed.rate {
        Some(rate @ Rate::Percent(_)) => Err(format!(
            "a rate of {rate} is a share of what the cell reaches as a stream; give messages a second, or use a grid"
        )),
        _ => Ok(parsed),
    }
}
