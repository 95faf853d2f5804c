//! The command line, as types.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cell::{Payload, Wire};
use crate::compare::CompareArgs;
use crate::doctor::DoctorArgs;
use crate::grid::{self, LabKind};
use crate::link::LinkArgs;
use crate::report::ReportArgs;
use crate::tables::Metric;
use crate::units;
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
    /// Tell what every column of a run's files holds, as Markdown
    Schema,
    /// Hold one end: serve coordinators that connect
    Agent(AgentArgs),
    /// Ask an agent whether it is well: a container's health check
    Health(HealthArgs),
    /// Check what this host can do, with the remedy for each shortfall
    Doctor(DoctorArgs),
    /// Join two network namespaces by a veth pair, or take it away
    Link(LinkArgs),
    /// Run any of these commands in a virtual machine of its own, on any kernel, with two network cards
    Vm(VmArgs),
    /// Print shell completions
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page, in roff
    Man,
}

/// Where the agents are; the default is a lab on this machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Lab")]
pub struct LabArgs {
    /// Lab on this machine [default: what the grid says, else netns]
    #[arg(long, value_name = "netns|loopback", conflicts_with = "sender")]
    pub lab: Option<LabKind>,
    /// The sender's agent, HOST:PORT, instead of a lab on this machine
    #[arg(long, value_name = "ADDR")]
    pub sender: Option<String>,
    /// The receiver's agent; without it the coordinator starts its own
    #[arg(long, value_name = "ADDR", requires = "sender")]
    pub receiver: Option<String>,
    /// What joins the agents: loopback, veth, bridge, overlay or nic, held against what their interfaces
    /// show; for agents reached by address also the sender's address on it where that is not its agent's;
    /// may be given again
    #[arg(long = "wire", value_name = "WIRE[=ADDR]", value_parser = parse_wire)]
    pub wires: Vec<(Wire, Option<IpAddr>)>,
    /// Two interfaces of this host that are joined, such as the ports of a card with a cable between them: lent to
    /// the netns lab instead of a veth pair, and restored afterwards [with --wire nic also: COPYCOST_INTERFACES in
    /// the environment]
    #[arg(long, value_name = "A,B", conflicts_with = "sender", value_parser = grid::parse_interfaces)]
    pub interfaces: Option<Interfaces>,
    /// File with the token that the agents were started with
    #[arg(long, value_name = "FILE", requires = "sender")]
    pub token_file: Option<PathBuf>,
}

/// Flags of `copycost sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Grid file, - for standard input, or the name of a built-in grid [default: quick]
    #[arg(value_name = "GRID", conflicts_with = "resume")]
    pub grid: Option<PathBuf>,
    /// Run the grid of this run again, with its seed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["grid", "resume", "seed"])]
    pub reproduce: Option<PathBuf>,
    /// Where the agents are.
    #[command(flatten)]
    pub lab: LabArgs,
    /// Directory that run directories are made in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Go on with a run that was killed or interrupted
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Hold this program against another in the same blocks, trial by trial: a copycost binary, the one that made a
    /// run (whose grid and seed are run where no GRID is given), or one that is built from a git revision here. Both
    /// sides run every repetition; `control` and `xray` of the grid are left out
    #[arg(long, value_name = "BINARY|RUN|REVISION", conflicts_with_all = ["resume", "reproduce", "sender"])]
    pub against: Option<String>,
    /// With --against: exit with 3 when the interval of a cell or a path lies wholly beyond this, such as 5%
    #[arg(long, value_name = "PERCENT", requires = "against", value_parser = units::parse_percent)]
    pub max_regression: Option<f64>,
    /// With --against: figure to judge by, as `compare` has it [default: throughput_gbps]
    #[arg(long, value_name = "COLUMN", requires = "against", value_parser = Metric::judged)]
    pub measure: Option<&'static Metric>,
    /// Seed of the order of trials, instead of the grid's
    #[arg(long, conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Print the cells and the expected time, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Make no report at the end: no tables, figures, page or Markdown
    #[arg(long)]
    pub no_report: bool,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// Flags of `copycost measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Send path, as `copycost paths` lists them
    #[arg(long, default_value = "two-copy")]
    pub path: String,
    /// Receive path
    #[arg(long, default_value = "recv")]
    pub receive_path: String,
    /// static or fresh
    #[arg(long, default_value = "static")]
    pub payload: Payload,
    /// Size of a message
    #[arg(long, default_value = "16KiB", value_parser = grid::parse_message_size)]
    pub size: u64,
    /// Number of streams
    #[arg(long, default_value = "1", value_parser = grid::parse_threads)]
    pub threads: u32,
    /// Length of the window
    #[arg(long, default_value = "1s", value_parser = grid::parse_window, conflicts_with = "messages")]
    pub duration: Duration,
    /// Messages of each stream in the window, instead of a duration
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub messages: Option<u64>,
    /// How long bytes flow before the window
    #[arg(long, default_value = "200ms", value_parser = grid::parse_warmup)]
    pub warmup: Duration,
    /// Bytes of distinct messages that a stream cycles through
    #[arg(long, value_name = "hot|SIZE", default_value = "hot", value_parser = parse_working_set)]
    pub working_set: WorkingSet,
    /// Congestion control [default: cubic where there is one; `default` for the host's]
    #[arg(long)]
    pub congestion: Option<String>,
    /// Set TCP_NODELAY: a segment for each small message, instead of Nagle's algorithm
    #[arg(long)]
    pub nodelay: bool,
    /// CPUs of the sender's and the receiver's workers: auto, none, or 0,2:1,3
    #[arg(long, default_value = "auto", value_parser = grid::parse_pin)]
    pub pin: grid::Pin,
    /// Bytes asked for in a receive call: auto, message, or a size
    #[arg(long, default_value = "auto", value_parser = grid::parse_read_size)]
    pub read_size: grid::ReadSize,
    /// Compare every received byte
    #[arg(long)]
    pub verify: bool,
    /// Where the agents are.
    #[command(flatten)]
    pub lab: LabArgs,
    /// How to print the figures
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// Flags of `copycost xray`.
#[derive(Debug, Args)]
pub struct XrayArgs {
    /// Grid file, or the name of a built-in grid, instead of the flags that describe cells
    #[arg(
        value_name = "GRID",
        conflicts_with_all = ["path", "size", "receive_path", "payload", "threads", "working_set"]
    )]
    pub grid: Option<PathBuf>,
    /// Send path; may be given again [default: every one]
    #[arg(long)]
    pub path: Vec<String>,
    /// Size of a message; may be given again
    #[arg(long, default_value = "64KiB", value_parser = grid::parse_message_size)]
    pub size: Vec<u64>,
    /// Receive path; may be given again
    #[arg(long, default_value = "recv")]
    pub receive_path: Vec<String>,
    /// static or fresh
    #[arg(long, default_value = "static")]
    pub payload: Payload,
    /// Number of streams; may be given again
    #[arg(long, default_value = "1", value_parser = grid::parse_threads)]
    pub threads: Vec<u32>,
    /// Bytes of distinct messages that a stream cycles through; may be given again
    #[arg(long, value_name = "hot|SIZE", default_value = "hot", value_parser = parse_working_set)]
    pub working_set: Vec<WorkingSet>,
    /// Where the agents are.
    #[command(flatten)]
    pub lab: LabArgs,
    /// Directory that run directories are made in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// A working set; its own type, because clap reads an `Option` as a flag that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct WorkingSet(pub Option<u64>);

/// Two interfaces, the sender's first.
pub type Interfaces = [String; 2];

/// How `measure` prints its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading.
    Table,
    /// The header and the row of trials.csv.
    Csv,
    /// One object with the columns of trials.csv; absent values are null.
    Json,
    /// A line for each stream.
    Summary,
}

/// Flags of `copycost agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Address and port to listen on; beyond loopback a token is needed
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7010")]
    pub listen: SocketAddr,
    /// File with the token that a coordinator must know
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Keep a network namespace for direct pairs, free of the packet filters that a container engine puts into
    /// the agent's own; `copycost link` finds it there. Needs CAP_SYS_ADMIN
    #[arg(long)]
    pub pair_netns: bool,
    /// The coordinator is at the other end of standard input
    #[arg(long, hide = true, conflicts_with_all = ["listen", "token_file"])]
    pub inherited: bool,
    /// Enter a network namespace of its own first
    #[arg(long, hide = true, requires = "inherited")]
    pub netns: bool,
    /// Join this process's user namespace before that
    #[arg(long, hide = true, value_name = "PID", requires = "netns")]
    pub beside: Option<u32>,
}

/// Flags of `copycost health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The agent
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:7010")]
    pub agent: String,
    /// Stay this long after a good answer, from the second on: container engines start the next check only
    /// when this one has ended, and each start takes CPU time that a trial would count
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub linger: Option<Duration>,
}

fn parse_working_set(text: &str) -> Result<WorkingSet, String> {
    grid::parse_working_set(text).map(WorkingSet)
}

fn parse_wire(text: &str) -> Result<(Wire, Option<IpAddr>), String> {
    let (wire, address) = match text.split_once('=') {
        None => (text, None),
        Some((wire, address)) => {
            let address = address.parse().map_err(|_| format!("`{address}` is no IP address"))?;
            (wire, Some(address))
        }
    };
    Ok((wire.parse()?, address))
}
