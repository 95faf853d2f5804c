//! sendfile: the messages lie in a memfd, and `sendfile()` hands its pages to the socket by reference: no
//! payload byte is copied on the sender's side, not even for a receiver on the same host, because no
//! zero-copy notification hangs on these pages that the kernel would have to settle by a copy.
//!
//! There is no completion either, so nothing but an answer of the receiver says that a page may be written again. Where
//! it does not answer, the memfd is sealed against writing, and fresh payload is refused. Linux 6.5 and later take the pages by
//! MSG_SPLICE_PAGES (`skb_splice_from_iter`), earlier ones by `sendpage`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;

use memmap2::MmapMut;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use socket2::Socket;

use super::splice::reusable;
use super::{Entry, Fresh, KernelInterface, MovedBytes, Parameters, Promise, Rewrite, SendPath, Tally};
use crate::cell::Payload;
use crate::failure::{Failure, told};
use crate::pattern;
use crate::setup::Setup;
use crate::style::{GREEN, Marker, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "sendfile",
    alias: None,
    about: "sendfile() from a memfd; fresh payload where messages are answered",
    interface: KernelInterface {
        name: "sendfile()",
        moved: MovedBytes::Results(&[libc::SYS_sendfile]),
        completions: None,
    },
    promise: Promise { user: 0, kernel: 0, is_deferred: false },
    style: Style { colour: GREEN, marker: Marker::Down },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: |setup, _| {
        Ok(match (setup.payload, reusable("sendfile", setup)?) {
            (Payload::Static, _) => {
                Box::new(Sendfile::open(setup, 1).and_then(Sendfile::seal).map_err(refused)?)
            }
            (Payload::Fresh, least) => Box::new(FreshSendfile::open(setup, least).map_err(refused)?),
        })
    },
};

/// Why there is no memfd.
fn refused(error: io::Error) -> Failure {
    let hint = match error.raw_os_error() {
        Some(libc::ENOSYS) => "; it takes Linux 3.17 or newer",
        _ => "",
    };
    Failure::Unsupported(format!("a memfd for sendfile: {}{hint}", told(&error)))
}

/// Bytes that are written to a file at once.
const WRITE: usize = 1 << 20;

/// Messages that lie one behind another in a file, whatever file that is.
pub(super) struct Sendfile {
    pub(super) file: File,
    pub(super) message_bytes: usize,
    /// Where the next message begins, and where the last one ends.
    next: usize,
    pub(super) end: usize,
}

impl Sendfile {
    fn open(setup: &Setup, least: usize) -> io::Result<Self> {
        let memfd = memfd_create("copycost", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        Self::write(memfd.into(), setup, setup.working_set.unwrap_or(0), least)
    }

    /// Writes static messages into an empty file: as many as make up so many bytes, and at least `least`.
    pub(super) fn write(file: File, setup: &Setup, bytes: u64, least: usize) -> io::Result<Self> {
        let Setup { message_bytes, .. } = *setup;
        let messages = bytes.div_ceil(message_bytes as u64).max(least as u64) as usize;
        let mut message = vec![0; message_bytes];
        pattern::fill(setup.pattern.key(0), 0, &mut message);
        let mut out = BufWriter::with_capacity(WRITE.min(messages * message_bytes), file);
        for _ in 0..messages {
            out.write_all(&message)?;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { file, message_bytes, next: 0, end: messages * message_bytes })
    }

    /// Lets nobody write to the memfd any more.
    fn seal(self) -> io::Result<Self> {
        let seals =
            SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        fcntl(&self.file, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(self)
    }
}

impl SendPath for Sendfile {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let end = self.next + self.message_bytes;
        while let Some(left) = NonZeroUsize::new(end - self.next) {
            match socket.sendfile(&self.file, self.next, Some(left)) {
                Ok(0) => return Err(Failure::Failed("sendfile: the file ended early".to_owned())),
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

/// New bytes in every message: the one that was sent longest ago was answered, and is written anew.
struct FreshSendfile {
    sendfile: Sendfile,
    memory: MmapMut,
    rewrite: Fresh,
}

impl FreshSendfile {
    fn open(setup: &Setup, least: usize) -> io::Result<Self> {
        let sendfile = Sendfile::open(setup, least)?;
        // SAFETY: nobody else has the memfd, so it is neither cut short nor written to meanwhile.
        let memory = unsafe { MmapMut::map_mut(&sendfile.file) }?;
        Ok(Self { sendfile, memory, rewrite: Fresh::new(setup.pattern) })
    }
}

impl SendPath for FreshSendfile {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let Sendfile { next, message_bytes, .. } = self.sendfile;
        pattern::fill(self.rewrite.key(), 0, &mut self.memory[next..next + message_bytes]);
        self.sendfile.send_message(socket, tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_a_memfd_is_told_with_its_own_remedy() {
        for (error, remedy) in
            [(libc::EMFILE, "`ulimit -n`"), (libc::EFBIG, "`ulimit -f`"), (libc::ENOSYS, "Linux 3.17")]
        {
            let said = refused(io::Error::from_raw_os_error(error));
            assert_eq!(said.reason().contains("3.17"), error == libc::ENOSYS);
            assert!(said.reason().contains(remedy), "{said}");
        }
    }
    use crate::path::splice::tests::{connected, receive_while};
    use crate::pattern::Pattern;

    fn setup(message_bytes: usize, working_set: Option<u64>) -> Setup {
        Setup { working_set, ..Setup::of_messages(message_bytes, Pattern::new(3, 0)) }
    }

    #[test]
    fn the_messages_arrive_whole_and_in_order() {
        for (bytes, working_set) in [(64, None), (1000, Some(10_000)), (300_000, Some(1 << 20))] {
            let setup = setup(bytes, working_set);
            let mut path = Sendfile::open(&setup, 1).unwrap().seal().unwrap();
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
        let mut path = Sendfile::open(&setup(4096, None), 1).unwrap().seal().unwrap();
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
