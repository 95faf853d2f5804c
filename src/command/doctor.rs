//! `copycost doctor`: what this host can do, or what agents elsewhere can, and what to do about what they cannot.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::lab::{LabArgs, Wanted, parse_wire};
use super::{Exit, agents};
use crate::cell::Wire;
use crate::doctor::{diagnose, print};
use crate::options::LinkOptions;
use crate::output::Out;

/// Checks what this host can do.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("agents").args(["sender", "receiver"]).multiple(true)))]
pub struct DoctorArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = DiagnosisFormat::Table)]
    pub format: DiagnosisFormat,
    /// Where results would go
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Check the sender's agent, HOST:PORT, and the way to it, in place of this host
    #[arg(long, value_name = "ADDR", help_heading = "Agents")]
    pub sender: Option<String>,
    /// Check the receiver's agent. Where one of the two is named, the other is started here
    #[arg(long, value_name = "ADDR", help_heading = "Agents")]
    pub receiver: Option<String>,
    /// What joins the agents, as in `sweep`; may be given several times
    #[arg(long = "wire", value_name = "WIRE[=ADDR]", value_parser = parse_wire, requires = "agents", help_heading = "Agents")]
    pub wires: Vec<(Wire, Option<IpAddr>)>,
    /// File with the token that the agents were started with
    #[arg(long, value_name = "FILE", requires = "agents", help_heading = "Agents")]
    pub token_file: Option<PathBuf>,
}

impl DoctorArgs {
    /// The lab of the agents that are named; none where this host is to be checked.
    fn agents(&self) -> Option<LabArgs> {
        let Self { sender, receiver, wires, token_file, .. } = self.clone();
        let is_elsewhere = sender.is_some() || receiver.is_some();
        is_elsewhere.then_some(LabArgs { sender, receiver, wires, token_file, ..LabArgs::default() })
    }
}

/// How the diagnosis is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosisFormat {
    /// Lines for people.
    Table,
    /// One object.
    Json,
}

/// Runs every check and prints the diagnosis. Whether the default lab can run decides the exit code; of agents, whether
/// payload came through.
pub fn run(arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let diagnosis = match arguments.agents() {
        Some(lab) => {
            let mut lab = lab.make(Wanted { lab: None, link: &LinkOptions::default(), wires: &[] })?;
            agents::diagnose(&mut lab)?
        }
        None => diagnose(&arguments.results),
    };
    match arguments.format {
        DiagnosisFormat::Table => print::table(&diagnosis, &mut Out)?,
        DiagnosisFormat::Json => print::json(&diagnosis, &mut Out)?,
    }
    Ok(if diagnosis.can_run() { Exit::Success } else { Exit::Unable })
}
