//! Names of things as a reader takes them in.

use crate::record::category::Category;
use crate::record::roofline::Level;
use crate::tables::Limit;

/// What held a cell back: `held back by the receiver`; nothing where it is not known.
pub(crate) fn held_back(limit: Option<Limit>) -> String {
    match limit {
        Some(Limit::Neither) => "held back by neither end alone".to_owned(),
        Some(limit) => format!("held back by the {limit}"),
        None => String::new(),
    }
}

/// A category for a reader.
pub(crate) fn category(category: Category) -> &'static str {
    match category {
        Category::GatherCopy => "gather copy (user space)",
        Category::KernelCopy => "copy into the kernel",
        Category::DeferredCopy => "deferred copy",
        Category::ReceiveCopy => "copy to the receiver",
        Category::BelowTcpCopy => "copy below TCP",
        Category::Encryption => "encryption (kernel TLS)",
        Category::UnknownCopy => "unknown copy",
        Category::PagePinning => "page pinning",
        Category::Splice => "splice bookkeeping",
        Category::DiskIo => "reading from the disk",
        Category::DiskCopy => "copy on the way from the disk",
        Category::Allocation => "buffer and page allocation",
        Category::TcpIp => "TCP/IP",
        Category::DeviceSoftirq => "device and softirq",
        Category::Completion => "completion handling",
        Category::Syscall => "system call entry, socket layer",
        Category::SchedulingIdle => "scheduling",
        Category::Locking => "locking",
        Category::Other => "other, known",
        Category::Unattributed => "unattributed",
    }
}

/// What bounds a path, for a reader.
pub(crate) fn bound(level: Level) -> &'static str {
    match level {
        Level::L2 => "one copy in L2",
        Level::Llc => "one copy in the last-level cache",
        Level::Memory => "one copy in memory",
        Level::Floor => "floor: splice to trunc",
    }
}
