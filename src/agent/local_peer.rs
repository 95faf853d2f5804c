//! Whose socket the other end of a loopback connection is.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use nix::unistd::geteuid;
use socket2::{SockAddr, Socket};

/// Tables of this network namespace's connections: an end each, with the user that owns it (`get_tcp4_sock` in
/// net/ipv4/tcp_ipv4.c, `get_tcp6_sock` in net/ipv6/tcp_ipv6.c).
const TABLES: [&str; 2] = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];

/// Checks that a connection is the agent's own user's, or root's.
///
/// # Errors
/// One sentence for whoever connected.
pub(super) fn check(socket: &Socket) -> Result<(), String> {
    let address = |end: io::Result<SockAddr>| end.ok()?.as_socket();
    let ends = address(socket.peer_addr()).zip(address(socket.local_addr()));
    let own = geteuid().as_raw();
    let user = ends.and_then(|(from, to)| user_of(from, to));
    if user.is_some_and(|user| user == own || user == 0) {
        return Ok(());
    }
    let whose = user.map_or("one that cannot be told".to_owned(), |user| user.to_string());
    Err(format!(
        "the agent has no token and serves its own user alone, which is {own}; yours is {whose}; start it with \
         --token-file FILE, and give the coordinator the same file"
    ))
}

/// The user whose socket is connected from one address to another; none where no table has such a connection.
fn user_of(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    // A kernel without IPv6 has one table.
    let [v4, v6] = TABLES.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    find(&v4, from, to, v4_words).or_else(|| find(&v6, from, to, v6_words))
}

/// The owner of the connection in one table, whose addresses are written so.
fn find(table: &str, from: SocketAddr, to: SocketAddr, words: fn(IpAddr) -> Option<String>) -> Option<u32> {
    let written = |end: SocketAddr| Some(format!("{}:{:04X}", words(end.ip())?, end.port()));
    let (from, to) = (written(from)?, written(to)?);
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next() == Some(&from) && fields.next() == Some(&to);
        // After the addresses: state, queues, timer, retransmissions.
        if is_it { fields.nth(4)?.parse().ok() } else { None }
    })
}

fn v4_words(ip: IpAddr) -> Option<String> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Some(format!("{:08X}", u32::from_ne_bytes(ip.octets()))),
        IpAddr::V6(_) => None,
    }
}

/// An IPv4 address has the form here that a socket of both families gives it.
fn v6_words(ip: IpAddr) -> Option<String> {
    let ip: Ipv6Addr = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let octets = ip.octets();
    let words = octets.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    Some(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_of_ours_is_ours_and_one_that_is_not_there_is_nobodys() {
        let own = nix::unistd::geteuid().as_raw();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                crate::skip::skip("a_connection_of_ours_is_ours", format!("the address {address}"));
                continue;
            };
            let to = listener.local_addr().unwrap();
            let stream = TcpStream::connect(to).unwrap();
            let from = stream.local_addr().unwrap();
            assert_eq!(user_of(from, to), Some(own), "{address}");
            assert_eq!(user_of(from, from), None);
        }
    }

    #[test]
    fn the_owner_is_read_from_a_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1B62 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 1 1\n";
        let (from, to) = ("127.0.0.1:7010".parse().unwrap(), "127.0.0.1:54321".parse().unwrap());
        assert_eq!(find(table, from, to, v4_words), Some(1000));
        assert_eq!(find(table, to, from, v4_words), None);
        let mapped = v6_words("127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(mapped, "0000000000000000FFFF00000100007F");
    }
}
