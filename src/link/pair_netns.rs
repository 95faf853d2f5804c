//! The network namespace that an agent keeps for its end of a direct pair.
//!
//! A container engine puts packet filters into a container's network namespace (Docker: NAT for its name
//! service), and with them connection tracking, which every packet of every interface there goes through. A
//! direct pair shall have nothing in between, so its ends go into namespaces without any filter. Who makes the
//! pair asks the agent for its namespace, over a unix socket whose abstract name belongs to the container's.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::cmsg_space;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use super::wire;

const NAME: &[u8] = b"copycost-pair-netns";
/// How long an agent may take to hand its namespace over.
const PATIENCE: Duration = Duration::from_secs(2);

/// An agent's namespace for direct pairs. It is there as long as the agent.
#[derive(Debug)]
pub struct PairNetns {
    file: File,
}

impl PairNetns {
    /// Makes one, and from now on hands it to whoever asks from the namespace that the caller is in.
    ///
    /// # Errors
    /// When CAP_SYS_ADMIN is missing, or another agent of this network namespace offers one.
    pub fn offer() -> Result<Arc<Self>> {
        let own = apart(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        })?;
        let pair = Arc::new(Self { file: own.context("a network namespace for direct pairs")? });
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(NAME)?)
            .context("another agent in this network namespace offers a namespace for direct pairs")?;
        let offered = Arc::clone(&pair);
        std::thread::Builder::new().name("pair netns".to_owned()).spawn(move || {
            for asking in listener.incoming().flatten() {
                // Who asks and goes away before the answer gets none.
                let _ = offered.hand_over(&asking);
            }
        })?;
        Ok(pair)
    }

    fn hand_over(&self, asking: &UnixStream) -> io::Result<()> {
        let descriptors = [self.file.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(asking.as_raw_fd(), &[IoSlice::new(b"n")], &message, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    /// Moves the calling thread into it.
    ///
    /// # Errors
    /// When CAP_SYS_ADMIN is missing.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.file, CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs `work` in it, on a thread of its own.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        apart(|| self.enter().map(|()| work()))?
    }

    /// Whether it has a way to `address`, its own included: a pair has been put into it.
    pub fn reaches(&self, address: IpAddr) -> bool {
        self.within(|| wire::interface_towards(address)).is_ok_and(|interface| interface.is_some())
    }
}

/// Runs `work` on a thread of its own, whose namespaces are nobody else's.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other("a thread in another namespace panicked"))
    })
}

/// The namespace that an agent in the caller's network namespace keeps for direct pairs; none where no agent
/// offers one.
///
/// # Errors
/// When there is such an agent, and it hands nothing over.
pub(super) fn asked_for() -> Result<Option<File>> {
    let agent = match UnixStream::connect_addr(&SocketAddr::from_abstract_name(NAME)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        other => other.context("cannot ask the agent there for its namespace for direct pairs")?,
    };
    agent.set_read_timeout(Some(PATIENCE))?;
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut room = cmsg_space!([std::os::fd::RawFd; 1]);
    let told = recvmsg::<()>(agent.as_raw_fd(), &mut bytes, Some(&mut room), MsgFlags::MSG_CMSG_CLOEXEC)
        .context("the agent there does not hand over its namespace for direct pairs")?;
    let given = told.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    let descriptor = given.context("the agent there handed over nothing; it may be another copycost")?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(Some(unsafe { File::from_raw_fd(descriptor) }))
}
