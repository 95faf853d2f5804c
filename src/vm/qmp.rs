//! QEMU's monitor, as far as the witness needs it: lines of JSON (QMP).

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// How long an answer may take: the machine is not stopped for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A monitor that has been greeted.
pub(super) struct Qmp(BufReader<UnixStream>);

impl Qmp {
    /// Takes the greeting and leaves the negotiation behind.
    ///
    /// # Errors
    /// When QEMU does not answer so.
    pub(super) fn open(stream: UnixStream) -> Result<Self, String> {
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let mut qmp = Self(BufReader::new(stream));
        qmp.call("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Switches a trace event.
    ///
    /// # Errors
    /// When QEMU has no such event, with its words.
    pub(super) fn trace(&mut self, event: &str, on: bool) -> Result<(), String> {
        self.call("trace-event-set-state", &json!({ "name": event, "enable": on })).map(drop)
    }

    fn call(&mut self, command: &str, arguments: &Value) -> Result<Value, String> {
        let text = |error: io::Error| format!("its monitor does not answer: {error}");
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.0.get_mut().write_all(line.as_bytes()).map_err(text)?;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).map_err(text)? == 0 {
                return Err("its monitor was closed".to_owned());
            }
            let mut answer: Value = serde_json::from_str(&line).map_err(|error| text(error.into()))?;
            if let Some(why) = answer.pointer("/error/desc") {
                return Err(why.as_str().unwrap_or("its monitor refuses").to_owned());
            }
            // The greeting, and events, are no answer.
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_passed_over_and_refusals_are_said() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = std::thread::spawn(move || {
            let mut lines = BufReader::new(theirs.try_clone().unwrap()).lines();
            let mut theirs = theirs;
            theirs.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n").unwrap();
            let mut asked = Vec::new();
            for answer in [
                "{\"return\": {}}\r\n",
                "{\"event\": \"RTC_CHANGE\", \"data\": {}}\r\n{\"return\": {}}\r\n",
                "{\"error\": {\"class\": \"GenericError\", \"desc\": \"unknown event \\\"x\\\"\"}}\r\n",
            ] {
                asked.push(lines.next().unwrap().unwrap());
                theirs.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        let mut qmp = Qmp::open(ours).unwrap();
        assert_eq!(qmp.trace("e1000e_tx_descr", true), Ok(()));
        assert_eq!(qmp.trace("x", false), Err("unknown event \"x\"".to_owned()));
        let asked = qemu.join().unwrap();
        assert!(asked[0].contains("qmp_capabilities"));
        assert!(asked[1].contains("e1000e_tx_descr") && asked[1].contains("true"), "{}", asked[1]);
        assert!(qmp.trace("x", true).is_err(), "it is gone");
    }
}
