//! How long a receive call waits for bytes.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::Socket;

use super::ReceivePath;
use crate::failure::Failure;

/// How long a receive call waits for bytes. The socket has it as O_NONBLOCK and SO_RCVTIMEO, which calls look at that
/// receive; the path is told, for it may wait by another call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// Until there are some, or the stream ends.
    #[default]
    Endless,
    /// So long.
    Limit(Duration),
    /// Not at all.
    None,
}

impl Patience {
    /// Sets it on the socket, and tells the path.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn apply(self, socket: &Socket, path: &mut dyn ReceivePath) -> Result<(), Failure> {
        let limit = if let Self::Limit(limit) = self { Some(limit) } else { None };
        socket.set_read_timeout(limit).map_err(Failure::io("SO_RCVTIMEO"))?;
        socket.set_nonblocking(self == Self::None).map_err(Failure::io("O_NONBLOCK"))?;
        path.set_patience(self);
        Ok(())
    }

    /// As a time for the kernel; absent where there is no limit.
    pub(super) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Endless => None,
            Self::Limit(limit) => Some(limit),
            Self::None => Some(Duration::ZERO),
        }
    }

    /// Waits until the socket has bytes, as many as SO_RCVLOWAT says, or the stream has ended; or until the time is up.
    pub(super) fn wait(self, socket: &Socket) -> Result<(), Failure> {
        let timeout = self.timeout().map(|time| Timespec {
            tv_sec: time.as_secs().cast_signed(),
            tv_nsec: time.subsec_nanos().into(),
        });
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Failure::Failed(format!("waiting for bytes: {errno}"))),
        }
    }
}
