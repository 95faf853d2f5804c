//! Two existing interfaces, lent to a lab: moved into its namespaces, and made what they were afterwards.
//!
//! Before the first is moved it is written down what both were. A lab gives them back when it ends. When it is
//! killed, the kernel gives a card back by itself, bare, and the next command finds the journal and restores it.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use caps::{CapSet, Capability};
use netlink_packet_route::link::LinkAttribute;

use super::journal::{Directory, Journal, JournalEntry};
use super::namespace::Netns;
use super::reading::{self, WireReading};
use super::rtnl::{NetDevice, Rtnl};
use super::saved::{self, Saved};
use super::wire::describe;
use crate::exit::UsageError;
use crate::output::say;

/// How long the kernel may take to give a card back after the last process of its namespace has ended.
const RETURN: Duration = Duration::from_secs(5);

/// Two interfaces that may be borrowed.
#[derive(Debug)]
pub(crate) struct Loan {
    names: [String; 2],
    /// What joins them.
    pub reading: WireReading,
}

/// Two interfaces in a lab's namespaces. Dropped, it gives them back.
#[derive(Debug)]
pub(crate) struct Borrowed {
    journal: Option<Journal>,
    devices: Vec<Saved>,
    /// Open, so that the namespaces outlive agents that are killed, and the interfaces with them.
    namespaces: [File; 2],
    names: [String; 2],
    /// Moves the two back; a process of its own, for it must enter the namespaces.
    give_back: fn(&Borrowed) -> Result<()>,
}

impl Loan {
    /// Looks at two interfaces, and changes nothing.
    ///
    /// # Errors
    /// In one sentence, why they cannot be borrowed.
    pub(crate) fn of(names: &[String; 2]) -> Result<Self> {
        let directory = Directory::existing();
        let _lock = directory.as_ref().map(Directory::lock).transpose()?;
        let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
        check(&mut rtnl, names)?;
        let reading = reading::read(&describe(&names[0])?, &describe(&names[1])?, true);
        Ok(Self { names: names.clone(), reading })
    }

    /// Moves the first into the sender's namespace and the second into the receiver's. `give_back` moves them
    /// back from a process of its own.
    ///
    /// # Errors
    /// When one cannot be moved; both are what they were then.
    pub(crate) fn take(self, agents: [u32; 2], give_back: fn(&Borrowed) -> Result<()>) -> Result<Borrowed> {
        let directory = Directory::make()?;
        let lock = directory.lock()?;
        let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
        let found = check(&mut rtnl, &self.names)?;
        let mut devices = Vec::new();
        for interface in &found {
            let name = &interface.name;
            devices.push(Saved::read(&mut rtnl, interface).with_context(|| format!("cannot read {name}"))?);
        }
        let open = |pid| File::open(format!("/proc/{pid}/ns/net")).context("an agent's network namespace");
        let namespaces = [open(agents[0])?, open(agents[1])?];
        let entry = JournalEntry {
            pid: std::process::id(),
            boot_id: boot_id(),
            home: Netns::own()?.inode()?,
            devices: devices.clone(),
        };
        let journal = Some(Journal::write(directory, &entry)?);
        let borrowed = Borrowed { journal, devices, namespaces, names: self.names, give_back };
        let moved = found.iter().zip(&borrowed.namespaces).try_for_each(|(interface, namespace)| {
            let target = LinkAttribute::NetNsFd(namespace.as_raw_fd());
            rtnl.set(interface.index, target).map_err(|error| not_moved(&interface.name, error))
        });
        // What was moved is given back under the same lock.
        drop(lock);
        moved.map(|()| borrowed)
    }
}

fn not_moved(name: &str, error: std::io::Error) -> anyhow::Error {
    match error.raw_os_error() {
        Some(libc::EINVAL) => {
            let what =
                format!("the kernel does not let {name} into another namespace; choose another interface");
            UsageError(what).into()
        }
        Some(libc::EPERM) => no_right(),
        _ => anyhow::Error::new(error).context(format!("cannot move {name} into the lab")),
    }
}

impl Borrowed {
    /// The names of the two, which they keep.
    pub(crate) fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// The namespaces of the two, as paths that stay good as long as this does.
    pub(crate) fn namespaces(&self) -> [PathBuf; 2] {
        let path = |file: &File| format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into();
        [path(&self.namespaces[0]), path(&self.namespaces[1])]
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let directory = Directory::make();
        let _lock = directory.as_ref().ok().and_then(|directory| directory.lock().ok());
        if let Err(error) = (self.give_back)(self) {
            say(format_args!("copycost: {error:#}"));
        }
        if let Some(journal) = self.journal.take() {
            let (told, is_done) = restore_all(&self.devices, &journal, Duration::ZERO);
            told.iter()
                .filter(|told| told.is_trouble)
                .for_each(|told| say(format_args!("copycost: {}", told.what)));
            if is_done {
                journal.remove();
            }
        }
    }
}

/// What became of an interface.
struct Restoration {
    what: String,
    is_trouble: bool,
}

/// Restores interfaces that killed runs had borrowed from this network namespace; says of each what became of
/// it.
pub(crate) fn recover() -> Vec<String> {
    let Some(directory) = Directory::existing() else { return Vec::new() };
    recover_from(&directory).unwrap_or_else(|error| vec![format!("borrowed interfaces: {error:#}")])
}

fn recover_from(directory: &Directory) -> Result<Vec<String>> {
    let _lock = directory.lock()?;
    let home = Netns::own()?.inode()?;
    let mut sentences = Vec::new();
    for (entry, journal) in directory.journals()? {
        let Some(journal) = journal else { continue };
        if entry.boot_id != boot_id() {
            journal.remove();
            continue;
        }
        if entry.home != home {
            continue;
        }
        let (told, is_done) = restore_all(&entry.devices, &journal, RETURN);
        let run = format!("a run that was killed (process {}) had borrowed it", entry.pid);
        sentences.extend(told.into_iter().map(|told| format!("{}; {run}", told.what)));
        if is_done {
            journal.remove();
        }
    }
    Ok(sentences)
}

/// Restores interfaces; what to say of each, and whether nothing more can be done.
fn restore_all(devices: &[Saved], journal: &Journal, patience: Duration) -> (Vec<Restoration>, bool) {
    let mut told = Vec::new();
    let mut is_done = true;
    let deadline = Instant::now() + patience;
    for device in devices {
        match restore(device, deadline) {
            Ok(Some(one)) => told.push(one),
            Ok(None) => {
                is_done = false;
                let (name, address) = (&device.name, device.hardware_address());
                let what = format!(
                    "{name} ({address}) has not come back into this network namespace; when a namespace ends, the \
                     kernel gives its cards to the host's first one: look there, or remove {} to give it up",
                    journal.path().display()
                );
                told.push(Restoration { what, is_trouble: true });
            }
            Err(error) => {
                is_done = false;
                let what =
                    format!("{} cannot be restored: {error:#}; run `copycost doctor` as root", device.name);
                told.push(Restoration { what, is_trouble: true });
            }
        }
    }
    (told, is_done)
}

/// Restores an interface when it is here; none when it is a card that has not come back.
fn restore(device: &Saved, deadline: Instant) -> Result<Option<Restoration>> {
    let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
    let name = &device.name;
    let found = loop {
        match (device.find(&mut rtnl)?, &device.kind) {
            (Some(found), _) => break found,
            (None, Some(kind)) => {
                let what =
                    format!("{name} is gone: the kernel deletes a {kind} with its namespace; make it again");
                return Ok(Some(Restoration { what, is_trouble: true }));
            }
            (None, None) if Instant::now() >= deadline => return Ok(None),
            (None, None) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let troubles = device.restore(&mut rtnl, &found);
    let what = match &troubles[..] {
        [] => format!("{name} has its name, addresses, routes and settings again"),
        _ => format!("{name} is back, but not as it was: {}", troubles.join("; ")),
    };
    Ok(Some(Restoration { what, is_trouble: !troubles.is_empty() }))
}

/// Refuses interfaces that cannot be borrowed, or that somebody would miss.
fn check(rtnl: &mut Rtnl, names: &[String; 2]) -> Result<Vec<NetDevice>> {
    let refuse = |what: String| Err(anyhow::Error::from(UsageError(what)));
    if names[0] == names[1] {
        return refuse(format!("{} is named twice; name the two interfaces that are joined", names[0]));
    }
    let mut found = Vec::new();
    for name in names {
        match rtnl.by_name(name)? {
            Some(interface) => found.push(interface),
            None => return refuse(missing(name)),
        }
    }
    let routes = saved::routes(rtnl)?;
    let all = rtnl.all()?;
    for interface in &found {
        let (name, index) = (&interface.name, interface.index);
        let over =
            all.iter().find(|other| other.peer == Some(index) && other.kind.as_deref() != Some("veth"));
        let is_default = |route: &saved::Route| {
            route.header.destination_prefix_length == 0 && saved::leads_over(route, index)
        };
        let why = if interface.is_loopback {
            "is the loopback interface".to_owned()
        } else if let Some(controller) = interface.controller {
            let of = all.iter().find(|other| other.index == controller);
            format!("is a port of {}", of.map_or("a bridge or bond", |of| &of.name))
        } else if interface.is_bound_to_netns {
            "cannot leave its network namespace".to_owned()
        } else if let Some(over) = over {
            format!("carries {}", over.name)
        } else if routes.iter().any(is_default) {
            "carries the default route".to_owned()
        } else if carries_the_caller(rtnl, interface) {
            "carries the connection that you came by (SSH_CONNECTION)".to_owned()
        } else {
            continue;
        };
        return refuse(format!("{name} {why}, so it is not borrowed; choose another interface"));
    }
    for capability in [Capability::CAP_NET_ADMIN, Capability::CAP_SYS_ADMIN] {
        if !caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false) {
            return Err(no_right());
        }
    }
    Ok(found)
}

fn no_right() -> anyhow::Error {
    anyhow::anyhow!("borrowing interfaces takes CAP_NET_ADMIN and CAP_SYS_ADMIN on this host: run as root")
}

/// Why there is no such interface: another lab may have it.
fn missing(name: &str) -> String {
    let home = Netns::own().and_then(|own| own.inode()).ok();
    let journals = Directory::existing().and_then(|directory| directory.journals().ok()).unwrap_or_default();
    let has_it = |entry: &JournalEntry| {
        Some(entry.home) == home && entry.devices.iter().any(|device| device.name == name)
    };
    match journals.into_iter().find(|(entry, journal)| journal.is_none() && has_it(entry)) {
        Some((entry, _)) => {
            format!("{name} is lent to another copycost; wait until process {} has ended", entry.pid)
        }
        None => format!("there is no interface {name}; `ip link` lists those there are"),
    }
}

/// Whether the user's own connection goes over it: the client's address is reached by it, or the server's is on it.
fn carries_the_caller(rtnl: &mut Rtnl, interface: &NetDevice) -> bool {
    let said = ["SSH_CONNECTION", "SSH_CLIENT"].map(|name| std::env::var(name).unwrap_or_default());
    let words = said.iter().flat_map(|text| text.split_whitespace());
    words.filter_map(|word| word.split('%').next()?.parse::<IpAddr>().ok()).any(|address| {
        let index = |found: std::io::Result<Option<u32>>| found.ok().flatten() == Some(interface.index);
        index(rtnl.index_towards(address)) || index(rtnl.index_of(address))
    })
}

fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}
