//! From the two agents' reports to the figures of a trial, and the checks that they belong together.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::surroundings::{self, Places};
use crate::cell::Wire;
use crate::failure::Failure;
use crate::host::Load;
use crate::options::Bound;
use crate::record::stream::ZeroCopy;
use crate::record::{
    Disturbance, Disturbances, End, ReceiveUsage, Status, Stream, Surroundings, Trial, TrialRows, Verified,
    sum_of,
};
use crate::socket::ReadBack;
use crate::units;
use crate::workload::{self, EndReport, TrialFigures, Work};

/// The shares of the asked window between which the window that all streams have in common must lie.
pub(super) const TIMED: RangeInclusive<f64> = 0.9..=1.1;
/// The same of an x-ray pass, none of whose figures depend on the length.
pub(super) const XRAYED: RangeInclusive<f64> = 0.9..=f64::INFINITY;

/// What a trial measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    figures: TrialFigures,
    /// How many of the streams are measured; the others are in the background.
    measured: usize,
    /// Figures of the sender's and of the receiver's workers, added up.
    ends: [End; 2],
    loads: [Load; 2],
    surroundings: [Surroundings; 2],
    verified: Verified,
    sender: ReadBack,
    receiver: ReadBack,
}

/// Joins the two reports. `places` is where the two ends' workers may run, `window` which shares of the asked window
/// are taken for it.
///
/// # Errors
/// When they contradict each other, or the window is not the one that was asked for.
pub(super) fn assemble(
    work: &Work,
    bound: Bound,
    places: &Places,
    window: &RangeInclusive<f64>,
    sent: &EndReport,
    received: &EndReport,
) -> Result<Measured, Failure> {
    agree(work, sent, received)?;
    if let (Bound::Duration(asked), Some(common)) = (bound, &received.common) {
        is_as_asked(common.window_s, asked, window)?;
    }
    let workload = workload::find(&work.cell.workload.name).map_err(Failure::Unsupported)?;
    let figures = (workload.figures)(work, sent, received)?;
    // Streams in the background are the host's load, and none of the trial's figures.
    let ends = [sent, received].map(|report| report.total(work.cell.threads));
    let of_all = [sent, received].map(|report| report.total(work.streams()));
    let loads =
        [sent, received].map(|report| report.common.as_ref().map(|common| common.load).unwrap_or_default());
    let surroundings = surroundings::of(places, work.streams(), &loads, &of_all);
    let read_back = |report: &EndReport| {
        report.streams.first().map(|stream| stream.read_back.clone()).unwrap_or_default()
    };
    Ok(Measured {
        measured: work.cell.threads as usize,
        figures,
        ends,
        loads,
        surroundings,
        verified: verified(work),
        sender: read_back(sent),
        receiver: read_back(received),
    })
}

fn verified(work: &Work) -> Verified {
    match (work.cell.wire, work.verify) {
        (Wire::Sink, _) => Verified::Nothing,
        (_, true) => Verified::Bytes,
        (_, false) => Verified::Count,
    }
}

/// Checks that both ends tell of the same streams, and that what one sent came to the other.
fn agree(work: &Work, sent: &EndReport, received: &EndReport) -> Result<(), Failure> {
    let count = work.streams() as usize;
    if sent.streams.len() != count || received.streams.len() != count {
        let (one, other) = (sent.streams.len(), received.streams.len());
        return Err(Failure::Failed(format!(
            "{one} streams reported by the sender and {other} by the receiver, of {count}"
        )));
    }
    let totals =
        sent.streams.iter().zip(&received.streams).map(|(one, other)| (one.total_bytes, other.total_bytes));
    match totals.enumerate().find(|(_, (sent, received))| sent != received) {
        None => Ok(()),
        Some((number, (sent, received))) => {
            Err(Failure::Failed(format!("stream {number}: {sent} bytes sent and {received} received")))
        }
    }
}

fn is_as_asked(window_s: f64, asked: Duration, window: &RangeInclusive<f64>) -> Result<(), Failure> {
    if window.contains(&(window_s / asked.as_secs_f64())) {
        return Ok(());
    }
    let asked = units::duration(asked);
    Err(Failure::Failed(format!(
        "the streams share a window of {window_s:.3} s where {asked} was asked for: the host was too busy; give \
         the window more time, or the trial fewer streams"
    )))
}

impl Measured {
    /// One stream at this throughput, for tests of what uses a lab.
    #[cfg(test)]
    pub(crate) fn sample(gbps: f64) -> Self {
        let stream = Stream { throughput_gbps: Some(gbps), mean_recv_us: Some(1.0), ..Stream::default() };
        let bytes = (gbps * 1e9 / 8.0) as u64;
        let figures = TrialFigures {
            window_s: 1.0,
            bytes,
            messages: bytes,
            throughput_gbps: gbps,
            mean_recv_us: Some(1.0),
            is_settled: true,
            rows: TrialRows { streams: vec![stream], ..TrialRows::default() },
            ..TrialFigures::default()
        };
        Self { figures, measured: 1, ..Self::default() }
    }

    /// What the sender's and the receiver's workers did, added up.
    pub fn ends(&self) -> &[End; 2] {
        &self.ends
    }

    /// The rows of the streams that are measured.
    fn streams(&self) -> &[Stream] {
        let streams = &self.figures.rows.streams;
        &streams[..self.measured.min(streams.len())]
    }

    /// The trial's figures, as its workload makes them.
    pub fn figures(&self) -> &TrialFigures {
        &self.figures
    }

    /// What the kernel said of copying what was sent, of all streams.
    pub fn usage(&self) -> ZeroCopy {
        ZeroCopy::sum(&self.streams().iter().map(|stream| stream.zc.clone()).collect::<Vec<_>>())
    }

    /// What it did with what was received, of all streams.
    pub fn receive_usage(&self) -> ReceiveUsage {
        let usages: Vec<_> = self.streams().iter().map(|stream| stream.receive_usage.clone()).collect();
        ReceiveUsage::sum(&usages)
    }

    /// TCP segments sent again, of all streams.
    pub fn retransmits(&self) -> Option<u64> {
        sum_of(self.streams().iter().map(|stream| stream.retransmits))
    }

    /// Bytes of all streams from connection to EOF.
    pub fn total_bytes(&self) -> Option<u64> {
        sum_of(self.streams().iter().map(|stream| stream.total_bytes))
    }

    /// Fills the trial's row, and makes the rows of other files.
    #[must_use]
    pub fn fill(self, row: &mut Trial) -> TrialRows {
        row.zc = self.usage();
        row.receive_usage = self.receive_usage();
        row.retransmits = self.retransmits();
        row.total_bytes = self.total_bytes();
        let [sender_load, receiver_load] = self.loads;
        row.host_busy_s = sender_load.busy_s;
        row.host_softirq_s = sender_load.softirq_s;
        row.host_steal_s = sender_load.steal_s;
        row.receiver_host_busy_s = receiver_load.busy_s;
        row.receiver_host_softirq_s = receiver_load.softirq_s;
        row.disturbed = Disturbances::of(self.figures.window_s, self.surroundings.each_ref());
        if !self.figures.is_settled {
            row.disturbed.0.push(Disturbance::Unsettled);
        }
        let mut rows = self.figures.fill(row);
        [row.sender, row.receiver] = self.ends;
        row.sender_run_delay_s = row.sender.run_delay_s.take();
        row.receiver_run_delay_s = row.receiver.run_delay_s.take();
        [row.sender_host, row.receiver_host] = self.surroundings;
        row.verified = Some(self.verified);
        row.congestion = self.sender.congestion;
        row.nodelay = self.sender.nodelay;
        row.send_buffer_bytes = self.sender.send_buffer;
        row.receive_buffer_bytes = self.receiver.receive_buffer;
        row.status = Status::Ok;
        rows.assign(row);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::clock::Clocks;
    use crate::record::Received;
    use crate::socket::SocketOptions;
    use crate::workload::{CommonWindow, StreamReport};

    fn work(bound: Bound) -> Work {
        Work {
            sender_process: None,
            cell: Cell { threads: 2, ..Cell::example("two-copy", 1000) },
            messages: bound.messages(),
            socket: SocketOptions::default(),
            read_size: 1000,
            verify: false,
            drain_s: 1.0,
            rate: None,
            clocks: Clocks::default(),
        }
    }

    fn places() -> Places {
        Places { cpus: [vec![0], vec![1]], one_host: true }
    }

    /// Two streams whose own windows were twice as long as the one that they have in common.
    fn report(window_s: f64, bytes: u64, total_bytes: u64) -> EndReport {
        let end = End { window_s: Some(window_s * 2.0), bytes: Some(bytes * 2), ..End::default() };
        let stream = StreamReport { end, total_bytes, ..StreamReport::default() };
        let common = CommonWindow { window_s, bytes: vec![bytes, bytes], came: None, load: Load::default() };
        EndReport { streams: vec![stream.clone(), stream], common: Some(common) }
    }

    const SECOND: Bound = Bound::Duration(Duration::from_secs(1));

    fn joined(bound: Bound, sent: EndReport, received: EndReport) -> Result<Measured, Failure> {
        assemble(&work(bound), bound, &places(), &TIMED, &sent, &received)
    }

    #[test]
    fn throughput_is_what_all_streams_moved_in_the_time_that_they_have_in_common() {
        let both = report(1.0, 125_000_000, 200_000_000);
        let mut row = Trial::default();
        let streams = joined(SECOND, both.clone(), both).unwrap().fill(&mut row).streams;
        assert_eq!(streams.len(), 2);
        assert!((row.throughput_gbps.unwrap() - 2.0).abs() < 1e-9);
        assert!((row.mean_recv_us.unwrap() - 8.0).abs() < 1e-9);
        assert_eq!((row.bytes, row.total_bytes), (Some(250_000_000), Some(400_000_000)));
        assert_eq!((streams[0].window_s, streams[0].receiver.window_s), (Some(1.0), Some(2.0)));
        assert_eq!(row.zc, ZeroCopy::default());
    }

    #[test]
    fn the_row_tells_what_was_mapped_and_what_was_copied_of_all_streams() {
        let both = report(1.0, 125_000_000, 200_000_000);
        let mut received = both.clone();
        for stream in &mut received.streams {
            stream.receive_usage =
                ReceiveUsage { mapped_bytes: Some(4096), copied_bytes: Some(100), ..ReceiveUsage::default() };
        }
        let mut row = Trial::default();
        let streams = joined(SECOND, both, received).unwrap().fill(&mut row).streams;
        let told = |usage: &ReceiveUsage| (usage.mapped_bytes, usage.copied_bytes);
        assert_eq!(told(&row.receive_usage), (Some(8192), Some(200)));
        assert_eq!(told(&streams[1].receive_usage), (Some(4096), Some(100)));
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
        let streams = joined(SECOND, report(1.0, 0, 200_000_000), received).unwrap().fill(&mut row).streams;
        assert!((row.throughput_gbps.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!((streams[1].throughput_gbps, streams[1].mean_recv_us), (Some(0.0), None));
    }

    #[test]
    fn streams_that_take_turns_are_measured_over_the_time_of_all() {
        let mut both = report(0.5, 2500, 10_000);
        both.streams[1].began_s = 3.0;
        let mut row = Trial::default();
        let streams = joined(Bound::Messages(5), both.clone(), both).unwrap().fill(&mut row).streams;
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
        assert!(assemble(&work(SECOND), SECOND, &places(), &XRAYED, &long, &long).is_ok());
        let other = report(0.5, 2500, 10_000);
        assert!(joined(Bound::Messages(5), other.clone(), other.clone()).is_ok());
        assert!(joined(Bound::Messages(6), other.clone(), other).is_err());
        let silent = report(1.0, 0, 10);
        assert!(joined(SECOND, silent.clone(), silent).is_err());
        let mut mute = report(1.0, 5, 10);
        mute.common = None;
        assert!(joined(SECOND, mute.clone(), mute).unwrap_err().reason().contains("did not say"));
    }
}
