//! Agents that are spoken to directly: strangers on the data port, orders that no coordinator would give, and
//! deadlines.

mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use copycost::agent::order::{Order, Role};
use copycost::agent::protocol::{Reply, Report, Request};
use copycost::cell::{Cell, Payload, Wire, Workload};
use copycost::clock::Clocks;
use copycost::failure::Failure;
use copycost::socket::SocketOptions;
use copycost::workload::Work;
use socket2::{Domain, Socket, Type};
use support::agent::{Agent, Coordinator, connect};
use support::{skip, until};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An order of a verified trial with two streams.
fn order(trial: u64, role: Role) -> Order {
    let cell = Cell {
        workload: Workload::default(),
        wire: Wire::Loopback,
        send_path: "two-copy".into(),
        receive_path: "recv".into(),
        payload: Payload::Fresh,
        message_bytes: 1000,
        threads: 2,
        working_set: None,
    };
    let work = Work {
        sender_process: None,
        cell,
        messages: Some(20),
        socket: SocketOptions { nodelay: Some(true), ..SocketOptions::default() },
        read_size: 64 << 10,
        verify: true,
        drain_s: 5.0,
        rate: None,
        clocks: Clocks::default(),
    };
    Order { trial, role, work, pin: Vec::new(), patience_s: 60.0, watch: None }
}

fn prepare(order: Order) -> Request {
    Request::Prepare(Box::new(order))
}

/// Has the sender's agent prepare a trial; where it listens, and what a stream must present.
fn listening(sender: &mut Coordinator, trial: u64) -> (SocketAddr, u64) {
    sender.tell(&prepare(order(trial, Role::Send { listen: HERE })));
    match hear(sender, trial) {
        Reply::Listening { trial: number, address, nonce } if number == trial => (address, nonce),
        other => panic!("{other:?}"),
    }
}

fn broken(reply: Reply, trial: u64) -> Failure {
    match reply {
        Reply::Broken { trial: number, failure } if number == trial => failure,
        other => panic!("{other:?}"),
    }
}

/// The next reply that belongs to this trial; what an earlier one left behind is skipped.
fn hear(end: &mut Coordinator, trial: u64) -> Reply {
    loop {
        let reply = end.hear();
        if reply.trial().is_none_or(|number| number >= trial) {
            return reply;
        }
    }
}

/// Takes two agents through the rest of a trial of twenty messages a stream.
fn finish(
    sender: &mut Coordinator,
    receiver: &mut Coordinator,
    trial: u64,
    peer: SocketAddr,
    nonce: u64,
) -> [Report; 2] {
    receiver.tell(&prepare(order(trial, Role::Receive { peer, nonce })));
    for end in [&mut *receiver, sender] {
        assert_eq!(hear(end, trial), Reply::Ready { trial });
        end.tell(&Request::Start { trial });
    }
    sender.tell(&Request::Hold { trial, bytes: None });
    let Reply::Held { bytes, .. } = hear(sender, trial) else { panic!("the sender does not pause") };
    receiver.tell(&Request::Hold { trial, bytes: Some(bytes.clone()) });
    assert_eq!(hear(receiver, trial), Reply::Held { trial, bytes });
    receiver.tell(&Request::Measure { trial });
    assert_eq!(hear(receiver, trial), Reply::Armed { trial });
    sender.tell(&Request::Measure { trial });
    [sender, receiver].map(|end| {
        assert_eq!(hear(end, trial), Reply::Measuring { trial });
        match hear(end, trial) {
            Reply::Report { report, .. } => *report,
            other => panic!("{other:?}"),
        }
    })
}

/// A connection to the data port that is told these bytes.
fn knock(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    // A port that closes in the middle of a long stranger is what is wanted.
    let _ = stream.write_all(bytes);
    stream
}

#[test]
fn strangers_on_the_data_port_are_turned_away_and_the_trial_is_well() {
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let [mut sender, mut receiver] = agents.each_ref().map(|agent| Coordinator::of(agent).unwrap());
    for trial in 1..=3 {
        let (address, nonce) = listening(&mut sender, trial);
        let mut wrong = (nonce ^ 1).to_le_bytes().to_vec();
        wrong.extend(0_u32.to_le_bytes());
        let mut beyond = nonce.to_le_bytes().to_vec();
        beyond.extend(u32::MAX.to_le_bytes());
        let mut strangers = vec![
            knock(address, b"GET / HTTP/1.1\r\n\r\n"),
            knock(address, &wrong),
            knock(address, &wrong[..5]),
            knock(address, &nonce.to_le_bytes()),
            knock(address, &beyond),
            knock(address, &vec![0xa5; 1 << 20]),
        ];
        strangers.extend((0..600).map(|_| knock(address, b"")));
        let [sent, received] = finish(&mut sender, &mut receiver, trial, address, nonce);
        assert_eq!((sent.end.streams.len(), received.end.streams.len()), (2, 2));
        for (sent, received) in sent.end.streams.iter().zip(&received.end.streams) {
            assert_eq!((sent.end.bytes, received.end.bytes), (Some(20 * 1000), Some(20 * 1000)));
            assert!(sent.total_bytes >= 20 * 1000, "{sent:?}");
            assert_eq!((sent.total_bytes % 1000, received.total_bytes), (0, sent.total_bytes));
        }
        for mut stranger in strangers {
            let mut said = Vec::new();
            let _ = stranger.read_to_end(&mut said);
            assert_eq!(said, b"", "a stranger was sent something");
        }
    }
    // The port is open for the trial's streams alone.
    let (address, nonce) = listening(&mut sender, 4);
    finish(&mut sender, &mut receiver, 4, address, nonce);
    assert!(
        until(Duration::from_secs(20), || TcpStream::connect(address).is_err()),
        "{address} still listens"
    );
}

#[test]
fn orders_out_of_range_are_refused_before_anything_is_allocated() {
    let agent = Agent::start(&[]);
    let mut coordinator = Coordinator::of(&agent).unwrap();
    let before = agent.peak_kib();
    let good = |trial| order(trial, Role::Send { listen: HERE });
    let cell = |change: fn(&mut Cell)| {
        let mut order = good(1);
        change(&mut order.work.cell);
        order
    };
    let work = |change: fn(&mut Work)| {
        let mut order = good(1);
        change(&mut order.work);
        order
    };
    for (bad, part) in [
        (cell(|cell| cell.message_bytes = 0), "64 to "),
        (cell(|cell| cell.message_bytes = u64::MAX), "64 to "),
        (cell(|cell| cell.threads = 0), "1 to 1024"),
        (cell(|cell| cell.threads = u32::MAX), "1 to 1024"),
        (cell(|cell| cell.working_set = Some(u64::MAX)), "8 GiB"),
        (cell(|cell| cell.send_path = "../two-copy".into()), "not a send path"),
        (cell(|cell| cell.receive_path = String::new()), "not a receive path"),
        (cell(|cell| cell.workload = Workload::named("none")), "not a workload"),
        (work(|work| work.read_size = 0), "a read must ask"),
        (work(|work| (work.read_size, work.cell.threads) = (256 << 20, 1024)), "8 GiB"),
        (work(|work| work.messages = Some(0)), "at least one message"),
        (Order { patience_s: 1e300, ..good(1) }, "a trial may last 0 to 7200 seconds"),
        (work(|work| work.drain_s = -1.0), "the drain may last 0 to 60 seconds"),
        (work(|work| work.drain_s = 61.0), "the drain may last 0 to 60 seconds"),
        (work(|work| work.rate = Some(1e300)), "at most 1000000000"),
    ] {
        coordinator.tell(&prepare(bad));
        let failure = broken(coordinator.hear(), 1);
        assert!(matches!(failure, Failure::Unsupported(_)) && failure.reason().contains(part), "{failure:?}");
    }
    // An address that is not this host's.
    coordinator.tell(&prepare(order(2, Role::Send { listen: "192.0.2.1".parse().unwrap() })));
    assert!(broken(coordinator.hear(), 2).reason().starts_with("binding the data port: "));
    let grown = agent.peak_kib() - before;
    assert!(grown < 4 << 10, "{grown} KiB more");
}

#[test]
fn requests_out_of_place_are_ignored_and_bytes_out_of_place_end_the_conversation() {
    let agent = Agent::start(&[]);
    let mut coordinator = Coordinator::of(&agent).unwrap();
    for trial in [0, 1, u64::MAX] {
        coordinator.tell(&Request::Start { trial });
        coordinator.tell(&Request::Hold { trial, bytes: Some(vec![u64::MAX; 10_000]) });
        coordinator.tell(&Request::Measure { trial });
        coordinator.tell(&Request::Stop { trial });
        coordinator.tell(&Request::Abort { trial });
    }
    coordinator.tell(&Request::Ping);
    assert!(matches!(coordinator.hear(), Reply::Pong { .. }));
    drop(coordinator);

    for bytes in [&[0xff; 8][..], &[0, 0, 0, 2, b'{', b'}'], &[0, 0, 0, 4, 0xff, 0xfe, 0, 1]] {
        let mut coordinator = Coordinator::of(&agent).unwrap();
        coordinator.tell_bytes(bytes);
        assert!(coordinator.is_over(), "{bytes:?}");
    }
    // A coordinator that goes away in the middle of a frame, and in the middle of a trial.
    let mut coordinator = Coordinator::of(&agent).unwrap();
    listening(&mut coordinator, 1);
    coordinator.tell_bytes(&[0, 0, 1]);
    drop(coordinator);
    assert!(until(Duration::from_secs(20), || agent.threads() == 1), "{} threads", agent.threads());
    let mut next = Coordinator::of(&agent).unwrap();
    next.tell(&Request::Ping);
    assert!(matches!(next.hear(), Reply::Pong { .. }));
}

#[test]
fn a_trial_that_takes_longer_than_ordered_is_given_up() {
    let agents = [Agent::start(&[]), Agent::start(&[])];
    let [mut sender, mut receiver] = agents.each_ref().map(|agent| Coordinator::of(agent).unwrap());
    let since = Instant::now();
    // Nobody connects. Two seconds: on a busy machine the streams of the next trial take their time to stand.
    sender.tell(&prepare(Order { patience_s: 2.0, ..order(1, Role::Send { listen: HERE }) }));
    let Reply::Listening { .. } = sender.hear() else { panic!("it does not listen") };
    assert!(broken(sender.hear(), 1).reason().contains("more than 2.0 s"));
    // Everything stands, and nobody says Start.
    let (peer, nonce) = listening(&mut sender, 2);
    receiver.tell(&prepare(Order { patience_s: 2.0, ..order(2, Role::Receive { peer, nonce }) }));
    assert_eq!((receiver.hear(), sender.hear()), (Reply::Ready { trial: 2 }, Reply::Ready { trial: 2 }));
    assert!(broken(receiver.hear(), 2).reason().contains("more than 2.0 s"));
    // The sender finds its streams closed as soon as it sends.
    sender.tell(&Request::Start { trial: 2 });
    assert!(matches!(broken(sender.hear(), 2), Failure::Failed(_)));
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());

    // Both are as good as new.
    let (peer, nonce) = listening(&mut sender, 3);
    finish(&mut sender, &mut receiver, 3, peer, nonce);
    // And a trial that is replaced by another in the middle is dropped.
    let (peer, nonce) = listening(&mut sender, 4);
    receiver.tell(&prepare(order(4, Role::Receive { peer, nonce })));
    assert_eq!((receiver.hear(), sender.hear()), (Reply::Ready { trial: 4 }, Reply::Ready { trial: 4 }));
    for end in [&mut receiver, &mut sender] {
        end.tell(&Request::Start { trial: 4 });
    }
    let (peer, nonce) = listening(&mut sender, 5);
    receiver.tell(&Request::Abort { trial: 4 });
    finish(&mut sender, &mut receiver, 5, peer, nonce);
}

/// Has the sender's agent wait for completions that never come, because its peer reads nothing of the window.
fn draining(sender: &mut Coordinator, send_path: &str) -> Result<Socket, Failure> {
    let mut asked = order(1, Role::Send { listen: HERE });
    (asked.work.cell.send_path, asked.work.cell.threads) = (send_path.to_owned(), 1);
    (asked.work.cell.message_bytes, asked.work.messages) = (32 << 10, Some(4));
    // All of the window has room in the sender's socket, and not all of it in its peer's.
    (asked.work.socket.send_buffer, asked.work.drain_s) = (Some(200_000), 60.0);
    sender.tell(&prepare(asked));
    let Reply::Listening { address, nonce, .. } = sender.hear() else { panic!("no port") };
    let mut peer = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Small segments, or hardly one would fit into so small a window.
    peer.set_recv_buffer_size(8 << 10).unwrap();
    peer.set_tcp_mss(1000).unwrap();
    peer.connect(&address.into()).unwrap();
    peer.write_all(&[&nonce.to_le_bytes()[..], &0_u32.to_le_bytes()].concat()).unwrap();
    match sender.hear() {
        Reply::Broken { failure, .. } => return Err(failure),
        other => assert_eq!(other, Reply::Ready { trial: 1 }),
    }
    sender.tell(&Request::Start { trial: 1 });
    let mut reader = peer.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut read) = ([0; 1000], 0);
        reader.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            read += count as u64;
        }
        read
    });
    sender.tell(&Request::Hold { trial: 1, bytes: None });
    let Reply::Held { bytes, .. } = sender.hear() else { panic!("it does not pause") };
    assert_eq!([reading.join().unwrap()], bytes[..], "all that was sent before the pause");
    sender.tell(&Request::Measure { trial: 1 });
    assert_eq!(sender.hear(), Reply::Measuring { trial: 1 });
    Ok(peer)
}

#[test]
fn a_drain_ends_with_the_session() {
    for path in ["zero-copy", "uring-send-zc"] {
        let agent = Agent::start(&[]);
        let mut sender = Coordinator::of(&agent).unwrap();
        let _peer = match draining(&mut sender, path) {
            Ok(peer) => peer,
            Err(why) => {
                skip("a_drain_ends_with_the_session", why.reason());
                continue;
            }
        };
        std::thread::sleep(Duration::from_millis(500));
        assert!(agent.threads() > 3, "{path}: nothing was waited for");
        drop(sender);
        let since = Instant::now();
        assert!(until(Duration::from_secs(20), || agent.threads() == 1), "{path}: {:?}", since.elapsed());
        assert!(Coordinator::of(&agent).is_ok());
    }
}

/// Has the sender's agent take the answers of a receiver that says this for each message.
fn answered_by(sender: &mut Coordinator, trial: u64, answer: &'static [u8]) -> Reply {
    let Order { mut work, .. } = order(trial, Role::Send { listen: HERE });
    work.cell.workload = "request".parse().expect("a workload");
    work.cell.threads = 1;
    work.clocks = Clocks::Shared { ahead_ns: 0 };
    sender.tell(&prepare(Order { work, ..order(trial, Role::Send { listen: HERE }) }));
    let Reply::Listening { address, nonce, .. } = hear(sender, trial) else { panic!("no port") };
    let mut stream = knock(address, &[&nonce.to_le_bytes()[..], &0_u32.to_le_bytes()].concat());
    let receiver = std::thread::spawn(move || {
        let mut message = [0; 1000];
        while stream.read_exact(&mut message).is_ok() && stream.write_all(answer).is_ok() {}
    });
    assert_eq!(hear(sender, trial), Reply::Ready { trial });
    sender.tell(&Request::Start { trial });
    sender.tell(&Request::Hold { trial, bytes: None });
    let mut reply = hear(sender, trial);
    if let Reply::Held { .. } = reply {
        sender.tell(&Request::Measure { trial });
        reply = hear(sender, trial);
        if reply == (Reply::Measuring { trial }) {
            reply = hear(sender, trial);
        }
    }
    receiver.join().expect("the receiver ends with its connection");
    reply
}

#[test]
fn answers_that_no_clock_or_count_allows_break_the_trial_with_what_to_do() {
    let agent = Agent::start(&[]);
    let mut sender = Coordinator::of(&agent).unwrap();
    let lies: [(&[u8], &str); 3] = [
        (&[0, 0, 0, 0, 0, 0, 0, 1], "before it was sent: they do not agree; synchronise them"),
        (&[0x7f, 0, 0, 0, 0, 0, 0, 0], "after its answer was read: they do not agree; synchronise them"),
        (&[0; 16], "more answers than it got messages"),
    ];
    for (trial, (answer, what)) in (1..).zip(lies) {
        let reply = answered_by(&mut sender, trial, answer);
        let Failure::Failed(why) = broken(reply, trial) else { panic!("{what}") };
        assert!(why.contains(what), "{why}");
    }
}
