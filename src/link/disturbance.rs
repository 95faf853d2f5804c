//! What tests put on an interface: a packet tap, an XDP program.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use netlink_packet_route::link::{LinkAttribute, LinkXdp};

use super::rtnl::Rtnl;
use super::wire::describe;
use crate::record::below_tcp::XdpMode;

/// A packet socket that sees every packet of an interface.
pub(super) fn tap(name: &str) -> Result<OwnedFd> {
    let every = i32::from((libc::ETH_P_ALL as u16).to_be());
    // SAFETY: a system call that touches no memory of ours.
    let fd = nix::errno::Errno::result(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, every) })?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `sockaddr_ll` is plain data, for which all zeroes are valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every as u16;
    address.sll_ifindex = Rtnl::open()?.by_name(name)?.context("no such interface")?.index as i32;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is a whole `sockaddr_ll`, and lives until the call returns.
    nix::errno::Errno::result(unsafe { libc::bind(fd, (&raw const address).cast(), length) })?;
    Ok(socket)
}

/// Attaches an XDP program that lets every packet pass; says what the kernel refused, if it did.
pub(super) fn xdp(name: &str, mode: XdpMode) -> Result<String> {
    // r0 = XDP_PASS; exit
    let program: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];
    let license = c"GPL";
    // The first fields of `union bpf_attr` for BPF_PROG_LOAD (5): type XDP (6), count, instructions, license.
    let mut attributes = [0_u64; 16];
    attributes[0] = 6 | (program.len() as u64) << 32;
    attributes[1] = program.as_ptr() as u64;
    attributes[2] = license.as_ptr() as u64;
    // SAFETY: the kernel reads 128 bytes, and the instructions and the license that they point to.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 5, attributes.as_ptr(), size_of_val(&attributes)) };
    if fd < 0 {
        return Ok(format!("refused: no BPF program ({})", std::io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let program = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE of linux/if_link.h.
    let flags = match mode {
        XdpMode::Generic => 2,
        XdpMode::Driver => 4,
        XdpMode::Offload => bail!("no card of a test takes a program"),
    };
    let mut rtnl = Rtnl::open()?;
    let index = rtnl.by_name(name)?.context("no such interface")?.index;
    let attach = |fd| LinkAttribute::Xdp(vec![LinkXdp::Fd(fd), LinkXdp::Flags(flags)]);
    rtnl.set(index, attach(program.as_raw_fd()))?;
    let seen = describe(name)?.facts.xdp.unwrap_or_default();
    rtnl.set(index, attach(-1))?;
    Ok(seen)
}
