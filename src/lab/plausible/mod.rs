//! Whether what an agent reports can be what it measured. An agent is another program, often on another host: that its
//! report is well-formed says nothing of its figures.
//!
//! Each report is taken apart here field by field, without `..`, so that a figure that is new does not compile before
//! somebody has said what it can be. The bounds are what the coordinator's clock, the CPUs and the wire allow, and are
//! generous: they refuse what cannot be, not what is rare on a busy host.

mod answers;
mod report;
mod rows;
mod seen;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Side;
use crate::agent::protocol::{Report, Welcome};
use crate::failure::Failure;
use crate::workload::{MOST_STREAMS, Work};

pub(super) use answers::{bandwidths, interface, welcome};
pub(super) use rows::made;

/// How much longer than the coordinator's clock says a time may be: another host's clock may run faster, and a report
/// is made a moment after its window.
const FASTER: f64 = 2.0;
const MOMENT_S: f64 = 1.0;
/// Most CPUs that a kernel can have (NR_CPUS).
const MOST_CPUS: u64 = 8192;
/// Most bytes a second that pass a wire of any kind: a hundred times what the caches of a large machine copy.
const WIRE_BYTES_PER_S: f64 = 1e14;
/// Most system calls, context switches or messages a second of one thread: none takes less than a nanosecond.
const EVENTS_PER_S: f64 = 1e9;
/// Most hardware events a second of one thread: a hundred for each cycle of the fastest CPU.
const HARDWARE_EVENTS_PER_S: f64 = 1e12;
/// What every figure of a stream is below, so that no sum over the streams of a trial overflows.
const MOST_OF_A_STREAM: u64 = u64::MAX / (MOST_STREAMS as u64 + 1);

/// What the figures of one end of one trial can be at most.
#[derive(Clone, Debug)]
pub(super) struct Most {
    side: Side,
    /// Streams that the trial has, and those of them that are measured.
    streams: usize,
    measured: u32,
    /// Bytes of a message.
    message_bytes: u64,
    /// Seconds from the orders to the report.
    seconds: f64,
    /// CPU time of all CPUs of the host in them, seconds.
    cpu_s: f64,
    /// What a stream can have moved, bytes.
    bytes: u64,
    /// System calls, context switches and the like of a stream.
    events: u64,
    /// Events of the hardware, of a stream.
    hardware_events: u64,
    /// Messages that a stream can have been meant to send, at its rate.
    intended: u64,
}

impl Most {
    /// Of this end, whose agent introduced itself so, when the trial took so long by the coordinator's clock.
    pub(super) fn new(side: Side, welcome: &Welcome, work: &Work, elapsed: Duration) -> Self {
        let seconds = (elapsed.as_secs_f64() * FASTER + MOMENT_S).ceil();
        let host = &welcome.host;
        let known =
            host.cpus_online.unwrap_or_default().max(host.cpus_allowed.len().max(welcome.cpus.len()) as u64);
        let cpus = if known == 0 { MOST_CPUS } else { known.min(MOST_CPUS) };
        let of_a_stream = |per_s: f64| ((per_s * seconds) as u64).min(MOST_OF_A_STREAM);
        Self {
            side,
            streams: work.streams() as usize,
            measured: work.cell.threads,
            message_bytes: work.cell.message_bytes.max(1),
            seconds,
            cpu_s: seconds * cpus as f64 * FASTER,
            bytes: of_a_stream(WIRE_BYTES_PER_S),
            events: of_a_stream(EVENTS_PER_S),
            hardware_events: of_a_stream(HARDWARE_EVENTS_PER_S),
            // Arrivals are random: of few, many more may come.
            intended: of_a_stream(work.rate.unwrap_or_default() * 10.0).saturating_add(1000),
        }
    }

    /// The figures of all of this end.
    fn whole(&self) -> Figures<'_> {
        Figures { side: self.side, of: String::new(), most: self }
    }

    /// The figures of one of its streams.
    fn stream(&self, number: usize) -> Figures<'_> {
        Figures { of: format!(" of stream {number}"), ..self.whole() }
    }
}

/// What is said of a figure that cannot be.
fn refused(side: Side, figure: &str, value: impl fmt::Display, possible: impl fmt::Display) -> Failure {
    Failure::Failed(format!(
        "the {side} reports {figure} as {value}, where {possible} is possible; check which program answers as its agent"
    ))
}

/// Whose figures are looked at.
struct Figures<'a> {
    side: Side,
    /// Which part of the end, behind a figure's name.
    of: String,
    most: &'a Most,
}

type Checked = Result<(), Failure>;

/// Checks what an agent reports of a trial.
///
/// # Errors
/// The first figure that cannot be what was measured, with what it may be.
pub(super) fn reported(report: &Report, most: &Most) -> Checked {
    let Report { end, seen } = report;
    report::reported(end, most)?;
    seen.as_ref().map_or(Ok(()), |seen| seen::seen(seen, most))
}

impl Figures<'_> {
    fn refused(&self, figure: &str, value: impl fmt::Display, possible: impl fmt::Display) -> Failure {
        refused(self.side, &format!("{figure}{}", self.of), value, possible)
    }

    /// Counts that are there, each with its name.
    fn counts<const N: usize>(&self, most: u64, counts: [(&str, Option<u64>); N]) -> Checked {
        counts.into_iter().try_for_each(|(figure, count)| self.count(figure, count, most))
    }

    fn count(&self, figure: &str, count: Option<u64>, most: u64) -> Checked {
        match count {
            Some(count) if count > most => Err(self.refused(figure, count, format_args!("at most {most}"))),
            _ => Ok(()),
        }
    }

    /// Numbers that are there, each with its name; none of them negative, and none that is no number.
    fn numbers<const N: usize>(&self, most: f64, numbers: [(&str, Option<f64>); N]) -> Checked {
        numbers.into_iter().try_for_each(|(figure, number)| self.number(figure, number, 0.0..=most))
    }

    fn number(&self, figure: &str, number: Option<f64>, possible: RangeInclusive<f64>) -> Checked {
        match number {
            Some(number) if !possible.contains(&number) => {
                let (least, most) = possible.into_inner();
                Err(self.refused(figure, format_args!("{number:?}"), format_args!("{least:?} to {most:?}")))
            }
            _ => Ok(()),
        }
    }

    /// A figure without which there is no trial.
    fn must_have<T>(&self, figure: &str, value: Option<T>) -> Result<T, Failure> {
        value.ok_or_else(|| self.refused(figure, "absent", "only a number"))
    }

    /// So many of something, of which there are others.
    fn as_many(&self, figure: &str, count: usize, possible: usize) -> Checked {
        match count == possible {
            true => Ok(()),
            false => Err(self.refused(figure, format_args!("{count} figures"), possible)),
        }
    }
}

/// Fields with their names, for [`Figures::counts`] and [`Figures::numbers`].
macro_rules! named {
    ($($field:ident),+ $(,)?) => { [$((stringify!($field), *$field)),+] };
}
use named;

#[cfg(test)]
mod tests;
