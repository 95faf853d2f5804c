//! The sender's socket, as the process at the other end sees it: how much it has sent.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::mem::offset_of;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use linux_raw_sys::net::tcp_info;
use socket2::Socket;

use crate::failure::Failure;
use crate::socket::{getsockopt_bytes, u32_at, u64_at};

/// How long the sender may take to accept the connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// TCP_FIN_WAIT1 of the kernel's include/net/tcp_states.h: it has closed, and nobody has acknowledged that yet.
const FIN_WAIT1: u8 = 4;

/// How far a sender is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Payload bytes that it has sent since the connection was made, each once.
    pub sent: u64,
    /// Payload bytes that it has sent again.
    pub(crate) again: u64,
    /// Bytes of a full segment.
    pub segment_bytes: u64,
    /// Whether it has closed, and its FIN is sent.
    pub has_closed: bool,
}

/// The sender's socket of one connection: another descriptor of the same socket.
#[derive(Debug)]
pub(crate) struct SenderSocket(Socket);

/// Lets the process at the other end of a sink read how far this one's sockets are. Without it Yama
/// (kernel.yama.ptrace_scope) keeps `pidfd_getfd(2)` from a process that is no ancestor; where there is no Yama, nothing
/// forbids it to the same user.
pub(crate) fn allow_readers() {
    let any = libc::PR_SET_PTRACER_ANY;
    // SAFETY: a system call that touches no memory of ours.
    let _ = unsafe { libc::prctl(libc::PR_SET_PTRACER, any, 0, 0, 0) };
}

/// Takes that back.
pub(crate) fn forbid_readers() {
    // SAFETY: a system call that touches no memory of ours.
    let _ = unsafe { libc::prctl(libc::PR_SET_PTRACER, 0, 0, 0, 0) };
}

impl SenderSocket {
    /// The socket of process `pid` that is connected to `ours`.
    ///
    /// # Errors
    /// `Unsupported` where another process's descriptors may not be had, with the remedy.
    pub(crate) fn of(pid: u32, ours: &Socket) -> Result<Self, Failure> {
        let here = address(ours.local_addr());
        let process = open_process(pid).map_err(refused)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(pid, &process, here).map_err(refused)? {
                return Ok(Self(found));
            }
            if Instant::now() >= deadline {
                return Err(Failure::Failed("the sender did not accept the stream of a sink".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How far it is (TCP_INFO).
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn progress(&self) -> Result<Progress, Failure> {
        let mut info = [0; size_of::<tcp_info>()];
        let told = getsockopt_bytes(&self.0, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)
            .map_err(Failure::io("TCP_INFO of the sender"))?;
        let sent = u64_at(told, offset_of!(tcp_info, tcpi_bytes_sent));
        let again = u64_at(told, offset_of!(tcp_info, tcpi_bytes_retrans));
        let (Some(sent), Some(again)) = (sent, again) else {
            return Err(Failure::Unsupported(
                "TCP_INFO does not tell what was sent; a sink takes Linux 4.19 or newer".to_owned(),
            ));
        };
        // The FIN counts as one that is not sent until it is.
        let unsent = u32_at(told, offset_of!(tcp_info, tcpi_notsent_bytes));
        Ok(Progress {
            sent: sent - again,
            again,
            segment_bytes: u32_at(told, offset_of!(tcp_info, tcpi_snd_mss)).unwrap_or(1).into(),
            has_closed: told[offset_of!(tcp_info, tcpi_state)] == FIN_WAIT1 && unsent == Some(0),
        })
    }

    /// The clock that its segments are stamped by, milliseconds (TCP_TIMESTAMP).
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn timestamp(&self) -> Result<u32, Failure> {
        super::repaired::timestamp(&self.0)
    }
}

fn address(address: io::Result<socket2::SockAddr>) -> Option<SocketAddr> {
    address.ok()?.as_socket()
}

/// `pidfd_open(2)`.
fn open_process(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: a system call that touches no memory of ours.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// `pidfd_getfd(2)`: a descriptor of another process, as one of ours.
fn descriptor(process: &OwnedFd, theirs: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a system call that touches no memory of ours.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), theirs, 0) })
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(result as c_int) })
}

/// The socket of a process whose peer has this address.
fn find(pid: u32, process: &OwnedFd, peer: Option<SocketAddr>) -> io::Result<Option<Socket>> {
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let is_socket =
            std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|_| is_socket) else { continue };
        let socket = match descriptor(process, number) {
            // It was closed meanwhile.
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => continue,
            found => Socket::from(found?),
        };
        if address(socket.peer_addr()) == peer {
            return Ok(Some(socket));
        }
    }
    Ok(None)
}

/// Why the sender's progress cannot be read.
fn refused(error: io::Error) -> Failure {
    let remedy = match error.raw_os_error() {
        Some(libc::ENOSYS) => "a sink takes Linux 5.6 or newer",
        _ if error.kind() == ErrorKind::NotFound => {
            "the sender's agent must be a process of the same machine"
        }
        _ => "allow it: CAP_SYS_PTRACE, or a seccomp profile without that filter",
    };
    Failure::Unsupported(format!("reading how far the sender is (pidfd_getfd): {error}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_senders_progress_is_what_it_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let (mut sender, _) = listener.accept().unwrap();
        let seen = SenderSocket::of(std::process::id(), &ours).unwrap();
        assert_eq!(seen.progress().unwrap().sent, 0);
        sender.write_all(&[7; 5000]).unwrap();
        let progress = seen.progress().unwrap();
        assert_eq!((progress.sent, progress.has_closed), (5000, false));
        assert!(progress.segment_bytes >= 536, "{progress:?}");
        sender.shutdown(Shutdown::Write).unwrap();
        // The peer's kernel acknowledges the FIN at once, so the state is beyond FIN_WAIT1 by now.
        assert_eq!(seen.progress().unwrap().sent, 5000);
        assert!(seen.timestamp().unwrap() > 0);
    }

    #[test]
    fn a_process_that_is_gone_is_told_with_what_to_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let failure = SenderSocket::of(u32::MAX >> 2, &ours).unwrap_err();
        assert!(matches!(&failure, Failure::Unsupported(why) if why.contains("pidfd_getfd")), "{failure}");
    }
}
