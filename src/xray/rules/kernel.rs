//! Rules for kernel frames that are no copy: what else a CPU does for a byte.

use super::{Rule, any, leaf};
use crate::record::category::Category::{
    Allocation, Completion, DeviceSoftirq, DiskIo, Encryption, Locking, Other, PagePinning, SchedulingIdle,
    Splice, Syscall, TcpIp,
};

/// Rules for kernel frames.
pub(in crate::xray) const KERNEL: &[Rule] = &[
    // Page pinning.
    any("iov_iter_get_pages*", PagePinning), // MSG_ZEROCOPY and vmsplice look their pages up
    any("__iov_iter_get_pages*", PagePinning), // 6.0 and later
    any("iov_iter_extract_pages", PagePinning), // 6.3 and later
    any("*get_user_pages*", PagePinning),    // gup
    any("*pin_user_page*", PagePinning),     // pin_ and unpin_user_pages
    any("gup_*", PagePinning),               // the lockless walk of the page tables
    any("try_grab_*", PagePinning),          // takes the reference
    any("__zerocopy_sg_from_iter", PagePinning), // puts pinned pages into the skb
    any("zerocopy_fill_skb_from_iter", PagePinning), // 6.10 and later
    any("skb_zerocopy_iter_stream", PagePinning), // the same for a stream socket
    any("mm_account_pinned_pages", PagePinning), // charges RLIMIT_MEMLOCK
    any("mm_unaccount_pinned_pages", PagePinning), // gives it back
    any("*skb_zcopy_downgrade*", PagePinning), // io_uring's registered pages get references of their own after all
    any("tcp_zerocopy_vm_insert*", PagePinning), // TCP_ZEROCOPY_RECEIVE maps what came into the program's memory
    any("vm_insert_page*", PagePinning),         // the same
    any("find_tcp_vma", PagePinning),            // where it is to be mapped
    any("zap_page_range*", PagePinning),         // and unmaps what was there before
    any("*madvise*", PagePinning),               // the program unmaps it: MADV_DONTNEED
    // Completions of zero-copy sends.
    any("*msg_zerocopy_*", Completion), // the notification: made, extended, queued
    any("sock_omalloc", Completion),    // memory for a notification
    any("sock_queue_err_skb", Completion), // queues it
    any("sock_dequeue_err_skb", Completion), // the program reads it
    any("ip_recv_error", Completion),   // recvmsg with MSG_ERRQUEUE
    any("ipv6_recv_error", Completion), // recvmsg with MSG_ERRQUEUE
    any("inet_recv_error", Completion), // recvmsg with MSG_ERRQUEUE
    any("io_notif_*", Completion),      // io_uring SEND_ZC's notification
    any("io_alloc_notif", Completion),  // io_uring SEND_ZC's notification
    any("io_tx_ubuf_complete", Completion), // io_uring SEND_ZC's notification
    any("io_link_skb", Completion),     // stacks notifications on one skb, 6.10 and later
    any("io_uring_tx_zerocopy_callback", Completion), // the same, before 6.0's last patches
    // Allocation: before TCP/IP, whose functions call these.
    any("skb_page_frag_refill", Allocation), // pages for the send copy
    any("sk_page_frag_refill", Allocation),  // pages for the send copy
    any("tcp_stream_alloc_skb", Allocation), // an skb for the write queue
    any("*alloc_skb*", Allocation),          // skbs
    any("sock_alloc_send_pskb", Allocation), // an skb for AF_UNIX
    any("__build_skb*", Allocation),         // skbs
    any("build_skb*", Allocation),           // skbs
    any("kmalloc_reserve", Allocation),      // an skb's head
    any("kfree_skb*", Allocation),           // skbs freed
    any("__kfree_skb*", Allocation),         // skbs freed
    any("sk_skb_reason_drop", Allocation),   // skbs freed, 6.11 and later
    any("consume_skb", Allocation),          // skbs freed
    any("napi_consume_skb", Allocation),     // skbs freed
    any("skb_release_*", Allocation),        // an skb's pages let go
    any("skb_free_*", Allocation),           // an skb's head freed
    any("skb_defer_free_flush", Allocation), // skbs freed on the CPU that made them, 5.17 and later
    any("skb_attempt_defer_free", Allocation), // skbs sent back to the CPU that made them, 5.17 and later
    any("alloc_pages*", Allocation),         // the page allocator
    any("__alloc_pages*", Allocation),       // the page allocator
    any("__alloc_frozen_pages*", Allocation), // the page allocator, 6.14 and later
    any("*alloc_folio*", Allocation),        // the page allocator
    any("folio_alloc*", Allocation),         // the page allocator
    any("get_page_from_freelist", Allocation), // the page allocator
    any("rmqueue*", Allocation),             // the page allocator
    any("__rmqueue*", Allocation),           // the page allocator
    any("prep_new_page", Allocation),        // the page allocator
    any("clear_page*", Allocation),          // a fresh page is cleared
    any("free_pages*", Allocation),          // the page allocator
    any("__free_pages*", Allocation),        // the page allocator
    any("__free_one_page", Allocation),      // the page allocator
    any("free_pcppages_bulk", Allocation),   // the page allocator
    any("free_unref_*", Allocation),         // the page allocator
    any("free_frozen_page*", Allocation),    // the page allocator
    any("__free_frozen_pages*", Allocation), // the page allocator
    any("free_tail_page_prepare", Allocation), // a compound page is taken apart
    any("__folio_put", Allocation),          // the last reference is gone
    any("__put_page", Allocation),           // the last reference is gone, before 5.18
    any("folios_put*", Allocation),          // the last references are gone
    any("put_netmem", Allocation),           // a fragment's page is let go
    any("page_pool_*", Allocation),          // the page pool of drivers
    any("napi_pp_put_page", Allocation),     // the page pool of drivers
    any("kmem_cache_*", Allocation),         // slab
    any("kmalloc*", Allocation),             // slab
    any("__kmalloc*", Allocation),           // slab
    any("kfree", Allocation),                // slab
    any("__slab_*", Allocation),             // slab
    any("___slab_*", Allocation),            // slab
    any("slab_*", Allocation),               // slab
    any("allocate_slab", Allocation),        // slab
    any("get_partial_node", Allocation),     // slab
    any("*memcg*", Allocation),              // memory is charged to a cgroup
    any("*mem_cgroup*", Allocation),         // memory is charged to a cgroup
    any("obj_cgroup_*", Allocation),         // memory is charged to a cgroup
    any("refill_obj_stock", Allocation),     // memory is charged to a cgroup
    any("page_counter_*", Allocation),       // memory is charged to a cgroup
    // Reading a file from its device: before the page cache's own functions, which call these.
    any("read_pages", DiskIo),          // pages that the cache lacks
    any("filemap_read_folio", DiskIo),  // one page that the cache lacks
    any("*readahead*", DiskIo),         // ahead of the program
    any("page_cache_ra_*", DiskIo),     // ahead of the program
    any("page_cache_sync_ra", DiskIo),  // ahead of the program
    any("page_cache_async_ra", DiskIo), // ahead of the program
    any("submit_bio*", DiskIo),         // a request
    any("__submit_bio*", DiskIo),       // a request
    any("bio_*", DiskIo),               // a request
    any("blk_*", DiskIo),               // requests and queues
    any("__blk_*", DiskIo),             // requests and queues
    any("virtblk_*", DiskIo),           // a virtual disk
    any("virtio_queue_rq*", DiskIo),    // a virtual disk
    any("nvme_*", DiskIo),              // NVMe
    any("scsi_*", DiskIo),              // SCSI and SATA
    any("iomap_*", DiskIo),             // where a file's pages lie
    any("mpage_*", DiskIo),             // where a file's pages lie
    any("ext4_*", DiskIo),              // a file system
    any("xfs_*", DiskIo),               // a file system
    any("btrfs_*", DiskIo),             // a file system
    // Splice.
    any("skb_splice_from_iter", Splice), // MSG_SPLICE_PAGES, 6.5 and later
    any("*skb_splice_bits*", Splice),    // an skb's pages into a pipe
    any("*splice_segment*", Splice),     // the same
    any("sock_splice_read", Splice),     // from a socket into a pipe
    any("__splice_*", Splice),           // __splice_from_pipe
    any("splice_*", Splice),             // splice_to_socket, splice_direct_to_actor, ...
    any("vmsplice_*", Splice),           // user pages into a pipe
    any("do_splice*", Splice),           // the system calls' bodies
    any("__do_splice", Splice),          // the system calls' bodies
    any("do_sendfile", Splice),          // the system calls' bodies
    any("generic_splice_sendpage", Splice), // before 6.5
    any("pipe_to_sendpage", Splice),     // before 6.5
    any("sock_sendpage", Splice),        // before 6.5
    any("kernel_sendpage*", Splice),     // before 6.5
    any("do_tcp_sendpages", Splice),     // before 6.5
    any("add_to_pipe", Splice),          // the pipe's ring
    any("iter_to_pipe", Splice),         // the pipe's ring
    any("*pipe_buf*", Splice),           // the pipe's ring
    any("pipe_*", Splice),               // the pipe's ring
    any("wakeup_pipe_*", Splice),        // the pipe's ring
    any("copy_page_to_iter*", Splice),   // a pipe takes the page by reference, before 6.5
    any("shmem_*", Splice),              // pages of a memfd
    any("filemap_*", Splice),            // pages of a file
    any("touch_atime", Splice),          // sendfile marks the file as read
    any("atime_needs_update", Splice),   // sendfile marks the file as read
    any("rw_verify_area", Splice),       // sendfile checks the file's range
    // Scheduling and idle: waking before TCP/IP, which calls it.
    any("sock_def_readable", SchedulingIdle),     // wakes the receiver
    any("sock_def_write_space", SchedulingIdle),  // wakes the sender
    any("sk_stream_write_space", SchedulingIdle), // wakes the sender
    any("sk_stream_wait_memory", SchedulingIdle), // the sender waits for room
    any("sk_wait_data", SchedulingIdle),          // the receiver waits
    any("unix_stream_data_wait", SchedulingIdle), // the receiver waits, AF_UNIX
    any("*nanosleep*", SchedulingIdle),           // waits for a time
    any("io_sq_tw", SchedulingIdle),              // io_uring's thread looks for work
    any("io_sq_thread", SchedulingIdle),          // io_uring's thread looks for work
    any("folio_wait_*", SchedulingIdle),          // a page is on its way from the disk
    any("wait_woken", SchedulingIdle),            // either waits
    any("woken_wake_function", SchedulingIdle),   // either is woken
    any("*wake_up*", SchedulingIdle),             // wakes a thread
    any("*wait_queue*", SchedulingIdle),          // waits
    any("ttwu_*", SchedulingIdle),                // wakes a thread
    any("schedule*", SchedulingIdle),             // the scheduler
    any("__schedule", SchedulingIdle),            // the scheduler
    any("finish_task_switch*", SchedulingIdle),   // the scheduler
    any("sched_*", SchedulingIdle),               // the scheduler
    any("enqueue_task*", SchedulingIdle),         // the scheduler
    any("dequeue_task*", SchedulingIdle),         // the scheduler
    any("pick_next_*", SchedulingIdle),           // the scheduler
    any("__rseq_*", SchedulingIdle),              // restartable sequences after a switch
    any("do_futex", SchedulingIdle),              // a thread waits for another
    any("futex_*", SchedulingIdle),               // a thread waits for another
    any("*send_IPI*", SchedulingIdle),            // wakes another CPU
    any("smp_call_function*", SchedulingIdle),    // asks another CPU
    any("*reschedule_ipi", SchedulingIdle),       // asked by another CPU
    any("*call_function*", SchedulingIdle),       // asked by another CPU
    any("*safe_halt", SchedulingIdle),            // idle
    any("default_idle*", SchedulingIdle),         // idle
    any("mwait_idle*", SchedulingIdle),           // idle
    any("intel_idle*", SchedulingIdle),           // idle
    any("acpi_*idle*", SchedulingIdle),           // idle
    any("poll_idle", SchedulingIdle),             // idle
    any("haltpoll_*", SchedulingIdle),            // idle
    any("cpuidle_*", SchedulingIdle),             // idle
    any("cpu_do_idle", SchedulingIdle),           // idle, arm64
    any("arch_cpu_idle", SchedulingIdle),         // idle, arm64
    any("do_idle", SchedulingIdle),               // idle
    any("cpu_startup_entry", SchedulingIdle),     // idle
    // Locking.
    any("_raw_spin_lock*", Locking),      // spinlocks
    any("_raw_spin_trylock*", Locking),   // spinlocks
    leaf("_raw_spin_unlock", Locking),    // spinlocks
    leaf("_raw_spin_unlock_bh", Locking), // spinlocks; as a caller it runs softirqs
    any("*queued_spin_*", Locking),       // spinlocks, contended or paravirtual
    any("_raw_read_lock*", Locking),      // reader-writer locks
    any("_raw_write_lock*", Locking),     // reader-writer locks
    any("mutex_*", Locking),              // mutexes
    any("__mutex_*", Locking),            // mutexes
    any("osq_lock", Locking),             // mutexes
    any("down_read*", Locking),           // semaphores
    any("down_write*", Locking),          // semaphores
    any("rwsem_*", Locking),              // semaphores
    any("lock_sock_nested", Locking),     // the socket's lock
    any("__lock_sock*", Locking),         // the socket's lock
    leaf("release_sock", Locking),        // the socket's lock; as a caller it runs the backlog
    // Kernel TLS: the ciphers have no rule, so that whoever calls them says whose they are.
    any("tls_*", Encryption), // records are made, encrypted and decrypted
    // TCP and IP.
    any("tcp_*", TcpIp),             // TCP
    any("__tcp_*", TcpIp),           // TCP
    any("cubictcp_*", TcpIp),        // congestion control
    any("bictcp_*", TcpIp),          // congestion control
    any("bbr_*", TcpIp),             // congestion control
    any("dctcp_*", TcpIp),           // congestion control
    any("minmax_*", TcpIp),          // the estimate of the round trip
    any("inet_*", TcpIp),            // sockets of IP
    any("__inet_*", TcpIp),          // sockets of IP
    any("inet6_*", TcpIp),           // sockets of IP
    any("ip_*", TcpIp),              // IP
    any("__ip_*", TcpIp),            // IP
    any("ipv4_*", TcpIp),            // IP
    any("ip6_*", TcpIp),             // IP
    any("ipv6_*", TcpIp),            // IP
    any("fib_*", TcpIp),             // routes
    any("neigh_*", TcpIp),           // neighbours
    any("raw_local_deliver", TcpIp), // raw sockets, asked for each packet
    any("nf_*", TcpIp),              // netfilter and conntrack
    any("nft_*", TcpIp),             // netfilter
    any("ipt_*", TcpIp),             // netfilter
    any("xt_*", TcpIp),              // netfilter
    any("*xfrm_*", TcpIp),           // IPsec policies, asked for each packet
    any("sk_*", TcpIp),              // the socket's timers, memory and backlog
    any("__sk_*", TcpIp),            // the socket's memory and routes
    any("sock_rfree", TcpIp),        // the socket's memory
    any("sock_wfree", TcpIp),        // the socket's memory
    any("__sock_wfree", TcpIp),      // the socket's memory
    any("__release_sock", TcpIp),    // the backlog
    any("skb_clone*", TcpIp),        // a clone of the queued skb goes out
    any("__skb_clone", TcpIp),       // a clone of the queued skb goes out
    any("__copy_skb_header", TcpIp), // a clone of the queued skb goes out
    any("skb_try_coalesce", TcpIp),  // the receive queue merges
    any("skb_condense", TcpIp),      // the receive queue trims
    any("lock_timer_base", TcpIp),   // the socket's timers
    any("io_sg_from_iter", TcpIp),   // io_uring's registered pages into an skb, by reference
    // Device and softirq.
    any("veth_*", DeviceSoftirq),               // the veth pair
    any("wg_*", DeviceSoftirq),                 // WireGuard
    any("packet_*", DeviceSoftirq),             // a packet socket: acknowledgements for a sink, or a tap
    any("tpacket_*", DeviceSoftirq),            // the ring of one
    any("loopback_*", DeviceSoftirq),           // loopback
    any("br_*", DeviceSoftirq),                 // a bridge
    any("vxlan_*", DeviceSoftirq),              // an overlay
    any("udp_tunnel*", DeviceSoftirq),          // an overlay
    any("virtnet_*", DeviceSoftirq),            // a virtual NIC
    any("dev_*", DeviceSoftirq),                // a device's queue
    any("__dev_*", DeviceSoftirq),              // a device's queue
    any("netdev_*", DeviceSoftirq),             // a device's queue
    any("netif_*", DeviceSoftirq),              // a device's queue
    any("__netif_*", DeviceSoftirq),            // a device's queue
    any("validate_xmit_*", DeviceSoftirq),      // offloads done in software
    any("skb_gso_*", DeviceSoftirq),            // segmentation
    any("__skb_gso_*", DeviceSoftirq),          // segmentation
    any("skb_mac_gso_*", DeviceSoftirq),        // segmentation
    any("skb_segment*", DeviceSoftirq),         // segmentation
    any("skb_checksum*", DeviceSoftirq),        // checksums in software
    any("skb_csum_*", DeviceSoftirq),           // checksums in software
    any("__skb_checksum*", DeviceSoftirq),      // checksums in software
    any("csum_partial*", DeviceSoftirq),        // checksums in software
    any("skb_network_protocol", DeviceSoftirq), // what offloads a packet may have
    any("skb_scrub_packet", DeviceSoftirq),     // the skb changes its namespace
    any("pskb_expand_head", DeviceSoftirq),     // headroom for the device
    any("eth_*", DeviceSoftirq),                // Ethernet
    any("sch_*", DeviceSoftirq),                // queueing disciplines
    any("*qdisc*", DeviceSoftirq),              // queueing disciplines
    any("fq_*", DeviceSoftirq),                 // queueing disciplines
    any("pfifo_*", DeviceSoftirq),              // queueing disciplines
    any("htb_*", DeviceSoftirq),                // queueing disciplines
    any("netem_*", DeviceSoftirq),              // queueing disciplines
    any("gro_*", DeviceSoftirq),                // receive offload
    any("*_gro_*", DeviceSoftirq),              // receive offload
    any("napi_*", DeviceSoftirq),               // NAPI
    any("__napi_*", DeviceSoftirq),             // NAPI
    any("process_backlog", DeviceSoftirq),      // NAPI of veth, bridge and loopback
    any("enqueue_to_backlog", DeviceSoftirq),   // NAPI of veth, bridge and loopback
    any("net_rx_action", DeviceSoftirq),        // softirq
    any("net_tx_action", DeviceSoftirq),        // softirq
    any("rcu_*", Other),                        // RCU's own work
    any("run_timer_softirq", Other),            // timers
    any("hrtimer_run_softirq", Other),          // timers
    any("handle_softirqs", DeviceSoftirq),      // softirq, 6.9 and later
    any("__do_softirq", DeviceSoftirq),         // softirq
    any("do_softirq*", DeviceSoftirq),          // softirq
    any("run_ksoftirqd", DeviceSoftirq),        // softirq in its thread
    any("__local_bh_enable_ip", DeviceSoftirq), // softirq at the end of a bottom-half section
    // Interrupts and faults.
    any("*sysvec_*", Other),          // an interrupt that nothing above explains
    any("*common_interrupt*", Other), // an interrupt that nothing above explains
    any("el1h_64_irq*", Other),       // an interrupt that nothing above explains, arm64
    any("irqentry_*", Other),         // the way out of an interrupt
    any("irq_*", Other),              // the way out of an interrupt
    any("__irq_*", Other),            // the way out of an interrupt
    any("*exc_page_fault", Other),    // a page fault
    any("handle_mm_fault", Other),    // a page fault
    any("el0_da", Other),             // a page fault, arm64
    any("tctx_task_work", Syscall),   // io_uring's work due before the return to user space
    any("task_work_run", Other),      // any other
    any("perf_*", Other),             // perf itself
    any("__perf_*", Other),           // perf itself
    // The system call and the socket layer.
    any("__sys_*", Syscall),    // sendto, sendmsg, recvfrom: descriptor, address, flags
    any("___sys_*", Syscall),   // sendmsg: the header
    any("____sys_*", Syscall),  // sendmsg: the header
    any("__do_sys_*", Syscall), // a system call's body
    any("ksys_*", Syscall),     // read, write
    any("vfs_*", Syscall),      // read, write
    any("do_writev", Syscall),  // writev
    any("do_iter_*", Syscall),  // writev: each buffer
    any("unix_*", Syscall),     // AF_UNIX, which is all there is below the call
    any("__scm_*", Syscall),    // AF_UNIX: credentials
    any("scm_*", Syscall),      // AF_UNIX: credentials
    any("sock_*", Syscall),     // the socket layer
    any("security_*", Syscall), // security modules
    any("apparmor_*", Syscall), // security modules
    any("selinux_*", Syscall),  // security modules
    any("bpf_lsm_*", Syscall),  // security modules
    any("do_sys_poll", Syscall), // waiting for the socket
    any("import_*", Syscall),   // the buffer
    any("fdget*", Syscall),     // the descriptor
    any("fput*", Syscall),      // the descriptor
    any("__fdget*", Syscall),   // the descriptor
    any("sockfd_lookup*", Syscall), // the descriptor
    any("exit_to_user_mode*", Syscall), // the way back
    any("syscall_*", Syscall),  // the way in and back
    any("io_*", Syscall), // io_uring: requests, buffers, completions; registered buffers, which are pinned already
    any("__io_*", Syscall), // io_uring
    leaf("__x64_sys_*", Syscall), // the way in
    leaf("__arm64_sys_*", Syscall), // the way in
    leaf("x64_sys_call", Syscall), // the way in, 6.9 and later
    leaf("do_syscall_64", Syscall), // the way in
    leaf("entry_SYSCALL_64*", Syscall), // the way in
    leaf("*entry_SYSRETQ*", Syscall), // the way back
    leaf("invoke_syscall", Syscall), // the way in, arm64
    leaf("el0_svc*", Syscall), // the way in, arm64
];
