//! What came by an interface: the witness beside what the streams say they received.

use super::rtnl::Rtnl;
use crate::record::Received;
use std::io;
use std::net::IpAddr;

/// The counters of one interface, wherever the caller is later.
#[derive(Debug)]
pub(crate) struct Traffic {
    rtnl: Rtnl,
    index: u32,
}

impl Traffic {
    /// The interface that traffic to and from `remote` takes, in the namespace that the calling thread is in.
    ///
    /// # Errors
    /// When netlink does not answer, or there is no way there.
    pub(crate) fn towards(remote: IpAddr) -> io::Result<Self> {
        let mut rtnl = Rtnl::open()?;
        let index = rtnl.index_towards(remote)?.ok_or_else(|| io::Error::other("no route"))?;
        Ok(Self { rtnl, index })
    }

    /// What it has received since it was made; absent where it does not count.
    pub(crate) fn received(&mut self) -> Option<Received> {
        self.rtnl.received(self.index).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_over_the_loopback_is_received_there() {
        let mut traffic = Traffic::towards([127, 0, 0, 1].into()).unwrap();
        let before = traffic.received().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
        let came = traffic.received().unwrap() - before;
        assert!(came.packets >= 1 && came.bytes >= 1028, "{came:?}");
        assert!(came.most_payload() >= 974, "{came:?}");
    }
}
