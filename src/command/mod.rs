//! The verbs, one file each: what `main` dispatches to.

mod against;
pub mod health;
pub mod measure;
pub mod paths;
pub mod schema;
mod source;
mod stop;
pub mod sweep;
pub mod vm;
pub mod xray;

use std::collections::HashSet;

use anyhow::Context;

use crate::agent::handshake::Token;
use crate::cell::Wire;
use crate::cli::{Interfaces, LabArgs};
pub use crate::exit::{Exit, Interrupted, UsageError};
use crate::grid::{self, LabKind, LinkOptions};
use crate::lab::{Addresses, Lab};
use crate::link::recover;
use crate::output::{Out, say};
use stop::stop_flag;

/// Makes the lab that the flags and the grid ask for. `wanted` are the wires that the grid names.
fn lab(
    arguments: &LabArgs,
    grids: Option<LabKind>,
    link: &LinkOptions,
    wanted: &[Wire],
) -> anyhow::Result<Lab> {
    recover().iter().for_each(|what| say(format_args!("copycost: {what}")));
    let made = match arguments.sender.clone() {
        Some(sender) => remote(arguments, sender, link, wanted)?,
        None => local(arguments, grids, link, wanted)?,
    };
    let there = made.wires();
    if !wanted.is_empty() && !wanted.iter().any(|wire| there.contains(wire)) {
        let words = |wires: &[Wire]| wires.iter().map(|wire| wire.word()).collect::<Vec<_>>().join(" and ");
        let what = format!(
            "the grid's wire is {}, and this lab has {}; change one of them",
            words(wanted),
            words(&there)
        );
        return Err(UsageError(what).into());
    }
    Ok(made)
}

fn local(
    arguments: &LabArgs,
    grids: Option<LabKind>,
    link: &LinkOptions,
    wanted: &[Wire],
) -> anyhow::Result<Lab> {
    let kind = arguments.lab.or(grids).unwrap_or(LabKind::Netns);
    let mut link = link.clone();
    link.interfaces = interfaces(arguments, kind, wanted)?.or(link.interfaces);
    if kind == LabKind::Loopback && link != LinkOptions::default() {
        let what = "the loopback lab makes no link: drop `link` and --interfaces, or use --lab netns";
        return Err(UsageError(what.to_owned()).into());
    }
    let mut wires = Vec::new();
    for &(wire, address) in &arguments.wires {
        if address.is_some() {
            let what = format!(
                "--wire {wire}=ADDR is for agents that --sender names; a lab on this machine has its own"
            );
            return Err(UsageError(what).into());
        }
        if kind == LabKind::Loopback && wire != Wire::Loopback {
            let what =
                format!("the wire is said to be {wire}, and the loopback lab has loopback; use --lab netns");
            return Err(UsageError(what).into());
        }
        wires.push(wire);
    }
    wires.extend(wanted);
    let mut seen = HashSet::new();
    wires.retain(|wire| seen.insert(*wire));
    Lab::local(kind, &link, &wires)
}

const VARIABLE: &str = "COPYCOST_INTERFACES";

/// Those of the flag; where a nic wire is asked for and no flag names its interfaces, those of the environment.
fn interfaces(arguments: &LabArgs, kind: LabKind, wanted: &[Wire]) -> anyhow::Result<Option<Interfaces>> {
    let mut asked = arguments.wires.iter().map(|(wire, _)| wire).chain(wanted);
    let is_local = arguments.sender.is_none() && kind == LabKind::Netns;
    if arguments.interfaces.is_some() || !is_local || !asked.any(|&wire| wire == Wire::Nic) {
        return Ok(arguments.interfaces.clone());
    }
    let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    let names = grid::parse_interfaces(&text).map_err(|what| UsageError(format!("{VARIABLE}: {what}")))?;
    Ok(Some(names))
}

fn remote(arguments: &LabArgs, sender: String, link: &LinkOptions, wanted: &[Wire]) -> anyhow::Result<Lab> {
    if *link != LinkOptions::default() {
        let what = "`link` is for a lab that makes its own link; with --sender the link is there already";
        return Err(UsageError(what.to_owned()).into());
    }
    let token = match &arguments.token_file {
        Some(path) => Token::read(path).map_err(UsageError)?,
        None => Token::default(),
    };
    let mut wires = arguments.wires.clone();
    if let ([], [only]) = (&wires[..], wanted) {
        // The grid's word is the user's too.
        wires.push((*only, None));
    }
    Lab::remote(&Addresses { sender, receiver: arguments.receiver.clone(), wires }, &token)
}

/// Writes to standard output.
///
/// # Errors
/// When it does not take the text, as on a full disk.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Out.write_all(text.as_bytes()).and_then(|()| Out.flush()).context("writing to standard output")
}
