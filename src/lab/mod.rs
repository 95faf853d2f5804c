//! Labs: where the two agents live, and how the coordinator takes them through a trial.
//!
//! The coordinator moves no payload. It holds one control connection to each agent; a thread a connection
//! reads replies into one queue, so that a dying agent is noticed while it waits for anything.

mod assemble;
mod child;
mod drive;
mod echo;
pub mod kind;
mod listen;
mod peer;
mod pinning;
mod plausible;
mod surroundings;
mod wires;

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use crate::agent::protocol::{Reply, Request, Welcome};
use crate::cell::{Cell, Wire};
use crate::failure::Failure;
use crate::host::policy;
use crate::options::TrialOptions;
use crate::record::manifest;
use crate::xray::roofline::Bandwidth;
use crate::xray::watch::{Pass, Seen};
pub use assemble::Measured;
pub use drive::work;
pub use kind::dial;
use listen::out_of_place;
pub use peer::Side;
use peer::{Peer, Replies};
use wires::WireAddress;

/// How long an agent may take for an answer that takes no work.
const PROMPT: Duration = Duration::from_secs(9);

/// Two agents, connected.
pub struct Lab {
    /// What its kind keeps alive. The first to be dropped: it may need the agents, and their namespaces, for its end.
    #[expect(dead_code, reason = "it is kept for what dropping it does")]
    guard: Box<dyn Any + Send>,
    kind: String,
    sender: Peer,
    receiver: Peer,
    heard: Replies,
    /// The wires there are, and the sender's address on each.
    routes: Vec<(Wire, IpAddr)>,
    /// The interfaces of each.
    links: BTreeMap<String, manifest::Link>,
    /// Whether its wires are to have a delay, loss or rate, which not every kernel can give them.
    pub(crate) needs_netem: bool,
    trial: u64,
}

/// What an x-ray pass measured and saw.
#[derive(Debug)]
pub struct XrayedTrial {
    /// The trial's own figures: throughput with the watching on, bytes, completions.
    pub measured: Measured,
    /// What the sender's agent saw.
    pub sender: Option<Seen>,
    /// What the receiver's agent saw.
    pub receiver: Option<Seen>,
}

/// Why a trial has no figures.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// This trial broke, or cannot run here; the next one may run.
    #[error(transparent)]
    Trial(#[from] Failure),
    /// An agent is gone: no further trial can run in this lab.
    #[error("{0}")]
    Lost(String),
}

impl Lab {
    /// The word for the manifest: the lab's name in its registry.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What joins the agents; the first is what a grid gets that names none.
    pub fn wires(&self) -> Vec<Wire> {
        self.routes.iter().map(|&(wire, _)| wire).collect()
    }

    /// The sender's address on a wire.
    fn route(&self, wire: Wire) -> Result<IpAddr, Failure> {
        let found = self.routes.iter().find(|&&(there, _)| there == wire);
        found.map(|&(_, address)| address).ok_or_else(|| {
            let there: Vec<_> = self.routes.iter().map(|(wire, _)| wire.word()).collect();
            Failure::Unsupported(format!("this lab has no {wire} wire, but {}", there.join(" and ")))
        })
    }

    /// The interfaces of each wire, as they were last read.
    pub fn links(&self) -> &BTreeMap<String, manifest::Link> {
        &self.links
    }

    /// Who an agent is and where.
    pub fn agent(&self, side: Side) -> (&Welcome, &str) {
        let peer = self.peer(side);
        (&peer.welcome, &peer.address)
    }

    /// CPUs that the two ends' workers are pinned to, in the order in which they are taken.
    pub fn pinning(&self, options: &TrialOptions) -> (Vec<usize>, Vec<usize>) {
        pinning::choose(&options.pin, &self.sender.welcome, &self.receiver.welcome)
    }

    fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Sender => &self.sender,
            Side::Receiver => &self.receiver,
        }
    }

    fn peer_mut(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Sender => &mut self.sender,
            Side::Receiver => &mut self.receiver,
        }
    }

    /// Runs one trial of a cell.
    pub fn run(&mut self, cell: &Cell, options: &TrialOptions) -> Result<Measured, Trouble> {
        self.attempt(cell, options, None).map(|(measured, _)| measured)
    }

    /// Runs one trial of a cell as an x-ray pass: both agents watch, and hand over what they saw.
    pub fn xray(&mut self, cell: &Cell, options: &TrialOptions, pass: Pass) -> Result<XrayedTrial, Trouble> {
        let (measured, [sender, receiver]) = self.attempt(cell, options, Some(pass))?;
        Ok(XrayedTrial { measured, sender, receiver })
    }

    fn attempt(
        &mut self,
        cell: &Cell,
        options: &TrialOptions,
        pass: Option<Pass>,
    ) -> Result<(Measured, [Option<Seen>; 2]), Trouble> {
        self.trial += 1;
        // Between the windows' begin and the order to count, hundreds of workers may be waiting for a CPU.
        let _attention = policy::Attention::pay();
        let result = self.drive(cell, options, pass);
        if matches!(result, Err(Trouble::Trial(_))) {
            let trial = self.trial;
            // An agent that cannot be told is found to be lost in the next trial.
            let _ = self.tell_both(&Request::Abort { trial });
        }
        result
    }

    /// How fast the sender's host copies, on the CPU of its first worker.
    pub fn roofline(&mut self, options: &TrialOptions) -> Result<Vec<Bandwidth>, Trouble> {
        let cpu = self.pinning(options).0.first().copied();
        self.tell(Side::Sender, &Request::Roofline { cpu })?;
        let mut found = Vec::new();
        self.expect("the memory roofline", PROMPT * 6, |side, reply| match reply {
            Reply::Roofline { levels } => {
                plausible::bandwidths(&levels, side)?;
                found = levels;
                Ok(true)
            }
            other => Err(out_of_place(side, &other)),
        })?;
        Ok(found)
    }

    /// A lab of two agents that stand, and of what must live as long as it does.
    fn of(
        kind: &str,
        [sender, receiver]: [Peer; 2],
        heard: Replies,
        routes: &[WireAddress],
        guard: impl Any + Send,
    ) -> anyhow::Result<Self> {
        let mut lab = Self {
            guard: Box::new(guard),
            kind: kind.to_owned(),
            sender,
            receiver,
            heard,
            routes: Vec::new(),
            links: BTreeMap::new(),
            needs_netem: false,
            trial: 0,
        };
        lab.read_wires(routes)?;
        Ok(lab)
    }
}
