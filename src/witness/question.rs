//! What the command in a machine asks the host, and what it is told: frames of the control protocol.

use serde::{Deserialize, Serialize};

use super::Frames;

/// Name of the port that this goes over.
pub(crate) const PORT: &str = "copycost.witness";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// Note what the cards read from now on.
    Begin,
    /// Note no more, and say how much of it lay in these frames.
    End(Frames),
}

/// What the host answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is noted.
    Begun,
    /// What was read.
    Told(Testimony),
    /// It cannot be determined here; why.
    Unable(String),
}

/// What the two cards read to transmit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testimony {
    /// Bytes in all, headers and acknowledgements among them.
    pub read: u64,
    /// Bytes of them in the frames that were asked about.
    pub within: u64,
    /// Descriptors of these bytes.
    pub descriptors: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{self, CAP};

    #[test]
    fn questions_and_answers_arrive_as_they_were_sent() {
        let mut port = Vec::new();
        let end = Question::End(Frames::from(vec![(7, 2), (1, 1)]));
        frame::write(&mut port, &Question::Begin).unwrap();
        frame::write(&mut port, &end).unwrap();
        let told = Answer::Told(Testimony { read: 9, within: 5, descriptors: 2 });
        frame::write(&mut port, &told).unwrap();
        let mut port = &port[..];
        assert_eq!(frame::read::<Question>(&mut port, CAP).unwrap(), Question::Begin);
        assert_eq!(frame::read::<Question>(&mut port, CAP).unwrap(), end);
        assert_eq!(frame::read::<Answer>(&mut port, CAP).unwrap(), told);
    }
}
