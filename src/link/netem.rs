//! netem: delay, jitter, loss and rate that the kernel gives to what leaves by an interface, as its root qdisc.
//!
//! The layout is linux/pkt_sched.h's, which netlink-packet-route does not know.

use std::io;

use anyhow::ensure;
use netlink_packet_core::{DefaultNla, Emitable, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, Nla, NlasIterator};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcOption};

use super::rtnl::{NetDevice, Rtnl};
use crate::record::manifest::Netem;

/// Packets that wait at most: what 100 Gb/s brings within 10 ms in packets of 1500 bytes.
pub(crate) const LIMIT: u32 = 100_000;

/// Why a trial over a link with a delay cannot run.
pub(crate) const MISSING: &str = "netem: the kernel has no sch_netem; run `modprobe sch_netem` as root, or leave \
                                  delay, jitter, loss and rate out of `link`";

const KIND: &str = "netem";
const TCA_OPTIONS: u16 = 2;
/// Bytes of `struct tc_netem_qopt`: latency, limit, loss, gap, duplicate, jitter, 32 bits each.
const QOPT: usize = 24;
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;

/// Puts netem on an interface, where that is wanted. A kernel that has none leaves the interface as it is: [`read`]
/// tells.
pub(super) fn put(rtnl: &mut Rtnl, index: u32, wanted: Option<Netem>) -> io::Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle { major: 1, minor: 0 };
    message.attributes = vec![
        TcAttribute::Kind(KIND.to_owned()),
        TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options(&wanted))),
    ];
    let flags = NLM_F_CREATE | NLM_F_REPLACE;
    match rtnl.call(RouteNetlinkMessage::NewQueueDiscipline(message), flags) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other.map(drop),
    }
}

/// What netem does on an interface; none where it is not its root qdisc, or the kernel does not tell.
pub(super) fn read(rtnl: &mut Rtnl, index: u32) -> Option<Netem> {
    let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
    rtnl.call(request, NLM_F_DUMP).ok()?.into_iter().find_map(|reply| match reply {
        RouteNetlinkMessage::NewQueueDiscipline(TcMessage { header, attributes, .. })
            if header.index == index.cast_signed()
                && header.parent == TcHandle::ROOT
                && attributes.contains(&TcAttribute::Kind(KIND.to_owned())) =>
        {
            attributes.iter().find_map(bytes_of_options).and_then(|bytes| parse(&bytes))
        }
        _ => None,
    })
}

/// The same, where it is what was wanted.
pub(super) fn read_back(
    rtnl: &mut Rtnl,
    device: &NetDevice,
    wanted: Option<Netem>,
) -> anyhow::Result<Option<Netem>> {
    let there = read(rtnl, device.index);
    ensure!(
        there.is_none() || there == wanted.and_then(kept),
        "netem on {} is not what was asked for, but {there:?}; leave delay, jitter, loss and rate out",
        device.name
    );
    Ok(there)
}

/// What the kernel keeps of what is wanted: loss in steps of 2^-32, a rate in whole bytes.
fn kept(wanted: Netem) -> Option<Netem> {
    parse(&options(&wanted))
}

/// The options of a kind of qdisc that the library does not know stand in one attribute, as they are.
fn bytes_of_options(attribute: &TcAttribute) -> Option<Vec<u8>> {
    let TcAttribute::Options(options) = attribute else { return None };
    let [TcOption::Other(raw)] = &options[..] else { return None };
    let mut bytes = vec![0; raw.value_len()];
    raw.emit_value(&mut bytes);
    Some(bytes)
}

fn options(wanted: &Netem) -> Vec<u8> {
    let loss = (wanted.loss * f64::from(u32::MAX)).round() as u32;
    // The latency and the jitter of this part are in ticks of the packet scheduler; those below are nanoseconds.
    let qopt = [0, wanted.limit, loss, 0, 0, 0];
    let mut attributes = vec![
        DefaultNla::new(TCA_NETEM_LATENCY64, wanted.delay_ns.to_ne_bytes().into()),
        DefaultNla::new(TCA_NETEM_JITTER64, wanted.jitter_ns.to_ne_bytes().into()),
    ];
    if let Some(bits) = wanted.rate_bit_s {
        let bytes = bits / 8;
        // `struct tc_netem_rate`: the rate, then what a packet and a cell have beside their bytes.
        let rate = [u32::try_from(bytes).unwrap_or(u32::MAX), 0, 0, 0];
        attributes.push(DefaultNla::new(TCA_NETEM_RATE, rate.map(u32::to_ne_bytes).concat()));
        attributes.push(DefaultNla::new(TCA_NETEM_RATE64, bytes.to_ne_bytes().into()));
    }
    let mut bytes = qopt.map(u32::to_ne_bytes).concat();
    bytes.resize(QOPT + attributes.as_slice().buffer_len(), 0);
    attributes.as_slice().emit(&mut bytes[QOPT..]);
    bytes
}

fn parse(bytes: &[u8]) -> Option<Netem> {
    let (qopt, rest) = bytes.split_at_checked(QOPT)?;
    let word = |bytes: &[u8], place: usize| {
        bytes.get(place * 4..place * 4 + 4)?.try_into().ok().map(u32::from_ne_bytes)
    };
    let mut netem = Netem {
        limit: word(qopt, 1)?,
        loss: f64::from(word(qopt, 2)?) / f64::from(u32::MAX),
        ..Netem::default()
    };
    for attribute in NlasIterator::new(rest) {
        let attribute = attribute.ok()?;
        let long = || attribute.value().try_into().ok().map(u64::from_ne_bytes);
        match attribute.kind() {
            TCA_NETEM_LATENCY64 => netem.delay_ns = long()?,
            TCA_NETEM_JITTER64 => netem.jitter_ns = long()?,
            // One beyond 32 bits stands in an attribute of its own, before or after this one.
            TCA_NETEM_RATE => {
                let bytes = u64::from(word(attribute.value(), 0)?);
                netem.rate_bit_s = netem.rate_bit_s.max((bytes > 0).then_some(bytes * 8));
            }
            TCA_NETEM_RATE64 => netem.rate_bit_s = netem.rate_bit_s.max(Some(long()? * 8)),
            _ => {}
        }
    }
    Some(netem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn netem() -> Netem {
        Netem { delay_ns: 1_000_000, jitter_ns: 200_000, loss: 0.001, rate_bit_s: None, limit: LIMIT }
    }

    #[test]
    fn times_are_nanoseconds_and_not_ticks() {
        let bytes = options(&netem());
        assert_eq!((&bytes[..4], &bytes[20..24]), (&[0; 4][..], &[0; 4][..]), "ticks of latency and jitter");
        let attribute =
            [&12_u16.to_ne_bytes()[..], &10_u16.to_ne_bytes(), &1_000_000_u64.to_ne_bytes()].concat();
        assert_eq!(bytes[24..36], attribute);
    }

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let one = kept(netem()).unwrap();
        assert_eq!(
            (one.delay_ns, one.jitter_ns, one.rate_bit_s, one.limit),
            (1_000_000, 200_000, None, LIMIT)
        );
        assert!((one.loss - 0.001).abs() < 1e-9);
        assert_eq!(kept(one), Some(one), "reading it changes it no further");
        for bits in [8_000, 10_000_000_000, 100_000_000_000] {
            let rate = Netem { rate_bit_s: Some(bits), ..netem() };
            assert_eq!(kept(rate).unwrap().rate_bit_s, Some(bits));
        }
        assert_eq!(parse(&[0; 23]), None);
    }
}
