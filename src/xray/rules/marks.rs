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
    /// A socket is read into a pipe: what is copied there is a copy to the receiver.
    SocketRead,
    /// A packet socket sends: what it copies is no stream's payload but a packet of its own.
    PacketSend,
    /// A disk is read: what is copied on the way is no copy of what is sent.
    Disk,
    /// A thread of the kernel that works for the process which made a ring of io_uring, and is one of its tasks.
    Ring,
    /// A device whose far end is a program or a virtual machine: it copies by the functions of sockets.
    Tunnel,
    /// What lies in an skb's pages is pulled to its front.
    Pull,
    /// A function that has no more than headers pulled.
    PullsHeaders,
    /// The body of most copies of an skb, whoever asks for them.
    CopiesBits,
    /// Kernel TLS reads what stands around a record's payload: its header, the bytes that the cipher wants beside it, the
    /// padding.
    RecordHeader,
    /// Kernel TLS puts a received record together.
    Record,
}

/// Frames that mark a chain, whatever its category.
pub(in crate::xray) const MARKS: [(&[&str], Mark); 15] = [
    (&["run_ksoftirqd", "napi_threaded_poll", "napi_threaded_poll_loop"], Mark::Daemon),
    (&["net_rx_action", "net_tx_action"], Mark::Network),
    (&["handle_softirqs", "__do_softirq", "irq_exit_rcu", "__irq_exit_rcu", "el1h_64_irq"], Mark::Interrupt),
    (&["do_idle", "cpu_startup_entry"], Mark::Idle),
    (&["splice_direct_to_actor", "do_splice", "do_splice_read", "copy_splice_read"], Mark::Splicing),
    (&["sock_splice_read", "tcp_splice_read", "unix_stream_splice_read"], Mark::SocketRead),
    (&["packet_snd", "tpacket_snd", "packet_sendmsg", "packet_sendmsg_spkt"], Mark::PacketSend),
    (
        &[
            "read_pages",
            "filemap_read_folio",
            "submit_bio",
            "submit_bio_noacct",
            "blk_mq_submit_bio",
            "blk_mq_dispatch_rq_list",
            "blk_mq_complete_request",
            "blk_mq_end_request",
            "blk_update_request",
            "blk_complete_reqs",
            "bio_endio",
        ],
        Mark::Disk,
    ),
    // io_wqe_worker before Linux 6.4.
    (&["io_sq_thread", "io_wq_worker", "io_wqe_worker"], Mark::Ring),
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
    (&["skb_copy_bits"], Mark::CopiesBits),
    // net/tls/tls_sw.c and tls_strp.c; the callers too, into which the compiler may put them; decrypt_internal and
    // tls_read_size before Linux 6.0.
    (
        &[
            "tls_rx_msg_size",
            "tls_padding_length",
            "tls_decrypt_sg",
            "tls_decrypt_sw",
            "tls_rx_one_record",
            "tls_strp_check_rcv",
            "tls_strp_read_sock",
            "decrypt_internal",
            "tls_read_size",
        ],
        Mark::RecordHeader,
    ),
    (
        &[
            "tls_strp_copyin",
            "tls_strp_copyin_frag",
            "tls_strp_copyin_skb",
            "tls_strp_read_copyin",
            "tls_strp_msg_make_copy",
        ],
        Mark::Record,
    ),
];
