//! A forked child with a socket to its parent: what enters a namespace must have one thread, and must not
//! take the caller along.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork};

/// No child of this kind has work for longer; one that hangs is ended by SIGALRM, or with its parent.
const DEADLINE_S: u32 = 15;
/// How long its parent waits for what it says: one that is stopped gets no SIGALRM.
const PATIENCE: Duration = Duration::from_secs(DEADLINE_S as u64 + 1);

/// A running child; dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    /// The parent's end of the socket pair.
    pub stream: UnixStream,
}

impl Child {
    /// Forks and runs `work` in the child, which has this one thread and ends with it.
    pub(crate) fn spawn(work: impl FnOnce(UnixStream) -> Result<()>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        // SAFETY: the child uses the allocator, which glibc and musl keep usable across fork, and its own
        // socket; it takes no lock that another thread of the parent could have held, and leaves by _exit.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(Self { pid: child, stream: ours }),
            ForkResult::Child => {
                drop(ours);
                alarm::set(DEADLINE_S);
                let _ = set_pdeathsig(Signal::SIGKILL);
                let done = catch_unwind(AssertUnwindSafe(|| work(theirs)));
                // SAFETY: _exit ends the process and runs nothing of the parent's.
                unsafe { libc::_exit(if matches!(done, Ok(Ok(()))) { 0 } else { 1 }) }
            }
        }
    }

    /// The child's process id.
    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Only a child that was reaped could be gone, and only this function reaps it.
        let _ = kill(self.pid, Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}

/// Runs `work` in a child and hands its answer back.
///
/// # Errors
/// The sentence that `work` failed with.
pub(crate) fn answer(work: impl FnOnce() -> Result<String>) -> Result<String> {
    let mut child = Child::spawn(|mut stream| {
        let (word, text) = match work() {
            Ok(text) => ("+", text),
            Err(error) => ("-", format!("{error:#}")),
        };
        write!(stream, "{word}{text}")?;
        Ok(())
    })
    .context("cannot start a child process")?;
    let mut text = String::new();
    child.stream.read_to_string(&mut text).context("the child process did not answer")?;
    match text.split_at_checked(1) {
        Some(("+", answer)) => Ok(answer.to_owned()),
        Some(("-", error)) => bail!("{error}"),
        _ => bail!("the child process ended without an answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_answers_or_says_why_not() {
        assert_eq!(answer(|| Ok("well".to_owned())).unwrap(), "well");
        assert_eq!(answer(|| bail!("no way")).unwrap_err().to_string(), "no way");
        let ended = answer(|| std::panic::resume_unwind(Box::new(())));
        assert!(ended.unwrap_err().to_string().contains("without an answer"));
    }
}
