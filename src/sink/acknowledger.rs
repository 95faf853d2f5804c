//! How far to acknowledge, and when: what a receiver's kernel would do behind a network card.
//!
//! A receiver acknowledges every second full segment, or all segments that its card or GRO hands over at once, and what
//! is less after a delay (RFC 5681, section 4.2). Here it is all that was sent since the last look, where that is at least
//! so many full segments, and whatever there is when it has waited for one interval.

use super::sender::Progress;

/// How often the sender is looked at, and how much must be new for an acknowledgement at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Time between two looks, microseconds.
    pub interval_us: u64,
    /// Full segments that are acknowledged at once; fewer wait for one more interval.
    pub segments: u64,
}

/// What is to be done after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// An acknowledgement of so many bytes since the connection was made.
    Ack(u64),
    /// The last acknowledgement again: the sender has sent again what it covers, so that it cannot have come.
    Again,
    /// The sender has closed, and all that it sent is acknowledged but for its FIN.
    End,
}

/// What was acknowledged of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledger {
    pace: Pace,
    acknowledged: u64,
    /// Bytes that the last look found new and too few.
    waiting: u64,
    /// Bytes that the sender had sent again at the last look.
    again: u64,
}

impl Acknowledger {
    /// Nothing acknowledged yet.
    #[must_use]
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, acknowledged: 0, waiting: 0, again: 0 }
    }

    /// Bytes that are acknowledged since the connection was made.
    #[must_use]
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What is due, of a sender that is so far. What is due counts as done.
    pub(crate) fn look(&mut self, now: &Progress) -> Due {
        let new = now.sent.saturating_sub(self.acknowledged);
        let is_much = new >= self.pace.segments * now.segment_bytes.max(1);
        let is_old = self.waiting > 0;
        let is_lost = now.again > self.again;
        self.again = now.again;
        match new {
            0 if now.has_closed => Due::End,
            0 if is_lost => Due::Again,
            0 => Due::Nothing,
            _ if is_much || is_old || now.has_closed => {
                (self.acknowledged, self.waiting) = (now.sent, 0);
                Due::Ack(now.sent)
            }
            _ => {
                self.waiting = new;
                Due::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(sent: u64) -> Progress {
        Progress { sent, segment_bytes: 1000, ..Progress::default() }
    }

    fn acknowledger() -> Acknowledger {
        Acknowledger::new(Pace { interval_us: 30, segments: 2 })
    }

    #[test]
    fn two_segments_are_acknowledged_at_once_and_fewer_at_the_next_look() {
        let mut acks = acknowledger();
        assert_eq!(acks.look(&at(0)), Due::Nothing);
        assert_eq!(acks.look(&at(2000)), Due::Ack(2000));
        assert_eq!(acks.look(&at(2500)), Due::Nothing);
        assert_eq!(acks.look(&at(2600)), Due::Ack(2600));
        assert_eq!(acks.look(&at(2600)), Due::Nothing);
        assert_eq!(acks.look(&at(2601)), Due::Nothing, "what is new waits anew");
        assert_eq!(acks.look(&at(2601)), Due::Ack(2601));
    }

    #[test]
    fn what_is_sent_again_is_acknowledged_again() {
        let mut acks = acknowledger();
        assert_eq!(acks.look(&at(2000)), Due::Ack(2000));
        let again = Progress { again: 1000, ..at(2000) };
        assert_eq!(acks.look(&again), Due::Again, "the acknowledgement was lost");
        assert_eq!(acks.look(&again), Due::Nothing);
        assert_eq!(acks.look(&Progress { again: 2000, ..at(4000) }), Due::Ack(4000), "what is new covers it");
    }

    #[test]
    fn the_end_comes_when_all_is_acknowledged() {
        let mut acks = acknowledger();
        let closed = Progress { has_closed: true, ..at(10) };
        assert_eq!(acks.look(&closed), Due::Ack(10));
        assert_eq!(acks.look(&closed), Due::End);
        assert_eq!(acks.acknowledged(), 10);
    }

    proptest! {
        #[test]
        fn nothing_is_acknowledged_that_was_not_sent_and_nothing_is_left(steps in prop::collection::vec(0_u64..5000, 1..100)) {
            let mut acks = acknowledger();
            let mut sent = 0;
            for step in steps {
                sent += step;
                let before = acks.acknowledged();
                match acks.look(&at(sent)) {
                    Due::Ack(bytes) => prop_assert!(bytes <= sent && bytes > before),
                    due => prop_assert_eq!(due, Due::Nothing),
                }
            }
            acks.look(&at(sent));
            acks.look(&at(sent));
            prop_assert_eq!(acks.acknowledged(), sent);
        }
    }
}
