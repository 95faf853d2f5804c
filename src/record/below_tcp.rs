//! What the interfaces and hosts of a wire say of copies that no send path can avoid: those below TCP.

use super::manifest::{Host, Interface, Link};
use crate::cell::{Side, words};

/// How an XDP program is attached; the words are the manifest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// By the network stack, whatever the device.
    Generic,
    /// By the device's driver.
    Driver,
    /// On the card.
    Offload,
}

words!(XdpMode: Generic = "generic", Driver = "driver", Offload = "offload");

/// Each reason why the kernel must copy payload below TCP on this wire, as a sentence. It uses what the facts
/// in a manifest say and no more: a fact that was not read is not a reason.
pub fn copies_below_tcp(link: &Link, sender: &Host, receiver: &Host) -> Vec<String> {
    let mut reasons = Vec::new();
    reasons.extend(without_scatter_gather(&link.sender));
    let ends =
        [(Side::Sender, Some(&link.sender), sender), (Side::Receiver, link.receiver.as_ref(), receiver)];
    reasons.extend(link.receiver.as_ref().and_then(xdp));
    for (end, interface, host) in ends {
        let Some(interface) = interface else { continue };
        reasons.extend(tap(end, interface));
        reasons.extend(transformed(end, interface));
        reasons.extend(bounced(end, interface, host));
    }
    reasons
}

fn name(interface: &Interface) -> &str {
    interface.interface.as_deref().unwrap_or("interface")
}

/// `skb_linearize` and `skb_segment` copy what a device cannot gather.
fn without_scatter_gather(interface: &Interface) -> Option<String> {
    let is_off = |name: &str| interface.offloads.get(name) == Some(&false);
    if !is_off("scatter-gather") {
        return None;
    }
    // netdev_fix_features: no scatter-gather without checksums by the device.
    let why = if is_off("tx-checksum") { " because its checksum offload is off" } else { "" };
    Some(format!(
        "the sender's {} has scatter-gather off{why}, so the kernel copies each packet into one piece before it \
         is sent",
        name(interface)
    ))
}

/// A veth end with XDP copies every packet that lies in pages (`skb_pp_cow_data`, whatever the program), and so
/// does generic XDP on any device; the driver of a card runs its program before there is a packet to copy.
fn xdp(interface: &Interface) -> Option<String> {
    let programs: Vec<XdpMode> =
        interface.xdp.as_deref()?.split('+').filter_map(|word| word.parse().ok()).collect();
    let is_veth = interface.device.as_deref() == Some("veth");
    let how = if programs.contains(&XdpMode::Generic) {
        "a generic XDP program"
    } else if is_veth && programs.contains(&XdpMode::Driver) {
        "an XDP program, and is a veth end"
    } else {
        return None;
    };
    Some(format!(
        "the receiver's {} has {how}, so the kernel copies each received packet before the program sees it",
        name(interface)
    ))
}

fn tap(end: Side, interface: &Interface) -> Option<String> {
    let count = interface.taps.filter(|&count| count > 0)?;
    let taps = if count == 1 { "a packet tap sees".to_owned() } else { format!("{count} packet taps see") };
    Some(format!(
        "{taps} the {end}'s {}, so the kernel copies each packet that the tap's filter lets through",
        name(interface)
    ))
}

/// Devices that give the payload another form, which is written elsewhere: by the kernel's names of their kinds.
fn transformed(end: Side, interface: &Interface) -> Option<String> {
    let what = match interface.device.as_deref()? {
        "wireguard" => "encrypts packets",
        "tun" => "hands packets to a program",
        _ => return None,
    };
    Some(format!("the {end}'s {} {what}, so the kernel copies each one", name(interface)))
}

/// Forced bounce buffers stand between memory and a card that is reached by DMA. A paravirtual one need not be:
/// there the hypervisor reads the guest's memory.
fn bounced(end: Side, interface: &Interface, host: &Host) -> Option<String> {
    let is_paravirtual = |driver: &str| matches!(driver, "virtio_net" | "hv_netvsc" | "vif");
    let is_card = interface.device.is_none()
        && interface.driver.as_deref().is_some_and(|driver| !is_paravirtual(driver));
    if host.swiotlb_forced != Some(true) || !is_card {
        return None;
    }
    let what = match end {
        Side::Sender => "reads",
        Side::Receiver => "writes",
    };
    Some(format!(
        "the {end}'s kernel runs with swiotlb=force, so it copies what {} {what} through bounce buffers",
        name(interface)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(device: Option<&str>, driver: &str) -> Interface {
        Interface {
            interface: Some("x0".into()),
            device: device.map(str::to_owned),
            driver: Some(driver.into()),
            offloads: ["scatter-gather", "tx-checksum"].map(|name| (name.into(), true)).into(),
            xdp: Some("none".into()),
            taps: Some(0),
            ..Interface::default()
        }
    }

    fn veth() -> Interface {
        end(Some("veth"), "veth")
    }

    fn link(sender: Interface, receiver: Interface) -> Link {
        Link { kind: "veth".into(), sender, receiver: Some(receiver), ..Link::default() }
    }

    fn reasons(link: &Link) -> Vec<String> {
        copies_below_tcp(link, &Host::default(), &Host::default())
    }

    #[test]
    fn a_clean_wire_and_an_unread_one_have_no_reason() {
        assert_eq!(reasons(&link(veth(), veth())), Vec::<String>::new());
        assert_eq!(reasons(&Link::default()), Vec::<String>::new());
    }

    #[test]
    fn scatter_gather_counts_at_the_sender_and_names_its_cause() {
        let mut off = veth();
        off.offloads.insert("scatter-gather".into(), false);
        assert_eq!(reasons(&link(veth(), off.clone())), Vec::<String>::new());
        let found = reasons(&link(off.clone(), veth()));
        assert!(
            found.len() == 1 && found[0].contains("the sender's x0 has scatter-gather off,"),
            "{found:?}"
        );
        off.offloads.insert("tx-checksum".into(), false);
        let found = reasons(&link(off, veth()));
        assert!(found.len() == 1 && found[0].contains("because its checksum offload is off"), "{found:?}");
    }

    #[test]
    fn xdp_counts_at_the_receiver_on_veth_and_where_it_is_generic() {
        let with = |end: Interface, xdp: &str| Interface { xdp: Some(xdp.into()), ..end };
        assert_eq!(reasons(&link(with(veth(), "driver"), veth())), Vec::<String>::new());
        assert_eq!(reasons(&link(veth(), with(end(None, "mlx5_core"), "driver"))), Vec::<String>::new());
        for receiver in
            [with(veth(), "driver"), with(end(None, "e1000e"), "generic"), with(veth(), "generic+offload")]
        {
            let found = reasons(&link(veth(), receiver));
            assert!(found.len() == 1 && found[0].contains("XDP program"), "{found:?}");
        }
    }

    #[test]
    fn taps_tunnels_and_bounce_buffers_count_at_either_end() {
        let tapped = Interface { taps: Some(2), ..veth() };
        let found = reasons(&link(tapped, Interface { taps: Some(1), ..veth() }));
        assert!(found[0].contains("2 packet taps see the sender's x0"), "{found:?}");
        assert!(found[1].contains("a packet tap sees the receiver's x0"), "{found:?}");
        assert_eq!(reasons(&link(end(Some("wireguard"), "wireguard"), veth())).len(), 1);

        let forced = Host { swiotlb_forced: Some(true), ..Host::default() };
        let bounces = |driver, device| {
            let card = end(device, driver);
            copies_below_tcp(&link(card.clone(), card), &forced, &Host::default())
        };
        assert_eq!(bounces("e1000e", None).len(), 1);
        assert!(bounces("virtio_net", None).is_empty() && bounces("veth", Some("veth")).is_empty());
    }
}
