//! uring-multishot and uring-bundle: io_uring receives again and again by one request (IORING_RECV_MULTISHOT), into
//! buffers that it takes from a ring as bytes come. A completion of the first tells of one buffer, one of the second of
//! as many as the bytes that were there have filled (IORING_RECVSEND_BUNDLE).
//!
//! The request ends by itself when the stream does, or when all buffers are full (ENOBUFS): then it is made anew. There
//! is one at a time, so that its completions come in the order of the bytes.

mod provided;

use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue};
use socket2::Socket;

use super::check::Check;
use super::{Entry, KernelInterface, MovedBytes, Parameters, Patience, ReceivePath};
use crate::choice::{Choice, Parameter, Values};
use crate::failure::Failure;
use crate::pattern::Verifier;
use crate::receive::check::Trust;
use crate::setup::Setup;
use crate::uring;
use provided::Provided;

pub(super) const BUFFERS: &str = "buffers";
/// The group of buffers, of which there is one.
const GROUP: u16 = 0;
/// Room for requests: one is in hand at a time, and one that cancels it.
const REQUESTS: usize = 4;
/// Buffers that bytes of a whole read fill in a bundle.
const PARTS: usize = 16;

pub(super) const MULTISHOT: Entry = Entry {
    name: "uring-multishot",
    about: "io_uring: one RECV request for the whole stream, a provided buffer for each completion",
    interface: interface("io_uring multishot RECV"),
    promised_copies: 1,
    parameters: Parameters { list: &[buffers(8)], check: check_buffers },
    open: |setup, socket| open::<Single>(setup, socket),
};

pub(super) const BUNDLE: Entry = Entry {
    name: "uring-bundle",
    about: "io_uring: the same, as many provided buffers for each completion as there are bytes for",
    interface: interface("io_uring multishot RECV with bundles"),
    promised_copies: 1,
    parameters: Parameters { list: &[buffers(64)], check: check_buffers },
    open: |setup, socket| open::<Bundle>(setup, socket),
};

const fn interface(name: &'static str) -> KernelInterface {
    KernelInterface { name, moved: MovedBytes::Tracepoints, completions: None }
}

const fn buffers(usual: u64) -> Parameter {
    Parameter {
        key: BUFFERS,
        about: "provided buffers, a power of two",
        values: Values::Count { least: 2, most: 4096 },
        usual,
    }
}

fn check_buffers(choice: &Choice) -> Result<(), String> {
    match choice.value(BUFFERS) {
        count if count.is_power_of_two() => Ok(()),
        count => Err(format!(
            "{BUFFERS} must be a power of two, such as {}, not {count}",
            count.next_power_of_two()
        )),
    }
}

/// How buffers are filled: chosen by type.
trait Filling: Send + 'static {
    /// Bytes of a buffer, of so many in a read.
    fn buffer_bytes(read_size: usize) -> usize;
    /// Refuses a kernel that cannot fill them so.
    fn check(ring: &IoUring) -> Result<(), Failure>;
    fn request(fd: Fd) -> squeue::Entry;
}

struct Single;

impl Filling for Single {
    fn buffer_bytes(read_size: usize) -> usize {
        read_size
    }

    // Every kernel with such a ring has it (6.0).
    fn check(_: &IoUring) -> Result<(), Failure> {
        Ok(())
    }

    fn request(fd: Fd) -> squeue::Entry {
        opcode::RecvMulti::new(fd, GROUP).build()
    }
}

struct Bundle;

impl Filling for Bundle {
    fn buffer_bytes(read_size: usize) -> usize {
        read_size.div_ceil(PARTS)
    }

    fn check(ring: &IoUring) -> Result<(), Failure> {
        match ring.params().is_feature_recvsend_bundle() {
            true => Ok(()),
            false => Err(Failure::Unsupported(
                "io_uring has no bundles here: they need Linux 6.10; use uring-multishot".to_owned(),
            )),
        }
    }

    fn request(fd: Fd) -> squeue::Entry {
        opcode::RecvMultiBundle::new(fd, GROUP).build()
    }
}

fn open<F: Filling>(setup: &Setup, _: &Socket) -> Result<Box<dyn ReceivePath>, Failure> {
    Ok(if setup.verify {
        Box::new(Uring::<F, Verifier>::open(setup)?)
    } else {
        Box::new(Uring::<F, Trust>::open(setup)?)
    })
}

/// The ring is closed before its buffers are freed: fields are dropped in their order.
struct Uring<F, C> {
    ring: IoUring,
    provided: Provided,
    /// Whether there is a request that has not ended.
    is_armed: bool,
    patience: Patience,
    check: C,
    filling: PhantomData<F>,
}

impl<F: Filling, C: Check> Uring<F, C> {
    fn open(setup: &Setup) -> Result<Self, Failure> {
        let places = setup.choice.value(BUFFERS) as u16;
        // Each buffer has a completion at most, and the request one at its end.
        let ring = uring::make(&[uring::PLAIN, uring::DEFERRED], REQUESTS, 2 * usize::from(places))
            .map_err(|error| uring::refusal::of_setup(&error, "6.1"))?;
        F::check(&ring)?;
        let provided = Provided::new(places, F::buffer_bytes(setup.read_size), setup.streams)?;
        // SAFETY: the buffers and their ring live until it is unregistered.
        unsafe { uring::register_provided(&ring, provided.address(), provided.places()) }?;
        Ok(Self {
            ring,
            provided,
            is_armed: false,
            patience: Patience::Endless,
            check: C::new(setup),
            filling: PhantomData,
        })
    }

    /// Makes the request if there is none, and waits for a completion.
    fn wait(&mut self, socket: &Socket) -> Result<(), Failure> {
        if !self.is_armed {
            let request = F::request(Fd(socket.as_raw_fd()));
            // SAFETY: the socket is open while the path receives from it, and the buffers live until the request was
            // cancelled.
            unsafe { self.ring.submission().push(&request) }.expect("room for one request");
            self.is_armed = true;
        }
        match self.enter() {
            Ok(_) => Ok(()),
            // The time is up; a signal came; completions are to be taken first.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(Failure::Failed(format!("io_uring_enter: {error}"))),
        }
    }

    fn enter(&mut self) -> io::Result<usize> {
        let Some(time) = self.patience.timeout() else { return self.ring.submit_and_wait(1) };
        if time.is_zero() {
            let queued = self.ring.submission().len() as u32;
            // SAFETY: no argument is passed. Without this flag the kernel would not do its work for the ring.
            return unsafe {
                self.ring.submitter().enter::<libc::sigset_t>(queued, 0, EnterFlags::GETEVENTS.bits(), None)
            };
        }
        let time = Timespec::from(time);
        self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time))
    }
}

impl<F: Filling, C: Check> ReceivePath for Uring<F, C> {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        let mut next = self.ring.completion().next();
        if next.is_none() {
            self.wait(socket)?;
            next = self.ring.completion().next();
        }
        let Some(done) = next else { return Ok(None) };
        self.is_armed = cqueue::more(done.flags());
        match done.result() {
            0 => Ok(Some(0)),
            bytes @ 1.. => {
                let first = cqueue::buffer_select(done.flags());
                let first =
                    first.ok_or_else(|| Failure::Failed("io_uring: bytes without a buffer".to_owned()))?;
                self.provided.take(first, bytes as usize, &mut self.check)?;
                Ok(Some(bytes as usize))
            }
            // All buffers were full when bytes came: they have been given back since.
            error if error == -libc::ENOBUFS => Ok(None),
            error => super::nothing_or_failure(rustix::io::Errno::from_raw_os_error(-error)),
        }
    }

    fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }
}

impl<F, C> Drop for Uring<F, C> {
    /// Ends the request: closing a ring alone ends it at some later time, and until then the kernel may write to the
    /// buffers and hold the socket.
    fn drop(&mut self) {
        let submitter = self.ring.submitter();
        // Refused where there is none that has not ended.
        let _ = submitter.register_sync_cancel(None, CancelBuilder::any());
        let _ = submitter.unregister_buf_ring(GROUP);
    }
}
