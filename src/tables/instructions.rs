//! What a message cost in instructions, where a nanosecond was one (`copycost vm --clock instructions`).

use super::sample::Sample;
use crate::cell::Cell;
use crate::record::{End, Trial};
use crate::stats;

/// Instructions of one cell: medians over its trials. Absent where no trial has the figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Instructions {
    /// The cell whose trials were counted.
    pub cell: Cell,
    /// In the window, for each message: both ends, the kernel between them, and all else that ran.
    pub each_message: Option<f64>,
    /// The same for each KiB.
    pub each_kib: Option<f64>,
    /// Those of the sender's worker, for each message that it sent.
    pub sender: Option<f64>,
    /// Those of the receiver's worker, for each message that it received.
    pub receiver: Option<f64>,
}

impl Instructions {
    /// The instructions of a cell.
    pub fn of(sample: &Sample<'_>) -> Self {
        let median = |of: &dyn Fn(&Trial) -> Option<f64>| stats::median(&sample.values(of));
        let worker = |end: &End| each(end.task_clock_s, end.messages);
        Self {
            cell: sample.cell.clone(),
            each_message: median(&|trial| each(trial.window_s, trial.messages)),
            each_kib: median(&|trial| each(trial.window_s, trial.bytes).map(|one| one * 1024.0)),
            sender: median(&|trial| worker(&trial.sender)),
            receiver: median(&|trial| worker(&trial.receiver)),
        }
    }
}

fn each(seconds: Option<f64>, count: Option<u64>) -> Option<f64> {
    count.filter(|&count| count > 0).and_then(|count| Some(seconds? * 1e9 / count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Status;
    use crate::tables::Hosts;

    #[test]
    fn a_nanosecond_is_an_instruction_and_what_is_absent_stays_so() {
        let cell = Cell::example("one-copy", 2048);
        let mut trial = Trial::new("x", &cell, 1, 1, 1, String::new());
        (trial.status, trial.window_s) = (Status::Ok, Some(0.001));
        (trial.messages, trial.bytes) = (Some(100), Some(204_800));
        trial.sender = End { messages: Some(100), task_clock_s: Some(0.000_4), ..End::default() };
        let found =
            Instructions::of(&Sample { cell, trials: vec![&trial], hosts: Hosts::default(), widening: 1.0 });
        let rounded = |value: Option<f64>| value.map(f64::round);
        assert_eq!((rounded(found.each_message), rounded(found.each_kib)), (Some(10_000.0), Some(5_000.0)));
        assert_eq!((rounded(found.sender), found.receiver), (Some(4_000.0), None));
    }
}
