//! Strangers on the control port: refused within the deadline, without growth, and without disturbing a sweep
//! that runs through the same agent.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use copycost::agent::protocol::{Admission, Challenge, Hello, PROTOCOL, Proof};
use copycost::frame::{self, CAP};
use copycost::record::Status;
use support::agent::{Agent, Coordinator, connect};
use support::lab::{assert_whole, directory, start_with_rows, sweep, tiny_grid, trials};
use support::process::run;
use support::{Scratch, copycost, is_root, skip, until};

/// The handshake's deadline is five seconds; a busy machine may be late by as much again and more.
const DEADLINE: Duration = Duration::from_secs(20);

/// A small sweep, which must go well.
fn sweep_through(sender: &Agent, receiver: &Agent) {
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1"));
    let addresses = ["--sender", &sender.at(), "--receiver", &receiver.at()];
    let ended = run(sweep(&grid, &scratch.path("results"), &addresses));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

fn hello(protocol: u32) -> Hello {
    Hello { protocol, version: "9.9.9\x1b[2J".to_owned(), nonce: "00".to_owned() }
}

/// A frame's bytes.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// Reads until the agent closes, and returns what it said; it must close within the deadline.
fn closed(mut stream: &TcpStream, since: Instant, what: &str) -> Vec<u8> {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => said.extend(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{what}: not closed after {:?}: {error}", since.elapsed()),
        }
    }
    assert!(since.elapsed() < DEADLINE, "{what}: closed after {:?}", since.elapsed());
    said
}

/// What the agent answers to a hello and a proof, or to a hello alone.
fn refusal(stream: TcpStream, hello: &Hello, proof: Option<&str>) -> String {
    let mut stream = stream;
    frame::write(&mut stream, hello).unwrap();
    if let Some(proof) = proof {
        let Challenge { nonce } = frame::read(&mut stream, CAP).unwrap();
        assert_eq!(nonce.len(), 32, "a nonce of 16 bytes");
        frame::write(&mut stream, &Proof { proof: proof.to_owned() }).unwrap();
    }
    match frame::read(&mut stream, CAP).unwrap() {
        Admission::Refused { why } => why,
        Admission::Welcome(_) => panic!("a stranger was welcomed"),
    }
}

type Stranger = (&'static str, fn(SocketAddr));

/// Every kind of stranger: each knocks, and checks that it is turned away in time.
const STRANGERS: [Stranger; 8] = [
    ("garbage", |at| {
        let (stream, since) = (connect(at), Instant::now());
        let _ = (&stream).write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(closed(&stream, since, "garbage"), b"");
    }),
    ("a frame that announces 4 GiB", |at| {
        let (stream, since) = (connect(at), Instant::now());
        let _ = (&stream).write_all(&[0xff; 64]);
        assert_eq!(closed(&stream, since, "4 GiB"), b"");
    }),
    ("half a frame and silence", |at| {
        let (stream, since) = (connect(at), Instant::now());
        let _ = (&stream).write_all(&[0, 0, 0, 100, b'{', b'"']);
        assert_eq!(closed(&stream, since, "half a frame"), b"");
    }),
    ("drips", |at| {
        let (stream, since) = (connect(at), Instant::now());
        let drip = stream.try_clone().unwrap();
        // One byte at a time: each restarts no clock.
        let dripping = std::thread::spawn(move || {
            let bytes = framed(&vec![b' '; 4000]);
            let all = bytes.iter().try_for_each(|&byte| {
                std::thread::sleep(Duration::from_millis(50));
                (&drip).write_all(&[byte])
            });
            all.is_err()
        });
        assert_eq!(closed(&stream, since, "drips"), b"");
        drop(stream);
        assert!(dripping.join().unwrap(), "every byte was taken");
    }),
    ("malformed JSON", |at| {
        for bytes in
            [&b"{\"protocol\":1"[..], b"[[[[[[[[", b"null", b"{\"protocol\":1,\"x\":\"\x1b[2J\"}", b""]
        {
            let (stream, since) = (connect(at), Instant::now());
            let _ = (&stream).write_all(&framed(bytes));
            assert_eq!(closed(&stream, since, "malformed"), b"");
        }
    }),
    ("a request instead of a hello", |at| {
        let (stream, since) = (connect(at), Instant::now());
        let _ = (&stream).write_all(&framed(b"{\"request\":\"start\",\"trial\":1}"));
        assert_eq!(closed(&stream, since, "a request"), b"");
    }),
    ("another protocol", |at| {
        let why = refusal(connect(at), &hello(PROTOCOL + 1), None);
        assert!(why.contains("9.9.9") && why.contains(&format!("protocol {PROTOCOL}")), "{why}");
    }),
    ("another token", |at| {
        for proof in ["", "00", "zz", &"ab".repeat(32)] {
            let why = refusal(connect(at), &hello(PROTOCOL), Some(proof));
            assert!(why.contains("token"), "{why}");
        }
    }),
];

#[test]
fn strangers_disturb_no_sweep() {
    let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 30\nverify: true"));
    let results = scratch.path("results");
    let addresses = ["--sender", &sender.at(), "--receiver", &receiver.at()];
    let sweep = start_with_rows(sweep(&grid, &results, &addresses), &results, 1);

    let over = AtomicBool::new(false);
    let visits = Mutex::new(0);
    let ended = std::thread::scope(|scope| {
        for agent in [&sender, &receiver] {
            for (name, knock) in STRANGERS {
                let (over, visits) = (&over, &visits);
                scope.spawn(move || {
                    // Each at least once, and again for as long as the sweep runs.
                    loop {
                        knock(agent.address);
                        *visits.lock().unwrap() += 1;
                        if over.load(Ordering::Relaxed) {
                            println!("{name}: done");
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    }
                });
            }
        }
        let ended = sweep.wait();
        over.store(true, Ordering::Relaxed);
        ended
    });
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let run = directory(&ended);
    assert_whole(&run);
    let (rows, _) = trials(&run);
    assert_eq!(rows.len(), 4 * 30);
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    let visits = visits.into_inner().unwrap();
    assert!(visits >= 16, "{visits} visits");
}

#[test]
fn strangers_take_no_memory_and_write_no_escape_sequence() {
    let agent = Agent::start(&[]);
    let before = agent.peak_kib();
    let since = Instant::now();
    let silent: Vec<_> = (0..100).map(|_| agent.connect()).collect();
    std::thread::scope(|scope| {
        for (name, knock) in STRANGERS {
            // Those who wait for the deadline come once.
            let times = if matches!(name, "drips" | "half a frame and silence") { 1 } else { 20 };
            let at = agent.address;
            scope.spawn(move || (0..times).for_each(|_| knock(at)));
        }
        silent.iter().for_each(|stream| drop(closed(stream, since, "silence")));
    });
    let grown = agent.peak_kib().saturating_sub(before);
    // Stacks, arenas and code of the handshakes at once; one frame of the largest size would be more.
    assert!(grown < 6 << 10, "{grown} KiB more");
    assert!(until(DEADLINE, || agent.threads() == 1), "{} threads are left", agent.threads());
    let said = agent.running.stderr();
    assert!(said.lines().all(|line| line.starts_with("copycost agent: ")), "more than a line each");
    assert!(said.contains("9.9.9\\u001b[2J") && !said.contains('\x1b'), "escape sequences on the terminal");
}

#[test]
fn a_hundred_silent_connections_keep_no_coordinator_out() {
    let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
    let since = Instant::now();
    let silent: Vec<_> =
        [&sender, &receiver].iter().flat_map(|agent| (0..100).map(|_| agent.connect())).collect();
    sweep_through(&sender, &receiver);
    silent.iter().for_each(|stream| drop(closed(stream, since, "silence")));
}

#[test]
fn a_second_coordinator_is_told_that_the_agent_is_busy() {
    let agent = Agent::start(&[]);
    let first = Coordinator::of(&agent).unwrap();
    assert_eq!(first.welcome.pid as i32, agent.running.pid());
    let why = Coordinator::of(&agent).err().expect("two coordinators at once");
    assert!(why.contains("serves another coordinator"), "{why}");
    let ended = run(copycost(["measure", "--messages", "5", "--sender", &agent.at()]));
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let said = format!("the sender agent at {}: the agent serves another coordinator", agent.at());
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    drop(first);
    // One comes after the other without a pause.
    for turn in 0..20 {
        if let Err(why) = Coordinator::of(&agent) {
            panic!("turn {turn}: {why}");
        }
    }
}

#[test]
fn an_agent_outlives_its_coordinators() {
    let (sender, receiver) = (Agent::start(&[]), Agent::start(&[]));
    let scratch = Scratch::new();
    let grid = scratch.file("grid.yaml", tiny_grid("repetitions: 1000"));
    let addresses = ["--sender", &sender.at(), "--receiver", &receiver.at()];
    for turn in 0..3 {
        let results = scratch.path(&format!("results-{turn}"));
        let sweep = start_with_rows(sweep(&grid, &results, &addresses), &results, 1);
        sweep.signal(nix::sys::signal::Signal::SIGKILL);
        sweep.wait();
    }
    sweep_through(&sender, &receiver);
    // The worker threads of the dropped trials are gone.
    assert!(until(DEADLINE, || sender.threads() == 1), "{} threads are left", sender.threads());
}

#[test]
fn beyond_loopback_an_agent_needs_a_token() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7010"] {
        let ended = run(copycost(["agent", "--listen", address]));
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""), "{address}: {ended:?}");
        assert!(ended.stderr.contains("--token-file"), "{address}: {}", ended.stderr);
    }
    let scratch = Scratch::new();
    let short = scratch.file("short", "secret\n");
    let ended = run(copycost(["agent", "--listen", "127.0.0.1:0", "--token-file", &short]));
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("at least 16") && ended.stderr.contains("--new-token"), "{}", ended.stderr);
}

/// Passes bytes on between a coordinator and an agent, and keeps what the coordinator said.
fn eavesdrop(agent: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&heard);
    std::thread::spawn(move || {
        let (mut from, mut to) = (listener.accept().unwrap().0, connect(agent));
        let (mut back, mut answers) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            kept.lock().unwrap().extend(&buffer[..count]);
            to.write_all(&buffer[..count]).unwrap();
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    (address, heard)
}

#[test]
fn a_token_opens_once_for_those_who_know_it() {
    let scratch = Scratch::new();
    let right = scratch.file("right", "0123456789abcdef0123456789abcdef\n");
    let wrong = scratch.file("wrong", "fedcba9876543210fedcba9876543210\n");
    let agent = Agent::start(&["--token-file", &right]);
    let measure = |sender: &str, more: &[&str]| {
        let words = ["measure", "--messages", "5", "--format", "summary", "--sender", sender];
        run(copycost(words.iter().chain(more).copied()))
    };
    for more in [&["--token-file", &wrong][..], &[]] {
        let ended = measure(&agent.at(), more);
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains("pass the agent's with --token-file"), "{}", ended.stderr);
    }
    // A conversation that was overheard opens nothing: the agent's nonce is another one.
    let (proxy, heard) = eavesdrop(agent.address);
    let ended = measure(&proxy.to_string(), &["--token-file", &right]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let heard = heard.lock().unwrap().clone();
    assert!(!heard.windows(16).any(|part| part == b"0123456789abcdef"), "the token was sent");
    let mut input = &heard[..];
    let hello: Hello = frame::read(&mut input, CAP).unwrap();
    let Proof { proof } = frame::read(&mut input, CAP).unwrap();
    assert!(refusal(agent.connect(), &hello, Some(&proof)).contains("token"));
    // It is no coordinator who knows it that was refused.
    assert_eq!(measure(&agent.at(), &["--token-file", &right]).code(), Some(0));
}

#[test]
fn a_token_is_made_for_one_user_and_the_payload_comes_in_by_a_port_of_choice() {
    let scratch = Scratch::new();
    let token = scratch.path("token").display().to_string();
    // Free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let agent = Agent::start(&["--new-token", &token, "--data-port", &port]);
    let mode = std::fs::metadata(&token).expect("the token's file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = agent.running.stderr();
    assert!(said.contains(&format!("{token} token && copycost sweep --sender THIS_HOST:")), "{said}");
    let measure = |flags: &[&str]| {
        let words =
            ["measure", "--messages", "5", "--threads", "2", "--format", "json", "--token-file", &token];
        let ended = run(copycost(words.iter().chain(flags).copied()));
        assert_eq!(ended.code(), Some(0), "{ended:?}");
    };
    // Twice: what the first left in TIME_WAIT holds the port of the second.
    measure(&["--sender", &agent.at()]);
    measure(&["--sender", &agent.at()]);
    // The coordinator's own sender, and the agent receives.
    measure(&["--receiver", &agent.at()]);
    let again = run(copycost(["agent", "--listen", "127.0.0.1:0", "--new-token", &token]));
    assert_eq!(again.code(), Some(2), "{again:?}");
    assert!(again.stderr.contains("it is there already"), "{}", again.stderr);
    // Somebody else holds the port.
    let _held = TcpListener::bind(format!("127.0.0.1:{port}")).expect("it is free between two trials");
    let words = ["measure", "--messages", "5", "--token-file", &token, "--sender", &agent.at()];
    let held = run(copycost(words));
    assert!(held.stderr.contains("binding the data port"), "{held:?}");
}

#[test]
fn an_agent_without_a_token_serves_its_own_user_alone() {
    let test = "an_agent_without_a_token_serves_its_own_user_alone";
    if !is_root() {
        return skip(test, "root, which can be another user");
    }
    const NOBODY: u32 = 65_534;
    let agent = Agent::start(&[]);
    let mut measure = copycost(["measure", "--messages", "5", "--sender", &agent.at()]);
    measure.uid(NOBODY).gid(NOBODY);
    let ended = run(measure);
    assert_ne!(ended.code(), Some(0), "{ended:?}");
    assert!(ended.stderr.contains("serves its own user alone, which is 0; yours is 65534"), "{ended:?}");
    assert!(ended.stderr.contains("--token-file"), "{ended:?}");
    assert!(Coordinator::of(&agent).is_ok(), "its own user is served");
}
