//! Filters of system calls, as container engines put them on: what a process may not do from now on.

use std::io;

use libc::sock_filter;

/// One step of a filter (classic BPF): its code, where to go on if it holds and if not, and its number.
pub const fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Puts a filter on the calling process. It makes system calls alone, so that it can run between fork and exec.
pub fn put_on(program: &[sock_filter]) -> io::Result<()> {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: `filter` points to a whole program, and both live until the call returns.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    nix::errno::Errno::result(set)?;
    Ok(())
}

/// Refuses io_uring_setup(2), as the engines' default profiles do.
pub fn refuse_io_uring() -> io::Result<()> {
    // Load the number of the call; is it io_uring_setup()? EPERM; else go on.
    put_on(&[
        step(0x20, 0, 0, 0),
        step(0x15, 0, 1, libc::SYS_io_uring_setup as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}
