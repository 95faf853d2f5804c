//! Frames that say of a chain, whatever its category, in whose context it ran.

/// Frames that tell whose work a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::xray) enum Mark {
    /// A thread of the kernel that does nothing but softirqs.
    Daemon,
    /// The network's softirqs.
    Network,
    /// A softirq or an interrupt.
    Interrupt,
    /// The idle task, whose time is nobody's work.
    Idle,
    /// A file's pages on their way into a pipe: what is copied to an iterator there is a copy into the kernel.
    Splicing,
    /// A device whose far end is a program or a virtual machine: it copies by the functions of sockets.
    Tunnel,
    /// What lies in an skb's pages is pulled to its front.
    Pull,
    /// A function that has no more than headers pulled.
    PullsHeaders,
}

/// Frames that mark a chain, whatever its category.
pub(in crate::xray) const MARKS: [(&[&str], Mark); 8] = [
    (&["run_ksoftirqd", "napi_threaded_poll", "napi_threaded_poll_loop"], Mark::Daemon),
    (&["net_rx_action", "net_tx_action"], Mark::Network),
    (&["handle_softirqs", "__do_softirq", "irq_exit_rcu", "__irq_exit_rcu", "el1h_64_irq"], Mark::Interrupt),
    (&["do_idle", "cpu_startup_entry"], Mark::Idle),
    (&["splice_direct_to_actor", "do_splice", "do_splice_read", "copy_splice_read"], Mark::Splicing),
    (
        &["tun_get_user", "tun_do_read", "tap_get_user", "tap_do_read", "vhost_worker", "vhost_task_fn"],
        Mark::Tunnel,
    ),
    (&["__pskb_pull_tail"], Mark::Pull),
    // e1000_xmit_frame pulls four bytes, past a fault of the card.
    (
        &["e1000_xmit_frame", "tcp_v4_rcv", "tcp_v6_rcv", "ip_rcv_core", "ip6_rcv_core", "inet_gro_receive"],
        Mark::PullsHeaders,
    ),
];
