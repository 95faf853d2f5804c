//! One x-ray pass of a cell: a trial that is watched, and whose figures are none.

use std::time::Duration;

use crate::cell::Cell;
use crate::failure::Failure;
use crate::lab::{Lab, Trouble, XrayedTrial};
use crate::options::{Bound, TrialOptions};
use crate::record::stream::ZeroCopy;
use crate::record::{ReceiveUsage, sum_of};
use crate::stats;
use crate::xray::watch::{Pass, Seen};

pub(super) const WARMUP: Duration = Duration::from_millis(200);

/// A pass, or several added up: what was moved, and what the two agents saw.
pub(super) struct Passed {
    /// Of each pass.
    throughputs_gbps: Vec<f64>,
    /// Payload bytes of the windows, each end's own.
    pub(super) bytes: [Option<u64>; 2],
    pub(super) zero_copy: ZeroCopy,
    pub(super) receive_usage: ReceiveUsage,
    pub(super) seen: [Seen; 2],
}

impl Passed {
    fn new(xrayed: XrayedTrial) -> Self {
        let nothing = || Seen::Nothing("the agent did not watch; it may be an older copycost".to_owned());
        let measured = xrayed.measured;
        Self {
            throughputs_gbps: vec![measured.figures().throughput_gbps],
            bytes: measured.ends().each_ref().map(|end| end.bytes),
            zero_copy: measured.usage(),
            receive_usage: measured.receive_usage(),
            seen: [xrayed.sender, xrayed.receiver].map(|seen| seen.unwrap_or_else(nothing)),
        }
    }

    /// The throughput of the middle one.
    pub(super) fn throughput_gbps(&self) -> Option<f64> {
        stats::median(&self.throughputs_gbps)
    }

    /// Adds another pass of samples; one in which an end saw none adds nothing.
    pub(super) fn add(&mut self, more: Self) {
        let [Seen::Samples(sender), Seen::Samples(receiver)] = &mut self.seen else { return };
        let [Seen::Samples(more_of_sender), Seen::Samples(more_of_receiver)] = more.seen else { return };
        sender.add(more_of_sender);
        receiver.add(more_of_receiver);
        self.throughputs_gbps.extend(more.throughputs_gbps);
        for (sum, bytes) in self.bytes.iter_mut().zip(more.bytes) {
            *sum = sum_of([*sum, bytes]);
        }
        self.receive_usage =
            ReceiveUsage::sum(&[std::mem::take(&mut self.receive_usage), more.receive_usage]);
        self.zero_copy = ZeroCopy::sum(&[std::mem::take(&mut self.zero_copy), more.zero_copy]);
    }
}

/// Runs a pass of a cell. One that broke may have been disturbed, or too short for a slow machine: it is run once more,
/// and longer. What is unsupported stays so.
pub(super) fn pass(
    lab: &mut Lab,
    cell: &Cell,
    options: &TrialOptions,
    pass: Pass,
    window: Duration,
) -> Result<Result<Passed, Failure>, Trouble> {
    let mut xray = |window| lab.xray(cell, &windowed(options, window), pass);
    let xrayed = match xray(window) {
        Err(Trouble::Trial(Failure::Failed(_))) => xray(window * 2),
        other => other,
    };
    match xrayed {
        Ok(xrayed) => Ok(Ok(Passed::new(xrayed))),
        Err(Trouble::Trial(failure)) => Ok(Err(failure)),
        Err(lost) => Err(lost),
    }
}

pub(super) fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Unsupported(why) => format!("unsupported here: {why}"),
        Failure::Failed(why) => format!("the pass failed: {why}"),
    }
}

/// The trial's options for a pass of this length. Verification would be in the figures of the receiver.
pub(super) fn windowed(options: &TrialOptions, window: Duration) -> TrialOptions {
    TrialOptions { bound: Bound::Duration(window), warmup: WARMUP, verify: false, ..options.clone() }
}
