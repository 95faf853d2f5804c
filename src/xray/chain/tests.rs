use std::collections::BTreeMap;

use super::*;

/// Chains recorded on Linux 6.18, 64 KiB messages over veth: `who;outermost;…;leaf samples`, user frames
/// with `_[u]`. What the thread was called from in user space is left out.
const RECORDED: [(&str, &str); 5] = [
    ("two-copy", include_str!("../testdata/two-copy.folded")),
    ("one-copy", include_str!("../testdata/one-copy.folded")),
    ("zero-copy", include_str!("../testdata/zero-copy.folded")),
    ("sendfile", include_str!("../testdata/sendfile.folded")),
    ("splice", include_str!("../testdata/splice.folded")),
];

/// The same where something on the wire copies below TCP: XDP on the receiving veth, tcpdump's ring on the
/// sending one, and a veth without scatter-gather.
const DISTURBED: [(&str, &str); 4] = [
    ("two-copy, XDP", include_str!("../testdata/two-copy-xdp.folded")),
    ("splice, XDP", include_str!("../testdata/splice-xdp.folded")),
    ("sendfile, tap", include_str!("../testdata/sendfile-tap.folded")),
    ("zero-copy, no scatter-gather", include_str!("../testdata/zero-copy-no-scatter-gather.folded")),
];

/// Frames of a recorded chain, innermost first: kernel, user.
pub(super) fn frames(chain: &str) -> (Vec<Frame>, Vec<Frame>) {
    let (user, kernel): (Vec<&str>, Vec<&str>) =
        chain.split(';').filter(|name| !name.is_empty()).rev().partition(|name| name.ends_with("_[u]"));
    (
        kernel.into_iter().map(|name| Frame::kernel(Some(name))).collect(),
        user.into_iter().map(|name| Frame::user(name.strip_suffix("_[u]"))).collect(),
    )
}

pub(super) fn category(chain: &str) -> Category {
    let (kernel, user) = frames(chain);
    Chain { kernel: &kernel, user: &user, small_packets: false }.category()
}

pub(super) fn owner(chain: &str, worker: bool, own_cpu: bool) -> Option<Owner> {
    let (kernel, user) = frames(chain);
    Chain { kernel: &kernel, user: &user, small_packets: false }.owner(worker, own_cpu)
}

/// Samples of one thread of a recording by category.
pub(super) fn tally(recording: &str, who: &str) -> BTreeMap<Category, u64> {
    let mut tally = BTreeMap::new();
    for line in recording.lines() {
        let (chain, samples) = line.rsplit_once(' ').unwrap();
        if let Some(chain) = chain.strip_prefix(who) {
            *tally.entry(category(chain)).or_default() += samples.parse::<u64>().unwrap();
        }
    }
    tally
}

pub(super) fn share(tally: &BTreeMap<Category, u64>, of: Category) -> f64 {
    tally.get(&of).copied().unwrap_or(0) as f64 / tally.values().sum::<u64>() as f64
}

#[test]
fn the_caller_decides_where_the_leaf_says_nothing() {
    let syscall = "entry_SYSCALL_64_after_hwframe;do_syscall_64;__x64_sys_sendto;__sys_sendto;tcp_sendmsg";
    let below = |rest: &str| category(&format!("{syscall};tcp_sendmsg_locked;{rest}"));
    assert_eq!(below("_copy_from_iter;rep_movs_alternative"), Category::KernelCopy);
    assert_eq!(below("_copy_from_iter;copy_user_enhanced_fast_string"), Category::KernelCopy);
    assert_eq!(below("skb_copy_ubufs;memcpy_orig"), Category::DeferredCopy);
    assert_eq!(below("skb_copy_ubufs;alloc_pages_noprof;get_page_from_freelist"), Category::Allocation);
    assert_eq!(below("sock_def_readable;_raw_spin_unlock_irqrestore"), Category::SchedulingIdle);
    assert_eq!(below("a_function_of_a_later_kernel"), Category::TcpIp);
    assert_eq!(category("entry_SYSCALL_64_after_hwframe;do_syscall_64;unheard_of"), Category::Unattributed);
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
    let softirq =
        "entry_SYSCALL_64_after_hwframe;do_syscall_64;do_softirq;handle_softirqs;net_rx_action;tcp_v4_rcv";
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
fn a_copy_that_no_rule_knows_is_hidden_by_no_other_rule() {
    let softirq = "entry_SYSCALL_64_after_hwframe;do_syscall_64;tcp_sendmsg;tcp_sendmsg_locked;_copy_from_iter;\
                   asm_common_interrupt;handle_softirqs;net_rx_action;__napi_poll";
    let unknown = [
        "veth_xmit;a_function_of_a_later_kernel;memcpy",
        "tcp_v4_rcv;tcp_queue_rcv;__memmove",
        "dev_hard_start_xmit;a_driver_start_xmit;memcpy_orig",
    ];
    for chain in unknown {
        assert_eq!(category(chain), Category::UnknownCopy, "{chain}");
        // What was interrupted says nothing of it.
        assert_eq!(category(&format!("{softirq};{chain}")), Category::UnknownCopy, "{chain}");
    }
    assert_eq!(category(&format!("{softirq};veth_poll;skb_copy_bits")), Category::BelowTcpCopy);
}

#[test]
fn below_tcp_the_copys_own_caller_decides() {
    for chain in [
        "__dev_queue_xmit;validate_xmit_skb;skb_segment;skb_copy_bits;__pi_memcpy",
        "__dev_queue_xmit;dev_queue_xmit_nit;tpacket_rcv;skb_copy_bits;memcpy",
        "__dev_queue_xmit;dev_hard_start_xmit;gve_tx;memcpy_erms",
        "e1000_xmit_frame;dma_map_page_attrs;swiotlb_map;swiotlb_tbl_map_single;swiotlb_bounce;memcpy",
        "net_rx_action;veth_poll;veth_xdp_rcv_skb;pskb_expand_head;memcpy",
        "vhost_task_fn;handle_tx_copy;vhost_net_build_xdp;copy_page_from_iter;_copy_from_iter;rep_movs_alternative",
        "__netif_receive_skb_core;do_xdp_generic;netif_receive_generic_xdp;skb_pp_cow_data;skb_copy_bits",
    ] {
        assert_eq!(category(chain), Category::BelowTcpCopy, "{chain}");
    }
    // A file that cannot be spliced by reference is copied into the pipe.
    let file =
        "do_sendfile;splice_direct_to_actor;copy_splice_read;ext4_file_read_iter;copy_page_to_iter;memcpy";
    assert_eq!(category(file), Category::KernelCopy);
    // Before Linux 6.5 a pipe took the page itself.
    let page = "do_sendfile;splice_direct_to_actor;generic_file_splice_read;filemap_read;copy_page_to_iter";
    assert_eq!(category(page), Category::Splice);
    let headers = "net_rx_action;__netif_receive_skb_core;skb_copy_ubufs;pskb_expand_head;__pi_memcpy";
    assert_eq!(category(headers), Category::DeferredCopy);
    // Headers that are pulled to the front are no payload, a packet that is made linear is.
    let pulled = "dev_hard_start_xmit;e1000_xmit_frame;__pskb_pull_tail;skb_copy_bits;memcpy";
    assert_eq!(category(pulled), Category::DeviceSoftirq);
    let linear = "__dev_queue_xmit;validate_xmit_skb;__pskb_pull_tail;skb_copy_bits;memcpy";
    assert_eq!(category(linear), Category::BelowTcpCopy);
    let bounced = "dev_hard_start_xmit;e1000_xmit_frame;dma_map_page_attrs;swiotlb_bounce;memcpy";
    assert_eq!(category(bounced), Category::BelowTcpCopy);
    // The caller of an arm64 routine has no frame of its own.
    assert_eq!(category("tcp_sendmsg;tcp_sendmsg_locked;__arch_copy_from_user"), Category::KernelCopy);
    let deeper = "tcp_sendmsg_locked;tcp_write_xmit;a_function_of_a_later_kernel;__pi_memcpy";
    assert_eq!(category(deeper), Category::UnknownCopy);
}

#[test]
fn small_copies_that_are_no_payload_are_no_copies() {
    for chain in [
        "___sys_sendmsg;copy_msghdr_from_user;_copy_from_user",
        "do_syscall_64;__x64_sys_sendfile64;_copy_from_user",
        "tcp_recvmsg;put_cmsg;_copy_to_user",
        "tcp_queue_rcv;tcp_try_coalesce;skb_try_coalesce;__pi_memcpy",
    ] {
        assert!(!category(chain).is_copy(), "{chain}: {}", category(chain));
    }
}

#[test]
fn a_driver_that_copies_small_packets_copies_payload_only_where_they_are_small() {
    let (kernel, _) = frames("net_rx_action;__napi_poll;e1000e_poll;e1000_clean_rx_irq;__pi_memcpy");
    let category = |small_packets| Chain { kernel: &kernel, user: &[], small_packets }.category();
    assert_eq!(category(false), Category::DeviceSoftirq);
    assert_eq!(category(true), Category::BelowTcpCopy);
}

#[test]
fn what_the_wire_copies_is_found_below_tcp_and_no_copy_is_unknown() {
    for (name, recording) in DISTURBED {
        let mut both = tally(recording, "sender;");
        for (category, samples) in tally(recording, "receiver;") {
            *both.entry(category).or_default() += samples;
        }
        let (below, unknown) = (share(&both, Category::BelowTcpCopy), share(&both, Category::UnknownCopy));
        assert!(below > 0.02 && unknown < 0.002, "{name}: {below:.3} below TCP, {unknown:.4} unknown");
    }
    for (path, recording) in RECORDED {
        let both = tally(recording, "");
        let (below, unknown) = (share(&both, Category::BelowTcpCopy), share(&both, Category::UnknownCopy));
        assert!(below < 0.002 && unknown < 0.002, "{path}: {below:.4} below TCP, {unknown:.4} unknown");
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
