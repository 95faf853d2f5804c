//! Copies: the routines that copy, whatever their name on this CPU and kernel, and the callers that say what
//! is copied.
//!
//! A payload copy that has no rule here is found all the same, as an unknown copy. So a rule is worth adding
//! when it can name what an unknown copy was, and a small copy may only be waved through by the name of a
//! caller that never copies payload.

use super::{Rule, any, copying, direct, matches, small};
use crate::record::category::Category::{
    BelowTcpCopy, DeferredCopy, DeviceSoftirq, KernelCopy, Other, ReceiveCopy, SchedulingIdle, Syscall, TcpIp,
};

/// Routines that copy, as leaves of a chain: x86 and arm64, with other architectures' where they are known.
pub(in crate::xray) const ROUTINES: &[&str] = &[
    "memcpy",
    "memcpy_*",
    "__memcpy*",
    "__pi_memcpy*",
    "__asm_memcpy",
    "*memmove*",
    "copy_user_*",
    "__copy_user_*",
    "__copy_tofrom_user*",
    "rep_movs*",
    "copy_mc*",
    "copy_page",
    "copy_page_re*",
    "copy_page_mc*",
    "__pi_copy_page*",
    "copy_highpage",
    "copyin",
    "copyout",
    "copyin_*",
    "copyout_*",
    "copy_from_user_iter*",
    "copy_to_user_iter*",
    "raw_copy_*",
    "__raw_copy_*",
    "_copy_from_user*",
    "_copy_to_user*",
    "__copy_from_user*",
    "__copy_to_user*",
    "__arch_copy_*",
    "__asm_copy_*",
    "arm_copy_*",
    "csum_partial_copy*",
    "__csum_partial_copy*",
    "csum_and_copy_*",
];

/// Whether a function of this name copies.
pub(in crate::xray) fn is_copying(name: &str) -> bool {
    ROUTINES.iter().any(|routine| matches(routine, name))
}

/// What is copied, by a frame of a chain whose leaf copies; rules for any frame hold for other leaves too.
pub(in crate::xray) const COPIES: &[Rule] = &[
    // Into the kernel, inside the send call.
    any("_copy_from_iter*", KernelCopy), // send, under tcp_sendmsg_locked
    any("copy_page_from_iter*", KernelCopy), // send, by pages
    any("copyin", KernelCopy),           // under _copy_from_iter before 6.6, when not inlined
    any("copy_from_user_iter*", KernelCopy), // under _copy_from_iter since 6.7, when not inlined
    any("csum_and_copy_from_iter*", KernelCopy), // send with a checksum in software
    any("skb_copy_datagram_from_iter*", KernelCopy), // send by AF_UNIX, under unix_stream_sendmsg
    copying("unix_stream_sendmsg", KernelCopy), // the same where the frame between is inlined
    copying("sk_msg_memcopy_from_iter", KernelCopy), // a record of kernel TLS that is not full
    direct("tcp_sendmsg_locked", KernelCopy), // where the frame between is inlined, or not in the chain (arm64)
    // Deferred.
    any("skb_copy_ubufs", DeferredCopy), // skb_orphan_frags_rx: a zero-copy skb is delivered on this host
    // To the receiver.
    any("_copy_to_iter*", ReceiveCopy), // receive: __skb_datagram_iter -> simple_copy_to_iter
    copying("copy_page_to_iter*", ReceiveCopy), // by pages
    any("copyout", ReceiveCopy),        // under _copy_to_iter before 6.6, when not inlined
    any("copy_to_user_iter*", ReceiveCopy), // under _copy_to_iter since 6.7, when not inlined
    any("csum_and_copy_to_iter*", ReceiveCopy), // receive with a checksum in software
    any("simple_copy_to_iter", ReceiveCopy), // with the usercopy checks around the copy
    any("__skb_datagram_iter", ReceiveCopy), // walks the skb's fragments
    any("skb_copy_datagram*", ReceiveCopy), // called by tcp_recvmsg_locked, not with MSG_TRUNC
    copying("tcp_zerocopy_receive", ReceiveCopy), // what it cannot map: tcp_zc_handle_leftover, receive_fallback_to_copy
    copying("*splice_segment*", ReceiveCopy),     // tcp_splice_read: bytes that lie in an skb's head
    copying("*skb_splice_bits*", ReceiveCopy),    // the same where the frame between is inlined
    copying("spd_fill_page", ReceiveCopy),        // the same where linear_to_page is inlined
    copying("linear_to_page", ReceiveCopy),       // the same
    copying("io_zcrx_copy*", ReceiveCopy),        // io_uring RECV_ZC: what the card did not place
    // Below TCP: copies of what is queued already.
    any("skb_copy_bits", BelowTcpCopy), // the body of most copies of an skb
    any("skb_copy_and_csum_*", BelowTcpCopy), // the same with a checksum
    copying("skb_store_bits", BelowTcpCopy), // bytes put into an skb
    copying("skb_segment*", BelowTcpCopy), // segmentation for a device without scatter-gather
    copying("skb_copy", BelowTcpCopy),  // a whole copy: skb_unshare, netem's corruption, drivers
    copying("skb_copy_expand", BelowTcpCopy), // a whole copy with more room around it
    copying("*pskb_copy*", BelowTcpCopy), // a copy of the linear part
    copying("__pskb_pull_tail", BelowTcpCopy), // skb_linearize, and headers pulled out of pages
    copying("pskb_expand_head", BelowTcpCopy), // the linear part moves to a larger buffer
    copying("skb_cow_data*", BelowTcpCopy), // copy-on-write: IPsec, and XDP since 6.8
    copying("skb_pp_cow_data", BelowTcpCopy), // copy-on-write for XDP, 6.4 and later
    copying("skb_zerocopy*", BelowTcpCopy), // nfqueue and openvswitch hand a packet to a program
    copying("skb_split", BelowTcpCopy), // the linear part of an skb that is cut in two
    copying("skb_shift", BelowTcpCopy), // data moves between queued skbs
    copying("veth_convert_skb_to_xdp_buff", BelowTcpCopy), // copy-on-write for XDP on veth
    copying("veth_xdp_rcv*", BelowTcpCopy), // the same before 5.18
    copying("*generic_xdp*", BelowTcpCopy), // XDP without the driver's help
    copying("do_xdp_generic*", BelowTcpCopy), // XDP without the driver's help
    copying("netif_skb_check_for_xdp", BelowTcpCopy), // the same, 6.8 and later
    copying("bpf_*", BelowTcpCopy),     // a BPF program that reads or hands on a packet
    copying("tpacket_*", BelowTcpCopy), // a packet socket's ring: tcpdump
    copying("packet_rcv*", BelowTcpCopy), // a packet socket
    copying("swiotlb_*", BelowTcpCopy), // bounce buffers between memory and a device
    copying("tcp_collapse*", BelowTcpCopy), // the receive queue is squeezed together
    copying("tcp_retrans_try_collapse", BelowTcpCopy), // small skbs are joined before they are sent again
    copying("tcp_fragment", BelowTcpCopy), // a queued skb is cut in two
    copying("tso_fragment", BelowTcpCopy), // a queued skb is cut in two
    copying("tcp_mtu_probe", BelowTcpCopy), // a probe is put together from the queue
    copying("tcp_clone_payload", BelowTcpCopy), // a probe is put together from the queue, 6.3 and later
    copying("ip_do_fragment", BelowTcpCopy), // IP fragments
    copying("ip_frag_next", BelowTcpCopy), // IP fragments, 5.3 and later
    copying("ip6_frag*", BelowTcpCopy), // IP fragments
    copying("nfqnl_*", BelowTcpCopy),   // nfqueue
    copying("nfulnl_*", BelowTcpCopy),  // nflog
    copying("esp_*", BelowTcpCopy),     // IPsec
    copying("esp6_*", BelowTcpCopy),    // IPsec
    copying("xfrm_*", BelowTcpCopy),    // IPsec
    copying("wg_*", BelowTcpCopy),      // WireGuard
    copying("sg_copy_*", BelowTcpCopy), // a list of pages through a buffer
    // Devices that copy; what a device copies that is not named here is an unknown copy.
    copying("tun_*", BelowTcpCopy), // a tunnel to a program: virtual machines, VPNs
    copying("tap_*", BelowTcpCopy), // macvtap
    copying("vhost_*", BelowTcpCopy), // a virtual machine's card, seen from its host
    copying("xdp_linearize_page", BelowTcpCopy), // virtio with XDP
    small("page_to_skb", BelowTcpCopy), // virtio: headers and small packets
    copying("receive_*", BelowTcpCopy), // virtio
    copying("virtnet_*", BelowTcpCopy), // virtio
    copying("netvsc_*", BelowTcpCopy), // Hyper-V: small packets go through a send buffer
    copying("rndis_*", BelowTcpCopy), // Hyper-V
    copying("xennet_*", BelowTcpCopy), // Xen
    copying("xenvif_*", BelowTcpCopy), // Xen, the host's side
    copying("gnttab_*", BelowTcpCopy), // Xen
    copying("gve_*", BelowTcpCopy), // Google's card: all that is sent, where it has page lists of its own
    small("ena_*", BelowTcpCopy),   // Amazon's card: small packets received
    small("vmxnet3_*", BelowTcpCopy), // VMware's card: headers, small packets
    small("e1000_*", BelowTcpCopy), // small packets received
    small("igb_*", BelowTcpCopy),   // headers and small packets received
    small("igc_*", BelowTcpCopy),   // headers and small packets received
    small("ixgbe_*", BelowTcpCopy), // headers and small packets received
    small("i40e_*", BelowTcpCopy),  // headers and small packets received
    small("ice_*", BelowTcpCopy),   // headers and small packets received
    small("mlx4_en_*", BelowTcpCopy), // headers and small packets
    small("mlx5e_*", BelowTcpCopy), // headers and small packets
    small("bnxt_*", BelowTcpCopy),  // headers and small packets received
    small("tg3_*", BelowTcpCopy),   // small packets received
    copying("rtl8169_*", BelowTcpCopy), // all that is received
    copying("rtl_*", BelowTcpCopy), // all that is received
    copying("r8152_*", BelowTcpCopy), // a card on USB: all that is sent and received
    copying("ibmveth_*", BelowTcpCopy), // POWER's virtual card
    copying("ibmvnic_*", BelowTcpCopy), // POWER's virtual card: all that is sent
    // Kernel TLS, above TCP: what it copies beside encrypting.
    copying("tls_strp_*", ReceiveCopy), // a record is put together from segments
    copying("tls_decrypt_*", ReceiveCopy), // received records
    copying("tls_rx_*", ReceiveCopy),   // received records
    copying("tls_sw_recvmsg", ReceiveCopy), // received records
    copying("tls_*", KernelCopy),       // records to be sent
    // Small copies that are never payload.
    any("copy_msghdr_from_user", Syscall),         // the header
    any("__copy_msghdr", Syscall),                 // the header, 6.0 and later
    any("*import_iovec", Syscall),                 // the iovec
    any("iovec_from_user", Syscall),               // the iovec
    any("copy_iovec_from_user", Syscall),          // the iovec
    any("io_msg_copy_hdr*", Syscall),              // io_uring's SENDMSG: the header, 6.10 and later
    any("io_sendmsg_copy_hdr", Syscall),           // the header
    any("io_recvmsg_copy_hdr", Syscall),           // the header
    any("put_cmsg", Syscall),                      // control messages
    any("move_addr_to_*", Syscall),                // an address
    any("*sockopt*", Syscall),                     // an option of a socket
    any("tcp_get_info", Syscall),                  // TCP_INFO
    copying("nft_*", TcpIp), // a field of a header, into a register of 64 bytes at most (nft_payload_eval)
    copying("____sys_sendmsg", Syscall), // control messages
    copying("____sys_recvmsg", Syscall), // the header's way back
    copying("do_sys_poll", Syscall), // the descriptors to wait for
    copying("getrusage", Syscall), // the thread's own account
    copying("*timespec*", Syscall), // a time
    copying("*futex*", SchedulingIdle), // a word in the program's memory
    copying("*rseq*", SchedulingIdle), // restartable sequences after a switch
    direct("skb_try_coalesce", TcpIp), // the list of an skb's pages
    copying("__skb_clone", TcpIp), // the skb's own fields
    copying("skb_copy_header", TcpIp), // the skb's own fields
    copying("__copy_skb_header", TcpIp), // the skb's own fields
    copying("gro_pull_from_frag0", DeviceSoftirq), // receive offload: headers
    copying("eth_header", DeviceSoftirq), // a header
    copying("perf_*", Other), // perf itself
    copying("__perf_*", Other), // perf itself
    direct("*_sys_*", Syscall), // a call's own arguments: sendfile's offset
];
