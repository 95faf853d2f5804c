//! Bare acknowledgements, sent by a packet socket in place of the receiving socket.

use std::ffi::c_int;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use etherparse::{PacketBuilder, TcpOptionElement};

use super::repaired::{Repaired, WIDEST};
use super::sender::SenderSocket;
use crate::clock;
use crate::failure::Failure;
use crate::link::Ethernet;

/// Hops that a segment may take; the sender is the next one.
const HOPS: u8 = 64;

/// What a segment is, beside an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ack,
    Fin,
    Reset,
}

/// Sends acknowledgements of one connection.
#[derive(Debug)]
pub(crate) struct Acks {
    socket: OwnedFd,
    ethernet: Ethernet,
    connection: Repaired,
    /// Our clock and the sender's at a moment of CLOCK_MONOTONIC; absent where the connection has no timestamps.
    stamps: Option<Stamps>,
    frame: Vec<u8>,
}

/// The clocks by which the two ends stamp segments, milliseconds, as offsets from CLOCK_MONOTONIC. The kernel's own have
/// a random offset for each connection (`tsoffset`).
#[derive(Clone, Copy, Debug)]
struct Stamps {
    ours: u32,
    theirs: u32,
}

impl Acks {
    /// For a connection in repair, by the interface that leads to its sender.
    ///
    /// # Errors
    /// `Unsupported` without the right to send packets, with the remedy.
    pub(crate) fn of(
        connection: Repaired,
        ethernet: Ethernet,
        sender: &SenderSocket,
    ) -> Result<Self, Failure> {
        let socket = packet_socket(ethernet.index).map_err(|error| {
            Failure::Unsupported(format!(
                "a packet socket, by which a sink acknowledges: {error}; it takes CAP_NET_RAW and CONFIG_PACKET: \
                 grant it, run as root, or allow user namespaces"
            ))
        })?;
        let stamps = match connection.timestamp {
            Some(ours) => {
                let now = milliseconds();
                let theirs = sender.timestamp()?;
                Some(Stamps { ours: ours.wrapping_sub(now), theirs: theirs.wrapping_sub(now) })
            }
            None => None,
        };
        Ok(Self { socket, ethernet, connection, stamps, frame: Vec::new() })
    }

    /// Acknowledges so many bytes since the connection went into repair.
    ///
    /// # Errors
    /// When the interface does not take it.
    pub(crate) fn ack(&mut self, bytes: u64) -> Result<(), Failure> {
        self.send(Kind::Ack, bytes)
    }

    /// Acknowledges so many bytes and the sender's FIN, and closes the other direction too.
    ///
    /// # Errors
    /// When the interface does not take it.
    pub(crate) fn end(&mut self, bytes: u64) -> Result<(), Failure> {
        self.send(Kind::Fin, bytes + 1)
    }

    /// Breaks the connection, so that the sender's kernel lets go of what nobody will acknowledge.
    pub(crate) fn reset(&mut self, bytes: u64) {
        let _ = self.send(Kind::Reset, bytes);
    }

    fn send(&mut self, kind: Kind, bytes: u64) -> Result<(), Failure> {
        self.write(kind, bytes).map_err(Failure::io("an acknowledgement as a frame"))?;
        let (fd, from, length) = (self.socket.as_raw_fd(), self.frame.as_ptr().cast(), self.frame.len());
        // SAFETY: the kernel reads `length` bytes from `from`, which has that many.
        let sent = unsafe { libc::send(fd, from, length, 0) };
        match sent {
            _ if sent >= 0 => Ok(()),
            _ => Err(Failure::io("sending an acknowledgement")(io::Error::last_os_error())),
        }
    }

    /// Makes the frame.
    fn write(&mut self, kind: Kind, bytes: u64) -> io::Result<()> {
        let Repaired { here, there, sends, expects, .. } = self.connection;
        let link = PacketBuilder::ethernet2(self.ethernet.ours, self.ethernet.theirs);
        let network = match (here.ip(), there.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), HOPS),
            (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), HOPS),
            _ => return Err(io::Error::other("addresses of two families")),
        };
        // What was sent is counted in 64 bits and numbered in 32.
        let number = expects.wrapping_add(bytes as u32);
        let mut segment = network.tcp(here.port(), there.port(), sends, WIDEST).ack(number);
        segment = match kind {
            Kind::Ack => segment,
            Kind::Fin => segment.fin(),
            Kind::Reset => segment.rst(),
        };
        if let Some(Stamps { ours, theirs }) = self.stamps {
            let now = milliseconds();
            // What is echoed was sent before, and the two clocks were read to the millisecond.
            let stamp =
                TcpOptionElement::Timestamp(ours.wrapping_add(now), theirs.wrapping_add(now).wrapping_sub(1));
            segment = segment
                .options(&[TcpOptionElement::Noop, TcpOptionElement::Noop, stamp])
                .map_err(io::Error::other)?;
        }
        self.frame.clear();
        segment.write(&mut self.frame, &[]).map_err(io::Error::other)
    }
}

/// CLOCK_MONOTONIC, which the kernel's stamps follow (`tcp_clock_ns`).
fn milliseconds() -> u32 {
    (clock::now() / 1_000_000) as u32
}

/// A packet socket that sends by one interface, and is shown no packet (protocol 0): it is no tap.
fn packet_socket(index: u32) -> io::Result<OwnedFd> {
    // SAFETY: a system call that touches no memory of ours.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `sockaddr_ll` is plain data, for which all zeroes are valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index as c_int;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is a whole `sockaddr_ll`, and lives until the call returns.
    match unsafe { libc::bind(fd, (&raw const address).cast(), length) } {
        0 => Ok(socket),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketHeaders, TransportHeader};

    use super::*;

    fn acks() -> Acks {
        let connection = Repaired {
            here: "198.19.0.2:40000".parse().unwrap(),
            there: "198.19.0.1:50000".parse().unwrap(),
            sends: 77,
            expects: u32::MAX - 99,
            timestamp: Some(1000),
        };
        let ethernet =
            Ethernet { name: "x".into(), index: 3, ours: [2, 0, 0, 0, 0, 2], theirs: [2, 0, 0, 0, 0, 1] };
        let null = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let stamps = Some(Stamps { ours: 1000, theirs: 2000 });
        Acks { socket: null, ethernet, connection, stamps, frame: Vec::new() }
    }

    #[test]
    fn a_segment_acknowledges_across_the_wrap_with_stamps_and_checksums() {
        let mut acks = acks();
        acks.write(Kind::Ack, 300).unwrap();
        assert_eq!(acks.frame.len(), 14 + 20 + 32, "Ethernet, IPv4, TCP with timestamps");
        let packet = PacketHeaders::from_ethernet_slice(&acks.frame).unwrap();
        let Some(TransportHeader::Tcp(tcp)) = packet.transport else { panic!("no TCP: {packet:?}") };
        assert_eq!((tcp.sequence_number, tcp.acknowledgment_number), (77, 200));
        assert_eq!((tcp.ack, tcp.fin, tcp.rst, tcp.window_size), (true, false, false, WIDEST));
        let stamp = tcp.options_iterator().flatten().find_map(|option| match option {
            TcpOptionElement::Timestamp(ours, theirs) => Some((ours, theirs)),
            _ => None,
        });
        let (ours, theirs) = stamp.expect("timestamps");
        assert_eq!(theirs.wrapping_sub(ours), 999, "the echo lies a millisecond back");
        let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else { panic!("no IPv4") };
        assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
        assert_eq!(tcp.calc_checksum_ipv4(&ip, &[]).unwrap(), tcp.checksum);
    }

    #[test]
    fn the_end_acknowledges_the_fin_and_closes_too() {
        let mut acks = acks();
        acks.write(Kind::Fin, 101).unwrap();
        let packet = PacketHeaders::from_ethernet_slice(&acks.frame).unwrap();
        let Some(TransportHeader::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
        assert_eq!((tcp.acknowledgment_number, tcp.fin, tcp.ack), (1, true, true));
    }
}
