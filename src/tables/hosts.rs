//! What the figures of a run's trials rest on: the clock of each host's CPU accounting, and the CPUs of each end.

use crate::cell::Side;
use crate::record::Manifest;
use crate::record::manifest::Agent;

/// Ticks a second of a kernel that does not tell (CONFIG_HZ of most distributions' kernels, and the coarsest of
/// the usual ones).
pub const USUAL_TICK_HZ: f64 = 250.0;
/// Units a second in which `/proc/stat` counts (USER_HZ), whatever the kernel's own tick.
pub(super) const STAT_HZ: f64 = 100.0;

/// One end's host, as far as figures need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostOfEnd {
    /// Ticks a second: how often the kernel looks whether a thread is in user space or in the kernel.
    pub tick_hz: f64,
    /// CPUs that the workers of this end may run on; absent where the manifest does not tell.
    pub cpus: Option<usize>,
}

impl Default for HostOfEnd {
    fn default() -> Self {
        Self { tick_hz: USUAL_TICK_HZ, cpus: None }
    }
}

impl HostOfEnd {
    fn of(agent: &Agent) -> Self {
        let mut pinned = agent.pinned.clone();
        pinned.sort_unstable();
        pinned.dedup();
        let online = agent.host.cpus_online.and_then(|count| usize::try_from(count).ok());
        let cpus = Some(pinned.len()).filter(|&count| count > 0).or(online);
        Self { tick_hz: agent.host.tick_hz.map_or(USUAL_TICK_HZ, |hz| hz as f64), cpus }
    }
}

/// What is known of the hosts of both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hosts {
    /// Where the sender ran.
    pub sender: HostOfEnd,
    /// Where the receiver ran.
    pub receiver: HostOfEnd,
}

impl Hosts {
    /// What a run's manifest says of them.
    pub fn of(manifest: &Manifest) -> Self {
        Self { sender: HostOfEnd::of(&manifest.sender), receiver: HostOfEnd::of(&manifest.receiver) }
    }

    /// The host of this side.
    pub fn end(&self, side: Side) -> &HostOfEnd {
        match side {
            Side::Sender => &self.sender,
            Side::Receiver => &self.receiver,
        }
    }
}
