//! Offloads of an interface, by the ethtool ioctl: how large the kernel's packets are on their way decides
//! throughput more than any send path does, so they are set and read back.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;

use serde::{Deserialize, Serialize};

use super::ethtool::{self, Value};
use crate::cell::words;

/// An offload that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offload {
    /// Scatter-gather: packets may lie in several pages. Zero-copy sending needs it.
    ScatterGather,
    /// Checksums of sent packets left to the device. Segmentation needs it.
    TxChecksum,
    /// Checksums of received packets taken from the device.
    RxChecksum,
    /// TCP segmentation by the device.
    Tso,
    /// Segmentation as late as possible in software.
    Gso,
    /// Received packets merged before the stack sees them.
    Gro,
}

words!(Offload:
    ScatterGather = "scatter-gather",
    TxChecksum = "tx-checksum",
    RxChecksum = "rx-checksum",
    Tso = "tso",
    Gso = "gso",
    Gro = "gro",
);

impl Offload {
    /// Every offload, each after those that it needs: switching on goes in this order.
    pub const ALL: [Self; 6] =
        [Self::ScatterGather, Self::TxChecksum, Self::RxChecksum, Self::Tso, Self::Gso, Self::Gro];

    /// `ETHTOOL_G…` of linux/ethtool.h; the command that sets is the next number.
    fn get_command(self) -> u32 {
        match self {
            Self::RxChecksum => 0x14,
            Self::TxChecksum => 0x16,
            Self::ScatterGather => 0x18,
            Self::Tso => 0x1e,
            Self::Gso => 0x23,
            Self::Gro => 0x2b,
        }
    }
}

/// Every offload of an interface that the kernel reports.
pub(super) fn read(socket: RawFd, interface: &str) -> BTreeMap<Offload, bool> {
    Offload::ALL
        .into_iter()
        .filter_map(|offload| {
            let value = call(socket, interface, offload.get_command(), 0).ok()?;
            Some((offload, value != 0))
        })
        .collect()
}

/// Sets one offload. That it holds must be read back: the kernel switches off in silence what depends on an
/// offload that is off.
pub(super) fn set(socket: RawFd, interface: &str, offload: Offload, on: bool) -> io::Result<()> {
    call(socket, interface, offload.get_command() + 1, on.into()).map(drop)
}

fn call(socket: RawFd, interface: &str, command: u32, data: u32) -> io::Result<u32> {
    let mut value = Value { command, data };
    ethtool::ask(socket, interface, &mut value)?;
    Ok(value.data)
}
