//! Standard output and standard error, whose readers may go away: that is neither an error nor a reason to stop.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use serde_json::Value;

/// Standard output. What is written after its reader went away (`| head -1`) goes nowhere.
#[derive(Debug, Default)]
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Says a line on standard error, in one write: several processes share it. `eprintln!` would panic where
/// nobody reads.
pub fn say(line: impl Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Text of a stranger's as one may show it on a terminal: control characters are replaced.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same of every text in a value, those that are keys included.
pub fn harmless_json(value: Value) -> Value {
    match value {
        Value::String(text) => harmless(&text).into(),
        Value::Array(all) => all.into_iter().map(harmless_json).collect(),
        Value::Object(all) => {
            all.into_iter().map(|(key, value)| (harmless(&key), harmless_json(value))).collect()
        }
        other => other,
    }
}

/// The last line of a program's output that says anything.
pub fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_a_terminal() {
        assert_eq!(harmless("1.0\x1b[2J\r\n"), "1.0\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(harmless("größer — 2 %"), "größer — 2 %");
    }
}
