//! What an agent keeps of trials that died: nothing, whatever the kernel may still have read.

mod support;

use std::time::Duration;

use nix::sys::signal::Signal;
use support::agent::Agent;
use support::process::{Running, memory_kib, run};
use support::{PATIENCE, copycost, skip, until};

const WORKING_SET_KIB: u64 = 64 << 10;

/// A trial of ten seconds through these agents, or a short one.
fn trial(sender: &Agent, receiver: &Agent, path: &str, is_long: bool) -> std::process::Command {
    let (duration, working_set) = if is_long { ("10s", "64MiB") } else { ("100ms", "hot") };
    let (sender, receiver) = (sender.at(), receiver.at());
    let cell = ["measure", "--path", path, "--size", "64KiB", "--working-set", working_set];
    let more = ["--duration", duration, "--sender", &sender, "--receiver", &receiver];
    copycost(cell.into_iter().chain(more))
}

#[test]
fn an_agent_has_as_much_memory_after_trials_that_died_as_before() {
    const TEST: &str = "an_agent_has_as_much_memory_after_trials_that_died_as_before";
    for path in ["zero-copy", "splice", "uring-send-zc", "uring-send-zc-fixed", "uring-bundle", "two-copy"] {
        let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
        let ended = run(trial(&sender, &receiver, path, false));
        if ended.stderr.contains("unsupported here") {
            skip(TEST, ended.stderr.trim());
            continue;
        }
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        let memory = || memory_kib(sender.running.pid(), "VmRSS");
        let before = memory();
        for _ in 0..4 {
            let mut coordinator = Running::start(trial(&sender, &receiver, path, true));
            let is_there = || memory() > before + WORKING_SET_KIB || !coordinator.is_running();
            assert!(until(PATIENCE, is_there) && coordinator.is_running(), "{}", coordinator.stderr());
            std::thread::sleep(Duration::from_millis(200));
            coordinator.signal(Signal::SIGKILL);
            coordinator.wait();
            assert!(until(PATIENCE, || sender.threads() == 1 && receiver.threads() == 1));
        }
        let kept = || memory().saturating_sub(before);
        let is_freed = until(Duration::from_secs(10), || kept() < WORKING_SET_KIB / 8);
        println!("{path}: {} KiB more than before", kept());
        assert!(is_freed, "{path}: {} KiB more than before", kept());
    }
}
