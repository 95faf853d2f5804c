//! A trial under every resource limit: it ends soon, says why, and leaves nothing.

use std::os::unix::process::CommandExt;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rand::RngExt;

use crate::end::end;
use crate::support::process::Running;
use crate::support::{BINARY, copycost, random};
use crate::table::Table;

/// Each limit, and the range from which its values are drawn.
fn limits() -> [(&'static str, Resource, u64, u64); 12] {
    // In less the kernel cannot load the program, which then can say nothing.
    let loaded = std::fs::metadata(BINARY).expect("the program").len();
    [
        ("open files", Resource::RLIMIT_NOFILE, 0, 40),
        ("address space", Resource::RLIMIT_AS, loaded, loaded + (256 << 20)),
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
    ]
}

pub(crate) fn soak(table: &mut Table, rounds: usize) {
    let (limits, mut random) = (limits(), random("limits"));
    for round in 0..rounds {
        let (name, resource, least, most) = limits[round % limits.len()];
        // A limit can be lowered, and not always raised.
        let (_, highest) = getrlimit(resource).expect("a limit can be read");
        let value = random.random_range(least..most).min(highest);
        let path = ["zero-copy", "uring-send-zc-fixed", "plain-send"][random.random_range(0..3)];
        let mut command =
            copycost(["measure", "--lab", "loopback", "--path", path, "--messages", "20", "--warmup", "1ms"]);
        // SAFETY: one system call; nothing is allocated between fork and exec.
        unsafe { command.pre_exec(move || setrlimit(resource, value, value).map_err(Into::into)) };
        let mut outcome = end(Running::start(command));
        for found in outcome.lost.iter_mut().chain(&mut outcome.left) {
            found.insert_str(0, &format!("{name} {value}, {path}: "));
        }
        table.add(&format!("limit: {name}"), outcome);
    }
}
