//! What joins the agents of a lab, as both of them read it.

use std::net::IpAddr;

use super::listen::out_of_place;
use super::{Lab, PROMPT, Side, Trouble};
use crate::agent::protocol::{Reply, Request};
use crate::cell::Wire;
use crate::exit::UsageError;
use crate::failure::Failure;
use crate::link::{WireEnd, netem, reading};
use crate::output::harmless;
use crate::record::manifest;

/// A way between the agents: what the user calls it, and the sender's address on it.
pub(super) type WireAddress = (Option<Wire>, IpAddr);

impl Lab {
    /// Reads every route when the lab is made.
    pub(super) fn read_wires(&mut self, routes: &[WireAddress]) -> anyhow::Result<()> {
        for &(word, address) in routes {
            let (wire, link) = self.read_route(word, address)?;
            if self.links.insert(wire.to_string(), link).is_some() {
                return Err(UsageError(format!(
                    "two of the wires are {wire}, and the rows name a wire by that word alone; choose one of them"
                ))
                .into());
            }
            self.routes.push((wire, address));
        }
        Ok(())
    }

    fn read_route(&mut self, word: Option<Wire>, address: IpAddr) -> anyhow::Result<(Wire, manifest::Link)> {
        if let Some(wire) = word.filter(|wire| !wire.has_interfaces()) {
            return Ok((wire, manifest::Link { kind: wire.to_string(), ..manifest::Link::default() }));
        }
        let sender = self.read_end(Side::Sender, address)?;
        let receiver = self.read_end(Side::Receiver, address)?;
        let boot = |side| self.agent(side).0.host.boot_id.as_ref();
        let one_machine = boot(Side::Sender).is_some() && boot(Side::Sender) == boot(Side::Receiver);
        Ok(reading::settle(word, sender, receiver, one_machine).map_err(UsageError)?)
    }

    /// Reads a wire again: a tap or an XDP program may have come since the lab was made.
    ///
    /// # Errors
    /// When the lab has no such wire, it has become another one, or an agent is gone.
    pub fn read_link(&mut self, wire: Wire) -> Result<manifest::Link, Trouble> {
        let address = self.route(wire)?;
        let read = self.read_route(Some(wire), address);
        let (_, link) = read.map_err(|error| match error.downcast::<Trouble>() {
            Ok(trouble) => trouble,
            Err(error) => Failure::Failed(error.to_string()).into(),
        })?;
        self.links.insert(wire.to_string(), link.clone());
        Ok(link)
    }

    /// Refuses a wire that has not got the delay, loss or rate that it is to have.
    pub(super) fn check_netem(&self, wire: Wire) -> Result<(), Failure> {
        if self.needs_netem && wire == Wire::Sink {
            return Err(Failure::Unsupported(
                "a sink acknowledges what the sender has sent, wherever netem holds it, so that a delay, loss or rate would \
                 mean nothing; leave them out of `link`, or use the wire veth"
                    .to_owned(),
            ));
        }
        let link = self.links.get(wire.word());
        let ends = link.and_then(|link| link.sender.netem.zip(link.receiver.as_ref()?.netem));
        match self.needs_netem && ends.is_none() {
            true => Err(Failure::Unsupported(netem::MISSING.to_owned())),
            false => Ok(()),
        }
    }

    /// What an agent sees of its end.
    fn read_end(&mut self, side: Side, address: IpAddr) -> Result<Result<WireEnd, String>, Trouble> {
        self.tell(side, &Request::Describe { side, address })?;
        let mut read = Err(String::new());
        self.expect("the interface", PROMPT, |side, reply| match reply {
            Reply::Interface { end } => {
                read = end.map_err(|why| harmless(&why));
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        })?;
        Ok(read)
    }
}
