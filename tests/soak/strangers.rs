//! Hostile sessions beside running sweeps.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use copycost::agent::protocol::{Hello, PROTOCOL, Proof};
use copycost::frame;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::support::agent::Agent;
use crate::support::lab::{sweep, tiny_grid};
use crate::support::process::{memory_kib, run};
use crate::support::{Scratch, random};
use crate::table::{Outcome, Table};

/// A stranger has five seconds for his handshake; a busy machine may be late.
const DEADLINE: Duration = Duration::from_secs(20);
/// Memory that an agent may have more than before, KiB.
const GROWTH: u64 = 16 << 10;

pub(crate) fn soak(table: &mut Table, rounds: usize) {
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let addresses = [agents[0].at(), agents[1].at()];
    let flags = ["--sender", &addresses[0], "--receiver", &addresses[1]];
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 2"));
    let mut sweeps = 0;
    let mut one_sweep = || {
        sweeps += 1;
        run(sweep(&grid, &scratch.path(&format!("results-{sweeps}")), &flags))
    };
    one_sweep();
    let memory = |agent: &Agent| memory_kib(agent.running.pid(), "VmRSS");
    let before: Vec<_> = agents.iter().map(memory).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let strangers = scope.spawn(|| {
            let mut random = random("strangers");
            let bother = |round: usize| bother(agents[round % 2].address, &mut random);
            let outcomes: Vec<_> = (0..rounds).map(bother).collect();
            is_over.store(true, Ordering::Relaxed);
            outcomes
        });
        while !is_over.load(Ordering::Relaxed) {
            let ended = one_sweep();
            let mut outcome = Outcome { end: format!("exit {:?}", ended.code()), ..Outcome::default() };
            if ended.code() != Some(0) {
                outcome.lost.push(format!("a sweep beside strangers: {}", ended.stderr));
            }
            table.add("sweeps beside strangers", outcome);
        }
        for outcome in strangers.join().expect("strangers go on until they are through") {
            table.add("hostile sessions", outcome);
        }
    });
    for (agent, before) in agents.iter().zip(before) {
        let after = memory(agent);
        let mut outcome = Outcome { end: format!("{before} to {after} KiB"), ..Outcome::default() };
        if after > before + GROWTH {
            outcome.left.push(format!("{} KiB of memory", after - before));
        }
        table.add("memory of an agent", outcome);
    }
}

/// One session of somebody who means no good: the agent must end it, and never let him in.
fn bother(address: SocketAddr, random: &mut ChaCha8Rng) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) => {
            outcome.lost.push(format!("nobody listens: {error}"));
            return outcome;
        }
    };
    stream.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
    let noise: Vec<u8> = (0..random.random_range(1..4096)).map(|_| random.random()).collect();
    let hello = Hello { protocol: PROTOCOL, version: "\x1b[2J".repeat(50), nonce: "0".repeat(64) };
    // The agent may end it before all is said.
    let _ = match random.random_range(0..6) {
        0 => stream.write_all(&noise),
        // A length that nobody will wait for.
        1 => stream.write_all(&u32::MAX.to_be_bytes()),
        // Half a frame.
        2 => stream.write_all(&[0, 0, 4, 0, b'{']),
        3 => frame::write(&mut stream, &hello),
        4 => frame::write(&mut stream, &hello)
            .and_then(|()| frame::write(&mut stream, &Proof { proof: "f".repeat(64) })),
        _ => frame::write(&mut stream, &hello).and_then(|()| stream.write_all(&noise)),
    };
    let _ = stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    outcome.end = match stream.read_to_end(&mut said) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            outcome.left.push(format!("a session that is not ended after {DEADLINE:?}"));
            "still there".to_owned()
        }
        Err(_) => "reset".to_owned(),
        Ok(0) => "closed".to_owned(),
        Ok(_) => "closed after an answer".to_owned(),
    };
    if String::from_utf8_lossy(&said).contains("welcome") {
        outcome.lost.push("a stranger was let in".to_owned());
    }
    outcome
}
