//! A trial under every resource limit: it ends soon, says why, and leaves nothing.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rand::RngExt;

use crate::support::process::{Running, of_session};
use crate::support::{copycost, random, until};
use crate::table::{Outcome, Table};

/// How long a trial of twenty messages may take.
const SOON: Duration = Duration::from_secs(90);

/// Each limit, and the range from which its values are drawn.
const LIMITS: [(&str, Resource, u64, u64); 12] = [
    ("open files", Resource::RLIMIT_NOFILE, 0, 40),
    ("address space", Resource::RLIMIT_AS, 1 << 20, 256 << 20),
    ("data", Resource::RLIMIT_DATA, 1 << 20, 64 << 20),
    ("stack", Resource::RLIMIT_STACK, 64 << 10, 8 << 20),
    ("file size", Resource::RLIMIT_FSIZE, 0, 8 << 10),
    ("locked memory", Resource::RLIMIT_MEMLOCK, 0, 1 << 20),
    ("processes", Resource::RLIMIT_NPROC, 0, 40),
    ("CPU seconds", Resource::RLIMIT_CPU, 1, 3),
    ("core size", Resource::RLIMIT_CORE, 0, 1),
    ("pending signals", Resource::RLIMIT_SIGPENDING, 0, 8),
    ("real-time priority", Resource::RLIMIT_RTPRIO, 0, 2),
    ("message queues", Resource::RLIMIT_MSGQUEUE, 0, 1024),
];

pub(crate) fn soak(table: &mut Table, rounds: usize) {
    let mut random = random("limits");
    for round in 0..rounds {
        let (name, resource, least, most) = LIMITS[round % LIMITS.len()];
        // A limit can be lowered, and not always raised.
        let (_, highest) = getrlimit(resource).expect("a limit can be read");
        let value = random.random_range(least..most).min(highest);
        let path = ["zero-copy", "uring-send-zc-fixed", "plain-send"][random.random_range(0..3)];
        let mut command =
            copycost(["measure", "--lab", "loopback", "--path", path, "--messages", "20", "--warmup", "1ms"]);
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe { command.pre_exec(move || setrlimit(resource, value, value).map_err(Into::into)) };
        table.add(&format!("limit: {name}"), under_limit(command, &format!("{name} {value}, {path}")));
    }
}

fn under_limit(command: std::process::Command, what: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut running = Running::start(command);
    let session = running.pid();
    if !until(SOON, || !running.is_running()) {
        outcome.lost.push(format!("{what}: it did not end"));
        of_session(session).iter().for_each(|one| one.kill(nix::sys::signal::Signal::SIGKILL));
    }
    let ended = running.wait();
    outcome.end = match (ended.code(), ended.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    if ended.code() == Some(101) || ended.stderr.contains("panicked") {
        outcome.lost.push(format!("{what}: a panic: {}", ended.stderr));
    }
    if ended.code().is_some_and(|code| code != 0) && ended.stderr.trim().is_empty() {
        outcome.lost.push(format!("{what}: no word of why it ended"));
    }
    if !until(Duration::from_secs(10), || of_session(session).is_empty()) {
        outcome.left.push(format!("{what}: {:?}", of_session(session)));
        of_session(session).iter().for_each(|one| one.kill(nix::sys::signal::Signal::SIGKILL));
    }
    outcome
}
