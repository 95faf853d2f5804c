//! Socket options: set alike on every path, and read back, because the kernel adjusts or ignores them.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket};

use crate::failure::Failure;

sockopt_impl!(
    /// SO_ZEROCOPY: without it the kernel ignores MSG_ZEROCOPY in silence.
    ZeroCopy,
    Both,
    libc::SOL_SOCKET,
    libc::SO_ZEROCOPY,
    bool
);

/// The options of a trial's sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketOptions {
    /// TCP_CONGESTION; absent: the host's default.
    pub congestion: Option<String>,
    /// Whether a host that refuses it cannot run the cell. Otherwise its own stays, and the rows show which:
    /// without CAP_NET_ADMIN only those of net.ipv4.tcp_allowed_congestion_control may be set.
    pub insist_on_congestion: bool,
    /// TCP_NODELAY. Off, as the kernel's default is, small messages share segments (Nagle's algorithm).
    pub nodelay: Option<bool>,
    /// SO_SNDBUF, bytes; absent: the kernel tunes it.
    pub send_buffer: Option<u64>,
    /// SO_RCVBUF, bytes; absent: the kernel tunes it.
    pub receive_buffer: Option<u64>,
}

/// What the kernel made of the options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadBack {
    /// TCP_CONGESTION; absent without TCP.
    pub congestion: Option<String>,
    /// TCP_NODELAY; absent without TCP.
    pub nodelay: Option<bool>,
    /// SO_SNDBUF, twice what was asked for; absent when the kernel tunes it.
    pub send_buffer: Option<u64>,
    /// SO_RCVBUF, twice what was asked for; absent when the kernel tunes it.
    pub receive_buffer: Option<u64>,
}

impl SocketOptions {
    /// Sets what must stand before the connection is made: buffers decide on the window scale, and an
    /// accepted socket inherits both from the listener.
    ///
    /// # Errors
    /// When the kernel refuses one, named with its remedy.
    pub fn apply(&self, socket: &Socket) -> Result<(), Failure> {
        set_nodelay(socket, self.nodelay.unwrap_or(false))?;
        if let Some(name) = self.congestion.as_ref().filter(|_| is_tcp(socket))
            && let Err(error) = socket.set_tcp_congestion(name.as_bytes())
            && self.insist_on_congestion
        {
            let why = if error.kind() == io::ErrorKind::NotFound {
                "the kernel does not have it; `modprobe tcp_NAME`, or name another in the grid's socket.congestion"
            } else {
                "not allowed here; see net.ipv4.tcp_allowed_congestion_control"
            };
            return Err(Failure::Unsupported(format!("congestion control {name}: {error} ({why})")));
        }
        if let Some(bytes) = self.send_buffer {
            set_buffer(bytes, ["SO_SNDBUF", "wmem_max"], |size| {
                setsockopt(&socket.as_fd(), sockopt::SndBufForce, &size)
                    .or_else(|_| setsockopt(&socket.as_fd(), sockopt::SndBuf, &size))?;
                Ok(socket.send_buffer_size()?)
            })?;
        }
        if let Some(bytes) = self.receive_buffer {
            set_buffer(bytes, ["SO_RCVBUF", "rmem_max"], |size| {
                setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &size)
                    .or_else(|_| setsockopt(&socket.as_fd(), sockopt::RcvBuf, &size))?;
                Ok(socket.recv_buffer_size()?)
            })?;
        }
        Ok(())
    }

    /// Reads back what the kernel made of the options.
    pub fn read_back(&self, socket: &Socket) -> ReadBack {
        let congestion = socket.tcp_congestion().ok().map(|name| {
            let text: Vec<u8> = name.into_iter().take_while(|&byte| byte != 0).collect();
            String::from_utf8_lossy(&text).into_owned()
        });
        let size =
            |is_told: bool, read: io::Result<usize>| read.ok().filter(|_| is_told).map(|bytes| bytes as u64);
        // Without TCP the kernel tunes no buffer, and what waits for the reader is on the sender's account alone.
        let is_fixed = !is_tcp(socket);
        ReadBack {
            congestion,
            nodelay: socket.tcp_nodelay().ok(),
            send_buffer: size(self.send_buffer.is_some() || is_fixed, socket.send_buffer_size()),
            receive_buffer: size(self.receive_buffer.is_some() && !is_fixed, socket.recv_buffer_size()),
        }
    }
}

/// Whether a stream goes by TCP. Unix-domain sockets have none of its options.
fn is_tcp(socket: &Socket) -> bool {
    socket.domain().is_ok_and(|domain| domain != Domain::UNIX)
}

/// Sets TCP_NODELAY; without TCP nothing holds a message back.
///
/// # Errors
/// When the kernel refuses it.
pub fn set_nodelay(socket: &Socket, is_on: bool) -> Result<(), Failure> {
    match is_tcp(socket) {
        true => socket.set_tcp_nodelay(is_on).map_err(Failure::io("TCP_NODELAY")),
        false => Ok(()),
    }
}

/// Sends what Nagle's algorithm or a cork holds back: it would come only after the peer's delayed acknowledgement, or
/// after 200 ms. Setting TCP_NODELAY pushes it out, of a corked socket too (`__tcp_sock_set_nodelay`).
///
/// # Errors
/// When the kernel refuses it.
pub fn push(socket: &Socket) -> Result<(), Failure> {
    if !is_tcp(socket) {
        return Ok(());
    }
    let asked = socket.tcp_nodelay().map_err(Failure::io("TCP_NODELAY"))?;
    [true, asked].into_iter().try_for_each(|is_on| set_nodelay(socket, is_on))
}

/// Sets TCP_CORK and reads it back.
///
/// # Errors
/// `Unsupported` when the socket has none.
pub fn cork(socket: &Socket) -> Result<(), Failure> {
    let refused = |why: String| Failure::Unsupported(format!("TCP_CORK: {why}; leave cork off, or use TCP"));
    socket.set_tcp_cork(true).map_err(|error| refused(error.to_string()))?;
    match socket.tcp_cork() {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("set, but reads back as off".to_owned())),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Sets a buffer and checks that the kernel did not cut it down in silence: `limit` is the sysctl of net.core by which it does.
fn set_buffer(
    bytes: u64,
    [name, limit]: [&str; 2],
    set: impl FnOnce(usize) -> Result<usize, Box<dyn std::error::Error>>,
) -> Result<(), Failure> {
    let size = usize::try_from(bytes).unwrap_or(usize::MAX);
    let got = set(size).map_err(|error| Failure::Failed(format!("{name} {bytes}: {error}")))?;
    if got >= size {
        return Ok(());
    }
    Err(Failure::Unsupported(format!(
        "{name}: {bytes} bytes asked, {got} given; raise net.core.{limit}, or run with CAP_NET_ADMIN"
    )))
}

/// Sets SO_ZEROCOPY and reads it back.
///
/// # Errors
/// `Unsupported` when the kernel refuses it or does not keep it.
pub fn enable_zero_copy(socket: &Socket) -> Result<(), Failure> {
    let refused = |why: String| Failure::Unsupported(format!("SO_ZEROCOPY: {why}"));
    setsockopt(&socket.as_fd(), ZeroCopy, &true).map_err(|error| refused(error.to_string()))?;
    match getsockopt(&socket.as_fd(), ZeroCopy) {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("set, but reads back as off".to_owned())),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Lets the kernel ask the network card for packets for so long before a wait sleeps (SO_BUSY_POLL).
///
/// # Errors
/// `Unsupported` when the kernel refuses it.
pub fn busy_poll(socket: &Socket, time: Duration) -> Result<(), Failure> {
    let micros = time.as_micros() as libc::c_int;
    let (fd, from) = (socket.as_raw_fd(), (&raw const micros).cast());
    // SAFETY: the kernel reads one integer of this size from `from`.
    let done = unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL, from, size_of::<libc::c_int>() as _)
    };
    match done {
        0 => Ok(()),
        _ => Err(Failure::Unsupported(format!(
            "SO_BUSY_POLL: {}; it takes CAP_NET_ADMIN and a kernel with CONFIG_NET_RX_BUSY_POLL",
            io::Error::last_os_error()
        ))),
    }
}

/// Has a receive call wait for so many bytes (SO_RCVLOWAT), or for any with 0, as sockets have it from the start.
///
/// # Errors
/// `Unsupported` when the kernel does not keep it: of more than half the receive buffer it keeps that half in silence
/// (tcp_set_rcvlowat).
pub fn receive_low_water(socket: &Socket, bytes: u64) -> Result<(), Failure> {
    // The kernel makes 1 of 0.
    let asked = bytes.max(1) as libc::c_int;
    let (fd, from) = (socket.as_raw_fd(), (&raw const asked).cast());
    // SAFETY: the kernel reads one integer of this size from `from`.
    let done = unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, from, size_of::<libc::c_int>() as _)
    };
    if done != 0 {
        return Err(Failure::Unsupported(format!("SO_RCVLOWAT: {}", io::Error::last_os_error())));
    }
    let mut kept = [0; size_of::<libc::c_int>()];
    let kept = getsockopt_bytes(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, &mut kept)
        .map(|filled| u32_at(filled, 0).unwrap_or_default())
        .map_err(Failure::io("SO_RCVLOWAT"))?;
    if u64::from(kept) == bytes.max(1) {
        return Ok(());
    }
    Err(Failure::Unsupported(format!(
        "rcvlowat: {bytes} bytes asked, {kept} kept, which is half of what the receive buffer can have; raise \
         socket.receive_buffer or net.ipv4.tcp_rmem, or lower rcvlowat"
    )))
}

/// Ends a connection at once: what is queued is thrown away, so that the kernel lets go of the buffers that it was lent, and
/// the peer is told by a reset. Sockets that are not TCP's cannot be ended so, and lend nothing.
pub fn abort(socket: &Socket) {
    let _ = rustix::net::connect_unspec(socket);
}

/// TCP segments sent again so far (`tcpi_total_retrans`); absent where the kernel does not tell.
pub fn retransmits(socket: &Socket) -> Option<u64> {
    let mut info = [0; size_of::<libc::tcp_info>()];
    let filled = getsockopt_bytes(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
    u32_at(filled, offset_of!(libc::tcp_info, tcpi_total_retrans)).map(u64::from)
}

/// The largest packet that goes the way to the peer, as far as the kernel knows, bytes: the route's MTU, or what a
/// router on it has said.
pub(crate) fn path_mtu(socket: &Socket) -> Option<u32> {
    let mut info = [0; size_of::<libc::tcp_info>()];
    let filled = getsockopt_bytes(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
    u32_at(filled, offset_of!(libc::tcp_info, tcpi_pmtu)).filter(|&mtu| mtu > 0)
}

/// Reads a socket option into `buffer`, and returns what the kernel filled in: its structures grow from one
/// release to the next, so that it may be less than the C library's type, or all that there is room for.
pub(crate) fn getsockopt_bytes<'a>(
    socket: &Socket,
    level: libc::c_int,
    name: libc::c_int,
    buffer: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let mut length = buffer.len() as libc::socklen_t;
    let (fd, to) = (socket.as_raw_fd(), buffer.as_mut_ptr().cast());
    // SAFETY: the kernel writes at most `length` bytes to `buffer`, which has that many, and then sets it.
    if unsafe { libc::getsockopt(fd, level, name, to, &raw mut length) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(&buffer[..buffer.len().min(length as usize)])
}

/// A field of a kernel's structure, where the kernel filled it in.
pub(crate) fn u32_at(filled: &[u8], offset: usize) -> Option<u32> {
    let bytes = filled.get(offset..offset + size_of::<u32>())?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// The same of 64 bits.
pub(crate) fn u64_at(filled: &[u8], offset: usize) -> Option<u64> {
    let bytes = filled.get(offset..offset + size_of::<u64>())?;
    bytes.try_into().ok().map(u64::from_ne_bytes)
}

/// Congestion controls that the kernel has loaded; absent when it does not tell.
pub fn available_congestion() -> Option<Vec<String>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn without_tcp_its_options_are_absent_and_no_errors() {
        let socket = Socket::from(UnixStream::pair().unwrap().0);
        let options = SocketOptions {
            congestion: Some("cubic".to_owned()),
            insist_on_congestion: true,
            nodelay: Some(true),
            send_buffer: Some(65_536),
            receive_buffer: Some(65_536),
        };
        options.apply(&socket).unwrap();
        push(&socket).unwrap();
        let expected = ReadBack { send_buffer: Some(131_072), ..ReadBack::default() };
        assert_eq!(options.read_back(&socket), expected);
        assert_eq!(retransmits(&socket), None);
        assert!(SocketOptions::default().read_back(&socket).send_buffer > Some(0), "nobody tunes it");
        for refused in [cork(&socket), enable_zero_copy(&socket)] {
            assert!(matches!(&refused, Err(Failure::Unsupported(why)) if why.contains("not supported")));
        }
    }

    #[test]
    fn a_cork_holds_a_small_message_back_and_a_push_lets_it_go() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let mut receiver = listener.accept().unwrap().0;
        cork(&sender).unwrap();
        sender.write_all(&[1; 64]).unwrap();
        receiver.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(receiver.read(&mut [0; 64]).is_err(), "it was not held back");
        push(&sender).unwrap();
        assert_eq!(receiver.read(&mut [0; 64]).unwrap(), 64);
        assert!(sender.tcp_cork().unwrap() && !sender.tcp_nodelay().unwrap());
    }

    #[test]
    fn a_field_that_the_kernel_did_not_fill_in_is_absent() {
        let offset = offset_of!(libc::tcp_info, tcpi_total_retrans);
        let mut info = vec![0; size_of::<libc::tcp_info>()];
        info[offset..offset + 4].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(u32_at(&info, offset), Some(7));
        assert_eq!(u32_at(&info[..offset + 3], offset), None);
        assert_eq!(u32_at(&[], offset), None);
    }

    #[test]
    fn structures_of_other_kernels_are_read_as_far_as_they_go() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let read = |room: usize| {
            let mut buffer = vec![0; room];
            getsockopt_bytes(&socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut buffer).map(<[u8]>::len)
        };
        assert_eq!(read(16).unwrap(), 16, "a program older than the kernel");
        let all = read(4096).unwrap();
        assert!((104..4096).contains(&all), "a program newer than the kernel: {all} bytes");
        assert_eq!(retransmits(&socket), Some(0));
    }
}
