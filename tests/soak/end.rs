//! How a program ended, and what it has left.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::lab::our_interfaces;
use crate::support::process::{Ended, Running, of_session};
use crate::support::until;
use crate::table::Outcome;

/// How long anything may take to end, on a machine that is busy with something else.
const SOON: Duration = Duration::from_secs(60);

/// Waits for a program's end, and looks what it has said and left.
pub(crate) fn end(mut running: Running) -> Outcome {
    let mut outcome = Outcome::default();
    let session = running.pid();
    if !until(SOON, || !running.is_running()) {
        outcome.lost.push(format!("it did not end: {}", running.stderr()));
        of_session(session).iter().for_each(|one| one.kill(Signal::SIGKILL));
    }
    let ended = running.wait();
    outcome.end = how(&ended);
    if ended.stderr.contains("panicked") || ended.code() == Some(101) {
        outcome.lost.push(format!("a panic: {}", ended.stderr));
    }
    if ended.code().is_some_and(|code| code != 0) && ended.stderr.trim().is_empty() {
        outcome.lost.push("no word of why it ended".to_owned());
    }
    if ended.signal() == Some(libc::SIGSEGV) {
        outcome.lost.push("it read what is not there".to_owned());
    }
    if !until(SOON, || of_session(session).is_empty()) {
        outcome.left.push(format!("processes: {:?}", of_session(session)));
        of_session(session).iter().for_each(|one| one.kill(Signal::SIGKILL));
    }
    if !until(Duration::from_secs(5), || our_interfaces().is_empty()) {
        outcome.left.push(format!("interfaces: {:?}", our_interfaces()));
    }
    outcome
}

fn how(ended: &Ended) -> String {
    match (ended.code(), ended.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
