//! From the two agents' reports to the figures of a trial, and the checks that they belong together.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::surroundings::{self, Places};
use crate::agent::protocol::{Report, StreamReport};
use crate::cell::{Cell, Side};
use crate::failure::Failure;
use crate::grid::{Bound, TrialOptions};
use crate::host::Load;
use crate::record::stream::ZeroCopy;
use crate::record::{Disturbance, Disturbances, End, Received, Status, Stream, Surroundings, Trial};
use crate::units;

/// The shares of the asked window between which the window that all streams have in common must lie.
pub(super) const TIMED: RangeInclusive<f64> = 0.9..=1.1;
/// The same of an x-ray pass, none of whose figures depend on the length.
pub(super) const EXAMINED: RangeInclusive<f64> = 0.9..=f64::INFINITY;

/// What a trial measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Figures a stream each; what identifies the rows is filled in by the sweep.
    streams: Vec<Stream>,
    /// The receiver's window, seconds: what the streams have in common, or what they took together where messages
    /// bound it.
    window_s: f64,
    bytes: u64,
    came: Option<Received>,
    /// Whether what came by the interface bounds what can have been received.
    is_bounded: bool,
    message_bytes: u64,
    sender_load: Load,
    receiver_load: Load,
    sender_host: Surroundings,
    receiver_host: Surroundings,
    verified: &'static str,
    congestion: Option<String>,
    nodelay: Option<bool>,
    send_buffer: Option<u64>,
    receive_buffer: Option<u64>,
}

/// Joins the two reports. `places` is where the two ends' workers may run, `window` which shares of the asked window
/// are taken for it.
///
/// # Errors
/// When they contradict each other, or the window is not the one that was asked for.
pub(super) fn assemble(
    cell: &Cell,
    options: &TrialOptions,
    places: &Places,
    window: &RangeInclusive<f64>,
    sent: Report,
    received: Report,
) -> Result<Measured, Failure> {
    let fail = |what: String| Err(Failure::Failed(what));
    let count = cell.threads as usize;
    if sent.streams.len() != count || received.streams.len() != count {
        let (one, other) = (sent.streams.len(), received.streams.len());
        return fail(format!("{one} streams reported by the sender and {other} by the receiver, of {count}"));
    }
    let common = received.common.clone().filter(|common| common.bytes.len() == count);
    let Some(common) = common else {
        return fail("the receiver did not tell what its streams had received in the window".to_owned());
    };
    let (window_s, windows) = match options.bound {
        Bound::Duration(asked) => {
            is_as_asked(common.window_s, asked, window)?;
            (
                common.window_s,
                common.bytes.iter().map(|&bytes| (Some(common.window_s), Some(bytes))).collect(),
            )
        }
        Bound::Messages(_) => {
            let own = |stream: &StreamReport| (stream.end.window_s, stream.end.bytes);
            (span(&received), received.streams.iter().map(own).collect::<Vec<_>>())
        }
    };
    let mut streams = Vec::with_capacity(count);
    for (number, ((sent, received), window)) in
        (0_u32..).zip(sent.streams.iter().zip(&received.streams).zip(windows))
    {
        if sent.total_bytes != received.total_bytes {
            return fail(format!(
                "stream {number}: {} bytes sent and {} received",
                sent.total_bytes, received.total_bytes
            ));
        }
        streams.push(stream(cell, options, number, sent, received, window)?);
    }
    let bytes = streams.iter().filter_map(|stream| stream.bytes).sum();
    if bytes == 0 || window_s <= 0.0 {
        return fail("no byte arrived inside the window; lengthen it".to_owned());
    }
    let end =
        |report: &Report| report.streams.first().map(|stream| stream.read_back.clone()).unwrap_or_default();
    let (sender, receiver) = (end(&sent), end(&received));
    let load = |report: &Report| report.common.as_ref().map(|common| common.load).unwrap_or_default();
    let loads = [load(&sent), load(&received)];
    let sums = [&sent, &received]
        .map(|report| End::sum(&report.streams.iter().map(|stream| stream.end.clone()).collect::<Vec<_>>()));
    let [sender_host, receiver_host] = surroundings::of(places, cell.threads, &loads, &sums);
    Ok(Measured {
        streams,
        window_s,
        bytes,
        // An interface that counts nothing, though bytes came, is no witness.
        came: common.came.filter(|came| matches!(options.bound, Bound::Duration(_)) && came.bytes > 0),
        is_bounded: cell.wire.counts_at_once(),
        message_bytes: cell.message_bytes,
        sender_load: loads[0],
        receiver_load: loads[1],
        sender_host,
        receiver_host,
        verified: if options.verify { "bytes" } else { "count" },
        congestion: sender.congestion,
        nodelay: sender.nodelay,
        send_buffer: sender.send_buffer,
        receive_buffer: receiver.receive_buffer,
    })
}

fn is_as_asked(window_s: f64, asked: Duration, window: &RangeInclusive<f64>) -> Result<(), Failure> {
    if window.contains(&(window_s / asked.as_secs_f64())) {
        return Ok(());
    }
    let asked = units::duration(asked);
    Err(Failure::Failed(format!(
        "the streams have a window of {window_s:.3} s in common where {asked} was asked: the host was too busy; give \
         the window more time, or the trial fewer streams"
    )))
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
    (window_s, bytes): (Option<f64>, Option<u64>),
) -> Result<Stream, Failure> {
    if let Bound::Messages(asked) = options.bound
        && bytes != Some(asked * cell.message_bytes)
    {
        let (asked, bytes) = (asked * cell.message_bytes, bytes.unwrap_or_default());
        return Err(Failure::Failed(format!(
            "stream {number}: {bytes} bytes in the window where {asked} were asked"
        )));
    }
    let rate = window_s.filter(|&window| window > 0.0).zip(bytes);
    Ok(Stream {
        stream: number,
        throughput_gbps: rate.map(|(window, bytes)| units::gbps(bytes, window)),
        mean_recv_us: rate
            .filter(|&(_, bytes)| bytes > 0)
            .map(|(window, bytes)| window * 1e6 * cell.message_bytes as f64 / bytes as f64),
        window_s,
        bytes,
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
        let bytes = (gbps * 1e9 / 8.0) as u64;
        let stream = Stream { throughput_gbps: Some(gbps), mean_recv_us: Some(1.0), ..Stream::default() };
        Self {
            streams: vec![stream],
            window_s: 1.0,
            bytes,
            message_bytes: 1,
            verified: "count",
            ..Self::default()
        }
    }

    /// What one end's streams did together.
    #[must_use]
    pub fn end(&self, side: Side) -> End {
        let end = |stream: &Stream| match side {
            Side::Sender => stream.sender.clone(),
            Side::Receiver => stream.receiver.clone(),
        };
        End::sum(&self.streams.iter().map(end).collect::<Vec<_>>())
    }

    /// Zero-copy calls and completions of all streams.
    #[must_use]
    pub fn zero_copy(&self) -> ZeroCopy {
        ZeroCopy::sum(&self.streams.iter().map(|stream| stream.zc.clone()).collect::<Vec<_>>())
    }

    /// What all streams moved in the time that they have in common, and no more than the interface brought.
    #[must_use]
    pub fn throughput_gbps(&self) -> f64 {
        let moved = self.bounding().map_or(self.bytes, |came| came.bound(self.bytes));
        units::gbps(moved, self.window_s)
    }

    /// What came by the interface, where that bounds what can have been received.
    fn bounding(&self) -> Option<Received> {
        self.came.filter(|_| self.is_bounded)
    }

    /// Bytes of all streams from connection to EOF.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.streams.iter().map(|stream| stream.total_bytes).sum()
    }

    /// Segments that were sent again.
    #[must_use]
    pub fn retransmits(&self) -> Option<u64> {
        self.streams.iter().map(|stream| stream.retransmits).sum()
    }

    /// Fills the trial's row, and makes its streams' rows.
    #[must_use]
    pub fn fill(self, row: &mut Trial) -> Vec<Stream> {
        row.sender = self.end(Side::Sender);
        row.receiver = self.end(Side::Receiver);
        row.sender_run_delay_s = row.sender.run_delay_s.take();
        row.receiver_run_delay_s = row.receiver.run_delay_s.take();
        row.zc = self.zero_copy();
        row.window_s = Some(self.window_s);
        row.bytes = Some(self.bytes);
        row.wire_bytes = self.came.map(|came| came.bytes);
        row.wire_packets = self.came.map(|came| came.packets);
        row.messages = Some(self.bytes / self.message_bytes.max(1));
        row.throughput_gbps = Some(self.throughput_gbps());
        let streams_time = self.window_s * self.streams.len() as f64;
        row.mean_recv_us = Some(streams_time * 1e6 * self.message_bytes as f64 / self.bytes as f64);
        row.retransmits = self.retransmits();
        row.total_bytes = self.total_bytes();
        row.host_busy_s = self.sender_load.busy_s;
        row.host_softirq_s = self.sender_load.softirq_s;
        row.host_steal_s = self.sender_load.steal_s;
        row.receiver_host_busy_s = self.receiver_load.busy_s;
        row.receiver_host_softirq_s = self.receiver_load.softirq_s;
        row.disturbed = Disturbances::of(self.window_s, [&self.sender_host, &self.receiver_host]);
        if self.bounding().is_some_and(|came| !came.is_near(self.bytes)) {
            row.disturbed.0.push(Disturbance::Unsettled);
        }
        row.sender_host = self.sender_host;
        row.receiver_host = self.receiver_host;
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
    use crate::agent::protocol::CommonWindow;
    use crate::grid::Grid;

    fn cell() -> Cell {
        Cell { threads: 2, ..Cell::example("two-copy", 1000) }
    }

    fn options(bound: Bound) -> TrialOptions {
        let grid = Grid::parse("name: x\npaths: [A1]\nmessage_sizes: [1000]\nthreads: [2]\n").unwrap();
        TrialOptions { bound, ..grid.trial }
    }

    fn places() -> Places {
        Places { cpus: [vec![0], vec![1]], one_host: true }
    }

    /// Two streams whose own windows were twice as long as the one that they have in common.
    fn report(window_s: f64, bytes: u64, total_bytes: u64) -> Report {
        let end = End { window_s: Some(window_s * 2.0), bytes: Some(bytes * 2), ..End::default() };
        let stream = StreamReport { end, total_bytes, ..StreamReport::default() };
        let common = CommonWindow { window_s, bytes: vec![bytes, bytes], came: None, load: Load::default() };
        Report { streams: vec![stream.clone(), stream], common: Some(common), seen: None }
    }

    const SECOND: Bound = Bound::Duration(Duration::from_secs(1));

    fn joined(bound: Bound, sent: Report, received: Report) -> Result<Measured, Failure> {
        assemble(&cell(), &options(bound), &places(), &TIMED, sent, received)
    }

    #[test]
    fn throughput_is_what_all_streams_moved_in_the_time_that_they_have_in_common() {
        let both = report(1.0, 125_000_000, 200_000_000);
        let mut row = Trial::default();
        let streams = joined(SECOND, both.clone(), both).unwrap().fill(&mut row);
        assert_eq!(streams.len(), 2);
        assert!((row.throughput_gbps.unwrap() - 2.0).abs() < 1e-9);
        assert!((row.mean_recv_us.unwrap() - 8.0).abs() < 1e-9);
        assert_eq!((row.bytes, row.total_bytes), (Some(250_000_000), Some(400_000_000)));
        assert_eq!((streams[0].window_s, streams[0].receiver.window_s), (Some(1.0), Some(2.0)));
        assert_eq!(row.zc, ZeroCopy::default());
    }

    #[test]
    fn no_more_is_reported_than_the_interface_brought() {
        let told = |bytes: u64| {
            let mut both = report(1.0, 125_000_000, 200_000_000);
            both.common.as_mut().unwrap().came = Some(Received { bytes, packets: 1000 });
            let mut row = Trial::default();
            let _ = joined(SECOND, both.clone(), both).unwrap().fill(&mut row);
            (row.throughput_gbps.unwrap(), row.disturbed.to_string())
        };
        assert_eq!(told(250_066_000), (2.0, String::new()));
        let (gbps, disturbed) = told(200_040_000);
        assert!((gbps - 1.6).abs() < 1e-9, "queues that were full at the begin were read: {gbps}");
        assert_eq!(disturbed, "unsettled");
        assert_eq!(told(300_000_000), (2.0, "unsettled".to_owned()), "queues filled");
    }

    #[test]
    fn a_stream_that_got_nothing_has_no_mean_time_and_the_trial_has_a_throughput() {
        let mut received = report(1.0, 125_000_000, 200_000_000);
        received.common.as_mut().unwrap().bytes[1] = 0;
        let mut row = Trial::default();
        let streams = joined(SECOND, report(1.0, 0, 200_000_000), received).unwrap().fill(&mut row);
        assert!((row.throughput_gbps.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!((streams[1].throughput_gbps, streams[1].mean_recv_us), (Some(0.0), None));
    }

    #[test]
    fn streams_that_take_turns_are_measured_over_the_time_of_all() {
        let mut both = report(0.5, 2500, 10_000);
        both.streams[1].began_s = 3.0;
        let mut row = Trial::default();
        let streams = joined(Bound::Messages(5), both.clone(), both).unwrap().fill(&mut row);
        assert_eq!(row.window_s, Some(4.0));
        assert!((row.throughput_gbps.unwrap() - 10_000.0 * 8.0 / 4.0 / 1e9).abs() < 1e-12);
        assert_eq!((streams[0].window_s, streams[0].bytes), (Some(1.0), Some(5000)));
    }

    #[test]
    fn totals_that_differ_fail_the_trial() {
        let error = joined(SECOND, report(1.0, 5, 10), report(1.0, 5, 9)).unwrap_err();
        assert_eq!(error.reason(), "stream 0: 10 bytes sent and 9 received");
    }

    #[test]
    fn a_window_that_is_not_the_one_asked_for_fails_the_trial() {
        for (window_s, is_right) in [(0.5, false), (0.89, false), (0.91, true), (1.09, true), (1.11, false)] {
            let both = report(window_s, 5, 10);
            assert_eq!(joined(SECOND, both.clone(), both).is_ok(), is_right, "{window_s}");
        }
        let long = report(3.0, 5, 10);
        assert!(assemble(&cell(), &options(SECOND), &places(), &EXAMINED, long.clone(), long).is_ok());
        let other = report(0.5, 2500, 10_000);
        assert!(joined(Bound::Messages(5), other.clone(), other.clone()).is_ok());
        assert!(joined(Bound::Messages(6), other.clone(), other).is_err());
        let silent = report(1.0, 0, 10);
        assert!(joined(SECOND, silent.clone(), silent).is_err());
        let mut mute = report(1.0, 5, 10);
        mute.common = None;
        assert!(joined(SECOND, mute.clone(), mute).unwrap_err().reason().contains("did not tell"));
    }
}
