//! Streams: the receiver connects, presents the trial's nonce and the stream's number, and the sender
//! takes those and turns strangers away. On the wire `unix` the address is a name without a file, which both ends make
//! of the nonce; anybody can list it, so that the nonce does not stand in it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sha2::{Digest, Sha256};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::order::Order;
use crate::cell::Wire;
use crate::failure::Failure;

/// How long all streams together may take to connect.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// How often is looked up whether anybody still waits for the streams.
const LOOK_UP: Duration = Duration::from_millis(50);
/// How long a connection may take to present its nonce.
const SILENCE: Duration = Duration::from_secs(2);
/// Connections that have not presented a nonce yet; where there are more, the oldest make room, because a
/// receiver's ticket comes at once.
const MOST_PENDING: usize = 128;
const TICKET_BYTES: usize = 12;

fn ticket(nonce: u64, index: u32) -> [u8; TICKET_BYTES] {
    let mut bytes = [0; TICKET_BYTES];
    bytes[..8].copy_from_slice(&nonce.to_le_bytes());
    bytes[8..].copy_from_slice(&index.to_le_bytes());
    bytes
}

fn tcp(address: IpAddr) -> Result<Socket, Failure> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP)).map_err(Failure::io("socket"))
}

fn unix() -> Result<Socket, Failure> {
    Socket::new(Domain::UNIX, Type::STREAM.cloexec(), None).map_err(Failure::io("socket"))
}

/// The abstract address of a trial's streams.
fn unix_address(nonce: u64) -> Result<SockAddr, Failure> {
    let digest = Sha256::new().chain_update(b"copycost streams").chain_update(nonce.to_le_bytes()).finalize();
    SockAddr::unix(format!("\0copycost-{}", hex::encode(&digest[..16]))).map_err(Failure::io("an address"))
}

/// Listens on `address` at a port of the kernel's choice, or at the trial's name, with the order's socket options.
pub fn listen(order: &Order, address: SocketAddr, nonce: u64) -> Result<(Socket, SocketAddr), Failure> {
    let named = order.work.cell.wire == Wire::Unix;
    let socket = if named { unix() } else { tcp(address.ip()) }?;
    order.work.socket.apply(&socket)?;
    let at = if named { unix_address(nonce)? } else { address.into() };
    if address.port() != 0 && !named {
        // Connections of the last trial may still be in TIME_WAIT.
        socket.set_reuse_address(true).map_err(Failure::io("SO_REUSEADDR"))?;
    }
    socket.bind(&at).map_err(Failure::io("binding the data port"))?;
    // Strangers may wait in the queue too; where it is full the kernel drops a SYN, which costs a second.
    socket.listen(order.work.streams().max(128) as i32).map_err(Failure::io("listen"))?;
    if named {
        return Ok((socket, address));
    }
    let local = socket.local_addr().map_err(Failure::io("getsockname"))?;
    let local =
        local.as_socket().ok_or_else(|| Failure::Failed("the listener has no IP address".to_owned()))?;
    Ok((socket, local))
}

/// Connects every stream of the order.
///
/// # Errors
/// When the sender cannot be reached in time, or `given_up` says that nobody waits for it any more.
pub fn connect(
    order: &Order,
    peer: SocketAddr,
    nonce: u64,
    given_up: impl Fn() -> bool,
) -> Result<Vec<Socket>, Failure> {
    let deadline = Instant::now() + CONNECT_PATIENCE;
    let named = order.work.cell.wire == Wire::Unix;
    let at = if named { unix_address(nonce)? } else { peer.into() };
    let doing = match named {
        true => "connecting to the sender by a Unix-domain socket".to_owned(),
        false => format!("connecting to the sender at {peer}"),
    };
    (0..order.work.streams())
        .map(|index| {
            let mut socket = if named { unix() } else { tcp(peer.ip()) }?;
            order.work.socket.apply(&socket)?;
            let goes_on = || Instant::now() < deadline && !given_up();
            connect_while(&socket, &at, goes_on).map_err(Failure::io(&doing))?;
            socket.write_all(&ticket(nonce, index)).map_err(Failure::io(&doing))?;
            Ok(socket)
        })
        .collect()
}

/// Connects. A call waits for as long as SO_SNDTIMEO says, for the peer's answer or, without TCP, for room in the listener's
/// queue; the next call waits on.
fn connect_while(socket: &Socket, at: &SockAddr, goes_on: impl Fn() -> bool) -> std::io::Result<()> {
    socket.set_write_timeout(Some(LOOK_UP))?;
    loop {
        match socket.connect(at) {
            Ok(()) => return socket.set_write_timeout(None),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINPROGRESS | libc::EALREADY | libc::EAGAIN) if goes_on() => {}
                Some(libc::EINPROGRESS | libc::EALREADY | libc::EAGAIN) => {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
                _ => return Err(error),
            },
        }
    }
}

/// A connection that has not presented its whole ticket yet.
struct Pending {
    socket: Socket,
    ticket: Vec<u8>,
    since: Instant,
}

/// Takes the order's streams from the listener, in the order of their numbers. Strangers, who present no
/// valid ticket, are closed and disturb nothing.
///
/// # Errors
/// When not all streams came in time, or `given_up` says that nobody waits for them any more.
pub fn accept(
    listener: &Socket,
    order: &Order,
    nonce: u64,
    given_up: impl Fn() -> bool,
) -> Result<Vec<Socket>, Failure> {
    let deadline = Instant::now() + CONNECT_PATIENCE;
    let mut streams: Vec<Option<Socket>> = (0..order.work.streams()).map(|_| None).collect();
    let mut pending: Vec<Pending> = Vec::new();
    listener.set_nonblocking(true).map_err(Failure::io("listen"))?;
    while streams.iter().any(Option::is_none) {
        if given_up() || Instant::now() >= deadline {
            let came = streams.iter().flatten().count();
            return Err(Failure::Failed(format!(
                "{came} of {} streams connected within {CONNECT_PATIENCE:?}",
                streams.len()
            )));
        }
        wait(listener, &pending)?;
        pending.retain(|stranger| stranger.since.elapsed() < SILENCE);
        while let Some(socket) = next(listener)? {
            if socket.set_nonblocking(true).is_ok() {
                pending.push(Pending { socket, ticket: Vec::new(), since: Instant::now() });
            }
            if pending.len() >= 2 * MOST_PENDING {
                break;
            }
        }
        let mut waiting = Vec::new();
        for mut one in pending.drain(..) {
            match read_ticket(&mut one, nonce) {
                Ticket::Partial => waiting.push(one),
                Ticket::Refused => {}
                Ticket::Stream(index) => {
                    if let Some(place @ None) = streams.get_mut(index as usize) {
                        one.socket.set_nonblocking(false).map_err(Failure::io("accept"))?;
                        order.work.socket.apply(&one.socket)?;
                        *place = Some(one.socket);
                    }
                }
            }
        }
        waiting.drain(..waiting.len().saturating_sub(MOST_PENDING));
        pending = waiting;
    }
    Ok(streams.into_iter().flatten().collect())
}

/// The next connection; none when nobody waits.
fn next(listener: &Socket) -> Result<Option<Socket>, Failure> {
    match listener.accept() {
        Ok((socket, _)) => Ok(Some(socket)),
        Err(error) => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                Err(Failure::io("accepting streams")(error))
            }
            // Nobody waits, or somebody gave up while waiting (accept(2)).
            _ => Ok(None),
        },
    }
}

fn wait(listener: &Socket, pending: &[Pending]) -> Result<(), Failure> {
    let mut polled: Vec<_> = std::iter::once(listener)
        .chain(pending.iter().map(|one| &one.socket))
        .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
        .collect();
    match poll(&mut polled, PollTimeout::try_from(LOOK_UP).unwrap_or(PollTimeout::ZERO)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Failure::Failed(format!("waiting for streams: {errno}"))),
    }
}

enum Ticket {
    Partial,
    Refused,
    Stream(u32),
}

fn read_ticket(one: &mut Pending, nonce: u64) -> Ticket {
    let mut bytes = [0; TICKET_BYTES];
    let left = TICKET_BYTES - one.ticket.len();
    match one.socket.read(&mut bytes[..left]) {
        Ok(0) => return Ticket::Refused,
        Ok(count) => one.ticket.extend(&bytes[..count]),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ticket::Partial,
        Err(_) => return Ticket::Refused,
    }
    let Some((presented, index)) = one.ticket.split_first_chunk::<8>() else { return Ticket::Partial };
    if *presented != nonce.to_le_bytes() {
        return Ticket::Refused;
    }
    index.try_into().map_or(Ticket::Partial, |index| Ticket::Stream(u32::from_le_bytes(index)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::agent::order::Role;
    use crate::cell::Cell;
    use crate::workload::Work;

    fn order(wire: Wire, threads: u32, nonce: u64) -> Order {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let cell = Cell { wire, threads, ..Cell::example("two-copy", 64) };
        Order {
            trial: 1,
            role: Role::Receive { peer, nonce },
            work: Work::example(cell),
            pin: Vec::new(),
            patience_s: 10.0,
            watch: None,
        }
    }

    #[test]
    fn streams_are_told_from_strangers_by_tcp_and_without() {
        for wire in [Wire::Loopback, Wire::Unix] {
            let nonce = getrandom::u64().unwrap();
            let order = order(wire, 200, nonce);
            let (listener, address) = listen(&order, (Ipv4Addr::LOCALHOST, 0).into(), nonce).unwrap();
            let at = match wire {
                Wire::Unix => unix_address(nonce).unwrap(),
                _ => address.into(),
            };
            let stranger = || {
                let socket = if wire == Wire::Unix { unix() } else { tcp(address.ip()) }.unwrap();
                socket.connect(&at).unwrap();
                socket
            };
            let (silent, mut wrong) = (stranger(), stranger());
            wrong.write_all(&ticket(nonce ^ 1, 0)).unwrap();
            std::thread::scope(|scope| {
                let connecting = scope.spawn(|| connect(&order, address, nonce, || false));
                let accepted = accept(&listener, &order, nonce, || false).unwrap();
                let mut connected = connecting.join().unwrap().unwrap();
                assert_eq!((accepted.len(), connected.len()), (200, 200));
                for (number, socket) in (0_u8..).zip(&accepted) {
                    (&*socket).write_all(&[number]).unwrap();
                }
                for (number, socket) in (0_u8..).zip(&mut connected) {
                    let mut byte = [0];
                    socket.read_exact(&mut byte).unwrap();
                    assert_eq!(byte[0], number, "the streams are in the order of their numbers");
                }
            });
            assert_eq!(wrong.read(&mut [0]).unwrap_or(0), 0, "it was closed");
            drop(silent);
        }
    }

    #[test]
    fn the_name_tells_nobody_the_nonce() {
        let name = |nonce| unix_address(nonce).unwrap().as_abstract_namespace().unwrap().to_vec();
        assert_eq!(name(7), name(7));
        assert_ne!(name(7), name(8));
        let text = String::from_utf8(name(7)).unwrap();
        assert!(text.starts_with("copycost-") && !text.contains(&format!("{:016x}", 7)), "{text}");
    }

    #[test]
    fn a_sender_that_never_answers_is_waited_for_only_as_long_as_somebody_wants_it() {
        for wire in [Wire::Loopback, Wire::Unix] {
            let nonce = getrandom::u64().unwrap();
            let (listener, address) =
                listen(&order(wire, 1, nonce), (Ipv4Addr::LOCALHOST, 0).into(), nonce).unwrap();
            // Nobody accepts, and the queue is short.
            listener.listen(0).unwrap();
            let (began, many) = (Instant::now(), order(wire, 64, nonce));
            let error =
                connect(&many, address, nonce, || began.elapsed() > Duration::from_millis(300)).unwrap_err();
            assert!(error.reason().ends_with("timed out"), "{error}");
            assert!(began.elapsed() < CONNECT_PATIENCE / 2, "{:?}", began.elapsed());
        }
    }

    #[test]
    fn nobody_listens_under_another_name() {
        let order = order(Wire::Unix, 1, 3);
        let error = connect(&order, ([127, 0, 0, 1], 0).into(), 3, || false).unwrap_err();
        assert!(error.reason().starts_with("connecting to the sender by a Unix-domain socket"), "{error}");
    }
}
