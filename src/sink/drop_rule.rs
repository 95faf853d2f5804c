//! The rule by which an interface drops what the sender of a sink sends: nftables, family `netdev`, hook `ingress`.
//!
//! As `nft list ruleset` shows it:
//!
//! ```text
//! table netdev copycost { chain sink {
//!     type filter hook ingress device "copycost0" priority 0; policy accept;
//!     meta l4proto tcp  tcp sport 40123 drop
//! } }
//! ```
//!
//! The table is owned by a netlink socket (NFT_TABLE_F_OWNER, Linux 5.12), and goes with it, whatever ends the process.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroI32;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Cmp, DataAttribute, DevHookNumber, ExpressionAttribute, Expressions, Hook,
    HookNumber, Immediate, ListAttribute, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register,
    RuleAttribute, RuleMessage, TableAttribute, TableFlags, TableMessage, Verdict, VerdictAttribute,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use crate::failure::Failure;

const CHAIN: &str = "sink";
/// NF_ACCEPT and NF_DROP of linux/netfilter.h.
const ACCEPT: u32 = 1;
const DROP: u32 = 0;
/// NFT_PAYLOAD_TRANSPORT_HEADER of linux/netfilter/nf_tables.h, where the source port of TCP comes first.
const TRANSPORT_HEADER: u32 = 2;
/// NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h.
const NFTABLES: u16 = 10;

/// The rule for one interface of the calling thread's network namespace and one port of the sender. It is there for as
/// long as this is.
#[derive(Debug)]
pub(crate) struct DropRule {
    /// Owns the table.
    #[expect(dead_code, reason = "closing it takes the rule away")]
    socket: Socket,
}

/// The rules that are there, by interface and port: the streams of a trial share one.
static RULES: Mutex<BTreeMap<(String, u16), Weak<DropRule>>> = Mutex::new(BTreeMap::new());

impl DropRule {
    /// The rule that drops what comes by `interface` from TCP port `port`: the one that is there, or a new one.
    ///
    /// # Errors
    /// `Unsupported` where the kernel refuses it, with the remedy.
    pub(crate) fn of(interface: &str, port: u16) -> Result<Arc<Self>, Failure> {
        let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|_, rule| rule.strong_count() > 0);
        let key = (interface.to_owned(), port);
        if let Some(rule) = rules.get(&key).and_then(Weak::upgrade) {
            return Ok(rule);
        }
        let rule = Arc::new(Self { socket: install(interface, port).map_err(refused)? });
        rules.insert(key, Arc::downgrade(&rule));
        Ok(rule)
    }
}

/// Adds table, chain and rule in one transaction.
fn install(interface: &str, port: u16) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let table = format!("copycost{port}");
    let asked: Vec<(NetfilterMessageInner, u16)> = vec![
        (new_table(&table).into(), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL),
        (new_chain(&table, interface).into(), NLM_F_ACK | NLM_F_CREATE),
        (new_rule(&table, port).into(), NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND),
    ];
    let all = asked.len();
    let begin = (ControlMessage::BatchBegin.into(), 0);
    let end = (ControlMessage::BatchEnd.into(), 0);
    let mut batch = Vec::new();
    for (number, (message, flags)) in (0..).zip([begin].into_iter().chain(asked).chain([end])) {
        batch.extend(serialized(message, flags, number));
    }
    socket.send(&batch, 0)?;
    acknowledged(&socket, all)?;
    Ok(socket)
}

fn serialized(message: NetfilterMessageInner, flags: u16, number: u32) -> Vec<u8> {
    let (family, resource) = match message {
        NetfilterMessageInner::None(_) => (NetfilterProtoFamily::Unspec, NFTABLES),
        _ => (NetfilterProtoFamily::NetDev, 0),
    };
    let message = NetfilterMessage::new(NetfilterHeader::new(family, 0, resource), message);
    let mut packet = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(message));
    packet.header.flags = NLM_F_REQUEST | flags;
    packet.header.sequence_number = number;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len().next_multiple_of(4)];
    packet.serialize(&mut bytes);
    bytes
}

/// Reads the answers to so many requests; the first that is a refusal is the reason.
fn acknowledged(socket: &Socket, mut left: usize) -> io::Result<()> {
    while left > 0 {
        let (bytes, _) = socket.recv_from_full()?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let reply = NetlinkMessage::<NetfilterMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            rest = rest.get((reply.header.length as usize).next_multiple_of(4)..).unwrap_or_default();
            if let NetlinkPayload::Error(error) = reply.payload {
                match error.code.map(NonZeroI32::get) {
                    Some(code) => return Err(io::Error::from_raw_os_error(-code)),
                    None => left -= 1,
                }
            }
        }
    }
    Ok(())
}

fn new_table(table: &str) -> NfTablesMessage {
    let attributes = vec![TableAttribute::Name(table.to_owned()), TableAttribute::Flags(TableFlags::Owner)];
    NfTablesMessage::NewTable(TableMessage { attributes })
}

fn new_chain(table: &str, interface: &str) -> NfTablesMessage {
    let hook = vec![
        Hook::Number(HookNumber::Dev(DevHookNumber::Ingress)),
        Hook::Priority(0),
        Hook::NetDeviceName(interface.to_owned()),
    ];
    let attributes = vec![
        ChainAttribute::Table(table.to_owned()),
        ChainAttribute::Name(CHAIN.to_owned()),
        ChainAttribute::Policy(ACCEPT),
        ChainAttribute::Type("filter".to_owned()),
        ChainAttribute::Hook(hook),
    ];
    NfTablesMessage::NewChain(ChainMessage { attributes })
}

fn new_rule(table: &str, port: u16) -> NfTablesMessage {
    let is = |value: Vec<u8>| {
        Expressions::Cmp(vec![
            Cmp::SourceRegister(Register::Reg1),
            Cmp::Op(Operator::Equal),
            Cmp::Data(DataAttribute::Value(value)),
        ])
    };
    let expressions = [
        Expressions::Meta(vec![Meta::Key(MetaKey::L4Proto), Meta::DestinationRegister(Register::Reg1)]),
        is(vec![libc::IPPROTO_TCP as u8]),
        Expressions::Payload(vec![
            Payload::DestinationRegister(Register::Reg1),
            Payload::Base(TRANSPORT_HEADER),
            Payload::Offset(0),
            Payload::Len(2),
        ]),
        is(port.to_be_bytes().to_vec()),
        Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(vec![VerdictAttribute::Code(Verdict::Other(DROP))])),
        ]),
    ];
    let expressions: Vec<ListAttribute<ExpressionAttribute>> =
        expressions.into_iter().map(Into::into).collect();
    let attributes = vec![
        RuleAttribute::Table(table.to_owned()),
        RuleAttribute::Chain(CHAIN.to_owned()),
        RuleAttribute::Expressions(expressions),
    ];
    NfTablesMessage::NewRule(RuleMessage { attributes })
}

/// Why the kernel does not drop what arrives.
fn refused(error: io::Error) -> Failure {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "it takes CAP_NET_ADMIN: grant it, run as root, or allow user namespaces".to_owned()
        }
        Some(libc::EOPNOTSUPP | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::ENOENT | libc::EINVAL) => {
            "it takes Linux 5.12 or newer with nftables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_NETDEV): `modprobe \
             nf_tables`"
                .to_owned()
        }
        _ => "see `nft list ruleset`".to_owned(),
    };
    Failure::Unsupported(format!("an nftables rule for the sink, in the netdev family: {error}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_port_sends_is_dropped_for_as_long_as_the_rule_is_there() {
        // In a namespace of its own, so that no other test sees it.
        let work = || {
            crate::link::enter_new_netns().map_err(|error| error.to_string())?;
            crate::link::bring_up("lo").map_err(|error| error.to_string())?;
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let mut receiver = TcpStream::connect(address).unwrap();
            receiver.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let (mut sender, _) = listener.accept().unwrap();
            let rule = match DropRule::of("lo", address.port()) {
                Err(Failure::Unsupported(why)) => return Err(why),
                rule => rule.unwrap(),
            };
            let again = DropRule::of("lo", address.port()).unwrap();
            assert!(Arc::ptr_eq(&rule, &again), "streams of one port share a rule");
            sender.write_all(b"payload").unwrap();
            let mut bytes = [0; 7];
            assert!(receiver.read(&mut bytes).is_err(), "it is dropped");
            drop((rule, again));
            receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            receiver.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"payload", "TCP sends it again, and nobody drops it");
            Ok(())
        };
        let done: Result<(), String> = std::thread::spawn(work).join().unwrap();
        if let Err(missing) = done {
            crate::skip::skip("the drop rule of a sink", missing);
        }
    }

    #[test]
    fn an_interface_that_cannot_be_is_refused_in_a_sentence() {
        // Linux 6.16 and later take one that is not there yet.
        let refused = DropRule::of("a-name-that-is-too-long-for-any", 1).unwrap_err();
        assert!(matches!(&refused, Failure::Unsupported(why) if why.contains("nftables")), "{refused}");
    }
}
