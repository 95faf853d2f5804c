//! Is the machine still there? Asked only when it has been silent for long: anything that it reports is an
//! answer, and a question in the middle of a window is a disturbance.

use std::time::{Duration, Instant};

use super::qemu::{Accel, Clock};

/// How long a machine may be silent before it is taken for dead, where the user does not say: half of it until it is
/// asked, half for its answer. Under the instruction clock whoever answers waits until nothing else can run.
pub(super) fn usual_patience(accel: Accel, clock: Clock) -> Duration {
    Duration::from_secs(match (accel, clock) {
        (_, Clock::Instructions) => 600,
        (Accel::Kvm, Clock::Host) => 60,
        (Accel::Auto | Accel::Tcg, Clock::Host) => 180,
    })
}

/// What is to be done about a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Wait,
    Ask,
    End,
}

/// Watches over one machine.
pub(super) struct Watchdog {
    /// Half of the patience.
    half: Duration,
    heard: Instant,
    asked: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new(patience: Duration, now: Instant) -> Self {
        Self { half: patience / 2, heard: now, asked: None }
    }

    /// The machine reported something.
    pub(super) fn hear(&mut self, now: Instant) {
        (self.heard, self.asked) = (now, None);
    }

    /// Nothing has come: what now?
    pub(super) fn look(&mut self, now: Instant) -> Action {
        match self.asked {
            None if now - self.heard < self.half => Action::Wait,
            None => {
                self.asked = Some(now);
                Action::Ask
            }
            Some(asked) if now - asked < self.half => Action::Wait,
            Some(_) => Action::End,
        }
    }

    /// How long nothing has been heard.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now - self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_machine_is_asked_and_one_that_does_not_answer_is_ended() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut dog = Watchdog::new(Duration::from_secs(20), begin);
        assert_eq!(
            (dog.look(at(9)), dog.look(at(10)), dog.look(at(19))),
            (Action::Wait, Action::Ask, Action::Wait)
        );
        dog.hear(at(19));
        assert_eq!((dog.look(at(28)), dog.look(at(29))), (Action::Wait, Action::Ask));
        assert_eq!((dog.look(at(38)), dog.look(at(39))), (Action::Wait, Action::End));
        assert_eq!(dog.silence(at(39)), Duration::from_secs(20));
        // This side was stopped for long: the machine is asked before it is blamed.
        let mut dog = Watchdog::new(Duration::from_secs(20), begin);
        assert_eq!((dog.look(at(3600)), dog.look(at(3601))), (Action::Ask, Action::Wait));
    }
}
