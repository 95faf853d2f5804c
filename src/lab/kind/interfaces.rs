//! A netns lab over two interfaces of this host that are joined, such as the ports of a card with a cable between
//! them: they are lent to the agents' namespaces, and given back.

use anyhow::Context;

use super::netns::{self, agents, join, over_pair, pids, settings};
use crate::cell::Wire;
use crate::exit::UsageError;
use crate::lab::Lab;
use crate::lab::child::{CARDS_PATIENCE, run_link};
use crate::link::{Borrowed, Loan, WireReading, pair};
use crate::options::LinkOptions;

/// What the interfaces are; on another host those of a grid need not be there.
pub(super) fn wire(names: &[String; 2]) -> Wire {
    Loan::of(names).map_or(Wire::Nic, |loan| loan.reading.wire)
}

pub(super) fn make(names: &[String; 2], link: &LinkOptions, wanted: &[Wire]) -> anyhow::Result<Lab> {
    let loan = Loan::of(names)?;
    let wires = wires(&loan.reading, wanted).map_err(UsageError)?;
    let (agents, replies) = agents()?;
    let pids = pids(&agents);
    let own = loan.reading.wire;
    // Interfaces that no named wire goes over are left where they are.
    if !wires.contains(&own) {
        join(pids, link, None)?;
        return Lab::of(netns::ENTRY.name, agents, replies, &over_pair(&wires, pair::DEFAULT_SENDER), ());
    }
    let borrowed = loan.take(pids, give_back)?;
    adopt(&borrowed, link)?;
    if wires.iter().any(|wire| *wire != own) {
        join(pids, link, Some([pair::BESIDE_SENDER, pair::BESIDE_RECEIVER]))?;
    }
    let address = |wire| if wire == own { pair::DEFAULT_SENDER } else { pair::BESIDE_SENDER };
    let routes: Vec<_> = wires.into_iter().map(|wire| (Some(wire), address(wire).addr())).collect();
    Lab::of(netns::ENTRY.name, agents, replies, &routes, borrowed)
}

/// The wires of the lab: what the interfaces are, and a veth pair where one of its wires is named beside it.
fn wires(WireReading { wire: own, what, .. }: &WireReading, wanted: &[Wire]) -> Result<Vec<Wire>, String> {
    if wanted.is_empty() {
        return Ok(vec![*own]);
    }
    match wanted.iter().find(|&wire| wire != own && !netns::ENTRY.wires.contains(wire)) {
        Some(other) => Err(format!("the wire is said to be {other}, but {what}: call it {own}")),
        None => Ok(wanted.to_vec()),
    }
}

/// Makes borrowed interfaces, in the agents' namespaces by now, the ends of a wire.
fn adopt(borrowed: &Borrowed, link: &LinkOptions) -> anyhow::Result<()> {
    let mut words = vec!["create".to_owned(), "--existing".to_owned()];
    words.extend(ends(borrowed));
    words.extend(settings(link));
    run_link(words, CARDS_PATIENCE).context("joining the two namespaces")
}

/// Moves borrowed interfaces back into the coordinator's namespace.
fn give_back(borrowed: &Borrowed) -> anyhow::Result<()> {
    let mut words = vec!["give-back".to_owned()];
    words.extend(ends(borrowed));
    run_link(words, CARDS_PATIENCE).context("giving the interfaces back")
}

fn ends(borrowed: &Borrowed) -> Vec<String> {
    let mut words = Vec::new();
    let ends = borrowed.names().iter().zip(borrowed.namespaces());
    for (end, (name, namespace)) in ["sender", "receiver"].into_iter().zip(ends) {
        words.extend([
            format!("--{end}-ns"),
            namespace.display().to_string(),
            format!("--{end}-name"),
            name.clone(),
        ]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_are_what_the_interfaces_are_and_a_pair_beside_them() {
        let cards = WireReading { wire: Wire::Nic, possible: &[Wire::Nic], what: "two cards".to_owned() };
        let of = |wanted: &[Wire]| wires(&cards, wanted);
        assert_eq!(of(&[]), Ok(vec![Wire::Nic]));
        assert_eq!(of(&[Wire::Nic]), Ok(vec![Wire::Nic]));
        assert_eq!(of(&[Wire::Veth]), Ok(vec![Wire::Veth]));
        assert_eq!(of(&[Wire::Veth, Wire::Nic]), Ok(vec![Wire::Veth, Wire::Nic]));
        assert!(of(&[Wire::Bridge]).unwrap_err().contains("two cards: call it nic"));
    }
}
