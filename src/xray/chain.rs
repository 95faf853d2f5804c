//! From a call chain to what the CPU was doing, and on whose account.

use super::rules::copies::{COPIES, is_copying};
use super::rules::kernel::KERNEL;
use super::rules::marks::{MARKS, Mark};
use super::rules::user::USER;
use super::rules::{FrameRole, Rule};
use crate::record::category::{Category, Owner};

/// What one frame of a chain says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The category when the frame is the leaf.
    as_leaf: Option<Category>,
    /// The category when it is a caller.
    as_caller: Option<Category>,
    /// Whether it copies when it is the leaf.
    copying: bool,
    /// What is copied when it is, or calls, a leaf that copies; and where the rule says so.
    as_copy: Option<(Category, FrameRole)>,
    mark: Option<Mark>,
}

impl Frame {
    /// What a kernel function's name says; nothing without a name.
    pub fn kernel(name: Option<&str>) -> Self {
        let Some(name) = name else { return Self::default() };
        let known = |rule: &&Rule| rule.knows(name);
        let copy = COPIES.iter().find(known);
        let rule = copy.filter(|rule| rule.place == FrameRole::Any).or_else(|| KERNEL.iter().find(known));
        let mark = MARKS.into_iter().find(|(names, _)| names.contains(&name)).map(|(_, mark)| mark);
        Self {
            as_leaf: rule.map(|rule| rule.category),
            as_caller: rule.filter(|rule| rule.place == FrameRole::Any).map(|rule| rule.category),
            copying: is_copying(name),
            as_copy: copy.map(|rule| (rule.category, rule.place)),
            mark: mark.or_else(|| name.contains("sysvec_").then_some(Mark::Interrupt)),
        }
    }

    /// Whether it copies, or copies by what it calls, whatever is copied.
    pub fn copies(&self) -> bool {
        self.copying || self.as_leaf.is_some_and(Category::is_copy)
    }

    /// What a user function's name says.
    pub fn user(name: Option<&str>) -> Self {
        let category = name.map(|name| {
            USER.iter().find(|rule| rule.knows(name)).map_or(Category::Other, |rule| rule.category)
        });
        Self { as_leaf: category, ..Self::default() }
    }
}

/// Kernel and user frames of one chain, innermost first.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// Frames of the kernel, innermost first.
    pub kernel: &'a [Frame],
    /// Frames of the program, innermost first.
    pub user: &'a [Frame],
    /// Whether packets may be so small that a card's driver copies them whole.
    pub small_packets: bool,
}

impl Chain<'_> {
    /// What the CPU was doing: which copy, when the leaf copies; else what the first frame from the leaf
    /// outward says that a rule knows.
    pub fn category(&self) -> Category {
        let found = match self.kernel {
            [] => self.user.first().and_then(|leaf| leaf.as_leaf),
            [leaf, ..] if leaf.copying => Some(self.copy()),
            [leaf, callers @ ..] => leaf.as_leaf.or_else(|| callers.iter().find_map(|frame| frame.as_caller)),
        };
        self.in_context(found.unwrap_or(Category::Unattributed))
    }

    /// What the functions of sockets, files and devices mean depends on who calls them.
    fn in_context(&self, found: Category) -> Category {
        let own = |mark| self.own().iter().any(|frame| frame.mark == Some(mark));
        let called_by = |callee, caller| {
            self.own().windows(2).any(|pair| [pair[0].mark, pair[1].mark] == [Some(callee), Some(caller)])
        };
        match found {
            Category::BelowTcpCopy if called_by(Mark::Pull, Mark::PullsHeaders) => Category::DeviceSoftirq,
            Category::BelowTcpCopy if called_by(Mark::CopiesBits, Mark::RecordHeader) => Category::Encryption,
            Category::BelowTcpCopy if called_by(Mark::CopiesBits, Mark::Record) => Category::ReceiveCopy,
            found if found.is_copy() && own(Mark::Disk) => Category::DiskCopy,
            Category::KernelCopy if own(Mark::PacketSend) => Category::DeviceSoftirq,
            Category::KernelCopy | Category::ReceiveCopy if self.has(Mark::Tunnel) => Category::BelowTcpCopy,
            Category::ReceiveCopy if self.has(Mark::Splicing) && !own(Mark::SocketRead) => {
                Category::KernelCopy
            }
            found => found,
        }
    }

    /// Kernel frames of the work itself. It began where the softirq or the interrupt did: frames further out were only
    /// interrupted, and say nothing of it.
    fn own(&self) -> &[Frame] {
        let interrupts = |frame: &Frame| matches!(frame.mark, Some(Mark::Network | Mark::Interrupt));
        let end = self.kernel.iter().position(interrupts).unwrap_or(self.kernel.len());
        &self.kernel[..end]
    }

    /// What a copying leaf copies.
    fn copy(&self) -> Category {
        let own = self.own();
        let mut copies = own
            .iter()
            .enumerate()
            .filter_map(|(depth, frame)| frame.as_copy.map(|copy| (depth, copy)))
            .filter(|(depth, (_, place))| *place != FrameRole::Direct || *depth == 1)
            .map(|(_, (category, place))| match place {
                FrameRole::Small if !self.small_packets => Category::DeviceSoftirq,
                _ => category,
            });
        match copies.next() {
            // A deferred copy moves the headers too, by a function that others call below TCP.
            Some(Category::BelowTcpCopy) if copies.any(|outer| outer == Category::DeferredCopy) => {
                Category::DeferredCopy
            }
            first => first.unwrap_or(Category::UnknownCopy),
        }
    }

    /// Whether the kernel worked on packets for nobody in particular: in a softirq, or in a thread of its own.
    pub fn is_networks(&self) -> bool {
        self.has(Mark::Network) || self.has(Mark::Daemon) || self.has(Mark::Tunnel)
    }

    /// Whether a thread of io_uring worked, which the kernel made for the process that owns the ring.
    pub fn is_rings(&self) -> bool {
        self.has(Mark::Ring)
    }

    fn has(&self, mark: Mark) -> bool {
        self.kernel.iter().any(|frame| frame.mark == Some(mark))
    }

    /// On whose account it worked: none for a stranger's work. What no worker did counts only on a CPU
    /// that is the workers' own, and only in the softirq threads or over the idle task: a softirq in the
    /// middle of a stranger's system call is most likely the stranger's.
    pub fn owner(&self, worker: bool, own_cpu: bool) -> Option<Owner> {
        let interrupted = self.has(Mark::Network) || self.has(Mark::Interrupt);
        match (worker, own_cpu) {
            (true, _) if interrupted => Some(Owner::Softirq),
            (true, _) if self.kernel.is_empty() => Some(Owner::User),
            (true, _) => Some(Owner::System),
            (false, true) if self.has(Mark::Daemon) => Some(Owner::Softirq),
            (false, true) if self.has(Mark::Idle) && self.has(Mark::Network) => Some(Owner::Softirq),
            (false, true) if self.has(Mark::Idle) => Some(Owner::Idle),
            _ => None,
        }
    }
}

#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod tests;
