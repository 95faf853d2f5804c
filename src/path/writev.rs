//! writev: one-copy by the call that programs use which do not know that they write to a socket; the kernel gathers the
//! fields, and copies once.

use socket2::Socket;

use super::one_copy::gather;
use super::supply::open_by_payload;
use super::{
    Entry, KernelInterface, MovedBytes, Parameters, Promise, Rewrite, SendPath, Supply, Tally, call,
};
use crate::failure::Failure;
use crate::message::Message;
use crate::setup::Setup;
use crate::style::{Marker, SKY, Style};

pub(super) const ENTRY: Entry = Entry {
    name: "writev",
    alias: None,
    about: "writev() of an 8-entry iovec",
    interface: KernelInterface {
        name: "writev()",
        moved: MovedBytes::Results(&[libc::SYS_writev]),
        completions: None,
    },
    promise: Promise { user: 0, kernel: 1, is_deferred: false },
    style: Style { colour: SKY, marker: Marker::Plus },
    parameters: Parameters::NONE,
    prepare_receiver: None,
    open: open_by_payload!(Writev),
};

struct Writev<R> {
    supply: Supply<Message, R>,
}

impl<R: Rewrite> Writev<R> {
    fn open(setup: &Setup, _: &Socket) -> Result<Self, Failure> {
        Ok(Self { supply: Supply::new(setup, 1)? })
    }
}

impl<R: Rewrite> SendPath for Writev<R> {
    fn send_message(&mut self, socket: &Socket, tally: &mut Tally) -> Result<(), Failure> {
        gather(self.supply.take(), "writev", tally, |iovec| call::writev(socket, iovec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Static;
    use crate::path::splice::tests::{connected, receive_while};
    use crate::pattern::Pattern;

    #[test]
    fn the_messages_arrive_whole_and_in_order() {
        for bytes in [64, 1001, 300_000] {
            let setup = Setup::of_messages(bytes, Pattern::new(5, 0));
            receive_while(&setup, |socket| {
                let (mut path, mut tally) =
                    (Writev::<Static>::open(&setup, socket).unwrap(), Tally::default());
                (0..20).for_each(|_| path.send_message(socket, &mut tally).unwrap());
                assert!(tally.calls >= 20);
                20
            });
        }
    }

    #[test]
    fn a_peer_that_is_gone_is_an_error_and_no_signal() {
        let (socket, peer) = connected();
        let setup = Setup::of_messages(64, Pattern::new(5, 0));
        let (mut path, mut tally) = (Writev::<Static>::open(&setup, &socket).unwrap(), Tally::default());
        drop(peer);
        let failure = (0..1000).find_map(|_| path.send_message(&socket, &mut tally).err());
        let failure = failure.expect("nobody reads");
        assert!(failure.reason().starts_with("writev: "), "{failure}");
    }
}
