//! A trial's figures: what all streams moved in the time that they have in common.

use crate::cell::Wire;
use crate::failure::Failure;
use crate::record::{Stream, TrialRows};
use crate::units;
use crate::workload::{CommonWindow, EndReport, StreamReport, TrialFigures, Work};

/// Bytes that a stream received, in so many seconds.
#[derive(Clone, Copy)]
struct Moved {
    bytes: Option<u64>,
    window_s: Option<f64>,
}

pub(in crate::workload) fn of(
    work: &Work,
    sent: &EndReport,
    received: &EndReport,
) -> Result<TrialFigures, Failure> {
    let common = received.common.as_ref().filter(|common| common.bytes.len() == received.streams.len());
    let Some(common) = common else {
        return Err(Failure::Failed(
            "the receiver did not say what its streams had received in the window".to_owned(),
        ));
    };
    let (window_s, moved) = match work.messages {
        None => (common.window_s, in_common(common)),
        Some(messages) => (span(received), asked(work, messages, received)?),
    };
    let sum = |moved: &[Moved]| moved.iter().filter_map(|moved| moved.bytes).sum::<u64>();
    let measured = work.cell.threads as usize;
    // The interface counts what streams in the background bring, too.
    let (bytes, all) = (sum(&moved[..measured.min(moved.len())]), sum(&moved));
    if bytes == 0 || window_s <= 0.0 {
        return Err(Failure::Failed("no byte arrived inside the window; lengthen it".to_owned()));
    }
    // An interface that counts nothing, though bytes came, is no witness.
    let came = common.came.filter(|came| work.messages.is_none() && came.bytes > 0);
    let bounding = came.filter(|_| work.cell.wire.counts_at_once());
    let bounded = bounding.map_or(bytes, |came| came.bound_part(bytes, all));
    let message_bytes = work.cell.message_bytes;
    let ends = sent.streams.iter().zip(&received.streams);
    let streams: Vec<_> =
        (0..).zip(ends.zip(moved)).map(|(number, (ends, moved))| stream(work, number, ends, moved)).collect();
    Ok(TrialFigures {
        window_s,
        bytes,
        messages: bytes / message_bytes,
        throughput_gbps: units::gbps(bounded, window_s),
        mean_recv_us: is_read(work).then(|| mean_recv_us(window_s * measured as f64, message_bytes, bytes)),
        came,
        is_settled: bounding.is_none_or(|came| came.is_near(all)),
        rows: TrialRows { streams, ..TrialRows::default() },
        ..TrialFigures::default()
    })
}

/// What each stream received in the window that all have in common.
fn in_common(common: &CommonWindow) -> Vec<Moved> {
    common.bytes.iter().map(|&bytes| Moved { bytes: Some(bytes), window_s: Some(common.window_s) }).collect()
}

/// What each stream received in its own window, which so many messages bound.
fn asked(work: &Work, messages: u64, received: &EndReport) -> Result<Vec<Moved>, Failure> {
    let asked = messages.saturating_mul(work.cell.message_bytes);
    let own = |(number, StreamReport { end, .. }): (usize, &StreamReport)| match end.bytes {
        Some(bytes) if bytes == asked => Ok(Moved { bytes: end.bytes, window_s: end.window_s }),
        bytes => {
            let bytes = bytes.unwrap_or_default();
            Err(Failure::Failed(format!(
                "stream {number}: {bytes} bytes in the window where {asked} were asked"
            )))
        }
    };
    received.streams.iter().enumerate().map(own).collect()
}

/// From the first stream's begin to the last one's end, seconds.
fn span(report: &EndReport) -> f64 {
    let ends = report.streams.iter().map(|stream| stream.began_s + stream.end.window_s.unwrap_or_default());
    let begins = report.streams.iter().map(|stream| stream.began_s);
    ends.fold(0.0, f64::max) - begins.fold(f64::INFINITY, f64::min)
}

/// Whether somebody receives what is sent; on a sink it is acknowledged and dropped.
fn is_read(work: &Work) -> bool {
    work.cell.wire != Wire::Sink
}

/// Mean time a message takes, of so many bytes in so many seconds.
fn mean_recv_us(seconds: f64, message_bytes: u64, bytes: u64) -> f64 {
    seconds * 1e6 * message_bytes as f64 / bytes as f64
}

fn stream(
    work: &Work,
    number: u32,
    (sent, received): (&StreamReport, &StreamReport),
    Moved { bytes, window_s }: Moved,
) -> Stream {
    let rate = window_s.filter(|&window| window > 0.0).zip(bytes);
    Stream {
        stream: number,
        throughput_gbps: rate.map(|(window, bytes)| units::gbps(bytes, window)),
        mean_recv_us: rate
            .filter(|&(_, bytes)| bytes > 0 && is_read(work))
            .map(|(window, bytes)| mean_recv_us(window, work.cell.message_bytes, bytes)),
        window_s,
        bytes,
        sender: sent.end.clone(),
        receiver: received.end.clone(),
        zc: sent.usage.clone(),
        receive_usage: received.receive_usage.clone(),
        retransmits: sent.retransmits,
        total_bytes: Some(sent.total_bytes),
        sender_cpu: sent.cpu.map(|cpu| cpu as u64),
        receiver_cpu: received.cpu.map(|cpu| cpu as u64),
        ..Stream::default()
    }
}
