//! One veth pair between two network namespaces, or two interfaces in them that are joined already.
//!
//! An interface whose name begins with `copycost` is ours: one left behind by a run that was killed is
//! replaced, and no other interface is ever deleted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ipnet::{IpNet, Ipv4Net};
use netlink_packet_route::link::LinkAttribute;
use serde::Serialize;

use super::namespace::{Netns, NsRef, join_user_ns};
use super::neighbour;
use super::netem;
use super::offload::{self, Offload};
use super::pair_netns;
use super::refusal::Refusal;
use super::rtnl::{NetDevice, Rtnl, VethEnd};
use super::wire::NAME_PREFIX;
use crate::record::manifest::Netem;

/// The name of both ends where none is given.
pub(crate) const DEFAULT_NAME: &str = "copycost0";

/// The sender's address where none is given, and the receiver's, the other host of the same /30.
///
/// 198.18.0.0/15 is set aside for tests of network equipment (RFC 2544, RFC 6890): no host, container
/// engine or site has it in use, and unlike link-local addresses it needs no scope and meets no cloud's
/// metadata service.
pub(crate) const DEFAULT_SENDER: IpNet = net(1);
/// See [`DEFAULT_SENDER`].
pub(crate) const DEFAULT_RECEIVER: IpNet = net(2);

/// The same for a pair beside two interfaces, which then have the first two addresses.
pub(crate) const BESIDE_SENDER: IpNet = net(5);
/// See [`BESIDE_SENDER`].
pub(crate) const BESIDE_RECEIVER: IpNet = net(6);

const fn net(host: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(198, 19, 0, host), 30))
}

/// How long both ends may take to pass traffic once they are up.
const READY_DEADLINE: Duration = Duration::from_secs(5);
/// The same for two cards, which agree on a speed first.
const CARRIER_DEADLINE: Duration = Duration::from_secs(10);

/// A link to be made.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// The sender's network namespace.
    pub sender_ns: NsRef,
    /// The receiver's.
    pub receiver_ns: NsRef,
    /// Name of the sender's end.
    pub sender_name: String,
    /// Name of the receiver's end.
    pub receiver_name: String,
    /// Address and prefix length of the sender's end.
    pub sender_addr: IpNet,
    /// Address and prefix length of the receiver's end.
    pub receiver_addr: IpNet,
    /// MTU of both ends; absent: the kernel's default, 1500.
    pub mtu: Option<u32>,
    /// Offloads of both ends; those not named keep the kernel's default.
    pub offloads: BTreeMap<Offload, bool>,
    /// What each end does to the packets that leave by it, where the kernel has netem.
    pub netem: Option<Netem>,
    /// A user namespace to join first. It is seldom needed: the owner of a network namespace that may not be
    /// entered directly is found and joined by itself.
    pub user_ns: Option<PathBuf>,
    /// Whether a pair that is already as asked for is left alone, with the traffic that it carries.
    pub keep: bool,
    /// Whether the two interfaces are in their namespaces already, and no pair is to be made.
    pub existing: bool,
}

impl LinkSpec {
    /// A link with default names, addresses, MTU and offloads.
    pub fn between(sender_ns: NsRef, receiver_ns: NsRef) -> Self {
        Self {
            sender_ns,
            receiver_ns,
            sender_name: DEFAULT_NAME.to_owned(),
            receiver_name: DEFAULT_NAME.to_owned(),
            sender_addr: DEFAULT_SENDER,
            receiver_addr: DEFAULT_RECEIVER,
            mtu: None,
            offloads: BTreeMap::new(),
            netem: None,
            user_ns: None,
            keep: false,
            existing: false,
        }
    }

    fn validate(&self) -> Result<()> {
        for name in [&self.sender_name, &self.receiver_name] {
            ensure!(
                self.existing
                    || name.starts_with(NAME_PREFIX)
                        && name.len() < libc::IFNAMSIZ
                        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                "`{name}` cannot name an end of a link; write {NAME_PREFIX} and up to {} letters or digits",
                libc::IFNAMSIZ - 1 - NAME_PREFIX.len()
            );
        }
        let (one, two) = (self.sender_addr, self.receiver_addr);
        ensure!(
            one.trunc() == two.trunc() && one.addr() != two.addr(),
            "{one} and {two} cannot reach each other; give two addresses of one network, such as \
             {DEFAULT_SENDER} and {DEFAULT_RECEIVER}"
        );
        if let Some(mtu) = self.mtu {
            // ETH_MIN_MTU and ETH_MAX_MTU of linux/if_ether.h, which veth takes over.
            ensure!((68..=65535).contains(&mtu), "an MTU of {mtu} is not possible; choose 68 to 65535");
        }
        Ok(())
    }
}

/// A link that was made, as read back from the kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Made {
    /// The sender's end.
    pub sender: MadeEnd,
    /// The receiver's end.
    pub receiver: MadeEnd,
}

/// One end of a link that was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MadeEnd {
    /// Its name in its own namespace.
    pub interface: String,
    /// The address that streams use, without its prefix length.
    pub address: IpAddr,
    /// MTU in bytes; absent where the kernel does not tell.
    pub mtu: Option<u32>,
    /// Its offloads, all that the kernel reports.
    pub offloads: BTreeMap<Offload, bool>,
    /// What is done to the packets that leave by it; absent where nothing is.
    pub netem: Option<Netem>,
}

/// One end while the link is made.
pub(super) struct PairEnd<'a> {
    netns: Netns,
    /// Whether it is another namespace than the one that the process came from.
    is_foreign: bool,
    pub(super) rtnl: Rtnl,
    pub(super) name: &'a str,
    pub(super) address: IpNet,
    existing: bool,
}

/// Makes the pair, replacing one that an earlier run left, and returns when both ends pass traffic. A later
/// step that fails takes the pair away again.
///
/// The calling thread ends up in the receiver's network namespace (and perhaps in its user namespace), so
/// this belongs into a process of its own, with one thread.
///
/// # Errors
/// When the link cannot be made as asked, in one sentence that says what to do.
pub(crate) fn create(spec: &LinkSpec) -> Result<Made> {
    spec.validate()?;
    let (mut sender, mut receiver) = enter_both(spec)?;
    ensure!(
        !sender.netns.is(&receiver.netns)?,
        "sender and receiver are in the same network namespace; start each in its own"
    );
    if spec.existing {
        return finish(&mut sender, &mut receiver, spec);
    }
    if spec.keep
        && let Some(there) = existing(&mut sender, &mut receiver, spec)?
    {
        return Ok(there);
    }
    for end in [&mut sender, &mut receiver] {
        end.clear()?;
    }
    let far = VethEnd { name: receiver.name, namespace: Some(receiver.netns.as_raw_fd()) };
    let near = VethEnd { name: sender.name, namespace: None };
    sender.rtnl.create_veth(&near, &far, spec.mtu).map_err(|error| {
        let remedy = match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => "run `modprobe veth` as root: the kernel has no veth driver",
            Some(libc::EPERM) => {
                "run as root, or as the user who made both namespaces: CAP_NET_ADMIN is missing"
            }
            _ => return anyhow::Error::new(error).context("cannot make a veth pair"),
        };
        Refusal { what: format!("the kernel refused a veth pair ({error})"), remedy: remedy.to_owned() }
            .into()
    })?;
    let made = finish(&mut sender, &mut receiver, spec);
    if made.is_err() {
        // The error that stopped us matters more than one on the way back; the next run clears again.
        let _ = sender.clear();
    }
    made
}

/// Deletes the pair; `false` when there was none.
///
/// As [`create`], it belongs into a process of its own.
///
/// # Errors
/// When a namespace cannot be entered, or the interface is not ours.
pub(crate) fn delete(spec: &LinkSpec) -> Result<bool> {
    spec.validate()?;
    let (mut sender, mut receiver) = enter_both(spec)?;
    // Both, though deleting one end takes the other along: the two may be halves of different links.
    Ok(sender.clear()? | receiver.clear()?)
}

/// Gives two existing interfaces back to the namespace that the process is in, by their names.
///
/// As [`create`], it belongs into a process of its own.
///
/// # Errors
/// When a namespace cannot be entered, or an interface cannot leave it.
pub(crate) fn give_back(spec: &LinkSpec) -> Result<()> {
    let home = Netns::own()?;
    let (mut sender, mut receiver) = enter_both(spec)?;
    for end in [&mut sender, &mut receiver] {
        let Some(found) = end.rtnl.by_name(end.name)? else { continue };
        let moved = end.rtnl.set(found.index, LinkAttribute::NetNsFd(home.as_raw_fd()));
        moved.with_context(|| format!("cannot move {} back", end.name))?;
    }
    Ok(())
}

fn enter_both(spec: &LinkSpec) -> Result<(PairEnd<'_>, PairEnd<'_>)> {
    let own = Netns::own()?;
    // Opened before any is entered: what `/proc` shows depends on where one stands.
    let (sender, receiver) = (Netns::open(&spec.sender_ns)?, Netns::open(&spec.receiver_ns)?);
    if let Some(path) = &spec.user_ns {
        join_user_ns(path)?;
    }
    let end = |netns: Netns, name, address| {
        netns.enter()?;
        let netns = match pair_netns::asked_for()? {
            Some(file) => Netns::of_agent(file),
            None => netns,
        };
        netns.enter()?;
        let rtnl = Rtnl::open().context("cannot open a netlink socket")?;
        let (is_foreign, existing) = (!netns.is(&own)?, spec.existing);
        anyhow::Ok(PairEnd { netns, is_foreign, rtnl, name, address, existing })
    };
    Ok((
        end(sender, &spec.sender_name, spec.sender_addr)?,
        end(receiver, &spec.receiver_name, spec.receiver_addr)?,
    ))
}

/// The pair that joins the two already, where it is as asked for and passes traffic.
fn existing(sender: &mut PairEnd<'_>, receiver: &mut PairEnd<'_>, spec: &LinkSpec) -> Result<Option<Made>> {
    let (Some(near), Some(far)) = (sender.usable(spec.mtu)?, receiver.usable(spec.mtu)?) else {
        return Ok(None);
    };
    if near.far_end != Some(far.index) || far.far_end != Some(near.index) {
        return Ok(None);
    }
    // What is not as asked for is no error here: the pair is made anew.
    let now = Instant::now();
    let (sender, receiver) = (sender.read_back(spec, now).ok(), receiver.read_back(spec, now).ok());
    Ok(sender.zip(receiver).map(|(sender, receiver)| Made { sender, receiver }))
}

fn finish(sender: &mut PairEnd<'_>, receiver: &mut PairEnd<'_>, spec: &LinkSpec) -> Result<Made> {
    sender.set_up(spec)?;
    receiver.set_up(spec)?;
    let deadline = Instant::now() + if spec.existing { CARRIER_DEADLINE } else { READY_DEADLINE };
    let made =
        Made { sender: sender.read_back(spec, deadline)?, receiver: receiver.read_back(spec, deadline)? };
    neighbour::introduce(sender, receiver)?;
    neighbour::introduce(receiver, sender)?;
    Ok(made)
}

impl PairEnd<'_> {
    /// Deletes our interface where there is one.
    fn clear(&mut self) -> Result<bool> {
        let Some(found) = self.rtnl.by_name(self.name)? else { return Ok(false) };
        if found.kind.as_deref() != Some("veth") {
            let kind = found.kind.as_deref().unwrap_or("a device");
            bail!("{} exists but is {kind}, not a veth; choose another name", self.name);
        }
        match self.rtnl.delete(found.index) {
            // The far end, deleted a moment ago, takes this one along.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(false),
            other => other.map(|()| true).with_context(|| format!("cannot delete {}", self.name)),
        }
    }

    /// Our interface, where it passes traffic and has the address and the MTU.
    fn usable(&mut self, mtu: Option<u32>) -> Result<Option<NetDevice>> {
        let Some(found) = self.rtnl.by_name(self.name)? else { return Ok(None) };
        let has_address = self.rtnl.index_of(self.address.addr())? == Some(found.index);
        let is_as_asked = found.is_ready && has_address && (mtu.is_none() || mtu == found.mtu);
        Ok(is_as_asked.then_some(found))
    }

    fn set_up(&mut self, spec: &LinkSpec) -> Result<()> {
        let name = self.name;
        if self.is_foreign
            && let Some(lo) = self.rtnl.by_name("lo")?
            && !lo.is_up
        {
            self.rtnl.set_up(lo.index).context("cannot bring lo up")?;
        }
        let index = self.rtnl.by_name(name)?.with_context(|| format!("{name} has vanished"))?.index;
        // A pair was made with its MTU.
        if let Some(mtu) = spec.mtu.filter(|_| spec.existing) {
            self.rtnl.set(index, LinkAttribute::Mtu(mtu)).map_err(|error| {
                anyhow::anyhow!("{name} does not take an MTU of {mtu} ({error}); choose another for the link")
            })?;
        }
        self.rtnl.add_address(index, self.address).map_err(|error| match error.raw_os_error() {
            Some(libc::EEXIST) => anyhow::anyhow!("{} is already in use; choose another", self.address),
            _ => {
                anyhow::Error::new(error).context(format!("cannot give {name} the address {}", self.address))
            }
        })?;
        for (&offload, &on) in &spec.offloads {
            offload::set(self.rtnl.as_raw_fd(), name, offload, on).map_err(|error| {
                anyhow::anyhow!("{name} does not let {offload} be switched ({error}); leave it out")
            })?;
        }
        netem::put(&mut self.rtnl, index, spec.netem).with_context(|| format!("netem on {name}"))?;
        self.rtnl.set_up(index).with_context(|| format!("cannot bring {name} up"))
    }

    /// Waits until the end passes traffic and reads it back. Before its queue is attached the kernel drops
    /// what is sent, and a first SYN that is dropped costs a second.
    fn read_back(&mut self, spec: &LinkSpec, deadline: Instant) -> Result<MadeEnd> {
        let name = self.name;
        let found = loop {
            let found = self.rtnl.by_name(name)?.with_context(|| format!("{name} has vanished"))?;
            // Not every driver of a card tells more than its carrier.
            if found.is_ready || self.existing && found.has_carrier {
                break found;
            }
            let no_carrier = "has no carrier; join the two by a cable, or by a switch that is on";
            let why = if self.existing { no_carrier } else { "is up but passes no traffic" };
            ensure!(Instant::now() < deadline, "{name} {why}");
            std::thread::sleep(Duration::from_millis(1));
        };
        let offloads = offload::read(self.rtnl.as_raw_fd(), name);
        for (offload, on) in &spec.offloads {
            ensure!(
                offloads.get(offload) == Some(on),
                "the kernel keeps {offload} of {name} {}: another offload that it depends on forbids it",
                if *on { "off" } else { "on" }
            );
        }
        let netem = netem::read_back(&mut self.rtnl, &found, spec.netem)?;
        let (interface, address) = (name.to_owned(), self.address.addr());
        Ok(MadeEnd { interface, address, mtu: found.mtu, offloads, netem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> LinkSpec {
        LinkSpec::between(NsRef::Pid(1), NsRef::Pid(2))
    }

    #[test]
    fn the_defaults_are_two_hosts_of_one_network() {
        spec().validate().unwrap();
        assert!(DEFAULT_SENDER.contains(&DEFAULT_RECEIVER.addr()));
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_made() {
        let bad = [
            LinkSpec { sender_name: "eth0".into(), ..spec() },
            LinkSpec { sender_name: "copycost/0".into(), ..spec() },
            LinkSpec { receiver_name: "copycost12345678".into(), ..spec() },
            LinkSpec { receiver_addr: DEFAULT_SENDER, ..spec() },
            LinkSpec { receiver_addr: "10.0.0.1/30".parse().unwrap(), ..spec() },
            LinkSpec { receiver_addr: "fd00::1/64".parse().unwrap(), ..spec() },
            LinkSpec { mtu: Some(67), ..spec() },
            LinkSpec { mtu: Some(65536), ..spec() },
        ];
        for spec in bad {
            assert!(spec.validate().is_err(), "{spec:?} was accepted");
        }
    }
}
