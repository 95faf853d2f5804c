//! splice: `vmsplice()` puts the fields' pages into a pipe by reference, `splice()` moves them on into the
//! socket: no payload byte is copied on the sender's side, not even for a receiver on the same host.
//!
//! As with sendfile there is no completion, so fresh payload is refused where the receiver does not answer. Otherwise the
//! fields lie in memory that is written once and never again.

use std::io::{self, IoSlice, PipeReader, PipeWriter};
use std::ops::Deref;

use memmap2::MmapMut;
use rustix::io::Errno;
use socket2::Socket;

use super::mapped::{Layout, Mapped, PAGE};
use super::{Entry, Fresh, KernelInterface, MovedBytes, Parameters, Promise, Rewrite, SendPath, Tally, call};
use crate::cell::Payload;
use crate::failure::{Failure, told};
use crate::message::{Body, FIELDS};
use crate::setup::Setup;
use crate::style::{Marker, PURPLE, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "splice",
    alias: None,
    about: "vmsplice() of 8 fields into a pipe, splice() into the socket; fresh payload where messages are answered",
    interface: SPLICE,
    promise: Promise { user: 0, kernel: 0, is_deferred: false },
    style: Style { colour: PURPLE, marker: Marker::Ring },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: |setup, _| {
        let refused = |error| Failure::Unsupported(format!("a pipe for splice: {}", told(&error)));
        Ok(match (setup.payload, reusable("splice", setup)?) {
            (Payload::Static, _) => Box::new(Splice::open(fields(setup, 1)?.seal()?).map_err(refused)?),
            (Payload::Fresh, least) => {
                let splice = Splice::open(fields(setup, least)?).map_err(refused)?;
                Box::new(FreshSplice { splice, rewrite: Fresh::new(setup.pattern) })
            }
        })
    },
};

/// vmsplice(2) into a pipe, and splice(2) out of it, which alone tells what the socket took.
const SPLICE: KernelInterface =
    KernelInterface { name: "splice()", moved: MovedBytes::Results(&[libc::SYS_splice]), completions: None };

/// How many messages a path needs at least that is never told when the kernel has let go of a page. With an answer to
/// each message it may rewrite the one that was answered.
///
/// # Errors
/// Where payload changes and nobody answers.
pub(super) fn reusable(path: &str, setup: &Setup) -> Result<usize, Failure> {
    match (setup.payload, setup.unanswered) {
        (Payload::Static, _) => Ok(1),
        (Payload::Fresh, Some(unanswered)) => Ok(unanswered as usize),
        (Payload::Fresh, None) => Err(Failure::Unsupported(format!(
            "{path} sends pages by reference and has no completion: even after the peer's ACK a rewritten \
             page can reach the reader changed; use payload: static, or a workload whose messages are answered"
        ))),
    }
}

/// Messages of eight fields of which no page is handed over twice.
fn fields(setup: &Setup, least: usize) -> Result<Mapped, Failure> {
    Mapped::new(setup, FIELDS, Layout::Paged, least)
}

struct Splice<M> {
    fields: Mapped<M>,
    next: usize,
    reader: PipeReader,
    writer: PipeWriter,
}

impl<M: Deref<Target = [u8]>> Splice<M> {
    fn open(fields: Mapped<M>) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        // Room for the whole message saves turns. Beyond fs.pipe-max-size it takes CAP_SYS_RESOURCE, and a
        // smaller pipe does as well: so a refusal only means to ask for less.
        let mut bytes = fields.pages().next_power_of_two() * PAGE;
        while let Err(errno) = rustix::pipe::fcntl_setpipe_size(&writer, bytes.min(1 << 30)) {
            if bytes <= 16 * PAGE {
                break;
            }
            if !matches!(errno, Errno::PERM | Errno::NOMEM | Errno::BUSY) {
                return Err(errno.into());
            }
            bytes /= 2;
        }
        Ok(Self { fields, next: 0, reader, writer })
    }
}

impl<M: Deref<Target = [u8]> + Send> SendPath for Splice<M> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let mut fields = self.fields.iovec(self.next);
        self.next = if self.next + 1 == self.fields.count() { 0 } else { self.next + 1 };
        let mut left = &mut fields[..];
        while !left.is_empty() {
            // The pipe is empty here, so that it never blocks the one thread that also empties it.
            let mut taken = match call::vmsplice(&self.writer, left) {
                Ok(taken) => taken,
                Err(Errno::INTR) => continue,
                Err(errno @ (Errno::NOSYS | Errno::PERM)) => {
                    return Err(Failure::Unsupported(format!(
                        "vmsplice: {errno}; a seccomp filter forbids it"
                    )));
                }
                Err(errno) => return Err(Failure::Failed(format!("vmsplice: {errno}"))),
            };
            IoSlice::advance_slices(&mut left, taken);
            while taken > 0 {
                match call::splice(&self.reader, socket, taken) {
                    Ok(sent) => {
                        taken -= sent;
                        tally.calls += 1;
                    }
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(Failure::Failed(format!("splice: {errno}"))),
                }
            }
        }
        Ok(())
    }
}

/// New bytes in every message: the one that was sent longest ago was answered, and is written anew.
struct FreshSplice {
    splice: Splice<MmapMut>,
    rewrite: Fresh,
}

impl SendPath for FreshSplice {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let Splice { fields, next, .. } = &mut self.splice;
        fields.slot(*next).fill(self.rewrite.key());
        self.splice.send_message(socket, tally)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    use nix::sys::memfd::{MFdFlags, memfd_create};
    use socket2::{Domain, Type};

    use super::*;
    use crate::pattern::{Pattern, Verifier};

    /// Two ends of a TCP connection over loopback: whoever sends first, and its peer.
    pub(in crate::path) fn connected() -> (Socket, Socket) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(1).unwrap();
        let peer = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        peer.connect(&listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, peer)
    }

    /// Lets `send` send static messages and compares every byte of as many as it says.
    pub(in crate::path) fn receive_while(setup: &Setup, send: impl FnOnce(&Socket) -> u64) {
        let (socket, mut peer) = connected();
        let bytes = setup.message_bytes as u64;
        let mut verifier = Verifier::new(setup.pattern, bytes, false);
        let receiver = std::thread::spawn(move || {
            let (mut buffer, mut total) = (vec![0; 128 << 10], 0);
            loop {
                match peer.read(&mut buffer).unwrap() {
                    0 => return total,
                    read => {
                        verifier.check(&buffer[..read]).unwrap();
                        total += read as u64;
                    }
                }
            }
        });
        let messages = send(&socket);
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(receiver.join().unwrap(), messages * bytes);
    }

    #[test]
    fn the_messages_arrive_whole_and_in_order() {
        for (bytes, working_set) in
            [(64, None), (75, Some(1000)), (65_536, None), (3_000_001, Some(5_000_000))]
        {
            let pattern = Pattern::new(4, 1);
            let setup = Setup { working_set, ..Setup::of_messages(bytes, pattern) };
            let mut path = Splice::open(fields(&setup, 1).unwrap().seal().unwrap()).unwrap();
            receive_while(&setup, |socket| {
                let mut tally = Tally::default();
                (0..20).for_each(|_| path.send_message(socket, &mut tally).unwrap());
                assert!(tally.calls >= 20);
                20
            });
        }
    }

    /// Bytes that the peer's kernel has not acknowledged.
    pub(in crate::path) fn unacknowledged(socket: &Socket) -> i32 {
        nix::ioctl_read_bad!(outq, libc::TIOCOUTQ, libc::c_int);
        let mut bytes = 0;
        // SAFETY: SIOCOUTQ (the same number as TIOCOUTQ) writes one int, and `bytes` is one.
        unsafe { outq(socket.as_raw_fd(), &raw mut bytes) }.unwrap();
        bytes
    }

    /// Waits until the peer's kernel has acknowledged every byte.
    fn wait_for_acks(socket: &Socket) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let bytes = unacknowledged(socket);
            if bytes == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{bytes} bytes were never acknowledged");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn read_all(mut peer: Socket, bytes: usize) -> Vec<u8> {
        let mut got = vec![0; bytes];
        peer.read_exact(&mut got).unwrap();
        got
    }

    const HAZARD_BYTES: usize = 65_536;

    #[test]
    fn what_is_overwritten_after_the_ack_reaches_the_reader_changed_with_splice() {
        let (socket, peer) = connected();
        let (reader, writer) = io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, HAZARD_BYTES).unwrap();
        let mut memory = MmapMut::map_anon(HAZARD_BYTES).unwrap();
        memory.fill(1);
        let mut left = call::vmsplice(&writer, &[IoSlice::new(&memory)]).unwrap();
        assert_eq!(left, HAZARD_BYTES);
        while left > 0 {
            left -= call::splice(&reader, &socket, left).unwrap();
        }
        wait_for_acks(&socket);
        memory.fill(2);
        let changed = read_all(peer, HAZARD_BYTES).iter().filter(|&&byte| byte == 2).count();
        assert_eq!(
            changed, HAZARD_BYTES,
            "the ACK came from the same host, so the reader sees the page itself"
        );
    }

    #[test]
    fn what_is_overwritten_after_the_ack_reaches_the_reader_changed_with_sendfile() {
        let (socket, peer) = connected();
        let mut file = std::fs::File::from(memfd_create("hazard", MFdFlags::MFD_CLOEXEC).unwrap());
        file.write_all(&vec![1; HAZARD_BYTES]).unwrap();
        let mut sent = 0;
        while sent < HAZARD_BYTES {
            sent += socket.sendfile(&file, sent, std::num::NonZeroUsize::new(HAZARD_BYTES - sent)).unwrap();
        }
        wait_for_acks(&socket);
        std::os::unix::fs::FileExt::write_all_at(&file, &vec![2; HAZARD_BYTES], 0).unwrap();
        let changed = read_all(peer, HAZARD_BYTES).iter().filter(|&&byte| byte == 2).count();
        assert_eq!(
            changed, HAZARD_BYTES,
            "the ACK came from the same host, so the reader sees the page itself"
        );
    }

    #[test]
    fn what_is_overwritten_after_the_ack_arrives_unchanged_where_the_kernel_copied() {
        let (mut socket, peer) = connected();
        let mut memory = vec![1; HAZARD_BYTES];
        socket.write_all(&memory).unwrap();
        wait_for_acks(&socket);
        memory.fill(2);
        std::hint::black_box(&memory);
        assert_eq!(read_all(peer, HAZARD_BYTES).iter().filter(|&&byte| byte == 1).count(), HAZARD_BYTES);
    }
}
