//! From the two agents' reports to the figures of a trial, and the checks that they belong together.

use crate::agent::protocol::{HostTimes, Report, StreamReport};
use crate::cell::Cell;
use crate::failure::Failure;
use crate::grid::{Bound, TrialOptions};
use crate::record::stream::ZeroCopy;
use crate::record::{End, Status, Stream, Trial};
use crate::units;

/// The share of the asked window that a receiver must have measured.
const LEAST_WINDOW: f64 = 0.9;

/// What a trial measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Figures a stream each; what identifies the rows is filled in by the sweep.
    streams: Vec<Stream>,
    /// From the first stream's begin to the last one's end, where messages bound the window, seconds.
    span_s: Option<f64>,
    host: Option<HostTimes>,
    verified: &'static str,
    congestion: Option<String>,
    nodelay: Option<bool>,
    send_buffer: Option<u64>,
    receive_buffer: Option<u64>,
}

/// Joins the two reports.
///
/// # Errors
/// When they contradict each other, or the window is not the one that was asked for.
pub(super) fn assemble(
    cell: &Cell,
    options: &TrialOptions,
    sent: Report,
    received: Report,
) -> Result<Measured, Failure> {
    let fail = |what: String| Err(Failure::Failed(what));
    let count = cell.threads as usize;
    if sent.streams.len() != count || received.streams.len() != count {
        let (one, other) = (sent.streams.len(), received.streams.len());
        return fail(format!("{one} streams reported by the sender and {other} by the receiver, of {count}"));
    }
    let mut streams = Vec::with_capacity(count);
    for (number, (sent, received)) in (0_u32..).zip(sent.streams.iter().zip(&received.streams)) {
        if sent.total_bytes != received.total_bytes {
            return fail(format!(
                "stream {number}: {} bytes sent and {} received",
                sent.total_bytes, received.total_bytes
            ));
        }
        streams.push(stream(cell, options, number, sent, received)?);
    }
    let end =
        |report: &Report| report.streams.first().map(|stream| stream.read_back.clone()).unwrap_or_default();
    let (sender, receiver) = (end(&sent), end(&received));
    let span_s = matches!(options.bound, Bound::Messages(_)).then(|| span(&received));
    Ok(Measured {
        streams,
        span_s,
        host: sent.host,
        verified: if options.verify { "bytes" } else { "count" },
        congestion: sender.congestion,
        nodelay: sender.nodelay,
        send_buffer: sender.send_buffer,
        receive_buffer: receiver.receive_buffer,
    })
}

/// From the first stream's begin to the last one's end, seconds.
fn span(report: &Report) -> f64 {
    let ends = report.streams.iter().map(|stream| stream.began_s + stream.end.window_s.unwrap_or_default());
    let begins = report.streams.iter().map(|stream| stream.began_s);
    ends.fold(0.0, f64::max) - begins.fold(f64::INFINITY, f64::min)
}

fn stream(
    cell: &Cell,
    options: &TrialOptions,
    number: u32,
    sent: &StreamReport,
    received: &StreamReport,
) -> Result<Stream, Failure> {
    let (window, bytes) = match (received.end.window_s, received.end.bytes) {
        (Some(window), Some(bytes)) if window > 0.0 && bytes > 0 => (window, bytes),
        _ => {
            return Err(Failure::Failed(format!(
                "stream {number}: no byte arrived inside the window; lengthen it"
            )));
        }
    };
    match options.bound {
        Bound::Duration(asked) if window < asked.as_secs_f64() * LEAST_WINDOW => {
            let asked = units::duration(asked);
            return Err(Failure::Failed(format!(
                "stream {number}: a window of {window:.3} s where {asked} was asked"
            )));
        }
        Bound::Messages(asked) if bytes != asked * cell.message_bytes => {
            let asked = asked * cell.message_bytes;
            return Err(Failure::Failed(format!(
                "stream {number}: {bytes} bytes in the window where {asked} were asked"
            )));
        }
        _ => {}
    }
    Ok(Stream {
        stream: number,
        throughput_gbps: Some(units::gbps(bytes, window)),
        mean_recv_us: Some(window * 1e6 * cell.message_bytes as f64 / bytes as f64),
        sender: sent.end.clone(),
        receiver: received.end.clone(),
        zc: sent.zc.clone(),
        retransmits: sent.retransmits,
        total_bytes: Some(sent.total_bytes),
        sender_cpu: sent.cpu.map(|cpu| cpu as u64),
        receiver_cpu: received.cpu.map(|cpu| cpu as u64),
        ..Stream::default()
    })
}

impl Measured {
    /// One stream at this throughput, for tests of what uses a lab.
    #[cfg(test)]
    pub(crate) fn sample(gbps: f64) -> Self {
        let stream = Stream { throughput_gbps: Some(gbps), mean_recv_us: Some(1.0), ..Stream::default() };
        Self { streams: vec![stream], verified: "count", ..Self::default() }
    }

    /// Fills the trial's row, and makes its streams' rows.
    #[must_use]
    pub fn fill(self, row: &mut Trial) -> Vec<Stream> {
        let ends =
            |of: fn(&Stream) -> &End| -> Vec<End> { self.streams.iter().map(|s| of(s).clone()).collect() };
        row.sender = End::sum(&ends(|stream| &stream.sender));
        row.receiver = End::sum(&ends(|stream| &stream.receiver));
        row.zc = ZeroCopy::sum(&self.streams.iter().map(|stream| stream.zc.clone()).collect::<Vec<_>>());
        row.window_s = row.receiver.window_s;
        row.bytes = row.receiver.bytes;
        row.messages = row.receiver.messages;
        let count = self.streams.len() as f64;
        row.throughput_gbps = self.streams.iter().map(|stream| stream.throughput_gbps).sum();
        let mean: Option<f64> = self.streams.iter().map(|stream| stream.mean_recv_us).sum();
        row.mean_recv_us = mean.map(|sum| sum / count);
        if let (Some(span), Some(bytes)) = (self.span_s, row.bytes) {
            // Streams that take turns on a CPU have short windows one after the other; the sum of their
            // rates would be that of no moment. All of them together took this long.
            row.window_s = Some(span);
            row.throughput_gbps = Some(units::gbps(bytes, span));
            row.mean_recv_us = row.messages.map(|messages| span * 1e6 * count / messages as f64);
        }
        row.retransmits = self.streams.iter().map(|stream| stream.retransmits).sum();
        row.total_bytes = self.streams.iter().map(|stream| stream.total_bytes).sum();
        row.host_busy_s = self.host.map(|host| host.busy_s);
        row.host_softirq_s = self.host.map(|host| host.softirq_s);
        row.host_steal_s = self.host.map(|host| host.steal_s);
        row.verified = Some(self.verified.to_owned());
        row.congestion = self.congestion;
        row.nodelay = self.nodelay;
        row.send_buffer_bytes = self.send_buffer;
        row.receive_buffer_bytes = self.receive_buffer;
        row.status = Status::Ok;
        let mut streams = self.streams;
        for stream in &mut streams {
            stream.run_id.clone_from(&row.run_id);
            stream.cell.clone_from(&row.cell);
            (stream.rep, stream.order) = (row.rep, row.order);
        }
        streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Payload, Wire};
    use crate::grid::Grid;
    use std::time::Duration;

    fn cell() -> Cell {
        Cell {
            wire: Wire::Veth,
            send_path: "two-copy".into(),
            receive_path: "recv".into(),
            payload: Payload::Static,
            message_bytes: 1000,
            threads: 2,
            working_set: None,
        }
    }

    fn options(bound: Bound) -> TrialOptions {
        let grid = Grid::parse("name: x\npaths: [A1]\nmessage_sizes: [1000]\nthreads: [2]\n").unwrap();
        TrialOptions { bound, ..grid.trial }
    }

    fn report(window_s: f64, bytes: u64, total_bytes: u64) -> Report {
        let end = End { window_s: Some(window_s), bytes: Some(bytes), ..End::default() };
        let stream = StreamReport { end, total_bytes, ..StreamReport::default() };
        Report { streams: vec![stream.clone(), stream], host: None, seen: None }
    }

    const SECOND: Bound = Bound::Duration(Duration::from_secs(1));

    #[test]
    fn throughput_is_the_sum_over_streams_and_the_mean_time_their_mean() {
        let both = report(1.0, 125_000_000, 200_000_000);
        let measured = assemble(&cell(), &options(SECOND), both.clone(), both).unwrap();
        let mut row = Trial::default();
        let streams = measured.fill(&mut row);
        assert_eq!(streams.len(), 2);
        assert!((row.throughput_gbps.unwrap() - 2.0).abs() < 1e-9);
        assert!((row.mean_recv_us.unwrap() - 8.0).abs() < 1e-9);
        assert_eq!((row.bytes, row.total_bytes), (Some(250_000_000), Some(400_000_000)));
        assert_eq!(row.zc, ZeroCopy::default());
    }

    #[test]
    fn streams_that_take_turns_are_measured_over_the_time_of_all() {
        let mut both = report(1.0, 5000, 10_000);
        both.streams[1].began_s = 3.0;
        let measured = assemble(&cell(), &options(Bound::Messages(5)), both.clone(), both).unwrap();
        let mut row = Trial::default();
        let streams = measured.fill(&mut row);
        assert_eq!(row.window_s, Some(4.0));
        assert!((row.throughput_gbps.unwrap() - 10_000.0 * 8.0 / 4.0 / 1e9).abs() < 1e-12);
        assert_eq!(streams[0].receiver.window_s, Some(1.0));
    }

    #[test]
    fn totals_that_differ_fail_the_trial() {
        let error = assemble(&cell(), &options(SECOND), report(1.0, 5, 10), report(1.0, 5, 9)).unwrap_err();
        assert_eq!(error.reason(), "stream 0: 10 bytes sent and 9 received");
    }

    #[test]
    fn a_window_that_is_not_the_one_asked_for_fails_the_trial() {
        let short = report(0.5, 5, 10);
        assert!(assemble(&cell(), &options(SECOND), short.clone(), short).is_err());
        let other = report(0.5, 5000, 10_000);
        assert!(assemble(&cell(), &options(Bound::Messages(5)), other.clone(), other.clone()).is_ok());
        assert!(assemble(&cell(), &options(Bound::Messages(6)), other.clone(), other).is_err());
        let silent = report(1.0, 0, 10);
        assert!(assemble(&cell(), &options(SECOND), silent.clone(), silent).is_err());
    }
}
