//! The words of an attribution: what the CPU was doing, and for whom.

use serde::{Deserialize, Serialize};

use crate::cell::words;

/// What a sampled CPU was doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// The program gathers the fields into a staging buffer.
    GatherCopy,
    /// The kernel copies the payload into its own pages inside the send call.
    KernelCopy,
    /// The kernel copies pinned pages after all, because the skb is delivered on the same host.
    DeferredCopy,
    /// The kernel copies what TCP has handed on: segments, packets for a tap or for XDP, bounce buffers.
    BelowTcpCopy,
    /// The kernel copies the payload to the receiver.
    ReceiveCopy,
    /// Kernel TLS writes the payload anew, encrypted or decrypted: where it does so, that is the copy.
    Encryption,
    /// The kernel copies, and no rule knows for whom.
    UnknownCopy,
    /// The pages of the program are looked up, pinned, accounted and let go.
    PagePinning,
    /// Pages move between file, pipe and socket by reference.
    Splice,
    /// Pages of a file are read from its device.
    DiskIo,
    /// They are copied on the way from it, by a driver or bounce buffers: no copy that a send path makes.
    DiskCopy,
    /// Pages and buffers are allocated, cleared and freed.
    Allocation,
    /// TCP and IP, both ways.
    TcpIp,
    /// Device, queueing and softirq work.
    DeviceSoftirq,
    /// Completions of zero-copy sends are made, queued and read.
    Completion,
    /// The way into and out of the kernel, and the socket layer above TCP.
    Syscall,
    /// The scheduler, waking, waiting, and the idle CPU.
    SchedulingIdle,
    /// Spinning on or taking a lock.
    Locking,
    /// Known, and none of the above: the program's own loop, timers, page faults.
    Other,
    /// No rule knows any frame of the chain.
    #[default]
    Unattributed,
}

words!(Category:
    GatherCopy = "gather-copy",
    KernelCopy = "kernel-copy",
    DeferredCopy = "deferred-copy",
    BelowTcpCopy = "below-tcp-copy",
    ReceiveCopy = "receive-copy",
    Encryption = "encryption",
    UnknownCopy = "unknown-copy",
    PagePinning = "page-pinning",
    Splice = "splice",
    DiskIo = "disk-io",
    DiskCopy = "disk-copy",
    Allocation = "allocation",
    TcpIp = "tcp-ip",
    DeviceSoftirq = "device-softirq",
    Completion = "completion",
    Syscall = "syscall",
    SchedulingIdle = "scheduling-idle",
    Locking = "locking",
    Other = "other",
    Unattributed = "unattributed",
);

impl Category {
    /// Every category, copies first, in the order of a figure's stack.
    pub const ALL: [Self; 20] = [
        Self::GatherCopy,
        Self::KernelCopy,
        Self::DeferredCopy,
        Self::BelowTcpCopy,
        Self::ReceiveCopy,
        Self::Encryption,
        Self::UnknownCopy,
        Self::PagePinning,
        Self::Splice,
        Self::DiskIo,
        Self::DiskCopy,
        Self::Allocation,
        Self::TcpIp,
        Self::DeviceSoftirq,
        Self::Completion,
        Self::Syscall,
        Self::SchedulingIdle,
        Self::Locking,
        Self::Other,
        Self::Unattributed,
    ];

    /// Whether the CPU copies what is, or may be, payload on its way between the two programs.
    pub fn is_copy(self) -> bool {
        matches!(
            self,
            Self::GatherCopy
                | Self::KernelCopy
                | Self::DeferredCopy
                | Self::BelowTcpCopy
                | Self::ReceiveCopy
                | Self::Encryption
                | Self::UnknownCopy
        )
    }
}

/// On whose account the CPU worked, as the kernel's own CPU time is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The worker thread, in user space.
    User,
    /// The worker thread, in a system call.
    System,
    /// Softirq and interrupts, in the worker's context or outside any, and the kernel's own threads:
    /// work that the thread's own CPU time may not show.
    Softirq,
    /// Nobody: the CPU waited.
    Idle,
}

words!(Owner: User = "user", System = "system", Softirq = "softirq", Idle = "idle");

/// What the time between samples is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplingClock {
    /// Hardware cycles: sees inside interrupts-off regions, counts nothing while the CPU is halted.
    Cycles,
    /// The kernel's timer: needs no PMU; a sample due with interrupts off is taken when they are on again.
    #[default]
    CpuClock,
}

words!(SamplingClock: Cycles = "cycles", CpuClock = "cpu-clock");

/// What is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every task, interrupt and the idle time on the CPUs in use.
    #[default]
    Cpus,
    /// The worker threads, in user space and in the kernel.
    Threads,
    /// The worker threads in user space only.
    UserSpace,
}

words!(Scope: Cpus = "cpus", Threads = "threads", UserSpace = "user-space");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_the_order_of_the_words() {
        assert_eq!(Category::ALL.map(Category::word).as_slice(), Category::WORDS);
    }
}
