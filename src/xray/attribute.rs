//! From a call chain to what the CPU was doing, and on whose account.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rules::{self, Place};
use super::sampler::Sample;
use super::symbols::Symbols;
use crate::record::category::{Category, Owner};

/// What one frame of a chain says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The category when the frame is the leaf.
    as_leaf: Option<Category>,
    /// The category when it is a caller.
    as_caller: Option<Category>,
    mark: Option<Mark>,
}

/// Frames that tell whose work a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A thread of the kernel that does nothing but softirqs.
    Daemon,
    /// The network's softirqs.
    Network,
    /// A softirq or an interrupt.
    Interrupt,
    /// The idle task.
    Idle,
}

/// Frames that mark a chain, whatever its category.
const MARKS: [(&[&str], Mark); 4] = [
    (&["run_ksoftirqd", "napi_threaded_poll"], Mark::Daemon),
    (&["net_rx_action", "net_tx_action"], Mark::Network),
    (&["handle_softirqs", "__do_softirq", "irq_exit_rcu", "__irq_exit_rcu", "el1h_64_irq"], Mark::Interrupt),
    (&["do_idle", "cpu_startup_entry"], Mark::Idle),
];

impl Frame {
    /// What a kernel function's name says; nothing without a name.
    #[must_use]
    pub fn kernel(name: Option<&str>) -> Self {
        let Some(name) = name else { return Self::default() };
        let rule = rules::KERNEL.iter().find(|rule| rule.knows(name));
        let mark = MARKS.into_iter().find(|(names, _)| names.contains(&name)).map(|(_, mark)| mark);
        Self {
            as_leaf: rule.map(|rule| rule.category),
            as_caller: rule.filter(|rule| rule.place == Place::Any).map(|rule| rule.category),
            mark: mark.or_else(|| name.contains("sysvec_").then_some(Mark::Interrupt)),
        }
    }

    /// What a user function's name says.
    #[must_use]
    pub fn user(name: Option<&str>) -> Self {
        let category = name.map(|name| {
            rules::USER.iter().find(|rule| rule.knows(name)).map_or(Category::Other, |rule| rule.category)
        });
        Self { as_leaf: category, ..Self::default() }
    }
}

/// Kernel and user frames of one chain, innermost first.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// Kernel frames.
    pub kernel: &'a [Frame],
    /// User frames.
    pub user: &'a [Frame],
}

impl Chain<'_> {
    /// What the CPU was doing: the first frame from the leaf outward that a rule knows.
    #[must_use]
    pub fn category(&self) -> Category {
        let found = match self.kernel {
            [] => self.user.first().and_then(|leaf| leaf.as_leaf),
            [leaf, callers @ ..] => leaf.as_leaf.or_else(|| callers.iter().find_map(|frame| frame.as_caller)),
        };
        found.unwrap_or(Category::Unattributed)
    }

    fn has(&self, mark: Mark) -> bool {
        self.kernel.iter().any(|frame| frame.mark == Some(mark))
    }

    /// On whose account it worked: none for a stranger's work. What no worker did counts only on a CPU
    /// that is the workers' own, and only in the softirq threads or over the idle task: a softirq in the
    /// middle of a stranger's system call is most likely the stranger's.
    #[must_use]
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

/// Samples of one category and owner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// How many.
    pub samples: u64,
    /// What they stand for: nanoseconds, or cycles, by the sampler's clock.
    pub weight: f64,
}

/// Sums samples by category and owner.
#[derive(Debug)]
pub struct Ledger<'a> {
    symbols: &'a mut Symbols,
    workers: HashSet<u32>,
    own_cpus: HashSet<u32>,
    kernel: HashMap<u64, Frame>,
    user: HashMap<u64, Frame>,
    /// What the workers' samples, and the network's and the idle ones on their CPUs, were about.
    pub costs: BTreeMap<(Category, Owner), Cost>,
    /// Samples of anyone else.
    pub strangers: Cost,
    /// Chains that no rule knows, root first, joined by `;`.
    pub unknown: BTreeMap<String, u64>,
}

impl<'a> Ledger<'a> {
    /// A ledger of the workers with these thread ids, and of what happens on their CPUs.
    #[must_use]
    pub fn new(symbols: &'a mut Symbols, workers: &[u32], own_cpus: &[usize]) -> Self {
        Self {
            symbols,
            workers: workers.iter().copied().collect(),
            own_cpus: own_cpus.iter().map(|&cpu| cpu as u32).collect(),
            kernel: HashMap::new(),
            user: HashMap::new(),
            costs: BTreeMap::new(),
            strangers: Cost::default(),
            unknown: BTreeMap::new(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, sample: Sample<'_>) {
        let worker = self.workers.contains(&sample.thread);
        let Self { symbols, kernel, user, .. } = self;
        let kernel: Vec<_> = sample
            .kernel
            .iter()
            .map(|&at| *kernel.entry(at).or_insert_with(|| Frame::kernel(symbols.kernel(at))))
            .collect();
        // A stranger's user addresses would be looked up in this program.
        let user: Vec<_> = sample
            .user
            .first()
            .filter(|_| worker)
            .map(|&at| *user.entry(at).or_insert_with(|| Frame::user(symbols.user(at))))
            .into_iter()
            .collect();
        let chain = Chain { kernel: &kernel, user: &user };
        let cost = match chain.owner(worker, self.own_cpus.contains(&sample.cpu)) {
            None => &mut self.strangers,
            Some(owner) => {
                let category = chain.category();
                if category == Category::Unattributed {
                    *self.unknown.entry(folded(self.symbols, &sample)).or_default() += 1;
                }
                self.costs.entry((category, owner)).or_default()
            }
        };
        cost.samples += 1;
        cost.weight += sample.weight;
    }
}

/// A sample as one line of folded stacks, the form that flame graphs are made from.
#[must_use]
pub fn folded(symbols: &mut Symbols, sample: &Sample<'_>) -> String {
    let mut frames = Vec::new();
    for &at in sample.user.iter().rev() {
        frames.push(format!("{}_[u]", symbols.user(at).unwrap_or("?")));
    }
    for &at in sample.kernel.iter().rev() {
        frames.push(symbols.kernel(at).unwrap_or("?").to_owned());
    }
    frames.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chains recorded on Linux 6.18, 64 KiB messages over veth: `who;outermost;…;leaf samples`, user frames
    /// with `_[u]`. What the thread was called from in user space is left out.
    const RECORDED: [(&str, &str); 5] = [
        ("two-copy", include_str!("testdata/two-copy.folded")),
        ("one-copy", include_str!("testdata/one-copy.folded")),
        ("zero-copy", include_str!("testdata/zero-copy.folded")),
        ("sendfile", include_str!("testdata/sendfile.folded")),
        ("splice", include_str!("testdata/splice.folded")),
    ];

    /// Frames of a recorded chain, innermost first: kernel, user.
    fn frames(chain: &str) -> (Vec<Frame>, Vec<Frame>) {
        let (user, kernel): (Vec<&str>, Vec<&str>) =
            chain.split(';').filter(|name| !name.is_empty()).rev().partition(|name| name.ends_with("_[u]"));
        (
            kernel.into_iter().map(|name| Frame::kernel(Some(name))).collect(),
            user.into_iter().map(|name| Frame::user(name.strip_suffix("_[u]"))).collect(),
        )
    }

    fn category(chain: &str) -> Category {
        let (kernel, user) = frames(chain);
        Chain { kernel: &kernel, user: &user }.category()
    }

    fn owner(chain: &str, worker: bool, own_cpu: bool) -> Option<Owner> {
        let (kernel, user) = frames(chain);
        Chain { kernel: &kernel, user: &user }.owner(worker, own_cpu)
    }

    /// Samples of one thread of a recording by category.
    fn tally(recording: &str, who: &str) -> BTreeMap<Category, u64> {
        let mut tally = BTreeMap::new();
        for line in recording.lines() {
            let (chain, samples) = line.rsplit_once(' ').unwrap();
            if let Some(chain) = chain.strip_prefix(who) {
                *tally.entry(category(chain)).or_default() += samples.parse::<u64>().unwrap();
            }
        }
        tally
    }

    fn share(tally: &BTreeMap<Category, u64>, of: Category) -> f64 {
        tally.get(&of).copied().unwrap_or(0) as f64 / tally.values().sum::<u64>() as f64
    }

    #[test]
    fn the_caller_decides_where_the_leaf_says_nothing() {
        let syscall =
            "entry_SYSCALL_64_after_hwframe;do_syscall_64;__x64_sys_sendto;__sys_sendto;tcp_sendmsg";
        let below = |rest: &str| category(&format!("{syscall};tcp_sendmsg_locked;{rest}"));
        assert_eq!(below("_copy_from_iter;rep_movs_alternative"), Category::KernelCopy);
        assert_eq!(below("_copy_from_iter;copy_user_enhanced_fast_string"), Category::KernelCopy);
        assert_eq!(below("skb_copy_ubufs;memcpy_orig"), Category::DeferredCopy);
        assert_eq!(below("skb_copy_ubufs;alloc_pages_noprof;get_page_from_freelist"), Category::Allocation);
        assert_eq!(below("sock_def_readable;_raw_spin_unlock_irqrestore"), Category::SchedulingIdle);
        assert_eq!(below("a_function_of_a_later_kernel"), Category::TcpIp);
        assert_eq!(
            category("entry_SYSCALL_64_after_hwframe;do_syscall_64;unheard_of"),
            Category::Unattributed
        );
        assert_eq!(category("entry_SYSCALL_64_after_hwframe;do_syscall_64"), Category::Syscall);
    }

    #[test]
    fn user_space_is_judged_by_its_leaf() {
        assert_eq!(category("__memcpy_evex_unaligned_erms_[u]"), Category::GatherCopy);
        assert_eq!(category("__memmove_avx_unaligned_[u]"), Category::GatherCopy);
        assert_eq!(category("program_[u]"), Category::Other);
        assert_eq!(category(""), Category::Unattributed);
        assert_eq!(Frame::user(None).as_leaf, None);
    }

    #[test]
    fn the_account_is_the_workers_the_softirqs_or_nobodys() {
        let copy = "entry_SYSCALL_64_after_hwframe;do_syscall_64;tcp_sendmsg;_copy_from_iter";
        let softirq = "entry_SYSCALL_64_after_hwframe;do_syscall_64;do_softirq;handle_softirqs;net_rx_action;tcp_v4_rcv";
        let thread = "ret_from_fork;kthread;smpboot_thread_fn;run_ksoftirqd;handle_softirqs;net_rx_action";
        let idle = "start_secondary;cpu_startup_entry;do_idle;default_idle_call;pv_native_safe_halt";
        assert_eq!(owner(copy, true, false), Some(Owner::System));
        assert_eq!(owner("program_[u]", true, false), Some(Owner::User));
        assert_eq!(owner(softirq, true, false), Some(Owner::Softirq));
        assert_eq!(owner(thread, false, true), Some(Owner::Softirq));
        assert_eq!(owner(idle, false, true), Some(Owner::Idle));
        let over_idle =
            "cpu_startup_entry;do_idle;asm_common_interrupt;__irq_exit_rcu;handle_softirqs;net_rx_action";
        assert_eq!(owner(over_idle, false, true), Some(Owner::Softirq));
        for chain in [copy, thread, idle, "program_[u]"] {
            assert_eq!(owner(chain, false, false), None, "another end's CPU: {chain}");
        }
        for chain in [copy, softirq] {
            assert_eq!(owner(chain, false, true), None, "a stranger's system call on our CPU: {chain}");
        }
    }

    #[test]
    fn nine_tenths_of_every_recording_have_a_name() {
        for (path, recording) in RECORDED {
            for who in ["sender;", "receiver;"] {
                let tally = tally(recording, who);
                assert!(share(&tally, Category::Unattributed) < 0.1, "{path} {who} {tally:?}");
                assert!(share(&tally, Category::Other) < 0.15, "{path} {who} {tally:?}");
            }
        }
    }

    #[test]
    fn each_paths_recording_shows_its_copies_and_no_other() {
        for (path, recording) in RECORDED {
            let sender = tally(recording, "sender;");
            let expected: &[Category] = match path {
                "two-copy" => &[Category::GatherCopy, Category::KernelCopy],
                "one-copy" => &[Category::KernelCopy],
                "zero-copy" => &[Category::DeferredCopy],
                _ => &[],
            };
            for copy in Category::ALL.into_iter().filter(|category| category.is_copy()) {
                let share = share(&sender, copy);
                match expected.contains(&copy) {
                    true => assert!(share > 0.05, "{path}: {copy} in {share:.3} of the samples"),
                    false => assert!(share < 0.03, "{path}: {copy} in {share:.3} of the samples"),
                }
            }
            assert!(share(&tally(recording, "receiver;"), Category::ReceiveCopy) > 0.05, "{path}");
        }
        let pinning = share(&tally(RECORDED[2].1, "sender;"), Category::PagePinning);
        assert!(pinning > 0.03, "zero-copy pins pages in {pinning:.3} of its samples");
    }
}
