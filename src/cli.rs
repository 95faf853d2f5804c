//! The command line, as types.

use clap::{Parser, Subcommand};

use crate::command::agent::AgentArgs;
use crate::command::completions::CompletionsArgs;
use crate::command::health::HealthArgs;
use crate::command::measure::MeasureArgs;
use crate::command::sweep::SweepArgs;
use crate::command::xray::XrayArgs;
use crate::command::{agent, completions, health, man, measure, paths, schema, sweep, vm, xray};
use crate::compare::CompareArgs;
use crate::doctor::DoctorArgs;
use crate::exit::Exit;
use crate::link::LinkArgs;
use crate::output::Out;
use crate::report::{self, ReportArgs};
use crate::validate::ValidateArgs;
use crate::vm::VmArgs;

/// Measures what every copy in the network send path costs, and proves whether the copy happened
#[derive(Debug, Parser)]
#[command(name = "copycost", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all is well; 1 it could not do the work; 2 the command line or the grid is \
    wrong; 3 `compare` or `sweep --against` found a regression, or `validate` a violation; 4 the sweep finished \
    with failed trials, or nothing could run; 130 interrupted."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What copycost does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a grid of trials and write a run directory
    Sweep(SweepArgs),
    /// Run one trial and print its figures
    Measure(MeasureArgs),
    /// Make the tables, figures and the written analysis of a run
    Report(ReportArgs),
    /// Say whether two runs differ, and what differs in their environments
    Compare(CompareArgs),
    /// Check a run's directory against the schema
    Validate(ValidateArgs),
    /// Tell where the bytes are copied and the CPU time goes, path by path
    Xray(XrayArgs),
    /// List the send and receive paths, with what each copies
    Paths,
    /// Print what every column of a run's files holds, as Markdown
    Schema,
    /// Run one end of a lab: serve coordinators that connect
    Agent(AgentArgs),
    /// Ask an agent whether it is healthy: a container's health check
    Health(HealthArgs),
    /// Check what this host can do, with the remedy for each shortfall
    Doctor(DoctorArgs),
    /// Join two network namespaces by a veth pair, or take it away
    Link(LinkArgs),
    /// Run any of these commands in a virtual machine of its own, on any kernel, with two network cards
    Vm(VmArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the man page, in roff
    Man,
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Why it could not do the work; a [`crate::exit::UsageError`] where the command line or the grid is wrong.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let found = |is_well: bool| if is_well { Exit::Success } else { Exit::Found };
        match self {
            Self::Sweep(arguments) => sweep::run(arguments),
            Self::Measure(arguments) => measure::run(arguments),
            Self::Report(arguments) => report::run(arguments).map(|()| Exit::Success),
            Self::Compare(arguments) => arguments.run(&mut Out).map(found),
            Self::Validate(arguments) => arguments.run(&mut Out).map(found),
            Self::Xray(arguments) => xray::run(arguments),
            Self::Paths => paths::run(),
            Self::Schema => schema::run(),
            Self::Agent(arguments) => agent::run(arguments),
            Self::Health(arguments) => health::run(arguments),
            Self::Doctor(arguments) => {
                Ok(if arguments.run(&mut Out)? { Exit::Success } else { Exit::Unable })
            }
            Self::Link(arguments) => arguments.run(&mut Out).map(|()| Exit::Success),
            Self::Vm(arguments) => vm::run(arguments),
            Self::Completions(arguments) => completions::run(arguments),
            Self::Man => man::run(),
        }
    }
}
