//! splice-null: `splice()` moves the pages of received packets into a pipe, and from there to /dev/null, which drops
//! them: no byte is copied, and none is read. What a packet holds beside its pages is copied into one by the kernel
//! (linear_to_page); where the sender is on the same host there is none.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};
use socket2::Socket;

use super::{Entry, KernelInterface, MovedBytes, Parameters, ReceivePath, nothing_or_failure};
use crate::failure::Failure;
use crate::setup::Setup;

pub(super) const ENTRY: Entry = Entry {
    name: "splice-null",
    about: "splice() into a pipe, and on to /dev/null: bytes are moved unread",
    // Each byte is moved by two calls of one name, of which the first alone takes it from the socket.
    interface: KernelInterface { name: "splice()", moved: MovedBytes::Nowhere, completions: None },
    promised_copies: 0,
    parameters: Parameters::NONE,
    open: |setup, _| {
        if setup.verify {
            return Err(Failure::Unsupported(
                "splice-null moves the bytes on unread, so that none can be verified; use recv, or verify: false"
                    .to_owned(),
            ));
        }
        Ok(Box::new(SpliceNull::open(setup)?))
    },
};

/// Room that is asked for in the pipe, bytes: a slot for each page of as many, and a packet's pages may be filled in part.
const PIPE_BYTES: usize = 1 << 20;

struct SpliceNull {
    reader: PipeReader,
    writer: PipeWriter,
    null: File,
    read_size: usize,
}

impl SpliceNull {
    fn open(setup: &Setup) -> Result<Self, Failure> {
        let (reader, writer) = io::pipe().map_err(Failure::io("pipe"))?;
        let null = File::options().write(true).open("/dev/null").map_err(Failure::io("/dev/null"))?;
        // One user's pipes together have a limit (fs.pipe-user-pages-soft); a smaller pipe takes more calls, and
        // does as well.
        let _ = fcntl_setpipe_size(&writer, PIPE_BYTES);
        Ok(Self { reader, writer, null, read_size: setup.read_size })
    }
}

impl ReceivePath for SpliceNull {
    fn receive(&mut self, socket: &Socket) -> Result<Option<usize>, Failure> {
        // The pipe is empty here: the call waits for bytes, never for room.
        let moved = match splice(socket, None, &self.writer, None, self.read_size, SpliceFlags::empty()) {
            Ok(moved) => moved,
            Err(errno) => return nothing_or_failure(errno),
        };
        let mut left = moved;
        while left > 0 {
            match splice(&self.reader, None, &self.null, None, left, SpliceFlags::empty()) {
                Ok(dropped) => left -= dropped,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Failure::Failed(format!("splice to /dev/null: {errno}"))),
            }
        }
        Ok(Some(moved))
    }
}
