//! Streams: the receiver connects, presents the trial's nonce and the stream's number, and the sender
//! takes those and turns strangers away.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::order::Order;
use crate::failure::Failure;

/// How long all streams together may take to connect.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
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

/// Listens on `address` at a port of the kernel's choice, with the order's socket options.
pub fn listen(order: &Order, address: IpAddr) -> Result<(Socket, SocketAddr), Failure> {
    let socket = tcp(address)?;
    order.work.socket.apply(&socket)?;
    socket.bind(&SocketAddr::new(address, 0).into()).map_err(Failure::io("bind"))?;
    // Strangers may wait in the queue too; where it is full the kernel drops a SYN, which costs a second.
    socket.listen(order.work.streams().max(128) as i32).map_err(Failure::io("listen"))?;
    let local = socket.local_addr().map_err(Failure::io("getsockname"))?;
    let local =
        local.as_socket().ok_or_else(|| Failure::Failed("the listener has no IP address".to_owned()))?;
    Ok((socket, local))
}

/// Connects every stream of the order.
///
/// # Errors
/// When the sender cannot be reached in time.
pub fn connect(order: &Order, peer: SocketAddr, nonce: u64) -> Result<Vec<Socket>, Failure> {
    let deadline = Instant::now() + CONNECT_PATIENCE;
    let doing = format!("connecting to the sender at {peer}");
    (0..order.work.streams())
        .map(|index| {
            let mut socket = tcp(peer.ip())?;
            order.work.socket.apply(&socket)?;
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            socket.connect_timeout(&peer.into(), left).map_err(Failure::io(&doing))?;
            socket.write_all(&ticket(nonce, index)).map_err(Failure::io(&doing))?;
            Ok(socket)
        })
        .collect()
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
                Err(Failure::Failed(format!("accepting streams: {error}; see `ulimit -n`")))
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
    match poll(&mut polled, PollTimeout::from(50_u8)) {
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
