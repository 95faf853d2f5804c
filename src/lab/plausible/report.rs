//! What the streams of one end report of a trial.

use super::{Checked, Figures, MOST_CPUS, Most, WIRE_BYTES_PER_S, named};
use crate::cell::Side;
use crate::host::Load;
use crate::record::stream::ZeroCopy;
use crate::record::{End, ReceiveUsage, Received};
use crate::socket::ReadBack;
use crate::workload::{CommonWindow, EndReport, KindDelays, Pace, StageDelays, StreamReport};

/// The shortest window that a clock can tell, seconds.
const TICK_S: f64 = 1e-9;
/// Largest buffer of a socket, bytes: the kernel counts them in 31 bits.
const MOST_BUFFER: u64 = 1 << 31;
/// Fastest CPU, 10^6 cycles a second.
const MOST_MHZ: f64 = 1e6;
/// How many segments the kernel's counter of those that were sent again can tell.
const MOST_RETRANSMITS: u64 = u32::MAX as u64;

/// Checks what the streams of one end report.
pub(super) fn reported(report: &EndReport, most: &Most) -> Checked {
    let EndReport { streams, common } = report;
    let whole = most.whole();
    whole.as_many("streams", streams.len(), most.streams)?;
    for (number, report) in streams.iter().enumerate() {
        stream(report, &most.stream(number))?;
    }
    // Each is far from overflowing a sum of as many as a trial can have.
    let bytes = streams.iter().map(|stream| stream.total_bytes).sum();
    whole.count("the total_bytes of all streams", Some(bytes), most.bytes)?;
    let End { user_s, system_s, task_clock_s, .. } = &report.total(most.streams as u32);
    whole.numbers(most.cpu_s, named![user_s, system_s, task_clock_s])?;
    if most.side == Side::Sender && report.total(most.measured).bytes == Some(0) {
        return Err(whole.refused("the bytes of all streams", 0, "at least 1"));
    }
    common.as_ref().map_or(Ok(()), |common| window(common, streams, &whole))
}

fn stream(report: &StreamReport, figures: &Figures) -> Checked {
    let StreamReport {
        end,
        began_s,
        usage,
        receive_usage,
        retransmits,
        total_bytes,
        cpu,
        read_back,
        delays,
        pace,
        stages,
    } = report;
    let most = figures.most;
    figures.count("total_bytes", Some(*total_bytes), most.bytes)?;
    figures.number("began_s", Some(*began_s), 0.0..=most.seconds)?;
    figures.count("retransmits", *retransmits, MOST_RETRANSMITS)?;
    figures.count("cpu", cpu.map(|cpu| cpu as u64), MOST_CPUS)?;
    moved(end, *total_bytes, figures)?;
    worked(end, figures)?;
    completions(usage, *total_bytes, figures)?;
    received(receive_usage, *total_bytes, figures)?;
    let ReadBack { congestion: _, nodelay: _, send_buffer, receive_buffer } = read_back;
    figures.counts(MOST_BUFFER, named![send_buffer, receive_buffer])?;
    pace.as_ref().map_or(Ok(()), |pace| kept(pace, figures))?;
    // What the histograms hold is looked at where they are read: `rows::delays`.
    let of_delays = delays.iter().map(|KindDelays { kind: _, delays }| delays);
    let mut of_all = of_delays.chain(stages.iter().map(|StageDelays { stage: _, delays }| delays));
    let longest_ns = (most.seconds * 1e9) as u64;
    of_all.try_for_each(|delays| figures.count("longest_ns", Some(delays.longest_ns), longest_ns))
}

/// What the window of a stream moved, out of so many bytes from connection to EOF.
fn moved(end: &End, total_bytes: u64, figures: &Figures) -> Checked {
    let window_s = figures.must_have("window_s", end.window_s)?;
    let bytes = figures.must_have("bytes", end.bytes)?;
    figures.number("window_s", Some(window_s), TICK_S..=figures.most.seconds)?;
    figures.count("bytes", Some(bytes), total_bytes)?;
    figures.count("bytes", Some(bytes), (window_s * WIRE_BYTES_PER_S) as u64)?;
    figures.count("messages", end.messages, bytes / figures.most.message_bytes)
}

/// What the worker did in the window.
fn worked(end: &End, figures: &Figures) -> Checked {
    let End {
        window_s: _,
        bytes: _,
        messages: _,
        calls,
        user_s,
        system_s,
        context_switches,
        cpu_migrations,
        page_faults,
        cycles,
        instructions,
        cache_references,
        cache_misses,
        l1d_load_misses,
        llc_load_misses,
        branch_misses,
        counter_running,
        task_clock_s,
        voluntary_switches,
        run_delay_s,
    } = end;
    let most = figures.most;
    figures.counts(most.events, named![calls, context_switches, cpu_migrations, page_faults])?;
    figures.count("voluntary_switches", *voluntary_switches, context_switches.unwrap_or(most.events))?;
    // Threads that the kernel makes for a ring count, too: the time of several CPUs.
    figures.numbers(most.cpu_s, named![user_s, system_s, task_clock_s])?;
    figures.number("run_delay_s", *run_delay_s, 0.0..=most.seconds)?;
    let events = named![
        cycles,
        instructions,
        cache_references,
        cache_misses,
        l1d_load_misses,
        llc_load_misses,
        branch_misses,
    ];
    figures.counts(most.hardware_events, events)?;
    figures.number("counter_running", *counter_running, f64::MIN_POSITIVE..=1.0)
}

/// Zero-copy calls, each of which took bytes, and their completions.
fn completions(usage: &ZeroCopy, total_bytes: u64, figures: &Figures) -> Checked {
    let ZeroCopy { sends, completions, copied, unreported, enobufs, drain_s } = usage;
    figures.count("enobufs", *enobufs, figures.most.events)?;
    figures.number("drain_s", *drain_s, 0.0..=figures.most.seconds)?;
    if [sends, completions, copied, unreported].iter().all(|count| count.is_none()) {
        return Ok(());
    }
    let sends = figures.must_have("zc_sends", *sends)?;
    let completions = figures.must_have("zc_completions", *completions)?;
    let copied = figures.must_have("zc_copied", *copied)?;
    let unreported = figures.must_have("zc_unreported", *unreported)?;
    figures.count("zc_sends", Some(sends), total_bytes)?;
    figures.count("zc_completions", Some(completions), sends)?;
    figures.count("zc_copied", Some(copied), completions)?;
    match unreported == sends - completions {
        true => Ok(()),
        false => Err(figures.refused("zc_unreported", unreported, sends - completions)),
    }
}

fn received(usage: &ReceiveUsage, total_bytes: u64, figures: &Figures) -> Checked {
    let ReceiveUsage { mapped_bytes, copied_bytes, acks, acks_cpu_s } = usage;
    figures.count("mapped_bytes", *mapped_bytes, total_bytes)?;
    figures.count("copied_bytes", *copied_bytes, total_bytes - mapped_bytes.unwrap_or_default())?;
    figures.count("acks", *acks, figures.most.events)?;
    figures.number("acks_cpu_s", *acks_cpu_s, 0.0..=figures.most.cpu_s)
}

fn kept(pace: &Pace, figures: &Figures) -> Checked {
    let Pace { intended, sent, late } = *pace;
    figures.count("intended", Some(intended), figures.most.intended)?;
    figures.count("sent", Some(sent), intended)?;
    figures.count("late", Some(late), intended)
}

/// The window that all streams have in common, and the host's load in it.
fn window(common: &CommonWindow, streams: &[StreamReport], figures: &Figures) -> Checked {
    let CommonWindow { window_s, bytes, came, load } = common;
    let most = figures.most;
    figures.number("window_s of all streams", Some(*window_s), TICK_S..=most.seconds)?;
    let receives = if most.side == Side::Receiver { streams.len() } else { 0 };
    figures.as_many("bytes of all streams", bytes.len(), receives)?;
    for (number, (&bytes, stream)) in bytes.iter().zip(streams).enumerate() {
        let possible = stream.total_bytes.min((window_s * WIRE_BYTES_PER_S) as u64);
        most.stream(number).count("bytes of the common window", Some(bytes), possible)?;
    }
    if let Some(Received { bytes, packets }) = came {
        // Whoever sent them.
        figures.count("wire_bytes", Some(*bytes), most.bytes)?;
        figures.count("wire_packets", Some(*packets), most.events)?;
    }
    loaded(load, figures)
}

fn loaded(load: &Load, figures: &Figures) -> Checked {
    let Load {
        elapsed_s,
        busy_s,
        softirq_s,
        steal_s,
        others_s,
        others_on_cpus_s,
        process_s,
        throttled_s,
        mhz,
    } = load;
    let most = figures.most;
    // Nothing, where no load was read, or a time that something can be divided by.
    let least = if *elapsed_s == 0.0 { 0.0 } else { TICK_S };
    figures.number("elapsed_s of the host's load", Some(*elapsed_s), least..=most.seconds)?;
    figures.numbers(most.cpu_s, named![busy_s, softirq_s, steal_s, process_s, throttled_s])?;
    // What is left when a process's time is taken off the ticks of all may lie a little below nothing.
    figures.number("others_s", *others_s, -most.cpu_s..=most.cpu_s)?;
    figures.number("others_on_cpus_s", *others_on_cpus_s, -most.cpu_s..=most.cpu_s)?;
    figures.number("mhz", *mhz, 0.0..=MOST_MHZ)
}
