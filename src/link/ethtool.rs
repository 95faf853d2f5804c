//! The ethtool ioctl: a request about one interface, answered in place.

use std::io;
use std::os::fd::RawFd;

nix::ioctl_readwrite_bad!(
    /// SIOCETHTOOL of ethtool(8): the request is what `ifr_data` points to.
    siocethtool,
    libc::SIOCETHTOOL,
    libc::ifreq
);

/// A structure of linux/ethtool.h that begins with its command.
///
/// # Safety
/// The structure must be as large as the kernel takes it to be for every command that it is used with.
pub(super) unsafe trait Request {}

/// `struct ethtool_value`.
#[repr(C)]
pub(super) struct Value {
    pub(super) command: u32,
    pub(super) data: u32,
}

// SAFETY: laid out as the kernel's, and used with the commands that get and set one value.
unsafe impl Request for Value {}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    rom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

// SAFETY: laid out as the kernel's, and used with ETHTOOL_GDRVINFO alone.
unsafe impl Request for DriverInfo {}

/// Puts a request to an interface's driver.
pub(super) fn ask<R: Request>(socket: RawFd, interface: &str, about: &mut R) -> io::Result<()> {
    // SAFETY: `ifreq` is plain data, for which all zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte less than the array holds, so that the name stays terminated.
    let room = request.ifr_name.len() - 1;
    if interface.len() > room {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(about).cast();
    // SAFETY: `request` names an interface and points to a whole structure of the kind that the command in it
    // asks for; both live until the call returns.
    unsafe { siocethtool(socket, &raw mut request) }?;
    Ok(())
}

/// The name of an interface's driver.
pub(super) fn driver(socket: RawFd, interface: &str) -> Option<String> {
    const ETHTOOL_GDRVINFO: u32 = 3;
    let mut info = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        firmware: [0; 32],
        bus: [0; 32],
        rom: [0; 32],
        reserved: [0; 12],
        counts: [0; 5],
    };
    ask(socket, interface, &mut info).ok()?;
    let length = info.driver.iter().position(|&byte| byte == 0)?;
    let name = std::str::from_utf8(&info.driver[..length]).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}
