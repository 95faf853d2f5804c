//! An io_uring of a receiving worker.

use std::io;

use io_uring::IoUring;

use crate::failure::Failure;

/// Room for requests: one is in hand at a time, and one that cancels it.
const REQUESTS: u32 = 4;

/// A ring that one thread alone uses, with room for so many completions. The kernel does its work for it when the thread
/// enters and waits, not in an interrupt of whatever else it does (SINGLE_ISSUER, DEFER_TASKRUN).
///
/// # Errors
/// `Unsupported` with the remedy where there is none to be had.
pub(super) fn open(completions: u32) -> Result<IoUring, Failure> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_cqsize(completions);
    builder
        .build(REQUESTS)
        .map_err(|error| Failure::Unsupported(format!("io_uring: {error}; {}", remedy(&error))))
}

/// What helps where a ring cannot be made.
fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "it is forbidden here: by kernel.io_uring_disabled (Linux 6.6; set it to 0 with sysctl) or by a seccomp \
             profile (Docker's own refuses io_uring since 25.0; allow io_uring_setup, io_uring_enter and \
             io_uring_register in one of yours)"
        }
        Some(libc::ENOSYS) => {
            "the kernel was built without it (CONFIG_IO_URING), or a seccomp profile refuses it"
        }
        Some(libc::EINVAL) => "as this path sets it up (IORING_SETUP_DEFER_TASKRUN) it needs Linux 6.1",
        Some(libc::ENOMEM) => "raise the limit on locked memory (`ulimit -l`)",
        _ => "see io_uring_setup(2)",
    }
}
