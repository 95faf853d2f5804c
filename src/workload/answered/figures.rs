//! A trial's figures: what its measured streams moved, and how long their messages took.

use crate::clock::Clocks;
use crate::failure::Failure;
use crate::histogram::Delays;
use crate::record::histogram_log::StreamDelays;
use crate::record::latency::{ClockKind, DelayKind, Latency};
use crate::workload::{EndReport, Pace, StreamReport, TrialFigures, Work, stream};

pub(in crate::workload) fn of(
    work: &Work,
    sent: &EndReport,
    received: &EndReport,
) -> Result<TrialFigures, Failure> {
    let mut figures = stream::figures(work, sent, received)?;
    let pace = sent.streams.iter().filter_map(|stream| stream.pace).reduce(|one, other| one + other);
    for kind in DelayKind::ALL {
        let Some(all) = together(kind, sent)? else { continue };
        figures.rows.latency.push(judged(all.row(kind), work.clocks, pace));
    }
    if let (Clocks::Apart, Some(response)) = (work.clocks, figures.rows.latency.first()) {
        figures.rows.latency.push(bounded_by(response));
    }
    figures.rows.histograms = histograms(sent);
    figures.pace = pace;
    figures.rate_per_s = work.rate;
    Ok(figures)
}

/// The delays of a kind of all streams; none where no stream has any.
fn together(kind: DelayKind, sent: &EndReport) -> Result<Option<Delays>, Failure> {
    let of_kind = sent.streams.iter().flat_map(|stream| &stream.delays).filter(|one| one.kind == kind);
    Delays::decode_all(of_kind.map(|one| &*one.delays.histogram))
        .map_err(|what| Failure::Failed(format!("the sender's delays: {what}")))
}

/// A kind's row, with what it rests on.
fn judged(row: Latency, clocks: Clocks, pace: Option<Pace>) -> Latency {
    let of_both_ends = matches!(row.kind, DelayKind::OneWay | DelayKind::WayBack);
    let (clock, bound_us) = match clocks {
        Clocks::Synchronised { within_ns } if of_both_ends => {
            (ClockKind::Synchronised, Some(within_ns as f64 / 1000.0))
        }
        _ => (ClockKind::Shared, None),
    };
    Latency {
        intended: pace.map(|pace| pace.intended),
        late: pace.map(|pace| pace.late),
        clock: Some(clock),
        clock_bound_us: bound_us,
        ..row
    }
}

/// The one-way delay where the two clocks cannot be compared: it was measured of no message, and lies between 0 and the
/// response time.
fn bounded_by(response: &Latency) -> Latency {
    Latency {
        kind: DelayKind::OneWay,
        intended: response.intended,
        late: response.late,
        clock: Some(ClockKind::RoundTrip),
        clock_bound_us: response.percentiles.p50_us,
        ..Latency::default()
    }
}

/// The histograms of each stream, for the log; the trial that they are of is filled in by whoever keeps them.
fn histograms(sent: &EndReport) -> Vec<StreamDelays> {
    let of_stream = |(stream, report): (u32, &StreamReport)| {
        let delays = report.delays.clone();
        delays.into_iter().map(move |one| StreamDelays {
            stream,
            kind: one.kind,
            max_ms: one.delays.longest_ns as f64 / 1e6,
            histogram: one.delays.histogram,
            ..StreamDelays::default()
        })
    };
    (0..).zip(&sent.streams).flat_map(of_stream).collect()
}
