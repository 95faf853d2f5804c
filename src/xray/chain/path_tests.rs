//! Chains of paths beside send and recv over TCP: io_uring, mapped and spliced receiving, files on disk, kernel TLS,
//! AF_UNIX, and a wire that drops. Names are of Linux 6.18 unless a line says otherwise, outermost first.

use super::tests::{category, frames, owner, share, tally};
use super::*;

const ENTER: &str =
    "entry_SYSCALL_64_after_hwframe;do_syscall_64;__x64_sys_io_uring_enter;__do_sys_io_uring_enter";

fn all_are(expected: Category, chains: &[&str]) {
    for chain in chains {
        assert_eq!(category(chain), expected, "{chain}");
    }
}

#[test]
fn what_io_uring_sends_is_copied_or_pinned_as_what_a_call_sends() {
    let send = format!("{ENTER};io_submit_sqes;io_issue_sqe;__io_issue_sqe");
    let sent = |rest: &str| category(&format!("{send};{rest}"));
    let tcp = "inet_sendmsg;tcp_sendmsg;tcp_sendmsg_locked";
    for call in ["io_send", "io_sendmsg"] {
        let copy = sent(&format!("{call};{tcp};_copy_from_iter;rep_movs_alternative"));
        assert_eq!(copy, Category::KernelCopy, "{call}");
    }
    let zero = |rest: &str| sent(&format!("io_send_zc;{tcp};skb_zerocopy_iter_stream;{rest}"));
    assert_eq!(
        zero("io_sg_from_iter_iovec;__zerocopy_sg_from_iter;iov_iter_get_pages2;gup_fast_fallback"),
        Category::PagePinning
    );
    // Registered buffers were pinned when they were registered.
    assert_eq!(zero("io_sg_from_iter"), Category::TcpIp);
    assert_eq!(sent("io_send_zc;io_import_reg_buf"), Category::Syscall);
    assert_eq!(sent("io_send_zc;io_import_fixed"), Category::Syscall, "before 6.15");
    assert_eq!(sent("io_send;io_buffers_select;io_ring_buffers_peek"), Category::Syscall);
    assert_eq!(sent("io_send_zc_prep;io_alloc_notif"), Category::Completion);
    assert_eq!(zero("io_link_skb"), Category::Completion);
    let header = sent("io_sendmsg_prep;io_sendmsg_setup;io_msg_copy_hdr;_copy_from_user");
    assert_eq!(header, Category::Syscall, "a header is no payload");
    assert_eq!(category(&format!("{ENTER};_copy_from_user")), Category::Syscall, "the call's own argument");
    all_are(
        Category::Completion,
        &[
            "entry_SYSCALL_64_after_hwframe;do_syscall_64;__do_sys_io_uring_enter;__io_run_local_work;\
             __io_run_local_work_loop;io_notif_tw_complete",
            "net_rx_action;tcp_v4_rcv;tcp_ack;__kfree_skb;skb_release_data;io_tx_ubuf_complete",
        ],
    );
    all_are(
        Category::Syscall,
        &[
            &format!("{ENTER};__io_submit_flush_completions"),
            "exit_to_user_mode_loop;task_work_run;tctx_task_work;tctx_task_work_run",
        ],
    );
    let deferred = "__netif_receive_skb_core.constprop.0;ip_rcv;skb_copy_ubufs;__pi_memcpy";
    let softirq = "__local_bh_enable_ip;do_softirq;handle_softirqs;net_rx_action";
    assert_eq!(sent(&format!("io_send_zc;{tcp};{softirq};{deferred}")), Category::DeferredCopy);
}

#[test]
fn a_copy_of_an_unknown_function_of_io_uring_is_not_hidden() {
    let chain = format!("{ENTER};io_submit_sqes;io_issue_sqe;io_send_of_a_later_kernel;memcpy_orig");
    assert_eq!(category(&chain), Category::UnknownCopy);
}

#[test]
fn the_rings_own_threads_are_told_by_what_they_run() {
    let spinning = "ret_from_fork_asm;ret_from_fork;io_sq_thread";
    let sending = format!(
        "{spinning};io_submit_sqes;io_issue_sqe;__io_issue_sqe;io_send;sock_sendmsg;tcp_sendmsg;tcp_sendmsg_locked;\
         _copy_from_iter;rep_movs_alternative"
    );
    let punted = "ret_from_fork_asm;ret_from_fork;io_wq_worker;io_worker_handle_work;io_wq_submit_work;io_issue_sqe;\
                  io_send;tcp_sendmsg;tcp_sendmsg_locked;_copy_from_iter;rep_movs_alternative";
    assert_eq!(category(spinning), Category::SchedulingIdle, "it waits by looking again");
    assert_eq!(category(&format!("{spinning};__io_run_local_work")), Category::Syscall);
    for chain in [sending.as_str(), punted] {
        assert_eq!(category(chain), Category::KernelCopy, "{chain}");
        assert_eq!(owner(chain, true, false), Some(Owner::System), "{chain}");
    }
    let is_rings = |chain: &str| {
        let (kernel, _) = frames(chain);
        Chain { kernel: &kernel, user: &[], small_packets: false }.is_rings()
    };
    assert!(is_rings(&sending) && is_rings(punted));
    assert!(is_rings("ret_from_fork;io_wqe_worker;io_send"), "before 6.4");
    assert!(!is_rings(&format!("{ENTER};io_submit_sqes;io_send")));
}

#[test]
fn mapping_received_pages_is_no_copy_and_what_cannot_be_mapped_is() {
    let call = "do_syscall_64;__x64_sys_getsockopt;do_sock_getsockopt;tcp_getsockopt;do_tcp_getsockopt";
    let receive = format!("{call};tcp_zerocopy_receive");
    for rest in
        ["tcp_zerocopy_vm_insert_batch;vm_insert_pages;insert_page_into_pte_locked", "zap_page_range_single"]
    {
        assert_eq!(category(&format!("{receive};{rest}")), Category::PagePinning, "{rest}");
    }
    let unmapped = "__x64_sys_madvise;do_madvise;madvise_do_behavior;zap_page_range_single;unmap_page_range;zap_pte_range";
    assert_eq!(category(unmapped), Category::PagePinning);
    for rest in [
        "receive_fallback_to_copy;sock_recvmsg;tcp_recvmsg;tcp_recvmsg_locked;skb_copy_datagram_iter;\
         __skb_datagram_iter;simple_copy_to_iter;_copy_to_iter;rep_movs_alternative",
        "tcp_zc_handle_leftover;tcp_copy_straggler_data;skb_copy_datagram_iter;_copy_to_iter;rep_movs_alternative",
        // Whatever a later kernel calls between.
        "a_function_of_a_later_kernel;rep_movs_alternative",
    ] {
        assert_eq!(category(&format!("{receive};{rest}")), Category::ReceiveCopy, "{rest}");
    }
    assert_eq!(category(&format!("{call};_copy_to_user")), Category::Syscall, "the option's own structure");
}

#[test]
fn receiving_by_io_uring_and_into_many_buffers_copies_as_recv_does() {
    let copy = "tcp_recvmsg;tcp_recvmsg_locked;skb_copy_datagram_iter;__skb_datagram_iter;_copy_to_iter;rep_movs_alternative";
    for caller in [
        format!(
            "{ENTER};io_cqring_wait;__io_run_local_work;io_poll_task_func;io_issue_sqe;io_recv;sock_recvmsg"
        ),
        format!("{ENTER};io_submit_sqes;io_recvmsg;io_recvmsg_multishot.constprop.0;sock_recvmsg"),
        "__x64_sys_recvmsg;___sys_recvmsg;____sys_recvmsg;sock_recvmsg".to_owned(),
    ] {
        assert_eq!(category(&format!("{caller};{copy}")), Category::ReceiveCopy, "{caller}");
    }
    let unread =
        "io_recv;sock_recvmsg;tcp_recvmsg;tcp_recvmsg_locked;tcp_eat_recv_skb;skb_attempt_defer_free";
    assert_eq!(category(&format!("{ENTER};{unread}")), Category::Allocation);
}

#[test]
fn received_pages_go_into_a_pipe_by_reference_but_for_those_in_an_skbs_head() {
    let read = "do_syscall_64;__x64_sys_splice;__do_splice;do_splice;do_splice_read;sock_splice_read;tcp_splice_read;\
                tcp_read_sock;tcp_splice_data_recv;skb_splice_bits;__skb_splice_bits.isra.0";
    all_are(
        Category::Splice,
        &[
            read,
            &format!("{read};__splice_segment"),
            "__do_splice;do_splice;splice_write_null;__splice_from_pipe;pipe_to_null",
        ],
    );
    for inlined in ["", ";__splice_segment", ";__splice_segment;linear_to_page"] {
        let chain = format!("{read}{inlined};__pi_memcpy");
        assert_eq!(category(&chain), Category::ReceiveCopy, "{chain}");
    }
    // A file that is spliced by copying stays what it is.
    let file = "do_sendfile;splice_direct_to_actor;copy_splice_read;_copy_to_iter;memcpy";
    assert_eq!(category(file), Category::KernelCopy);
}

#[test]
fn a_file_that_the_page_cache_lacks_is_read_and_copies_on_its_way_are_the_disks() {
    let file = "do_syscall_64;__x64_sys_sendfile64;do_sendfile;splice_direct_to_actor;filemap_splice_read;filemap_get_pages";
    assert_eq!(category(file), Category::Splice, "pages that are there");
    let read = format!("{file};page_cache_sync_ra;page_cache_ra_order;read_pages;ext4_mpage_readpages");
    let submitted = format!("{read};submit_bio_noacct;blk_mq_submit_bio;blk_mq_dispatch_rq_list");
    all_are(
        Category::DiskIo,
        &[&read, &submitted, &format!("{submitted};virtio_queue_rq;virtblk_prep_rq.isra.0")],
    );
    let interrupt =
        "asm_common_interrupt;common_interrupt;vring_interrupt;virtblk_done;blk_mq_complete_request";
    assert_eq!(category(interrupt), Category::DiskIo);
    for copy in [
        format!("{submitted};nvme_queue_rq;dma_map_page_attrs;swiotlb_map;swiotlb_bounce;memcpy"),
        format!("{read};submit_bio_noacct;pmem_submit_bio;memcpy_mcsafe;memcpy_orig"),
        format!("{interrupt};dma_unmap_page_attrs;swiotlb_bounce;memcpy"),
    ] {
        assert_eq!(category(&copy), Category::DiskCopy, "{copy}");
        assert!(!category(&copy).is_copy(), "no copy that a send path makes");
    }
    // What a disk's interrupt interrupted says nothing of it, nor it of what is interrupted.
    let between = "tcp_sendmsg_locked;_copy_from_iter;asm_sysvec_apic_timer_interrupt;handle_softirqs;blk_complete_reqs";
    assert_eq!(category(between), Category::DiskIo);
}

#[test]
fn encrypting_is_kernel_tlss_copy_and_no_other_ciphers() {
    let send = "__x64_sys_sendto;__sys_sendto;inet_sendmsg;tls_sw_sendmsg;tls_sw_sendmsg_locked";
    let record = format!("{send};bpf_exec_tx_verdict;tls_push_record;tls_do_encryption;crypto_aead_encrypt");
    all_are(
        Category::Encryption,
        &[
            &format!("{record};gcm_aes_encrypt;aes_gcm_enc_update_vaes_avx512"),
            &format!("{record};gcmaes_encrypt;gcmaes_crypt_by_sg;aesni_gcm_enc_update_avx_gen4"), // 6.1
        ],
    );
    assert!(Category::Encryption.is_copy());
    let gathered =
        format!("{send};sk_msg_memcopy_from_iter;copy_from_iter;_copy_from_iter;rep_movs_alternative");
    assert_eq!(category(&gathered), Category::KernelCopy, "a record that is not full");
    let sent = format!("{send};tls_push_record;tls_tx_records;tls_push_sg;tcp_sendmsg_locked;tcp_write_xmit");
    assert_eq!(category(&sent), Category::TcpIp);
    let received = "__sys_recvfrom;tls_sw_recvmsg;tls_rx_one_record;tls_decrypt_sg;tls_do_decryption;aesni_gcm_dec_update";
    assert_eq!(category(received), Category::Encryption);
    // What it reads beside the payload is no copy below TCP, and what it puts together is a copy to the receiver.
    let reads = [
        "tls_sw_recvmsg;tls_rx_one_record;tls_padding_length;skb_copy_bits;memcpy_orig",
        "tls_sw_recvmsg;tls_strp_check_rcv;tls_rx_msg_size;skb_copy_bits;skb_copy_bits",
        "net_rx_action;tcp_data_ready;tls_data_ready;tls_strp_check_rcv;tls_rx_msg_size;skb_copy_bits;memcpy",
    ];
    all_are(Category::Encryption, &reads);
    let together =
        "tls_strp_read_sock;tls_strp_read_copyin;__tcp_read_sock;tls_strp_copyin;skb_copy_bits;memcpy";
    assert_eq!(category(together), Category::ReceiveCopy);
    let squeezed =
        "tls_sw_recvmsg;release_sock;tcp_v4_do_rcv;tcp_data_queue;tcp_collapse;skb_copy_bits;memcpy";
    assert_eq!(category(squeezed), Category::BelowTcpCopy);
    for other in
        ["xfrm_output;esp_output;crypto_aead_encrypt;aesni_gcm_enc", "wg_packet_encrypt_worker;chacha_crypt"]
    {
        assert_ne!(category(other), Category::Encryption, "{other}");
    }
    assert_eq!(
        category("esp_output_tail;crypto_aead_encrypt;scatterwalk_copychunks;memcpy"),
        Category::BelowTcpCopy
    );
}

#[test]
fn af_unix_copies_in_and_out() {
    let send = "__x64_sys_sendto;__sys_sendto;unix_stream_sendmsg";
    for copy in
        ["skb_copy_datagram_from_iter;copy_page_from_iter;_copy_from_iter", "skb_copy_datagram_from_iter", ""]
    {
        let chain = format!("{send};{copy};rep_movs_alternative");
        assert_eq!(category(&chain), Category::KernelCopy, "{chain}");
    }
    let receive = "__sys_recvfrom;unix_stream_recvmsg;unix_stream_read_generic;unix_stream_read_actor";
    let copy =
        format!("{receive};skb_copy_datagram_iter;__skb_datagram_iter;_copy_to_iter;rep_movs_alternative");
    assert_eq!(category(&copy), Category::ReceiveCopy);
    assert_eq!(category(send), Category::Syscall);
    assert_eq!(category(&format!("{send};sock_alloc_send_pskb;alloc_skb_with_frags")), Category::Allocation);
    assert_eq!(category("do_writev;vfs_writev;do_iter_readv_writev"), Category::Syscall);
    let writev = "do_writev;vfs_writev;do_iter_readv_writev;sock_write_iter;tcp_sendmsg;tcp_sendmsg_locked;_copy_from_iter";
    assert_eq!(category(&format!("{writev};rep_movs_alternative")), Category::KernelCopy);
}

#[test]
fn a_wire_that_drops_and_those_who_acknowledge_for_it_have_names() {
    let softirq = "handle_softirqs;net_rx_action;__napi_poll;process_backlog;__netif_receive_skb_one_core;\
                   __netif_receive_skb_core.constprop.0";
    assert_eq!(
        category(&format!("{softirq};nf_hook_slow;nft_do_chain_netdev;nft_do_chain")),
        Category::TcpIp
    );
    let dropped = format!("{softirq};nf_hook_slow;sk_skb_reason_drop;skb_release_data");
    assert_eq!(category(&dropped), Category::Allocation);
    let acknowledger = "__x64_sys_sendto;__sys_sendto;packet_sendmsg";
    all_are(
        Category::DeviceSoftirq,
        &[
            acknowledger,
            // Its own packet of 54 bytes is no payload.
            &format!("{acknowledger};skb_copy_datagram_from_iter;_copy_from_iter;rep_movs_alternative"),
        ],
    );
    let acknowledged =
        format!("{acknowledger};dev_queue_xmit;do_softirq;{softirq};ip_rcv;tcp_v4_rcv;tcp_ack");
    assert_eq!(category(&acknowledged), Category::TcpIp);
    assert_eq!(owner(&acknowledged, true, false), Some(Owner::Softirq));
}

#[test]
fn a_tap_on_a_wire_that_drops_copies_before_the_drop() {
    let received = "process_backlog;__netif_receive_skb_core.constprop.0";
    let orphaned = format!("{received};skb_copy_ubufs;__pi_memcpy");
    assert_eq!(category(&orphaned), Category::DeferredCopy, "deliver_skb comes before the hook");
    let ring = format!("{received};tpacket_rcv;skb_copy_bits;__pi_memcpy");
    assert_eq!(category(&ring), Category::BelowTcpCopy);
    // The acknowledger's packet is not in the way of what its softirq does.
    let below = format!("packet_sendmsg;dev_queue_xmit;do_softirq;net_rx_action;{ring}");
    assert_eq!(category(&below), Category::BelowTcpCopy);
    let sent = "tcp_write_xmit;__dev_queue_xmit;dev_hard_start_xmit;dev_queue_xmit_nit;skb_copy_ubufs;memcpy";
    assert_eq!(category(sent), Category::DeferredCopy);
}

/// Chains recorded on Linux 6.18 as those in `tests`, the most frequent of each end.
const RECORDED: [(&str, &str); 3] = [
    ("uring-send-zc, 64 KiB, veth", include_str!("../testdata/uring-send-zc.folded")),
    (
        "uring-send by a thread of the ring, 64 KiB, veth",
        include_str!("../testdata/uring-send-sqpoll.folded"),
    ),
    ("uring-send-zc, 4 KiB, sink", include_str!("../testdata/uring-send-zc-sink.folded")),
];

#[test]
fn what_io_uring_was_recorded_to_copy_is_found_and_nothing_else() {
    for (what, recording) in RECORDED {
        let sender = tally(recording, "sender;");
        let mut both = tally(recording, "receiver;");
        sender.iter().for_each(|(&category, &samples)| *both.entry(category).or_default() += samples);
        let [deferred, kernel] =
            [Category::DeferredCopy, Category::KernelCopy].map(|copy| share(&sender, copy));
        match what {
            what if what.ends_with("sink") => {
                let copies =
                    Category::ALL.into_iter().filter(|one| one.is_copy() && *one != Category::GatherCopy);
                assert_eq!(copies.map(|copy| share(&both, copy)).sum::<f64>(), 0.0, "{what}: {both:?}");
            }
            what if what.contains("thread") => {
                assert!(kernel > 0.04 && deferred == 0.0, "{what}: {sender:?}")
            }
            what => assert!(deferred > 0.2 && kernel == 0.0, "{what}: {sender:?}"),
        }
        for unknown in [Category::UnknownCopy, Category::Unattributed] {
            assert!(share(&both, unknown) < 0.01, "{what}: {both:?}");
        }
    }
}
