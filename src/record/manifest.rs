//! `manifest.json`: everything that an expert asks about a run before believing its figures.
//!
//! Only what was read is written: a fact that the host does not tell is null or left out of its map.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{CounterSource, SCHEMA_VERSION};
use crate::file;
use crate::output::{harmless, harmless_json};

/// The manifest of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the run's files, semver.
    pub schema_version: String,
    /// The run's directory name.
    pub run_id: String,
    /// The program that made the run.
    pub tool: Tool,
    /// The command line, as given.
    pub command_line: Vec<String>,
    /// When the sweep started, UTC, RFC 3339.
    pub started_at: String,
    /// When it ended; absent while it runs or when it was killed.
    pub finished_at: Option<String>,
    /// How it ended: `complete`, `interrupted`, `broken` or absent.
    pub outcome: Option<String>,
    /// How often a killed or interrupted sweep was resumed.
    pub resumed: u32,
    /// The grid's name.
    pub grid_name: String,
    /// The grid file, verbatim.
    pub grid: String,
    /// SHA-256 of it, hexadecimal.
    pub grid_sha256: String,
    /// False where the grid says that its figures are no measurement: nothing is concluded from them. A manifest that
    /// does not say so is of a measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<bool>,
    /// Keys of all cells that the grid expands to.
    pub cells: Vec<String>,
    /// Seed of the order of trials.
    pub seed: u64,
    /// The lab, by its name in the registry of labs.
    pub lab: String,
    /// The virtual machine that all of it ran in, where `copycost vm` made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<Vm>,
    /// What joined the agents, by the word that the rows have for it.
    pub wires: BTreeMap<String, Link>,
    /// How far CLOCK_REALTIME of the two hosts may differ, microseconds, where the user said that they are synchronised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks_within_us: Option<f64>,
    /// The comparison of which the run is one side, where both sides ran in the same blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
    /// Where the sender ran.
    pub sender: Agent,
    /// Where the receiver ran.
    pub receiver: Agent,
}

/// The program that made the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Version of copycost.
    pub version: String,
    /// Git revision that it was built from, `-dirty` appended when the tree was changed; absent outside git.
    pub git_revision: Option<String>,
    /// SHA-256 of the binary, hexadecimal.
    pub binary_sha256: Option<String>,
}

impl Tool {
    /// Whether it was built of sources that no commit holds.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.git_revision.as_deref().is_some_and(|revision| revision.ends_with("-dirty"))
    }
}

/// A comparison of two programs whose trials ran in the same blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// What both sides have in common, and no other run has: the new side's run id.
    pub blocks: String,
    /// Which side the run is.
    pub side: ComparisonSide,
    /// The program that the new one was compared with.
    pub what: String,
}

/// Which of the two programs a run measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComparisonSide {
    /// What is judged.
    New,
    /// What it is compared with.
    Base,
}

impl ComparisonSide {
    /// The word that the manifest has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Base => "base",
        }
    }
}

/// The variable by which a command in a virtual machine learns what that is: a [`Vm`] as JSON.
pub const VM_FACTS: &str = "COPYCOST_VM";

/// A virtual machine that `copycost vm` made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// QEMU's version.
    pub qemu: String,
    /// QEMU's name for its board: `q35`, `microvm`, …
    pub machine: String,
    /// Who ran the guest's instructions: `kvm` or `tcg`.
    pub accel: String,
    /// What the guest's clocks counted: `host` or `instructions`.
    pub clock: String,
    /// Model of the network cards.
    pub nic: String,
    /// The CPU model that QEMU was given.
    pub cpu_model: String,
    /// How many CPUs the guest has.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The file that the kernel came from.
    pub kernel: String,
    /// Words that were added to the kernel's command line.
    pub kernel_arguments: String,
}

/// What a run's times are times of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Basis {
    /// A CPU that ran the instructions itself.
    #[default]
    Hardware,
    /// An emulator that translated them.
    Emulator,
    /// Nothing but the number of instructions.
    Instructions,
}

impl Vm {
    /// The machine that this process runs in, where `copycost vm` made one.
    pub fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(VM_FACTS).ok()?).ok()
    }

    /// What times in this machine are times of.
    pub fn basis(&self) -> Basis {
        match (self.clock.as_str(), self.accel.as_str()) {
            ("instructions", _) => Basis::Instructions,
            (_, "tcg") => Basis::Emulator,
            _ => Basis::Hardware,
        }
    }
}

/// A wire, as read from the interfaces that its traffic goes through. The sender's stands here itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Word of [`crate::cell::Wire`] for what the two interfaces show; where they could not be read, the word
    /// that the user gave.
    pub kind: String,
    /// Whether `kind` was read; absent in runs of versions that did not look at both ends.
    pub read: Option<bool>,
    /// Why it could not be read.
    pub why_not_read: Option<String>,
    /// The sender's interface.
    #[serde(flatten)]
    pub sender: Interface,
    /// The interface by which the receiver reaches the sender.
    pub receiver: Option<Interface>,
}

/// One end of a wire, as its own kernel shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name, as `ip link` prints it; absent in runs that could not read it.
    pub interface: Option<String>,
    /// What the kernel calls a device of this kind: `veth`, `bridge`, `vxlan`, …; absent for a card.
    pub device: Option<String>,
    /// The driver's name, as `ethtool -i` prints it; absent where the kernel names none.
    pub driver: Option<String>,
    /// Its MTU, bytes.
    pub mtu: Option<u32>,
    /// Its offloads (`tso`, `gso`, `gro`, `tx-checksum`, …): on or off.
    #[serde(default)]
    pub offloads: BTreeMap<String, bool>,
    /// XDP programs that received packets go through: `none`, `driver`, `generic`, `offload`, or several with `+`.
    pub xdp: Option<String>,
    /// Packet sockets in its network namespace that TCP packets of this interface are shown to.
    pub taps: Option<u64>,
    /// Where the far end of a pair is: `the other agent's`, `in another namespace`, `in this namespace`.
    pub far_end: Option<String>,
    /// What the kernel does to packets that leave by it; absent where it does nothing.
    pub netem: Option<Netem>,
}

/// Delay, jitter, loss and rate of what leaves by an interface: tc-netem(8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Netem {
    /// How long a packet is held back, nanoseconds.
    pub delay_ns: u64,
    /// By how much that varies to either side, evenly distributed, nanoseconds.
    pub jitter_ns: u64,
    /// Share of the packets that are dropped.
    pub loss: f64,
    /// Bits a second that leave at most; absent: as many as come.
    pub rate_bit_s: Option<u64>,
    /// Packets that wait at most; more are dropped.
    pub limit: u32,
}

/// One agent and its host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// How the coordinator reached it: `child` or an address.
    pub address: String,
    /// Its binary's SHA-256; differs from the coordinator's when versions were mixed.
    pub binary_sha256: Option<String>,
    /// What it read of its host.
    pub host: Host,
    /// Where the figures of each counter come from, or why there are none.
    pub counters: BTreeMap<String, CounterSource>,
    /// CPUs that workers were pinned to, in order; empty: not pinned.
    pub pinned: Vec<usize>,
}

/// A host, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -v`.
    pub kernel_build: String,
    /// `uname -m`.
    pub architecture: String,
    /// Boot id: two agents with the same one share a machine.
    pub boot_id: Option<String>,
    /// The model, or else implementer and part, from `/proc/cpuinfo`.
    pub cpu_model: Option<String>,
    /// How many CPUs are online, whatever the process may use of them.
    pub cpus_online: Option<u64>,
    /// CPUs that the process may run on.
    pub cpus_allowed: Vec<usize>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Cache sizes as sysfs lists them: `L1d` → `32K`.
    pub caches: BTreeMap<String, String>,
    /// cpufreq governor of CPU 0.
    pub governor: Option<String>,
    /// Virtualisation: `kvm`, `none`, or another hypervisor's name.
    pub virtualisation: Option<String>,
    /// `/sys/devices/system/cpu/vulnerabilities/*`.
    pub mitigations: BTreeMap<String, String>,
    /// The sysctls that matter, by name.
    pub sysctls: BTreeMap<String, String>,
    /// `RLIMIT_MEMLOCK` and others, soft limits; `unlimited` where there is none.
    pub limits: BTreeMap<String, String>,
    /// Effective capabilities, by name, in the process's own user namespace.
    pub capabilities: Vec<String>,
    /// Seccomp mode: `disabled`, `strict`, `filter`.
    pub seccomp: Option<String>,
    /// Whether `swiotlb=force` stands on the kernel's command line: what a card reads and writes is copied
    /// through bounce buffers.
    pub swiotlb_forced: Option<bool>,
    /// Slots of the bounce buffers in use when the agent started, 2 KiB each.
    pub swiotlb_used: Option<u64>,
    /// The most that were in use since boot.
    pub swiotlb_most_used: Option<u64>,
    /// Ticks of its kernel a second (CONFIG_HZ): how often it looks whether a thread is in user space or in the
    /// kernel.
    pub tick_hz: Option<u64>,
    /// The container's image id, where the lab passed one in `COPYCOST_IMAGE_ID`.
    pub container_image: Option<String>,
}

/// Why a manifest could not be used, as one sentence without its file's name.
pub type ManifestError = String;

impl Manifest {
    /// Notes that the run ended now, and how.
    pub(crate) fn finish(&mut self, outcome: &str) {
        self.finished_at = Some(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        self.outcome = Some(outcome.to_owned());
    }

    /// What the run's times are times of.
    pub fn basis(&self) -> Basis {
        self.vm.as_ref().map(Vm::basis).unwrap_or_default()
    }

    /// Whether two runs are the two sides of one comparison, whose trials ran in the same blocks.
    pub fn ran_together_with(&self, other: &Self) -> bool {
        matches!((&self.together, &other.together), (Some(one), Some(two)) if one.blocks == two.blocks && one.side != two.side)
    }

    /// Whether the run's figures are a measurement.
    pub fn is_measurement(&self) -> bool {
        self.measurement != Some(false)
    }

    /// Reads a run's manifest.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let refuse = |what: String| format!("{}: {}", path.display(), harmless(&what));
        let bytes = file::read(path).map_err(|error| refuse(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| refuse(format!("not UTF-8 ({error})")))?;
        Self::parse(&text).map_err(refuse)
    }

    /// Reads a manifest's text, and refuses one of a newer major version before anything else of it is looked at.
    ///
    /// # Errors
    /// One sentence without the file's name.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let version = value["schema_version"].as_str().unwrap_or_default().to_owned();
        let major = |text: &str| text.split('.').next().and_then(|part| part.parse::<u64>().ok());
        match (major(&version), major(SCHEMA_VERSION)) {
            (Some(theirs), Some(ours)) if theirs > ours => Err(format!(
                "schema version {version} is newer than this copycost reads ({SCHEMA_VERSION}); use a newer copycost"
            )),
            (Some(_), _) => {
                // The grid alone has lines.
                let grid = value.get("grid").cloned();
                let mut value = harmless_json(value);
                if let Some(grid) = grid {
                    value["grid"] = grid;
                }
                serde_json::from_value(value).map_err(|error| error.to_string())
            }
            (None, _) => Err("schema_version is missing or is not a version".to_owned()),
        }
    }

    /// Puts the manifest in the place of the old one, so that a reader sees one or the other.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text =
            serde_json::to_vec_pretty(self).expect("a manifest has no map with keys that are no text");
        text.push(b'\n');
        file::replace(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_of_schema_1_0_reads_and_what_it_does_not_say_is_absent() {
        let text = r#"{"kind": "veth", "interface": "copycost0", "mtu": 1500, "offloads": {"tso": true}}"#;
        let link: Link = serde_json::from_str(text).unwrap();
        assert_eq!((link.kind.as_str(), link.sender.mtu), ("veth", Some(1500)));
        assert_eq!(link.sender.offloads.get("tso"), Some(&true));
        assert_eq!((link.read, link.receiver, link.sender.taps, link.sender.xdp), (None, None, None, None));
    }

    #[test]
    fn a_wire_survives_the_file() {
        let receiver = Interface { taps: Some(1), xdp: Some("generic".into()), ..Interface::default() };
        let link = Link {
            kind: "nic".into(),
            read: Some(false),
            why_not_read: Some("no netlink".into()),
            sender: Interface { driver: Some("e1000e".into()), ..Interface::default() },
            receiver: Some(receiver),
        };
        let text = serde_json::to_string(&link).unwrap();
        assert_eq!(serde_json::from_str::<Link>(&text).unwrap(), link);
    }
}
