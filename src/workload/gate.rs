//! The gate: the one word that a hot loop looks at, and where workers wait between two phases.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::io::Errno;
use rustix::thread::futex;

use crate::failure::Failure;

/// Everything stands; nothing flows.
pub const PREPARED: u32 = 0;
/// Bytes flow and are not counted.
pub const WARM_UP: u32 = 1;
/// Streams pause, so that the receiver can find the boundary.
pub const HELD: u32 = 2;
/// Each stream's window begins; a sender whose window has begun sends one message and waits.
pub const MEASURE: u32 = 3;
/// The windows of all streams have begun at both ends, and the senders send.
pub const FLOW: u32 = 4;
/// The window is over.
pub const STOP: u32 = 5;
/// The trial is dropped.
pub const ABORT: u32 = 6;

/// The phase of a trial. It only grows.
///
/// Workers wait on the word itself (futex(2)): one call wakes all of them, and none of them waits for another one.
/// Through a mutex they would wake one by one, each behind whatever runs on its CPU.
#[derive(Debug)]
pub struct Gate {
    /// What the hot loops read.
    pub phase: Phase,
    /// Bytes that each stream must have received when it pauses.
    pub boundary: OnceLock<Vec<u64>>,
    /// Where the clock that all streams of this end share begins.
    pub epoch: Instant,
}

impl Default for Gate {
    fn default() -> Self {
        Self { phase: Phase::default(), boundary: OnceLock::new(), epoch: Instant::now() }
    }
}

/// The phase, alone on its cache line: nothing that is written often may lie beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Phase(pub AtomicU32);

impl Gate {
    /// Moves on to `phase`, unless the trial is there or beyond already.
    pub fn advance(&self, phase: u32) {
        self.phase.0.fetch_max(phase, Ordering::Release);
        let _ = futex::wake(&self.phase.0, futex::Flags::PRIVATE, i32::MAX as u32);
    }

    /// Waits until the phase is beyond `phase`.
    ///
    /// # Errors
    /// When the trial was dropped, or the kernel cannot wait.
    pub fn wait_beyond(&self, phase: u32) -> Result<(), Failure> {
        loop {
            let now = self.phase.0.load(Ordering::Acquire);
            match now {
                ABORT => return Err(dropped()),
                _ if now > phase => return Ok(()),
                _ => match futex::wait(&self.phase.0, futex::Flags::PRIVATE, now, None) {
                    // The phase changed before the wait began, or a signal came: look again.
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(errno) => {
                        return Err(Failure::Failed(format!("waiting for the next phase: {errno}")));
                    }
                },
            }
        }
    }

    /// Whether the trial was dropped.
    ///
    /// # Errors
    /// When it was.
    pub fn check(&self) -> Result<(), Failure> {
        if self.phase.0.load(Ordering::Acquire) == ABORT { Err(dropped()) } else { Ok(()) }
    }
}

fn dropped() -> Failure {
    Failure::Failed("the trial was dropped".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_worker_goes_on_when_the_phase_moves_beyond() {
        let gate = Gate::default();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| gate.wait_beyond(PREPARED));
            gate.advance(WARM_UP);
            assert_eq!(worker.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn the_phase_never_goes_back_and_a_drop_ends_every_wait() {
        let gate = Gate::default();
        gate.advance(ABORT);
        gate.advance(WARM_UP);
        assert!(gate.wait_beyond(STOP).is_err());
        assert!(gate.check().is_err());
    }
}
