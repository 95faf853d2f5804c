//! planted: plain-send with a known number of extra copies in user space, to calibrate the instrument: the
//! x-ray must find exactly so many more, and the cost of a KiB must grow by so many copies. And one that panics,
//! to try what becomes of a trial whose worker has a defect.

use socket2::Socket;

use super::plain_send::send_all;
use super::{Entry, Fresh, KernelInterface, Parameters, Promise, Rewrite, SendPath, Static, Supply, Tally};
use crate::buffer::{Buffer, buffer};
use crate::cell::Payload;
use crate::failure::Failure;
use crate::message::Contiguous;
use crate::setup::Setup;
use crate::style::{Marker, SKY, Style};

/// One path for each number of copies, and the defect.
pub(super) const ENTRIES: [Entry; 5] = [
    entry("planted-1", 1, |setup, _| open(1, setup)),
    entry("planted-2", 2, |setup, _| open(2, setup)),
    entry("planted-4", 4, |setup, _| open(4, setup)),
    entry("planted-32", 32, |setup, _| open(32, setup)),
    entry("planted-panic", 0, |_, _| panic!("a planted panic")),
];

const fn entry(name: &'static str, user: u32, open: super::Open) -> Entry {
    Entry {
        name,
        alias: None,
        about: "plain-send after extra copies in user space, to calibrate the x-ray",
        interface: KernelInterface::SEND,
        promise: Promise { user, kernel: 1, is_deferred: false },
        style: Style { colour: SKY, marker: Marker::Cross },
        parameters: Parameters::NONE,
        prepare_receiver: None,
        open,
    }
}

fn open(copies: usize, setup: &Setup) -> Result<Box<dyn SendPath>, Failure> {
    Ok(match setup.payload {
        Payload::Static => Box::new(Planted::<Static>::new(copies, setup)?),
        Payload::Fresh => Box::new(Planted::<Fresh>::new(copies, setup)?),
    })
}

struct Planted<R> {
    supply: Supply<Contiguous, R>,
    /// Where the message is copied to, one after another.
    stages: Vec<Buffer>,
}

impl<R: Rewrite> Planted<R> {
    fn new(copies: usize, setup: &Setup) -> Result<Self, Failure> {
        let supply = Supply::new(setup, 1)?;
        let stages = (0..copies).map(|_| buffer(setup.message_bytes)).collect::<Result<_, _>>()?;
        Ok(Self { supply, stages })
    }
}

impl<R: Rewrite> SendPath for Planted<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        let mut bytes: &[u8] = &self.supply.take().0;
        for stage in &mut self.stages {
            stage.copy_from_slice(bytes);
            bytes = stage;
        }
        send_all(socket, bytes, tally)
    }
}
