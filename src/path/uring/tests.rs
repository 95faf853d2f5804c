//! The paths over real sockets.

use std::io::Read;
use std::net::Shutdown;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use super::*;
use crate::cell::Payload;
use crate::path::splice::tests::{connected, receive_while};
use crate::path::{self, Entry, SendPath, Tally};
use crate::pattern::Pattern;
use crate::span::Span;

const PATHS: [&str; 4] = ["uring-send", "uring-send-zc", "uring-send-zc-fixed", "uring-bundle"];

/// The ways to send that each size is tried with.
const WAYS: [&str; 10] = [
    "uring-send",
    "uring-send:depth=8:chain=link",
    "uring-send:sqpoll=on",
    "uring-send:depth=8:chain=link:sqpoll=on",
    "uring-send-zc",
    "uring-send-zc:depth=8:chain=link",
    "uring-send-zc-fixed",
    "uring-send-zc-fixed:depth=8:chain=link:sqpoll=on",
    "uring-bundle",
    "uring-bundle:depth=3:sqpoll=on",
];

fn setup(text: &str, message_bytes: usize) -> Setup {
    Setup { choice: path::choose(text).unwrap(), ..Setup::of_messages(message_bytes, Pattern::new(3, 0)) }
}

fn open(setup: &Setup, socket: &socket2::Socket) -> Result<Box<dyn SendPath>, Failure> {
    (entry(setup.choice.name()).open)(setup, socket)
}

fn entry(name: &str) -> &'static Entry {
    path::find(name).unwrap()
}

/// Whether the path can be opened here; the test is skipped where it cannot.
fn is_here(test: &str, text: &str) -> bool {
    crate::skip::unless(&format!("{test} ({text})"), open(&setup(text, 4096), &connected().0)).is_some()
}

/// Sends so many messages as a stream does.
fn run(path: &mut dyn SendPath, socket: &socket2::Socket, messages: u64) -> Tally {
    let mut tally = Tally::default();
    let now = AtomicU32::new(0);
    path.run(socket, Span { now: &now, phase: 0, limit: messages }, &mut tally).unwrap();
    assert_eq!(tally.messages, messages);
    tally
}

#[test]
fn messages_of_all_sizes_arrive_whole_and_in_order() {
    for text in WAYS.into_iter().filter(|text| is_here("messages_of_all_sizes_arrive", text)) {
        for (bytes, working_set) in
            [(8, None), (13, Some(5000)), (1000, None), (4097, Some(100_000)), (1 << 20, None)]
        {
            let setup = Setup { working_set, ..setup(text, bytes) };
            receive_while(&setup, |socket| {
                let mut path = open(&setup, socket).unwrap();
                let mut single = Tally::default();
                path.send_message(socket, &mut single).unwrap();
                let tally = run(path.as_mut(), socket, 37);
                assert!(
                    single.calls >= 1 && tally.calls >= 37_u64.div_ceil(setup.choice.value("depth")),
                    "{text}"
                );
                path.drain(socket, Instant::now() + Duration::from_secs(20), &|| true).unwrap();
                38
            });
        }
    }
}

#[test]
fn fresh_messages_are_not_written_to_while_they_are_lent() {
    for text in WAYS.into_iter().filter(|text| is_here("fresh_messages", text)) {
        let setup = Setup { payload: Payload::Fresh, ..setup(text, 70_000) };
        let (socket, mut peer) = connected();
        let receiver = std::thread::spawn(move || {
            let mut verifier = crate::pattern::Verifier::new(setup.pattern, 70_000, true);
            let (mut buffer, mut total) = (vec![0; 128 << 10], 0);
            while let read @ 1.. = peer.read(&mut buffer).unwrap() {
                verifier.check(&buffer[..read]).unwrap();
                total += read;
            }
            total
        });
        let mut path = open(&setup, &socket).unwrap();
        run(path.as_mut(), &socket, 300);
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(receiver.join().unwrap(), 300 * 70_000, "{text}");
    }
}

/// 4 KiB of each message that arrive in the wrong place are what unlinked requests come to.
#[test]
fn eight_linked_messages_of_256_kib_are_in_order() {
    for text in ["uring-send:depth=8:chain=link", "uring-send-zc-fixed:depth=8:chain=link", "uring-bundle"] {
        if !is_here("eight_linked_messages", text) {
            continue;
        }
        let setup = Setup { payload: Payload::Fresh, ..setup(text, 256 << 10) };
        let (socket, mut peer) = connected();
        let receiver = std::thread::spawn(move || {
            let mut verifier = crate::pattern::Verifier::new(setup.pattern, 256 << 10, true);
            // Small reads fill the sender's socket again and again.
            let mut buffer = vec![0; 5000];
            while let read @ 1.. = peer.read(&mut buffer).unwrap() {
                verifier.check(&buffer[..read]).unwrap();
            }
        });
        let mut path = open(&setup, &socket).unwrap();
        run(path.as_mut(), &socket, 200);
        socket.shutdown(Shutdown::Write).unwrap();
        receiver.join().unwrap();
    }
}

#[test]
fn several_unlinked_requests_are_refused_with_the_remedy() {
    for name in PATHS {
        if name == "uring-bundle" {
            assert!(path::choose("uring-bundle:chain=link").unwrap_err().contains("depth, sqpoll"));
            continue;
        }
        let refused = path::choose(&format!("{name}:depth=2")).unwrap_err();
        assert!(refused.contains("add chain=link, or use uring-bundle"), "{refused}");
        assert!(path::choose(&format!("{name}:chain=bundle")).unwrap_err().contains("uring-bundle"));
        assert!(path::choose(&format!("{name}:depth=1:chain=link")).is_ok());
        assert!(path::choose(&format!("{name}:depth=257:chain=link")).unwrap_err().contains("256"));
    }
    let large = Setup { message_bytes: 256 << 20, ..setup("uring-bundle", 64) };
    assert!(matches!(depth(&large), Err(Failure::Unsupported(why)) if why.contains("lower the depth")));
}

#[test]
fn two_completions_are_one_send_and_each_is_counted_once() {
    for text in WAYS.into_iter().filter(|text| is_here("two_completions", text)) {
        let setup = setup(text, 10_000);
        let mut usage = Default::default();
        receive_while(&setup, |socket| {
            let mut path = open(&setup, socket).unwrap();
            run(path.as_mut(), socket, 100);
            path.drain(socket, Instant::now() + Duration::from_secs(20), &|| true).unwrap();
            usage = path.usage();
            if let Some(released) = path.released() {
                assert_eq!(released, 100, "{text}");
            }
            100
        });
        if entry(setup.choice.name()).interface.completions.is_none() {
            assert_eq!(usage.sends, None, "{text}");
        } else if usage.sends.is_some() {
            assert_eq!(
                (usage.sends, usage.completions, usage.unreported),
                (Some(100), Some(100), Some(0)),
                "{text}"
            );
            assert_eq!(usage.copied, Some(100), "loopback always copies after all: {text}");
        } else {
            crate::skip::skip("two_completions", "the kernel does not report usage");
        }
    }
}

#[test]
fn a_call_of_eight_messages_is_one_system_call_where_there_is_room() {
    for (text, bytes) in [
        ("uring-send:depth=8:chain=link", 64),
        ("uring-bundle", 64),
        ("uring-send-zc:depth=8:chain=link", 64),
    ] {
        if !is_here("a_call_of_eight_messages", text) {
            continue;
        }
        let setup = setup(text, bytes);
        receive_while(&setup, |socket| {
            let mut path = open(&setup, socket).unwrap();
            let tally = run(path.as_mut(), socket, 64);
            assert!((8..=16).contains(&tally.calls), "{text}: {tally:?}");
            path.drain(socket, Instant::now() + Duration::from_secs(20), &|| true).unwrap();
            64
        });
    }
}

#[test]
fn a_worker_that_waits_for_room_ends_when_the_socket_is_shut_down() {
    for text in WAYS.into_iter().filter(|text| is_here("a_worker_that_waits", text)) {
        // Room in the socket, and room in the ring.
        for bytes in [64 << 10, 64] {
            // The peer reads nothing.
            let (socket, _peer) = connected();
            let mut path = open(&setup(text, bytes), &socket).unwrap();
            let other = socket.try_clone().unwrap();
            let ender = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                other.shutdown(Shutdown::Both).unwrap();
                Instant::now()
            });
            let ended = loop {
                if let Err(failure) = path.send_message(&socket, &mut Tally::default()) {
                    break failure;
                }
            };
            let since = ender.join().unwrap();
            assert!(matches!(&ended, Failure::Failed(_)), "{text}: {ended:?}");
            assert!(since.elapsed() < Duration::from_secs(5), "{text}: {:?}", since.elapsed());
        }
    }
}

#[test]
fn the_time_of_a_thread_that_submits_is_told() {
    for text in WAYS.into_iter().filter(|text| is_here("the_time_of_a_thread", text)) {
        let setup = setup(text, 4096);
        receive_while(&setup, |socket| {
            let mut path = open(&setup, socket).unwrap();
            let before = path.kernel_cpu_s();
            run(path.as_mut(), socket, 200);
            let after = path.kernel_cpu_s();
            if setup.choice.is_on("sqpoll") {
                assert!(after.unwrap() > before.unwrap(), "{text}: {before:?} {after:?}");
            } else {
                assert_eq!((before, after), (None, None), "{text}");
            }
            200
        });
    }
}
