//! The gate: the one word that a hot loop looks at, and where workers wait between two phases.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::failure::Failure;

/// Everything stands; nothing flows.
pub const PREPARED: u8 = 0;
/// Bytes flow and are not counted.
pub const WARM_UP: u8 = 1;
/// Streams pause, so that the receiver can find the boundary.
pub const HELD: u8 = 2;
/// The window.
pub const MEASURE: u8 = 3;
/// The window is over.
pub const STOP: u8 = 4;
/// The trial is dropped.
pub const ABORT: u8 = 5;

/// The phase of a trial. It only grows.
#[derive(Debug)]
pub struct Gate {
    /// What the hot loops read.
    pub phase: Phase,
    /// Bytes that each stream must have received when it pauses.
    pub boundary: OnceLock<Vec<u64>>,
    /// Where the clock that all streams of this end share begins.
    pub epoch: Instant,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            phase: Phase::default(),
            boundary: OnceLock::new(),
            epoch: Instant::now(),
            lock: Mutex::default(),
            changed: Condvar::default(),
        }
    }
}

/// The phase, alone on its cache line: nothing that is written often may lie beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Phase(pub AtomicU8);

impl Gate {
    /// Moves on to `phase`, unless the trial is there or beyond already.
    pub fn advance(&self, phase: u8) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.phase.0.fetch_max(phase, Ordering::Release);
        self.changed.notify_all();
    }

    /// Waits until the phase is beyond `phase`.
    ///
    /// # Errors
    /// When the trial was dropped.
    pub fn wait_beyond(&self, phase: u8) -> Result<(), Failure> {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.phase.0.load(Ordering::Acquire) {
                ABORT => return Err(dropped()),
                now if now > phase => return Ok(()),
                _ => guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
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
