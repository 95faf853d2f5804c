//! Every receive path over real sockets.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use socket2::{Domain, Socket, Type};

use super::*;
use crate::cell::Payload;
use crate::pattern::{self, Pattern};
use crate::skip::skip;
use crate::socket::receive_low_water;

/// Every path, some of them with parameters that change what they do.
fn choices() -> Vec<&'static str> {
    let usual = REGISTRY.iter().map(|entry| entry.name);
    let others = [
        "zc-mmap:touch=read",
        "zc-mmap:copybuf=0B",
        "zc-mmap:touch=read:copybuf=64KiB",
        "uring-multishot:buffers=2",
        "uring-bundle:buffers=2",
        "uring-bundle:buffers=4096",
    ];
    usual.chain(others).collect()
}

/// The end that sends, and the one that receives.
fn connected() -> (Socket, Socket) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(1).unwrap();
    let receiver = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    receiver.connect(&listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, receiver)
}

fn setup(text: &str, message_bytes: usize, read_size: usize, verify: bool) -> Setup {
    let setup = Setup::of_messages(message_bytes, Pattern::new(7, 0));
    Setup { choice: choose(text).unwrap(), payload: Payload::Fresh, read_size, verify, ..setup }
}

/// The path on a socket; none where it cannot verify, or where this machine lacks it, which is said.
fn opened(test: &str, setup: &Setup, socket: &Socket) -> Option<Box<dyn ReceivePath>> {
    match (find(setup.choice.name()).unwrap().open)(setup, socket) {
        Ok(path) => Some(path),
        Err(Failure::Unsupported(why)) if why.contains("verify: false") => {
            assert!(setup.verify, "{why}");
            None
        }
        Err(Failure::Unsupported(why)) => {
            skip(test, format!("{}: {why}", setup.choice));
            None
        }
        Err(other) => panic!("{}: {other}", setup.choice),
    }
}

/// Sends so many messages, in pieces of so many bytes, and closes.
fn send(mut socket: Socket, setup: &Setup, messages: u64, piece: usize) {
    let mut message = vec![0; setup.message_bytes];
    for number in 0..messages {
        pattern::fill(setup.pattern.key(number), 0, &mut message);
        message.chunks(piece).for_each(|piece| socket.write_all(piece).unwrap());
    }
    socket.shutdown(Shutdown::Write).unwrap();
}

/// Receives until the stream ends, and returns how many bytes came.
fn receive_all(path: &mut dyn ReceivePath, socket: &Socket) -> u64 {
    let (tally, phase) = (ReceiveCounters::default(), AtomicU32::new(0));
    let span = Span { now: &phase, phase: 0, limit: u64::MAX };
    assert_eq!(path.run(socket, span, &tally), Ok(ReceiveEnd::Eof));
    assert!(tally.calls() <= tally.bytes() && (tally.calls() > 0) == (tally.bytes() > 0));
    tally.bytes()
}

/// Has a path receive messages and looks at every byte, where it can.
fn transfer(test: &str, setup: &Setup, messages: u64, piece: usize) {
    let (sender, receiver) = connected();
    let Some(mut path) = opened(test, setup, &receiver) else { return };
    let all = std::thread::scope(|scope| {
        scope.spawn(move || send(sender, setup, messages, piece));
        receive_all(path.as_mut(), &receiver)
    });
    assert_eq!(all, messages * setup.message_bytes as u64, "{}", setup.choice);
    let usage = path.usage();
    let told = usage.mapped_bytes.zip(usage.copied_bytes).map(|(mapped, copied)| mapped + copied);
    assert_eq!(told.is_some(), setup.choice.name() == "zc-mmap");
    assert!(told.is_none_or(|told| told == all), "{}: {usage:?}", setup.choice);
}

#[test]
fn every_byte_of_every_path_arrives_as_it_was_sent() {
    for text in choices() {
        for (bytes, messages) in
            [(8, 1000), (63, 300), (1001, 200), (64 << 10, 20), (65_537, 20), (1 << 20, 3)]
        {
            for read_size in [64 << 10, 777] {
                for verify in [true, false] {
                    let setup = setup(text, bytes, read_size, verify);
                    transfer("every_byte_of_every_path_arrives_as_it_was_sent", &setup, messages, usize::MAX);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sizes_of_messages_reads_and_pieces_will_do(
        place in 0..choices().len(),
        bytes in 1_usize..200_000,
        read_size in 1_usize..200_000,
        piece in 1_usize..200_000,
    ) {
        // Few calls, where reads are small.
        let messages = (read_size as u64 * 2000 / bytes as u64).clamp(1, 40);
        let piece = piece.max(bytes / 50);
        let setup = setup(choices()[place], bytes, read_size, true);
        transfer("any_sizes_of_messages_reads_and_pieces_will_do", &setup, messages, piece);
    }
}

#[test]
fn a_time_limit_without_bytes_is_none_and_what_comes_later_is_received() {
    for text in choices() {
        let setup = setup(text, 100, 4096, false);
        let (mut sender, receiver) = connected();
        let test = "a_time_limit_without_bytes_is_none_and_what_comes_later_is_received";
        let Some(mut path) = opened(test, &setup, &receiver) else { continue };
        for patience in [Patience::Limit(Duration::from_millis(2)), Patience::None] {
            patience.apply(&receiver, path.as_mut()).unwrap();
            for _ in 0..5 {
                assert_eq!(path.receive(&receiver), Ok(None), "{text}: {patience:?}");
            }
            sender.write_all(&[1; 100]).unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            let mut got = 0;
            while got < 100 {
                assert!(Instant::now() < deadline, "{text}: {got} bytes");
                got += path.receive(&receiver).unwrap().unwrap_or_default();
            }
            assert_eq!(got, 100, "{text}");
        }
        // Without a limit it waits for the end.
        Patience::Endless.apply(&receiver, path.as_mut()).unwrap();
        drop(sender);
        assert_eq!(receive_all(path.as_mut(), &receiver), 0, "{text}");
    }
}

#[test]
fn what_is_less_than_the_low_water_mark_arrives_at_the_end_and_when_the_mark_is_lowered() {
    for text in choices() {
        let text = format!("{text}:rcvlowat=32KiB");
        let setup = setup(&text, 1000, 64 << 10, false);
        let (mut sender, receiver) = connected();
        let test = "what_is_less_than_the_low_water_mark_arrives_at_the_end_and_when_the_mark_is_lowered";
        let Some(mut path) = opened(test, &setup, &receiver) else { continue };
        receive_low_water(&receiver, 32 << 10).unwrap();
        Patience::Limit(Duration::from_millis(2)).apply(&receiver, path.as_mut()).unwrap();
        assert_eq!(path.receive(&receiver), Ok(None), "{text}");
        sender.write_all(&[1; 1000]).unwrap();
        let (mut got, until) = (0, Instant::now() + Duration::from_millis(20));
        while Instant::now() < until {
            got += path.receive(&receiver).unwrap().unwrap_or_default();
        }
        receive_low_water(&receiver, 0).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while got < 1000 {
            assert!(Instant::now() < deadline, "{text}: {got} bytes");
            got += path.receive(&receiver).unwrap().unwrap_or_default();
        }
        receive_low_water(&receiver, 32 << 10).unwrap();
        Patience::Endless.apply(&receiver, path.as_mut()).unwrap();
        sender.write_all(&[2; 500]).unwrap();
        drop(sender);
        assert_eq!(receive_all(path.as_mut(), &receiver), 500, "{text}");
    }
}

#[test]
fn bytes_are_waited_for_up_to_the_low_water_mark() {
    for text in choices() {
        let text = format!("{text}:rcvlowat=32KiB");
        let setup = setup(&text, 1000, 64 << 10, false);
        let (mut sender, receiver) = connected();
        let Some(mut path) = opened("bytes_are_waited_for_up_to_the_low_water_mark", &setup, &receiver)
        else {
            continue;
        };
        receive_low_water(&receiver, 32 << 10).unwrap();
        // Sixty-four pieces of 1 KiB: without the mark there would be as many wake-ups.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..64 {
                    sender.write_all(&[1; 1024]).unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                }
            });
            let (tally, phase) = (ReceiveCounters::default(), AtomicU32::new(0));
            let span = Span { now: &phase, phase: 0, limit: 64 << 10 };
            assert_eq!(path.run(&receiver, span, &tally), Ok(ReceiveEnd::Stopped), "{text}");
            // Two of 32 KiB each, in as many pieces as the path has them.
            let is_whole = ["recv", "trunc", "scatter"].contains(&setup.choice.name());
            assert!(tally.calls() <= if is_whole { 3 } else { 40 }, "{text}: {} calls", tally.calls());
        });
    }
}

#[test]
fn a_connection_that_is_shut_down_or_broken_ends_every_wait() {
    for text in choices() {
        for is_reset in [false, true] {
            let setup = setup(text, 100, 4096, false);
            let (sender, receiver) = connected();
            let test = "a_connection_that_is_shut_down_or_broken_ends_every_wait";
            let Some(mut path) = opened(test, &setup, &receiver) else { continue };
            std::thread::scope(|scope| {
                let receiver = &receiver;
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(20));
                    if is_reset {
                        sender.set_linger(Some(Duration::ZERO)).unwrap();
                        drop(sender);
                    } else {
                        // As a session does that drops a trial.
                        receiver.shutdown(Shutdown::Both).unwrap();
                    }
                });
                match path.receive(receiver) {
                    Ok(Some(0)) if !is_reset => {}
                    Err(Failure::Failed(why)) if is_reset => assert!(why.contains("reset"), "{text}: {why}"),
                    other => panic!("{text}, reset: {is_reset}: {other:?}"),
                }
            });
        }
    }
}

/// A path that is dropped in mid-stream lets go of the socket: its peer sees the end at once.
#[test]
fn a_path_that_is_dropped_leaves_nothing_behind() {
    for text in choices() {
        let setup = setup(text, 100, 4096, false);
        let (mut sender, receiver) = connected();
        let Some(mut path) = opened("a_path_that_is_dropped_leaves_nothing_behind", &setup, &receiver) else {
            continue;
        };
        sender.write_all(&[1; 100]).unwrap();
        assert!(path.receive(&receiver).unwrap() > Some(0), "{text}");
        drop(path);
        drop(receiver);
        sender.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // Closing a ring interrupts a later call of its thread.
        match std::io::Read::read_exact(&mut sender, &mut [0; 1]).map_err(|error| error.kind()) {
            Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_low_water_mark_that_the_kernel_does_not_keep_is_refused() {
    let (_sender, receiver) = connected();
    receiver.set_recv_buffer_size(64 << 10).unwrap();
    assert_eq!(receive_low_water(&receiver, 16 << 10), Ok(()));
    let refused = receive_low_water(&receiver, 16 << 20).unwrap_err();
    assert!(matches!(&refused, Failure::Unsupported(why) if why.contains("receive_buffer")), "{refused}");
}

#[test]
fn buffers_are_a_power_of_two_in_reason() {
    for (text, what) in [
        ("uring-multishot:buffers=6", "such as 8"),
        ("uring-bundle:buffers=1", "2 to 4096"),
        ("zc-mmap:touch=write", "none, read"),
        ("zc-mmap:copybuf=2MiB", "up to 1MiB"),
    ] {
        assert!(choose(text).unwrap_err().contains(what), "{text}");
    }
    let (_sender, receiver) = connected();
    let setup = Setup { streams: 64, ..setup("uring-multishot:buffers=4096", 100, 1 << 20, false) };
    let refused = (find("uring-multishot").unwrap().open)(&setup, &receiver).err();
    let is_told = |refused: &Failure| matches!(refused, Failure::Unsupported(why) if why.contains("buffers") || why.contains("io_uring"));
    assert!(refused.as_ref().is_some_and(is_told), "{refused:?}");
}
