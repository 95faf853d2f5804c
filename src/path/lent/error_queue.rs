//! Notifications of MSG_ZEROCOPY, which come by the socket's error queue.
//!
//! The kernel numbers the calls of a socket that took bytes. A notification is an inclusive range of numbers; it may cover
//! many calls, and says of its first one alone whether it was copied after all (`skb_zerocopy_notify_extend` in
//! net/core/skbuff.c): a COPIED flag proves copying, its absence proves nothing. Documentation/networking/msg_zerocopy.rst.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::Socket;

use super::{Calls, Done, Notifier, wait_for_errors};

const SO_EE_ORIGIN_ZEROCOPY: u8 = 5;
const SO_EE_CODE_ZEROCOPY_COPIED: u8 = 1;

/// The error queue of a socket.
#[derive(Debug)]
pub(in crate::path) struct ErrorQueue {
    control: Vec<u8>,
}

impl ErrorQueue {
    pub(in crate::path) fn new() -> Self {
        Self { control: cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6) }
    }

    /// Reads one message of the queue; false when it is empty.
    fn read(&mut self, socket: &Socket, calls: &mut Calls) -> nix::Result<bool> {
        let message =
            match recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut self.control), MsgFlags::MSG_ERRQUEUE)
            {
                Err(Errno::EAGAIN) => return Ok(false),
                Err(Errno::EINTR) => return Ok(true),
                other => other?,
            };
        message.cmsgs()?.filter_map(|part| done(&part)).for_each(|done| calls.complete(done));
        Ok(true)
    }
}

impl Notifier for ErrorQueue {
    const CALL: &'static str = "sendmsg with MSG_ZEROCOPY";
    const REMEDY: &'static str =
        "raise the locked-memory limit (ulimit -l) or net.core.optmem_max, or grant CAP_IPC_LOCK";

    fn reap(&mut self, socket: &Socket, calls: &mut Calls) -> io::Result<()> {
        while self.read(socket, calls)? {}
        Ok(())
    }

    fn wait(&mut self, socket: &Socket, deadline: Instant) -> io::Result<()> {
        wait_for_errors(socket, deadline.saturating_duration_since(Instant::now()))
    }
}

/// What a control message says of calls; none when it is about something else.
pub(super) fn done(message: &ControlMessageOwned) -> Option<Done> {
    let error = match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => error,
        _ => return None,
    };
    (error.ee_errno == 0 && error.ee_origin == SO_EE_ORIGIN_ZEROCOPY).then_some(Done {
        first: error.ee_info,
        last: error.ee_data,
        copied: error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED != 0,
    })
}
