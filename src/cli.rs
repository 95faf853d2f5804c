//! The command line, as types.

use clap::{Parser, Subcommand};

use crate::command::{
    agent, compare, completions, doctor, export, grid, grids, health, history, link, man, measure, paths,
    report, schema, sweep, validate, vm, xray,
};
use crate::exit::Exit;

/// Measures what every copy in the network send path costs, and proves whether the copy happened
#[derive(Debug, Parser)]
#[command(name = "copycost", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all is well; 1 it could not do the work; 2 the command line or the grid is \
    wrong; 3 `compare` or `sweep --against` found a regression, or `validate` a violation; 4 trials failed, or \
    nothing could be measured; 130 interrupted."
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
    Sweep(sweep::SweepArgs),
    /// Run one trial and print its figures
    Measure(measure::MeasureArgs),
    /// Make the tables, the figures and the written analysis of a run, or lay several runs over each other
    Report(report::ReportArgs),
    /// Say whether two runs differ, and what differs in their environments
    Compare(compare::CompareArgs),
    /// Show each cell over the runs of a directory, with its noise and what changed
    History(history::HistoryArgs),
    /// Check a run's directory against the schema
    Validate(validate::ValidateArgs),
    /// Write runs to standard output as a tar with checksums, from where there is no other way out
    Export(export::ExportArgs),
    /// Show where bytes are copied and where the CPU time goes, path by path
    Xray(xray::XrayArgs),
    /// List what a grid can choose from: paths with what each copies, workloads, labs
    Paths,
    /// List the grids that the program carries, or print one
    Grids(grids::GridsArgs),
    /// Print every key that a grid can have, as Markdown
    #[command(after_long_help = grid::markdown())]
    Grid,
    /// Print what every column of a run's files holds, as Markdown
    Schema(schema::SchemaArgs),
    /// Run one end of a lab: serve coordinators that connect
    Agent(agent::AgentArgs),
    /// Ask an agent whether it is healthy: a container's health check
    Health(health::HealthArgs),
    /// Check what this host can do, with the remedy for each shortfall
    Doctor(doctor::DoctorArgs),
    /// Join two network namespaces by a veth pair, or remove it
    Link(link::LinkArgs),
    /// Run any of these commands in a virtual machine of its own, on any kernel, with two network cards
    Vm(vm::VmArgs),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
    /// Print a man page, in roff
    Man(man::ManArgs),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Why it could not do the work; a [`crate::exit::UsageError`] where the command line or the grid is wrong.
    pub fn run(&self) -> anyhow::Result<Exit> {
        match self {
            Self::Sweep(arguments) => sweep::run(arguments),
            Self::Measure(arguments) => measure::run(arguments),
            Self::Report(arguments) => report::run(arguments),
            Self::Compare(arguments) => compare::run(arguments),
            Self::History(arguments) => history::run(arguments),
            Self::Validate(arguments) => validate::run(arguments),
            Self::Export(arguments) => export::run(arguments),
            Self::Xray(arguments) => xray::run(arguments),
            Self::Paths => paths::run(),
            Self::Grids(arguments) => grids::run(arguments),
            Self::Grid => grid::run(),
            Self::Schema(arguments) => schema::run(arguments),
            Self::Agent(arguments) => agent::run(arguments),
            Self::Health(arguments) => health::run(arguments),
            Self::Doctor(arguments) => doctor::run(arguments),
            Self::Link(arguments) => link::run(arguments),
            Self::Vm(arguments) => vm::run(arguments),
            Self::Completions(arguments) => {
                completions::run(arguments, <Cli as clap::CommandFactory>::command())
            }
            Self::Man(arguments) => man::run(arguments, <Cli as clap::CommandFactory>::command()),
        }
    }
}
