//! sendfile: the messages lie in a memfd, and `sendfile()` hands its pages to the socket by reference: no
//! payload byte is copied on the sender's side, not even for a receiver on the same host, because no
//! zero-copy notification hangs on these pages that the kernel would have to settle by a copy.
//!
//! There is no completion either, so nothing ever says that a page may be written again. The memfd is
//! sealed against writing, and fresh payload is refused. Linux 6.5 and later take the pages by
//! MSG_SPLICE_PAGES (`skb_splice_from_iter`), earlier ones by `sendpage`.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use socket2::Socket;

use super::splice::refuse_fresh;
use super::{Entry, KernelInterface, Promise, SendPath, Tally};
use crate::failure::Failure;
use crate::pattern;
use crate::plot::palette::GREEN;
use crate::plot::{Marker, Style};
use crate::setup::Setup;

pub(super) const ENTRY: Entry = Entry {
    name: "sendfile",
    alias: None,
    about: "sendfile() from a sealed memfd; static payload only",
    interface: KernelInterface::Sendfile,
    promise: Promise { user: 0, kernel: 0, is_deferred: false },
    style: Style { colour: GREEN, marker: Marker::Down },
    open: |setup, _| {
        refuse_fresh("sendfile", setup.payload)?;
        Ok(Box::new(Sendfile::open(setup).map_err(|error| {
            Failure::Unsupported(format!(
                "a sealed memfd for sendfile: {error}; it takes Linux 3.17 or newer"
            ))
        })?))
    },
};

struct Sendfile {
    file: File,
    message_bytes: usize,
    /// Where the next message begins, and where the last one ends.
    next: usize,
    end: usize,
}

impl Sendfile {
    fn open(setup: &Setup) -> io::Result<Self> {
        let Setup { message_bytes, .. } = *setup;
        let messages = setup.working_set.unwrap_or(0).div_ceil(message_bytes as u64).max(1) as usize;
        let mut file =
            File::from(memfd_create("copycost", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
        let mut message = vec![0; message_bytes];
        pattern::fill(setup.pattern.key(0), 0, &mut message);
        for _ in 0..messages {
            file.write_all(&message)?;
        }
        let seals =
            SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(Self { file, message_bytes, next: 0, end: messages * message_bytes })
    }
}

impl SendPath for Sendfile {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let end = self.next + self.message_bytes;
        while let Some(left) = NonZeroUsize::new(end - self.next) {
            match socket.sendfile(&self.file, self.next, Some(left)) {
                Ok(0) => return Err(Failure::Failed("sendfile: the memfd ended early".to_owned())),
                Ok(sent) => {
                    self.next += sent;
                    tally.calls += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Failed(format!("sendfile: {error}"))),
            }
        }
        if end == self.end {
            self.next = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Payload;
    use crate::path::splice::tests::{connected, receive_while};
    use crate::pattern::Pattern;

    fn setup(message_bytes: usize, working_set: Option<u64>) -> Setup {
        Setup { working_set, ..Setup::of_messages(message_bytes, Pattern::new(3, 0)) }
    }

    #[test]
    fn the_messages_arrive_whole_and_in_order() {
        for (bytes, working_set) in [(64, None), (1000, Some(10_000)), (300_000, Some(1 << 20))] {
            let setup = setup(bytes, working_set);
            let mut path = Sendfile::open(&setup).unwrap();
            receive_while(&setup, |socket| {
                let mut tally = Tally::default();
                (0..20).for_each(|_| path.send_message(socket, &mut tally).unwrap());
                assert!(tally.calls >= 20);
                20
            });
        }
    }

    #[test]
    fn the_sealed_messages_cannot_be_written() {
        let mut path = Sendfile::open(&setup(4096, None)).unwrap();
        assert_eq!(path.file.write(&[1]).unwrap_err().raw_os_error(), Some(libc::EPERM));
    }

    #[test]
    fn fresh_payload_is_refused_with_the_reason() {
        let (socket, _peer) = connected();
        let refused =
            (ENTRY.open)(&Setup { payload: Payload::Fresh, ..setup(64, None) }, &socket).err().unwrap();
        assert!(matches!(&refused, Failure::Unsupported(why) if why.contains("no completion")), "{refused}");
    }
}
