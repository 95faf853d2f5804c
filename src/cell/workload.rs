//! What a stream does between connection and end: a workload's name and its parameters, as grids, keys and rows have
//! them: `open-loop:rate=1000:wait=spin`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::words;

/// What a stream does where nothing else is said; keys do not name it.
pub const USUAL_WORKLOAD: &str = "stream";

/// Most messages a second that a stream can be asked for.
const MOST_PER_SECOND: u64 = 100_000_000;
/// Longest time that the kernel polls for, microseconds (SO_BUSY_POLL).
const MOST_BUSY_POLL: u64 = 100_000;
/// Most messages that a stream may have in flight.
const MOST_DEPTH: u32 = 1024;

/// A workload with its parameters. Those that it does not have are as in [`Workload::default`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Workload {
    /// Its name: one of [`crate::workload::REGISTRY`].
    pub name: String,
    /// Messages of a stream that may be unanswered.
    pub depth: u32,
    /// Messages that each stream is to send.
    pub rate: Option<Rate>,
    /// How they are spread over time.
    pub arrivals: Arrivals,
    /// How each end waits.
    pub wait: Waits,
    /// Streams beside the measured ones that send as fast as they go.
    pub background: u32,
}

/// How many messages each stream is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// So many a second.
    PerSecond(u64),
    /// So many percent of what the same cell's streams reached when they sent as fast as they could.
    Percent(u32),
}

/// How messages are spread over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arrivals {
    /// At exponentially distributed intervals: as many independent users would send them.
    #[default]
    Poisson,
    /// At equal intervals.
    Uniform,
}

words!(Arrivals: Poisson = "poisson", Uniform = "uniform");

/// How an end waits for bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// It sleeps until some come.
    #[default]
    Block,
    /// It asks again and again.
    Spin,
    /// It sleeps, and the kernel asks the network card for so long before that (SO_BUSY_POLL).
    BusyPoll(Duration),
}

/// How each end waits: `spin` at both, or `spin+block` at the sender and at the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waits {
    /// How the sender waits for answers.
    pub sender: Wait,
    /// How the receiver waits for messages.
    pub receiver: Wait,
}

impl Default for Workload {
    fn default() -> Self {
        Self::named(USUAL_WORKLOAD)
    }
}

impl Workload {
    /// A workload of this name, its parameters unsaid.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            depth: 1,
            rate: None,
            arrivals: Arrivals::default(),
            wait: Waits::default(),
            background: 0,
        }
    }

    /// Whether keys leave it out.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether its streams send as fast as they can, so that throughput says what they are able to.
    pub fn is_stream(&self) -> bool {
        self.name == USUAL_WORKLOAD
    }

    /// The workload of a row; rows of old runs have none.
    pub fn of_row(text: Option<&str>) -> Self {
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Sets a parameter by its name in grids.
    ///
    /// # Errors
    /// One sentence with what is allowed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let count = |least: u32, most: u32| match value.parse() {
            Ok(count) if (least..=most).contains(&count) => Ok(count),
            _ => Err(format!("{key}: `{value}` is not a number from {least} to {most}")),
        };
        match key {
            "depth" => self.depth = count(1, MOST_DEPTH)?,
            "rate" => self.rate = Some(value.parse()?),
            "arrivals" => self.arrivals = value.parse().map_err(|what| format!("arrivals: {what}"))?,
            "wait" => self.wait = value.parse()?,
            "background" => self.background = count(0, MOST_DEPTH)?,
            _ => {
                return Err(format!(
                    "`{key}` is not a parameter of a workload; choose one of depth, rate, arrivals, wait, background"
                ));
            }
        }
        Ok(())
    }

    /// The parameters that differ from those of [`Workload::named`], by their names in grids.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let usual = Self::named(&self.name);
        let all = [
            ("depth", self.depth.to_string(), self.depth != usual.depth),
            ("rate", self.rate.map(|rate| rate.to_string()).unwrap_or_default(), self.rate.is_some()),
            ("arrivals", self.arrivals.to_string(), self.arrivals != usual.arrivals),
            ("wait", self.wait.to_string(), self.wait != usual.wait),
            ("background", self.background.to_string(), self.background != usual.background),
        ];
        all.into_iter().filter(|(_, _, is_said)| *is_said).map(|(key, value, _)| (key, value)).collect()
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)?;
        self.parameters().iter().try_for_each(|(key, value)| write!(out, ":{key}={value}"))
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let mut workload = Self::named(parts.next().unwrap_or_default());
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not a parameter; write KEY=VALUE"))?;
            workload.set(key, value)?;
        }
        Ok(workload)
    }
}

impl TryFrom<String> for Workload {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Workload> for String {
    fn from(workload: Workload) -> Self {
        workload.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(messages) => write!(out, "{messages}"),
            Self::Percent(percent) => write!(out, "{percent}%"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = match text.strip_suffix('%') {
            Some(percent) => {
                percent.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Self::Percent)
            }
            None => text
                .parse()
                .ok()
                .filter(|messages| (1..=MOST_PER_SECOND).contains(messages))
                .map(Self::PerSecond),
        };
        rate.ok_or_else(|| {
            format!(
                "`{text}` is not a rate; write 1 to {MOST_PER_SECOND} messages a second, or 1% to 100% of the \
                 stream's throughput"
            )
        })
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => out.write_str("block"),
            Self::Spin => out.write_str("spin"),
            Self::BusyPoll(time) => write!(out, "busy-poll-{}us", time.as_micros()),
        }
    }
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let polled = |text: &str| {
            let micros = text.strip_prefix("busy-poll-")?.strip_suffix("us")?.parse().ok()?;
            (1..=MOST_BUSY_POLL).contains(&micros).then(|| Self::BusyPoll(Duration::from_micros(micros)))
        };
        match text {
            "block" => Ok(Self::Block),
            "spin" => Ok(Self::Spin),
            _ => polled(text).ok_or_else(|| {
                format!(
                    "`{text}` is not a way to wait; choose block, spin or busy-poll-50us (1 to {MOST_BUSY_POLL}), or one for \
                     each end: spin+block"
                )
            }),
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sender.fmt(out)?;
        if self.receiver == self.sender { Ok(()) } else { write!(out, "+{}", self.receiver) }
    }
}

impl FromStr for Waits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sender, receiver) = text.split_once('+').unwrap_or((text, text));
        Ok(Self { sender: sender.parse()?, receiver: receiver.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_reads_back_and_says_what_differs_alone() {
        for text in [
            "stream",
            "request",
            "request:depth=4:wait=spin",
            "request:wait=spin+block",
            "request:wait=block+busy-poll-50us",
            "open-loop:rate=1000",
            "open-loop:rate=50%:arrivals=uniform:wait=busy-poll-50us:background=2",
        ] {
            assert_eq!(text.parse::<Workload>().unwrap().to_string(), text);
        }
        assert!("stream".parse::<Workload>().unwrap().is_usual());
        assert_eq!("request:wait=spin+spin".parse::<Workload>().unwrap().to_string(), "request:wait=spin");
        assert_eq!("request:depth=1:arrivals=poisson".parse::<Workload>().unwrap().to_string(), "request");
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        for (text, what) in [
            ("open-loop:rate=0", "1 to 100000000"),
            ("open-loop:rate=1000000000000", "1 to 100000000"),
            ("open-loop:rate=150%", "1% to 100%"),
            ("open-loop:rate=0%", "1% to 100%"),
            ("open-loop:rate=-5", "not a rate"),
            ("request:depth=0", "1 to 1024"),
            ("request:depth=5000", "1 to 1024"),
            ("request:wait=sleep", "block, spin"),
            ("request:wait=spin+", "block, spin"),
            ("request:wait=spin+block+spin", "block, spin"),
            ("request:wait=busy-poll-0us", "block, spin"),
            ("request:arrivals=now", "poisson, uniform"),
            ("request:speed=3", "depth, rate"),
            ("request:depth", "KEY=VALUE"),
        ] {
            let error = text.parse::<Workload>().unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
