//! The side that asks: a command in a machine that `copycost vm` made.

use std::fs::File;
use std::io::{Read, Write};

use super::question::{Answer, Question};
use super::{Frames, Testimony};
use crate::frame::{self, CAP};

/// The variable that names the port's device.
pub(crate) const DEVICE: &str = "COPYCOST_WITNESS";

/// The way to whoever sees what the machine's cards read.
#[derive(Debug)]
pub(crate) struct Witness<P = File>(P);

impl Witness {
    /// That of this machine; none where its cards are not emulated by `copycost vm`.
    pub(crate) fn of_this_machine() -> Option<Result<Self, String>> {
        let device = std::env::var_os(DEVICE)?;
        let file = File::options().read(true).write(true).open(&device);
        Some(file.map(Self).map_err(|error| format!("cannot open {}: {error}", device.display())))
    }
}

impl<P: Read + Write> Witness<P> {
    /// What the cards read from now on is noted.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        match self.ask(&Question::Begin)? {
            Answer::Begun => Ok(()),
            other => Err(refused(other)),
        }
    }

    /// What they have read since, and how much of it in these frames.
    pub(crate) fn end(&mut self, frames: Frames) -> Result<Testimony, String> {
        match self.ask(&Question::End(frames))? {
            Answer::Told(testimony) => Ok(testimony),
            other => Err(refused(other)),
        }
    }

    fn ask(&mut self, question: &Question) -> Result<Answer, String> {
        let gone = |error: &dyn std::fmt::Display| format!("the host does not answer: {error}");
        frame::write(&mut self.0, question).map_err(|error| gone(&error))?;
        frame::read(&mut self.0, CAP).map_err(|error| gone(&error))
    }
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Unable(why) => why,
        Answer::Begun | Answer::Told(_) => "the host answered another question".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_the_host_cannot_tell_is_said_in_its_words() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let host = std::thread::spawn(move || {
            for answer in [Answer::Begun, Answer::Unable("no trace".into()), Answer::Begun] {
                frame::read::<Question>(&mut theirs, CAP).unwrap();
                frame::write(&mut theirs, &answer).unwrap();
            }
        });
        let mut witness = Witness(ours);
        assert_eq!(witness.begin(), Ok(()));
        assert_eq!(witness.end(Frames::default()), Err("no trace".to_owned()));
        assert!(witness.end(Frames::default()).unwrap_err().contains("another question"));
        host.join().unwrap();
        assert!(witness.begin().unwrap_err().starts_with("the host does not answer"));
    }
}
