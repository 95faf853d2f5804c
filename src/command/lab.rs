//! The flags that say where the agents are, and the lab that they ask for.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgGroup, Args};

use super::UsageError;
use crate::agent::handshake::Token;
use crate::cell::Wire;
use crate::grid::{self, Grid};
use crate::lab::Lab;
use crate::lab::kind::{self, Agents, Entry, Site};
use crate::link::recover;
use crate::options::{LinkOptions, parse_interfaces};
use crate::output::say;
use crate::units;

/// Where the agents are; the default is a lab on this machine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Lab", group(ArgGroup::new("agents").args(["sender", "receiver"]).multiple(true)))]
pub struct LabArgs {
    /// Lab on this machine
    #[arg(long, help = about_labs(), value_parser = names_of_labs(), conflicts_with = "agents")]
    pub lab: Option<String>,
    /// The sender's agent, HOST:PORT, instead of a lab on this machine
    #[arg(long, value_name = "ADDR")]
    pub sender: Option<String>,
    /// The receiver's agent. Where one of the two is named, the coordinator starts the other itself
    #[arg(long, value_name = "ADDR")]
    pub receiver: Option<String>,
    /// What joins the agents: loopback, veth, bridge, overlay or nic, compared with what their interfaces
    /// show; for agents reached by address also the sender's address on it where that is not its agent's;
    /// may be given several times
    #[arg(long = "wire", value_name = "WIRE[=ADDR]", value_parser = parse_wire)]
    pub wires: Vec<(Wire, Option<IpAddr>)>,
    /// Two interfaces of this host that are joined, such as the ports of a card with a cable between them: lent to
    /// the lab instead of a veth pair, and restored afterwards [with --wire nic also: COPYCOST_INTERFACES in
    /// the environment]
    #[arg(long, value_name = "A,B", conflicts_with = "agents", value_parser = parse_interfaces)]
    pub interfaces: Option<[String; 2]>,
    /// CLOCK_REALTIME of the two hosts agrees within so much, such as 5us with PTP: one-way delays are told with this
    /// bound. Where both ends run on one kernel they have one clock anyway
    #[arg(long, value_name = "WITHIN", value_parser = grid::parse_clock_bound)]
    pub clock_synchronised: Option<Duration>,
    /// File with the token that the agents were started with
    #[arg(long, value_name = "FILE", requires = "agents")]
    pub token_file: Option<PathBuf>,
}

/// What a grid says of the lab: its kind, its link, and the wires of its cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) lab: Option<&'a str>,
    pub(super) link: &'a LinkOptions,
    pub(super) wires: &'a [Wire],
}

impl<'a> Wanted<'a> {
    pub(super) fn of(grid: &'a Grid) -> Self {
        Self { lab: grid.lab.as_deref(), link: &grid.link, wires: &grid.wires }
    }
}

impl LabArgs {
    /// The kind of lab that these flags and a grid ask for, and what it is to be made from.
    pub(super) fn site(&self, wanted: Wanted) -> anyhow::Result<(&'static Entry, Site)> {
        let agents = self.agents()?;
        let kind = match (&agents, self.lab.as_deref().or(wanted.lab)) {
            (Some(_), _) => kind::REMOTE,
            (None, Some(name)) => kind::find(name).map_err(UsageError)?,
            (None, None) => kind::DEFAULT,
        };
        let named: Vec<Wire> = self.wires.iter().map(|(wire, _)| wire).chain(wanted.wires).copied().collect();
        let lent = match &self.interfaces {
            Some(names) => Some(names.clone()),
            None => kind.lent_by_environment(&named).map_err(UsageError)?,
        };
        let interfaces = lent.or_else(|| wanted.link.interfaces.clone());
        let link = LinkOptions { interfaces, ..wanted.link.clone() };
        let mut wires = self.wires.clone();
        match (&agents, wanted.wires) {
            // The grid's word is the user's too.
            (Some(_), [only]) if wires.is_empty() => wires.push((*only, None)),
            (Some(_), _) => {}
            (None, wanted) => wires.extend(wanted.iter().map(|&wire| (wire, None))),
        }
        if agents.is_none() {
            let mut seen = HashSet::new();
            wires.retain(|&wire| seen.insert(wire));
        }
        Ok((kind, Site { link, wires, agents }))
    }

    /// Makes the lab that these flags and a grid ask for.
    pub(super) fn make(&self, wanted: Wanted) -> anyhow::Result<Lab> {
        let (kind, site) = self.site(wanted)?;
        let made = make(kind, &site)?;
        let there = made.wires();
        if !wanted.wires.is_empty() && !wanted.wires.iter().any(|wire| there.contains(wire)) {
            let words =
                |wires: &[Wire]| wires.iter().map(|wire| wire.word()).collect::<Vec<_>>().join(" and ");
            let what = format!(
                "the grid's wire is {}, and this lab has {}; change one of them",
                words(wanted.wires),
                words(&there)
            );
            return Err(UsageError(what).into());
        }
        Ok(made)
    }

    /// These flags as words, for another program that is to make the same lab.
    pub(super) fn words(&self) -> Vec<String> {
        let Self { lab, sender, receiver, wires, interfaces, clock_synchronised, token_file } = self;
        let wires = wires.iter().map(|(wire, address)| match address {
            Some(address) => format!("{wire}={address}"),
            None => wire.to_string(),
        });
        let flags = [
            ("--lab", lab.clone()),
            ("--sender", sender.clone()),
            ("--receiver", receiver.clone()),
            ("--interfaces", interfaces.as_ref().map(|names| names.join(","))),
            ("--clock-synchronised", clock_synchronised.map(units::duration)),
            ("--token-file", token_file.as_ref().map(|path| path.display().to_string())),
        ];
        let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value?)));
        flags
            .chain(wires.map(|wire| ("--wire", wire)))
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }

    /// The agents that run already, where one is named.
    fn agents(&self) -> anyhow::Result<Option<Agents>> {
        let (sender, receiver) = (self.sender.clone(), self.receiver.clone());
        if sender.is_none() && receiver.is_none() {
            return Ok(None);
        }
        let token = match &self.token_file {
            Some(path) => Token::read(path).map_err(UsageError)?,
            None => Token::default(),
        };
        Ok(Some(Agents { sender, receiver, token }))
    }
}

/// Makes a lab of a kind, once what a killed run had borrowed is given back.
pub(super) fn make(kind: &Entry, site: &Site) -> anyhow::Result<Lab> {
    recover().iter().for_each(|what| say(format_args!("copycost: {what}")));
    let mut lab = (kind.make)(site)?;
    lab.needs_netem = site.link.netem.is_some();
    Ok(lab)
}

pub(super) fn parse_wire(text: &str) -> Result<(Wire, Option<IpAddr>), String> {
    let (wire, address) = match text.split_once('=') {
        None => (text, None),
        Some((wire, address)) => {
            let address = address.parse().map_err(|_| format!("`{address}` is not an IP address"))?;
            (wire, Some(address))
        }
    };
    Ok((wire.parse()?, address))
}

fn about_labs() -> String {
    format!("Lab on this machine [default: what the grid says, else {}]", kind::DEFAULT.name)
}

fn names_of_labs() -> PossibleValuesParser {
    PossibleValuesParser::new(kind::here().map(|lab| PossibleValue::new(lab.name).help(lab.about)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, FromArgMatches};

    use super::*;

    #[test]
    fn every_flag_is_among_the_words() {
        let here =
            "--lab loopback --interfaces a0,a1 --clock-synchronised 5us --wire veth --wire nic=10.0.0.1";
        let there = "--sender one:1 --receiver two:2 --token-file secret --wire bridge";
        let program = LabArgs::augment_args(Command::new("copycost"));
        let mut seen = BTreeSet::new();
        for given in [here, there] {
            let parse = |words: &str| {
                let words = std::iter::once("copycost").chain(words.split(' '));
                let matches = program.clone().try_get_matches_from(words).unwrap();
                LabArgs::from_arg_matches(&matches).unwrap()
            };
            assert_eq!(parse(given).words().join(" "), given);
            seen.extend(given.split(' ').filter_map(|word| word.strip_prefix("--")));
        }
        let all: BTreeSet<_> = program.get_arguments().filter_map(|flag| flag.get_long()).collect();
        assert_eq!(seen, all, "a flag of the lab that this test does not give");
    }
}
