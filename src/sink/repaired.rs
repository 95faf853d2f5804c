//! The receiving socket of a sink, put into repair: it tells its sequence numbers, and sends nothing of its own any more.
//!
//! What TCP_REPAIR does is told by `do_tcp_setsockopt` and `tcp_can_repair_sock` in the kernel's net/ipv4/tcp.c: it takes
//! CAP_NET_ADMIN in the user namespace that owns the network namespace.

use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::Socket;

use crate::failure::Failure;
use crate::socket::{getsockopt_bytes, u32_at};

// include/uapi/linux/tcp.h
const TCP_REPAIR: c_int = 19;
const TCP_REPAIR_QUEUE: c_int = 20;
const TCP_QUEUE_SEQ: c_int = 21;
const TCP_TIMESTAMP: c_int = 24;
const TCP_RECV_QUEUE: c_int = 1;
const TCP_SEND_QUEUE: c_int = 2;
/// TCPI_OPT_TIMESTAMPS of `tcpi_options`.
const OPTIONS: usize = 5;
const HAS_TIMESTAMPS: u8 = 1;

/// How long what the receiver itself has sent may take to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection's receiving end in repair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repaired {
    /// Our address.
    pub here: SocketAddr,
    /// The sender's.
    pub there: SocketAddr,
    /// The sequence number that we would send next.
    pub sends: u32,
    /// The one that is expected of the sender.
    pub expects: u32,
    /// The clock that our segments are stamped by, milliseconds; absent where the connection has no timestamps.
    pub timestamp: Option<u32>,
}

impl Repaired {
    /// Puts a socket into repair once all that it has sent is acknowledged.
    ///
    /// # Errors
    /// `Unsupported` without the right to do so, with the remedy.
    pub(crate) fn of(socket: &Socket) -> Result<Self, Failure> {
        settle(socket)?;
        set(socket, TCP_REPAIR, 1).map_err(refused)?;
        let queue = |which| {
            set(socket, TCP_REPAIR_QUEUE, which)?;
            get(socket, TCP_QUEUE_SEQ)
        };
        // The queue to send from comes last: while it is chosen, the kernel transmits nothing (tcp_write_xmit).
        let expects = queue(TCP_RECV_QUEUE).map_err(Failure::io("TCP_QUEUE_SEQ"))?;
        let sends = queue(TCP_SEND_QUEUE).map_err(Failure::io("TCP_QUEUE_SEQ"))?;
        let mut info = [0; 16];
        let info = getsockopt_bytes(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)
            .map_err(Failure::io("TCP_INFO"))?;
        let timestamp = match info[OPTIONS] & HAS_TIMESTAMPS {
            0 => None,
            _ => Some(timestamp(socket)?),
        };
        let end = |address: io::Result<socket2::SockAddr>| {
            address
                .ok()
                .and_then(|address| address.as_socket())
                .ok_or_else(|| Failure::Failed("a sink's stream has no IP address".to_owned()))
        };
        Ok(Self {
            here: end(socket.local_addr())?,
            there: end(socket.peer_addr())?,
            sends,
            expects,
            timestamp,
        })
    }
}

/// The largest window that a socket's peer can be told, in the units that its scale makes of the header's 16 bits.
pub(super) const WIDEST: u16 = u16::MAX;

/// The clock that a socket's segments are stamped by, milliseconds.
pub(super) fn timestamp(socket: &Socket) -> Result<u32, Failure> {
    get(socket, TCP_TIMESTAMP).map_err(Failure::io("TCP_TIMESTAMP"))
}

/// Waits until the peer has acknowledged all that the socket has sent.
fn settle(socket: &Socket) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while unacknowledged(socket).map_err(Failure::io("SIOCOUTQ"))? > 0 {
        if Instant::now() >= deadline {
            return Err(Failure::Failed("the sender did not acknowledge the stream's ticket".to_owned()));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

nix::ioctl_read_bad!(siocoutq, libc::TIOCOUTQ, c_int);

fn unacknowledged(socket: &Socket) -> io::Result<c_int> {
    let mut bytes = 0;
    // SAFETY: the kernel writes one integer to `bytes`.
    unsafe { siocoutq(socket.as_raw_fd(), &raw mut bytes) }?;
    Ok(bytes)
}

fn set(socket: &Socket, name: c_int, value: c_int) -> io::Result<()> {
    let (fd, from) = (socket.as_raw_fd(), (&raw const value).cast());
    // SAFETY: the kernel reads one integer of this size from `from`.
    let done = unsafe { libc::setsockopt(fd, libc::IPPROTO_TCP, name, from, size_of::<c_int>() as _) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get(socket: &Socket, name: c_int) -> io::Result<u32> {
    let mut value = [0; 4];
    let told = getsockopt_bytes(socket, libc::IPPROTO_TCP, name, &mut value)?;
    u32_at(told, 0).ok_or_else(|| Errno::PROTO.into())
}

fn refused(error: io::Error) -> Failure {
    Failure::Unsupported(format!(
        "TCP_REPAIR, by which a sink reads its sequence numbers: {error}; it takes CAP_NET_ADMIN: grant \
         it, run as root, or allow user namespaces"
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_in_repair_tells_where_it_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        ours.write_all(b"ticket").unwrap();
        let ours = Socket::from(ours);
        let repaired = match Repaired::of(&ours) {
            Err(Failure::Unsupported(why)) => {
                assert!(why.contains("CAP_NET_ADMIN"), "{why}");
                return crate::skip::skip("TCP_REPAIR", &why);
            }
            repaired => repaired.unwrap(),
        };
        assert_eq!(repaired.there, listener.local_addr().unwrap());
        let before = repaired.expects;
        sender.write_all(&[1; 100]).unwrap();
        let after = Repaired::of(&ours).unwrap();
        assert_eq!(after.expects.wrapping_sub(before), 100);
        assert_eq!(after.sends, repaired.sends);
        assert!(after.timestamp >= repaired.timestamp);
    }
}
