//! The side that is asked: QEMU's trace of its cards' transmit descriptors, switched on only while somebody in
//! the machine wants to know.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::log::Log;
use super::qemu::Nic;
use super::qmp::Qmp;
use crate::frame::{self, CAP};
use crate::witness::descriptor::{EVENT, Read};
use crate::witness::question::{Answer, Question};
use crate::witness::{Frames, Testimony};

/// What sees the cards of one machine.
pub(super) struct Onlooker {
    pub(super) nic: Nic,
    pub(super) monitor: UnixStream,
    pub(super) log: Arc<Log>,
}

impl Onlooker {
    /// Answers whoever asks over the port, until the machine is gone.
    pub(super) fn answer(self, mut port: UnixStream) {
        let mut qmp = match self.nic {
            Nic::E1000e | Nic::Igb => {
                Qmp::open(self.monitor).map_err(|why| format!("QEMU does not trace: {why}"))
            }
            Nic::Virtio => {
                Err("QEMU's trace has no addresses of what a virtio card reads; use --nic e1000e".to_owned())
            }
        };
        while let Ok(question) = frame::read(&mut port, CAP) {
            let answered = qmp.as_mut().map_err(|why| why.clone());
            let answered = answered.and_then(|qmp| answer(qmp, &self.log, &question));
            if frame::write(&mut port, &answered.unwrap_or_else(Answer::Unable)).is_err() {
                return;
            }
        }
    }
}

fn answer(qmp: &mut Qmp, log: &Log, question: &Question) -> Result<Answer, String> {
    let refused = |why| format!("QEMU does not trace what the card reads: {why}");
    let unread = |error| format!("reading QEMU's trace: {error}");
    match question {
        Question::Begin => {
            log.take_reads().map_err(unread)?;
            qmp.trace(EVENT, true).map_err(refused)?;
            Ok(Answer::Begun)
        }
        Question::End(frames) => {
            qmp.trace(EVENT, false).map_err(refused)?;
            let reads = log.take_reads().map_err(unread)?;
            if reads.is_empty() {
                return Err("QEMU wrote no transmit descriptor to its log: the card sent nothing, or this QEMU was built \
                            without the trace backend `log`, which that of Debian has"
                    .to_owned());
            }
            Ok(Answer::Told(testimony(&reads, frames)))
        }
    }
}

fn testimony(reads: &[Read], frames: &Frames) -> Testimony {
    Testimony {
        read: reads.iter().map(|read| read.bytes).sum(),
        within: reads.iter().map(|read| frames.bytes_within(read.address, read.bytes)).sum(),
        descriptors: reads.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Lines of a trace, and what they say against the frames 0x10 and 0x11.
    #[test]
    fn a_trace_is_held_against_the_pages() {
        let log = Log::new().unwrap();
        let lines = "e1000e_tx_descr 0xdea9bd0003600 : 2700fb50 5b43600\n\
                     e1000e_tx_descr 0x5f00042 : 26100042 300\n\
                     e1000e_tx_descr 0x10800 : 27101000 300\n\
                     e1000e_tx_descr 0x11800 : 27101000 300\n";
        log.end().unwrap().write_all(lines.as_bytes()).unwrap();
        let told = testimony(&log.take_reads().unwrap(), &Frames::from(vec![(0x10, 2)]));
        assert_eq!(told, Testimony { read: 0x42 + 0x2000, within: 0x1800, descriptors: 3 });
    }

    #[test]
    fn a_virtio_card_is_no_witness() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let (_qemu, monitor) = UnixStream::pair().unwrap();
        let onlooker = Onlooker { nic: Nic::Virtio, monitor, log: Arc::new(Log::new().unwrap()) };
        let host = std::thread::spawn(move || onlooker.answer(theirs));
        frame::write(&mut ours, &Question::Begin).unwrap();
        match frame::read(&mut ours, CAP).unwrap() {
            Answer::Unable(why) => assert!(why.contains("--nic e1000e"), "{why}"),
            other => panic!("{other:?}"),
        }
        drop(ours);
        host.join().unwrap();
    }
}
