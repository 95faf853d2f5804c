//! `copycost measure`: one cell, one trial, from flags.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};

use super::lab::{LabArgs, Wanted, make};
use super::working_set::{WorkingSet, parse_working_set};
use super::{Exit, UsageError, known, print, stop_flag};
use crate::cell::{Cell, Payload, USUAL_WORKLOAD, Wire, Workload};
use crate::failure::Failure;
use crate::grid;
use crate::interface::UNPROVEN;
use crate::lab::{self, Trouble};
use crate::options::{self, Bound, LinkOptions, TrialOptions};
use crate::output::say;
use crate::record::manifest::Vm;
use crate::record::row::to_json;
use crate::record::{End, Latency, Stream, Trial, Verified, csv_file};
use crate::report::basis;
use crate::socket::SocketOptions;
use crate::tables::{LEAST_TICKS, USUAL_TICK_HZ};
use crate::{path, receive, units};

/// Flags of `copycost measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// What a stream does, with its parameters: stream, request, request:depth=4:wait=spin, open-loop:rate=1000
    #[arg(long, default_value = USUAL_WORKLOAD, value_parser = grid::parse_workload)]
    pub workload: Workload,
    /// Send path, as `copycost paths` lists them
    #[arg(long, default_value = path::BASELINE.name, value_parser = known::send_path(), hide_possible_values = true)]
    pub path: String,
    /// Receive path [default: recv; on a sink none, since nobody reads there]
    #[arg(long, value_parser = known::receive_path(), hide_possible_values = true)]
    pub receive_path: Option<String>,
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
    pub pin: options::Pin,
    /// Bytes asked for in a receive call: auto, message, or a size
    #[arg(long, default_value = "auto", value_parser = grid::parse_read_size)]
    pub read_size: options::ReadSize,
    /// Compare every received byte
    #[arg(long)]
    pub verify: bool,
    /// Where the agents are.
    #[command(flatten)]
    pub lab: LabArgs,
    /// How to print the figures
    #[arg(long, default_value = "table")]
    pub format: TrialFormat,
}

/// How `measure` prints its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrialFormat {
    /// For reading.
    Table,
    /// The header and the row of trials.csv.
    Csv,
    /// One object with the columns of trials.csv; absent values are null.
    Json,
    /// A line for each stream.
    Summary,
}

/// Runs the trial and prints its figures.
pub fn run(arguments: &MeasureArgs) -> anyhow::Result<Exit> {
    let usage = |what: String| anyhow::Error::from(UsageError(what));
    let send_path = path::choose(&arguments.path).map_err(usage)?.to_string();
    let options = options(arguments);
    // Interfaces that are lent to the lab are to be restored, so a signal lets the trial be finished.
    let wanted = Wanted { lab: None, link: &LinkOptions::default(), wires: &[] };
    let (kind, site) = arguments.lab.site(wanted)?;
    let wire = site.wires.first().map_or_else(|| (kind.first_wire)(&site), |&(wire, _)| wire);
    let receive_path = match &arguments.receive_path {
        Some(text) => receive::choose(text).map_err(usage)?.to_string(),
        None => receive::on(wire, &[receive::DEFAULT.to_owned()]).concat(),
    };
    let mut cell = Cell {
        workload: arguments.workload.clone(),
        wire,
        send_path,
        receive_path,
        payload: arguments.payload,
        message_bytes: arguments.size,
        threads: arguments.threads,
        working_set: arguments.working_set.0,
    };
    lab::work(&cell, &options).and_then(|work| work.check()).map_err(usage)?;
    let stop = site.link.interfaces.as_ref().map(|_| stop_flag()).transpose()?;
    let mut lab = make(kind, &site)?;
    cell.wire = lab.wires()[0];
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let mut row = Trial::new("measure", &cell, 1, 1, 1, now);
    row.bound = Some(options.bound.kind());
    let beside = match lab.run(&cell, &options) {
        Ok(measured) => measured.fill(&mut row),
        Err(Trouble::Trial(Failure::Unsupported(why))) => anyhow::bail!("unsupported here: {why}"),
        Err(trouble) => return Err(trouble.into()),
    };
    print(&match arguments.format {
        TrialFormat::Table => {
            let caveat = basis::caveat(Vm::of_this_process().map(|vm| vm.basis()).unwrap_or_default());
            caveat.map(|caveat| format!("{caveat}\n\n")).unwrap_or_default() + &table(&row, &beside.latency)
        }
        TrialFormat::Csv => String::from_utf8(csv_file::text(&[row]))?,
        TrialFormat::Json => format!("{:#}\n", to_json(&row)),
        TrialFormat::Summary => {
            say(SUMMARY_NAME);
            beside.streams.iter().map(|stream| summary(stream, row.message_bytes)).collect()
        }
    })?;
    Ok(match stop {
        Some(stop) if stop.load(Ordering::Relaxed) => Exit::Interrupted,
        _ => Exit::Success,
    })
}

/// What the summary's last figure is, whose name is that of the studies whose scripts read the line.
const SUMMARY_NAME: &str = "copycost: avg_oneway_us is a name of published studies for a stream's window over its \
    messages, which is mean_recv_us in `--format json` and no delay; `--workload request` measures delays";

fn options(arguments: &MeasureArgs) -> TrialOptions {
    let congestion = match arguments.congestion.as_deref() {
        None => grid::default_congestion(),
        Some("default") => None,
        Some(name) => Some(name.to_owned()),
    };
    TrialOptions {
        bound: arguments.messages.map_or(Bound::Duration(arguments.duration), Bound::Messages),
        warmup: arguments.warmup,
        pin: arguments.pin.clone(),
        socket: SocketOptions {
            congestion,
            insist_on_congestion: arguments.congestion.is_some(),
            nodelay: arguments.nodelay.then_some(true),
            send_buffer: None,
            receive_buffer: None,
        },
        read_size: arguments.read_size,
        verify: arguments.verify,
        clocks_within: arguments.lab.clock_synchronised,
        capacities: BTreeMap::new(),
    }
}

/// The line of one stream that scripts of the published studies read.
fn summary(stream: &Stream, message_bytes: u64) -> String {
    let seconds = stream.window_s.unwrap_or_default();
    let messages = stream.bytes.and_then(|bytes| bytes.checked_div(message_bytes));
    format!(
        "SUMMARY bytes={} seconds={seconds:.6} gbps={:.6} msgs={} avg_oneway_us={:.3}\n",
        stream.bytes.unwrap_or_default(),
        stream.throughput_gbps.unwrap_or_default(),
        messages.unwrap_or_default(),
        stream.mean_recv_us.unwrap_or_default()
    )
}

/// One end's figure as text; none when it was not measured.
type EndFigureFn = fn(&End) -> Option<String>;

/// A time that the kernel samples by ticks, where it is long enough for them to tell.
fn told(seconds: Option<f64>) -> Option<f64> {
    seconds.filter(|&seconds| seconds * USUAL_TICK_HZ >= LEAST_TICKS)
}

/// The figures for reading. What was not measured is left out.
fn table(row: &Trial, latency: &[Latency]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut line = |name: &str, sender: Option<String>, receiver: Option<String>| {
        if sender.is_some() || receiver.is_some() {
            table.add_row([name.to_owned(), sender.unwrap_or_default(), receiver.unwrap_or_default()]);
        }
    };
    let both = |of: EndFigureFn| (of(&row.sender), of(&row.receiver));
    let rows: [(&str, EndFigureFn); 14] = [
        ("window, s", |end| end.window_s.map(|s| format!("{s:.4}"))),
        ("bytes", |end| end.bytes.map(|n| n.to_string())),
        ("messages", |end| end.messages.map(|n| n.to_string())),
        ("calls", |end| end.calls.map(|n| n.to_string())),
        ("CPU, s", |end| end.task_clock_s.map(|s| format!("{s:.3}"))),
        ("of it in user space, s", |end| told(end.user_s).map(|s| format!("{s:.3}"))),
        ("of it in the kernel, s", |end| told(end.system_s).map(|s| format!("{s:.3}"))),
        ("context switches", |end| end.context_switches.map(|n| n.to_string())),
        ("CPU migrations", |end| end.cpu_migrations.map(|n| n.to_string())),
        ("page faults", |end| end.page_faults.map(|n| n.to_string())),
        ("cycles", |end| end.cycles.map(|n| n.to_string())),
        ("instructions", |end| end.instructions.map(|n| n.to_string())),
        ("L1d load misses", |end| end.l1d_load_misses.map(|n| n.to_string())),
        ("LLC load misses", |end| end.llc_load_misses.map(|n| n.to_string())),
    ];
    line("", Some("sender".to_owned()), Some("receiver".to_owned()));
    for (name, of) in rows {
        let (sender, receiver) = both(of);
        line(name, sender, receiver);
    }
    for index in [1, 2] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let throughput = row.throughput_gbps.unwrap_or_default();
    let mut text = match row.mean_recv_us {
        Some(mean) => {
            format!(
                "{}\n{throughput:.3} Gb/s; {mean:.3} us a message and stream on average (no delay)\n",
                row.cell
            )
        }
        None => format!("{}\n{throughput:.3} Gb/s acknowledged\n", row.cell),
    };
    text.extend(row.wire.caveat().map(|caveat| format!("{caveat}\n")));
    if let (Some(sends), Some(completions), Some(copied)) = (row.zc.sends, row.zc.completions, row.zc.copied)
    {
        text +=
            &format!("{}: {sends} calls, {completions} completions, {copied} of them COPIED", row.send_path);
        text += &match row.zc.copied_share() {
            Some(share) if share > 0.0 && !path::is_flag_proof(&row.send_path) => format!(": {UNPROVEN}\n"),
            Some(share) if share >= 1.0 => ": a deferred copy, nothing was avoided\n".to_owned(),
            _ => "\n".to_owned(),
        };
    }
    let usage = &row.receive_usage;
    if let (Some(mapped), Some(copied)) = (usage.mapped_bytes, usage.copied_bytes) {
        text += &format!("{}: {mapped} bytes mapped, {copied} copied after all\n", row.receive_path);
    }
    if row.wire == Wire::Sink && row.zc.copied > Some(0) {
        text += "COPIED on a sink: a packet tap is on the link, or segments were sent again\n";
    }
    if !row.disturbed.is_empty() {
        let what: Vec<&str> = row.disturbed.0.iter().map(|what| what.words()).collect();
        text += &format!("disturbed: {}\n", what.join("; "));
    }
    let delays = super::delays::table(latency);
    let delays = if delays.is_empty() { delays } else { format!("{delays}\n") };
    format!("{text}{}\n\n{delays}{}\n", facts(row), table.trim_fmt())
}

/// What is to be known of the trial beside its figures.
fn facts(row: &Trial) -> String {
    let facts = [
        row.congestion.as_ref().map(|name| format!("congestion control {name}")),
        row.nodelay.filter(|&set| set).map(|_| "TCP_NODELAY".to_owned()),
        row.rate_per_s.zip(row.intended.zip(row.late)).map(|(rate, (intended, late))| {
            format!("{rate:.0} messages a second and stream: {intended} were to be sent, {late} were late")
        }),
        row.retransmits.map(|count| format!("{count} segments sent again")),
        row.host_steal_s
            .filter(|&steal| steal > 0.0)
            .map(|steal| format!("{steal:.2} s stolen by the hypervisor")),
        row.working_set_bytes.map(|bytes| format!("working set {}", units::size(bytes))),
        (row.verified == Some(Verified::Bytes)).then(|| "every byte verified".to_owned()),
        row.receive_usage.acks.map(|acks| format!("{acks} acknowledgements")),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_line_has_its_decimals() {
        let stream = Stream {
            window_s: Some(0.5),
            bytes: Some(1000),
            throughput_gbps: Some(0.000_016),
            mean_recv_us: Some(50_000.0),
            ..Stream::default()
        };
        assert_eq!(
            summary(&stream, 100),
            "SUMMARY bytes=1000 seconds=0.500000 gbps=0.000016 msgs=10 avg_oneway_us=50000.000\n"
        );
    }

    #[test]
    fn what_was_not_measured_has_no_line() {
        let mut row = Trial::default();
        row.sender.context_switches = Some(3);
        (row.sender.user_s, row.sender.system_s) = (Some(0.004), Some(0.9));
        let text = table(&row, &[]);
        assert!(text.contains("context switches") && !text.contains("cycles"), "{text}");
        assert!(
            text.contains("in the kernel, s") && !text.contains("in user space"),
            "one tick tells nothing: {text}"
        );
    }
}
