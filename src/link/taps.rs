//! Packet sockets that see an interface: what `tcpdump` and its like are to the kernel.
//!
//! A tap gets a copy of each packet that it is shown, or holds on to its pages until somebody has read it
//! (`tpacket_rcv`, `packet_rcv`, `dev_queue_xmit_nit`).

/// Those of the calling thread's network namespace that TCP packets of this interface are shown to; absent
/// where the kernel does not list them.
pub(super) fn on(index: u32) -> Option<u64> {
    Some(count(&std::fs::read_to_string("/proc/thread-self/net/packet").ok()?, index))
}

/// Counts the sockets of `/proc/net/packet` that see TCP on this interface.
fn count(table: &str, index: u32) -> u64 {
    let sees = |line: &str| {
        let mut fields = line.split_whitespace().skip(3);
        let protocol = fields.next().and_then(|text| u32::from_str_radix(text, 16).ok())?;
        let bound: u32 = fields.next()?.parse().ok()?;
        // ETH_P_ALL, and IPv4 and IPv6, which are shown received packets alone. Others, such as a daemon that
        // listens to LLDP, are shown no TCP; 0 is a socket that only sends.
        let is_shown_tcp = matches!(protocol, 0x0003 | 0x0800 | 0x86dd);
        Some(is_shown_tcp && (bound == 0 || bound == index))
    };
    table.lines().skip(1).filter(|line| sees(line) == Some(true)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
00000000d5a7e2a1 3      3    0003   2     1 0      0      100
00000000d5a7e2a2 3      3    0003   0     1 0      0      101
00000000d5a7e2a3 3      3    88cc   2     1 0      0      102
00000000d5a7e2a4 3      3    0000   2     0 0      0      103
00000000d5a7e2a5 3      2    0800   3     1 0      0      104
";

    #[test]
    fn a_tap_on_the_interface_or_on_all_of_them_counts() {
        assert_eq!((count(TABLE, 2), count(TABLE, 3), count(TABLE, 4)), (2, 2, 1));
        assert_eq!(count("", 2), 0);
    }
}
