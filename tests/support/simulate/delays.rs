//! The delays of a simulated trial.

use copycost::cell::{Rate, Workload};
use copycost::histogram::Delays;
use copycost::record::Trial;
use copycost::record::histogram_log::StreamDelays;
use copycost::record::latency::{DelayKind, TrialDelays};

use super::noise::Source;

/// Share of what a path can from which messages queue.
const HELD: f64 = 0.8;

/// Makes a trial that streamed one whose answers or rate set the pace, and gives the response times of all its streams.
pub(super) fn pace(trial: &mut Trial, workload: &Workload, source: &mut Source) -> StreamDelays {
    let cost_us = trial.mean_recv_us.expect("a trial that went well");
    let window_s = trial.window_s.expect("a trial that went well");
    let can = f64::from(trial.threads) * window_s * 1e6 / cost_us;
    let share = match workload.rate {
        Some(Rate::Percent(percent)) => f64::from(percent) / 100.0,
        Some(Rate::PerSecond(messages)) => messages as f64 * window_s * f64::from(trial.threads) / can,
        None => 0.5,
    };
    let sent = can * share.min(HELD);
    if workload.rate.is_some() {
        trial.rate_per_s = Some(can * share / window_s / f64::from(trial.threads));
        trial.intended = Some((can * share) as u64);
        trial.late = Some((can * (share - HELD).max(0.0)) as u64);
    }
    trial.messages = Some(sent as u64);
    trial.sender.messages = Some(sent as u64);
    trial.mean_recv_us = Some(window_s * 1e6 * f64::from(trial.threads) / sent);
    trial.throughput_gbps = trial.throughput_gbps.map(|gbps| gbps * share.min(HELD));
    let queue_us = if share > HELD { window_s * 1e6 * (share - HELD) } else { 0.0 };
    let all = |messages: u32, part: f64, source: &mut Source| {
        let mut delays = Delays::new(1);
        for _ in 0..messages {
            let us = part * (3.0 * cost_us * source.log_normal(0.4) + queue_us);
            delays.record((us * 1e3) as u64);
        }
        delays
    };
    // Enough for the last percentile that is shown.
    let response = all(10_500, 1.0, source);
    let mut rows = vec![response.row(DelayKind::Response), all(2_000, 0.5, source).row(DelayKind::OneWay)];
    if trial.zc.sends.is_some() {
        rows.push(all(2_000, 0.4, source).row(DelayKind::Lent));
    }
    trial.delays = TrialDelays::of(&rows);
    let mut streams = StreamDelays {
        kind: DelayKind::Response,
        max_ms: rows[0].max_us.unwrap_or_default() / 1000.0,
        histogram: response.encode().histogram,
        ..StreamDelays::default()
    };
    streams.assign(trial);
    streams
}
