//! The scalars of a grid and of the flags that stand for them, each with what is allowed.

use std::time::Duration;

use crate::message::{LARGEST, SMALLEST};
use crate::options::ReadSize;
use crate::units;
use crate::workload::MOST_STREAMS;

pub(super) fn number(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{what} must be a whole number from {least} to {most}, not `{text}`"))
}

pub(super) fn bounded_duration(
    text: &str,
    least: Duration,
    most: Duration,
    what: &str,
) -> Result<Duration, String> {
    let duration = units::parse_duration(text)?;
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("{what} must last {} to {}, not {text}", units::duration(least), units::duration(most)))
    }
}

pub(super) fn bounded_size(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    let bytes = units::parse_size(text)?;
    if (least..=most).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("{what} must be from {least}B to {}, not {text}", units::size(most)))
    }
}

pub(super) fn grid_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "name: `{text}` cannot be part of a directory's name; use up to 64 letters, digits, `-`, `_` and `.`"
        ))
    }
}

/// Reads the length of a window.
pub(crate) fn parse_window(text: &str) -> Result<Duration, String> {
    bounded_duration(text, Duration::from_millis(1), Duration::from_secs(3600), "a window")
}

/// Reads how far two clocks may differ.
pub(crate) fn parse_clock_bound(text: &str) -> Result<Duration, String> {
    bounded_duration(text, Duration::from_nanos(1), Duration::from_secs(1), "the difference of two clocks")
}

/// Reads the length of a warm-up.
pub(crate) fn parse_warmup(text: &str) -> Result<Duration, String> {
    bounded_duration(text, Duration::ZERO, Duration::from_secs(600), "a warm-up")
}

/// Reads the size of a message.
pub(crate) fn parse_message_size(text: &str) -> Result<u64, String> {
    bounded_size(text, SMALLEST, LARGEST, "a message")
}

/// Reads a number of streams.
pub(crate) fn parse_threads(text: &str) -> Result<u32, String> {
    number(text, 1, u64::from(MOST_STREAMS), "threads").map(|threads| threads as u32)
}

/// Reads a working set: `hot` or a size.
pub(crate) fn parse_working_set(text: &str) -> Result<Option<u64>, String> {
    match text {
        "hot" => Ok(None),
        _ => bounded_size(text, SMALLEST, 4 << 30, "a working set")
            .map(Some)
            .map_err(|what| format!("{what}; or write `hot`")),
    }
}

/// Reads the bytes of a receive call.
pub(crate) fn parse_read_size(text: &str) -> Result<ReadSize, String> {
    match text {
        "auto" => Ok(ReadSize::Auto),
        "message" => Ok(ReadSize::Message),
        _ => bounded_size(text, 1, LARGEST, "read_size")
            .map(ReadSize::Bytes)
            .map_err(|what| format!("{what}; or write `auto` or `message`")),
    }
}

/// Reads how long a packet is held back, nanoseconds.
pub(super) fn parse_delay(text: &str, what: &str) -> Result<u64, String> {
    bounded_duration(text, Duration::ZERO, Duration::from_secs(1), what).map(|delay| delay.as_nanos() as u64)
}

/// Reads the share of packets that is lost.
pub(super) fn parse_loss(text: &str) -> Result<f64, String> {
    match units::parse_percent(text).map_err(|what| format!("link.loss: {what}"))? {
        loss if loss < 1.0 => Ok(loss),
        _ => Err(format!("link.loss: it must be less than 100%, not {text}")),
    }
}

/// Reads the rate of a link, bits a second.
pub(super) fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = units::parse_rate(text).map_err(|what| format!("link.rate: {what}"))?;
    match rate {
        100_000..=1_000_000_000_000 => Ok(rate),
        _ => Err(format!("link.rate: it must be from 100kbit to 1000Gbit, not {text}")),
    }
}
