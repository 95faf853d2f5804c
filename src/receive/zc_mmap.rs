//! zc-mmap: `getsockopt(TCP_ZEROCOPY_RECEIVE)` maps the pages of received packets into the program's memory, at an
//! address that was mapped from the socket.
//!
//! The kernel maps whole pages alone, of which a packet holds nothing else and nobody else holds a part, and never says
//! that it maps none: what comes before such a page it copies into a buffer, as much as there is room for, and the rest
//! it leaves to `recv()` (tcp_zerocopy_receive, find_next_mappable_frag). So what was mapped and what was copied is
//! counted from its answers, call by call.
//!
//! The call does not wait: `poll()` does, with the time limit of the socket. Nor are pages given back by a call of
//! their own: the next one takes away those in whose place it maps (zap_page_range_single). Having madvise() take them
//! away before (MADV_DONTNEED), and telling the call so, was a call more and no cheaper.

use std::hint::black_box;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::os::fd::AsRawFd;

use linux_raw_sys::net::{TCP_ZEROCOPY_RECEIVE, tcp_zerocopy_receive};
use memmap2::{MmapOptions, MmapRaw};
use nix::unistd::{SysconfVar, sysconf};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::Socket;

use super::check::{Check, Trust};
use super::{
    Entry, KernelInterface, MovedBytes, Parameters, Patience, RCVLOWAT, ReceivePath, nothing_or_failure,
};
use crate::buffer::{Buffer, buffer};
use crate::choice::{Parameter, Values};
use crate::failure::Failure;
use crate::pattern::Verifier;
use crate::record::ReceiveUsage;
use crate::setup::Setup;

/// How much can be mapped, for a reader.
pub const WHAT_CAN_BE_MAPPED: &str = "\
A page is mapped where it is a packet's alone and whole: between two ends on one host next to none of what send(), \
sendfile() and splice() send, for their pages are parts of larger ones or have another owner; of what MSG_ZEROCOPY and io_uring's \
SEND_ZC send nearly all, for the deferred copy makes pages of its own, and most with an MTU of 4148 bytes, a page and \
its headers";

const TOUCH: &str = "touch";
const COPY_BUFFER: &str = "copybuf";
const CACHE_LINE: usize = 64;

pub(super) const ENTRY: Entry = Entry {
    name: "zc-mmap",
    about: "getsockopt(TCP_ZEROCOPY_RECEIVE): mapped pages, no copy; what the kernel cannot map it copies, 1 copy",
    interface: KernelInterface {
        name: "getsockopt(TCP_ZEROCOPY_RECEIVE)",
        moved: MovedBytes::Nowhere,
        completions: None,
    },
    promised_copies: 0,
    parameters: Parameters::of(&[
        Parameter {
            key: TOUCH,
            about: "what is done with mapped pages; read: a word of each cache line",
            values: Values::Words(&["none", "read"]),
            usual: 0,
        },
        // With a page or more, a page that could have been mapped is copied where no other is queued behind it.
        Parameter {
            key: COPY_BUFFER,
            about: "room for bytes that the call copies, of those that it cannot map; recv() has the others",
            values: Values::Bytes { most: 1 << 20 },
            usual: 4095,
        },
    ]),
    open: |setup, socket| {
        Ok(match (setup.verify, setup.choice.is_on(TOUCH)) {
            (false, false) => Box::new(ZcMmap::<Trust, Leave>::open(setup, socket)?),
            (false, true) => Box::new(ZcMmap::<Trust, Read>::open(setup, socket)?),
            (true, false) => Box::new(ZcMmap::<Verifier, Leave>::open(setup, socket)?),
            (true, true) => Box::new(ZcMmap::<Verifier, Read>::open(setup, socket)?),
        })
    },
};

/// What is done with mapped pages: chosen by type, as what is done with received bytes.
trait Touch: Send {
    fn touch(pages: &[u8]);
}

struct Leave;

impl Touch for Leave {
    fn touch(_: &[u8]) {}
}

struct Read;

impl Touch for Read {
    fn touch(pages: &[u8]) {
        let words = pages
            .chunks_exact(CACHE_LINE)
            .map(|line| u64::from_ne_bytes(*line.first_chunk().expect("a line")));
        black_box(words.fold(0, u64::wrapping_add));
    }
}

struct ZcMmap<C, T> {
    /// Where pages are mapped.
    pages: MmapRaw,
    /// Where the kernel copies to what it cannot map, or recv() does.
    buffer: Buffer,
    copy_bytes: usize,
    /// Bytes that are next in the queue and cannot be mapped.
    skip: usize,
    /// Bytes that are known to be queued, and how few of them it takes to wait for more.
    queued: u32,
    least: u32,
    patience: Patience,
    mapped_bytes: u64,
    copied_bytes: u64,
    check: C,
    touch: PhantomData<T>,
}

impl<C: Check, T: Touch> ZcMmap<C, T> {
    fn open(setup: &Setup, socket: &Socket) -> Result<Self, Failure> {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |bytes| bytes as usize);
        let bytes = setup.read_size.next_multiple_of(page);
        let pages = MmapOptions::new().len(bytes).map_raw_read_only(socket).map_err(|error| {
            Failure::Unsupported(format!("mmap() of the socket: {error}; TCP alone has it, since Linux 4.18"))
        })?;
        let copy_bytes = setup.choice.value(COPY_BUFFER) as usize;
        let path = Self {
            pages,
            buffer: buffer(copy_bytes.max(setup.read_size))?,
            copy_bytes,
            skip: 0,
            queued: 0,
            least: setup.choice.value(RCVLOWAT).max(1) as u32,
            patience: Patience::Endless,
            mapped_bytes: 0,
            copied_bytes: 0,
            check: C::new(setup),
            touch: PhantomData,
        };
        path.probe(socket)?;
        Ok(path)
    }

    /// Refuses a kernel whose structure ends before what is asked of it here. A call without room takes no bytes.
    fn probe(&self, socket: &Socket) -> Result<(), Failure> {
        let mut request = tcp_zerocopy_receive { length: 0, copybuf_len: 0, ..self.request() };
        let known = zerocopy_receive(socket, &mut request).map_err(|errno| {
            Failure::Unsupported(format!(
                "TCP_ZEROCOPY_RECEIVE: {errno}; it needs Linux 5.11 with CONFIG_MMU"
            ))
        })?;
        match known >= offset_of!(tcp_zerocopy_receive, flags) {
            true => Ok(()),
            false => Err(Failure::Unsupported(
                "TCP_ZEROCOPY_RECEIVE: without a buffer for what cannot be mapped; it needs Linux 5.11"
                    .to_owned(),
            )),
        }
    }

    fn request(&self) -> tcp_zerocopy_receive {
        tcp_zerocopy_receive {
            address: self.pages.as_ptr().addr() as u64,
            length: self.pages.len() as u32,
            recv_skip_hint: 0,
            inq: 0,
            err: 0,
            copybuf_address: self.buffer.as_ptr().addr() as u64,
            copybuf_len: self.copy_bytes as i32,
            flags: 0,
            msg_control: 0,
            msg_controllen: 0,
            msg_flags: 0,
            reserved: 0,
        }
    }

    /// One call, and what it brought: none where the queue holds nothing that it could have brought.
    fn map(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        let mut told = self.request();
        match zerocopy_receive(socket, &mut told) {
            Ok(_) => {}
            // The end of the stream, which recv() tells too.
            Err(Errno::IO) => return Ok(None),
            Err(errno) => return Err(Failure::Failed(format!("TCP_ZEROCOPY_RECEIVE: {errno}"))),
        }
        let (mapped, copied) = (told.length as usize, told.copybuf_len.max(0) as usize);
        (self.skip, self.queued) = (told.recv_skip_hint as usize, told.inq);
        if mapped + copied == 0 {
            return match told.err {
                0 => Ok(None),
                // As sock_error() has it: below zero.
                error => Err(Failure::Failed(format!("recv: {}", Errno::from_raw_os_error(-error)))),
            };
        }
        // SAFETY: the kernel has just mapped so many bytes there, and takes them away in a later call alone.
        let pages = unsafe { std::slice::from_raw_parts(self.pages.as_ptr(), mapped) };
        T::touch(pages);
        self.check.check(pages)?;
        self.check.check(&self.buffer[..copied])?;
        self.mapped_bytes += mapped as u64;
        self.copied_bytes += copied as u64;
        Ok(Some(mapped + copied))
    }

    /// Copies what cannot be mapped; where nothing is known of that, whatever there is.
    fn copy(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        let most = if self.skip == 0 { self.buffer.len() } else { self.skip.min(self.buffer.len()) };
        match recv(socket, &mut self.buffer[..most], RecvFlags::DONTWAIT) {
            Ok((bytes, _)) => {
                self.check.check(&self.buffer[..bytes])?;
                self.skip = self.skip.saturating_sub(bytes);
                self.queued = self.queued.saturating_sub(bytes as u32);
                self.copied_bytes += bytes as u64;
                Ok(Some(bytes))
            }
            Err(errno) => nothing_or_failure(errno),
        }
    }
}

impl<C: Check, T: Touch> ReceivePath for ZcMmap<C, T> {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        if self.skip == 0 {
            if self.queued < self.least {
                self.patience.wait(socket)?;
            }
            if let Some(bytes) = self.map(socket)? {
                return Ok(Some(bytes));
            }
        }
        self.copy(socket)
    }

    fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    fn usage(&self) -> ReceiveUsage {
        ReceiveUsage {
            mapped_bytes: Some(self.mapped_bytes),
            copied_bytes: Some(self.copied_bytes),
            ..ReceiveUsage::default()
        }
    }
}

/// The call, and how many bytes of the structure the kernel knows.
fn zerocopy_receive(socket: &Socket, request: &mut tcp_zerocopy_receive) -> Result<usize, Errno> {
    let mut length = size_of::<tcp_zerocopy_receive>() as libc::socklen_t;
    let (fd, to) = (socket.as_raw_fd(), (&raw mut *request).cast());
    let name = TCP_ZEROCOPY_RECEIVE as libc::c_int;
    // SAFETY: the kernel writes at most `length` bytes to the structure, which has that many; and to the memory that it
    // names: pages that were mapped from the socket, and a buffer that the caller holds alone.
    if unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, name, to, &raw mut length) } == 0 {
        return Ok(length as usize);
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
