//! What differs between the environments of two runs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::Manifest;

/// One fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentChange {
    /// The fact: its place in the manifest, such as `sender.host.kernel`; `both ends: host.kernel` where it
    /// differs at both ends in the same way.
    pub what: String,
    /// What it was in the base run; `unknown` where the run does not say.
    pub base: String,
    /// What it is in the new run.
    pub new: String,
}

/// Facts of a manifest that say which run it is, not what it ran in. The grid's text is compared by its hash.
const NOT_ENVIRONMENT: [&str; 12] = [
    "run_id",
    "started_at",
    "finished_at",
    "resumed",
    "command_line",
    "cells",
    "grid",
    "seed",
    "boot_id",
    "together",
    // What happens to be in use, as against what is in force.
    "swiotlb_used",
    "swiotlb_most_used",
];

/// The fields of a manifest that lead to a fact, from the outermost.
type Place = Vec<String>;

/// What differs between two manifests, apart from what names the run. What differs at the sender and at the receiver in
/// the same way is said once.
pub fn differences(base: &Manifest, new: &Manifest) -> Vec<EnvironmentChange> {
    let (base, new) = (facts(base), facts(new));
    let said = |facts: &BTreeMap<Place, String>, place| {
        facts.get(place).cloned().unwrap_or_else(|| "unknown".to_owned())
    };
    let changed: BTreeMap<&Place, [String; 2]> = base
        .keys()
        .chain(new.keys())
        .filter(|place| base.get(*place) != new.get(*place))
        .map(|place| (place, [said(&base, place), said(&new, place)]))
        .collect();
    // By the sender's place of each such fact, the receiver's.
    let twins: BTreeMap<Place, &Place> = changed
        .iter()
        .filter_map(|(&place, change)| Some((at_the_sender(place)?, place, change)))
        .filter(|(sender, _, change)| changed.get(sender) == Some(change))
        .map(|(sender, place, _)| (sender, place))
        .collect();
    let is_said = |place: &Place| at_the_sender(place).is_some_and(|sender| twins.contains_key(&sender));
    changed
        .iter()
        .filter(|(place, _)| !is_said(place))
        .map(|(&place, [base, new])| {
            let what = match twins.get(place) {
                Some(receiver) => receiver.join(".").replacen("receiver.", "both ends: ", 1),
                None => place.join("."),
            };
            EnvironmentChange { what, base: base.clone(), new: new.clone() }
        })
        .collect()
}

/// The place of the same fact at the sender: an end of a wire stands in the wire itself there.
fn at_the_sender(place: &[String]) -> Option<Place> {
    let words: Vec<&str> = place.iter().map(String::as_str).collect();
    let (before, rest) = match &words[..] {
        ["receiver", rest @ ..] => (vec!["sender"], rest),
        ["wires", wire, "receiver", rest @ ..] => (vec!["wires", *wire], rest),
        _ => return None,
    };
    Some(before.iter().chain(rest).map(|&word| word.to_owned()).collect())
}

/// The facts of a manifest by their places. One that is null is not there.
fn facts(manifest: &Manifest) -> BTreeMap<Place, String> {
    let mut facts = BTreeMap::new();
    let value = serde_json::to_value(manifest).expect("a manifest has no map with keys that are no text");
    flatten(&mut Place::new(), &value, &mut facts);
    facts
}

fn flatten(place: &mut Place, value: &Value, facts: &mut BTreeMap<Place, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !NOT_ENVIRONMENT.contains(&name.as_str())) {
                place.push(name.clone());
                flatten(place, value, facts);
                place.pop();
            }
        }
        Value::Null => {}
        Value::String(text) => drop(facts.insert(place.clone(), text.clone())),
        other => drop(facts.insert(place.clone(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::manifest::Interface;
    use crate::simulate::Simulation;

    #[test]
    fn what_names_the_run_is_no_difference() {
        let one = Simulation { seed: 1, name: "one".into(), ..Simulation::default() }.manifest();
        let mut other = Simulation { seed: 2, name: "one".into(), ..Simulation::default() }.manifest();
        other.started_at = "2027".into();
        other.sender.host.boot_id = None;
        assert_eq!(differences(&one, &other), []);
    }

    #[test]
    fn a_fact_of_both_ends_is_said_once() {
        let one = Simulation::default().manifest();
        let mut other = one.clone();
        for end in [&mut other.sender, &mut other.receiver] {
            end.host.kernel = "6.19".into();
            end.host.governor = Some("powersave".into());
        }
        other.sender.pinned = vec![0];
        let wire = other.wires.get_mut("veth").unwrap();
        wire.sender.offloads.insert("tso".into(), false);
        wire.sender.xdp = Some("driver".into());
        wire.receiver = Some(Interface { xdp: Some("driver".into()), ..Interface::default() });
        let found = differences(&one, &other);
        let said: Vec<String> =
            found.iter().map(|one| format!("{} {} -> {}", one.what, one.base, one.new)).collect();
        assert_eq!(
            said,
            [
                "both ends: host.governor unknown -> powersave",
                "both ends: host.kernel 6.18.0-simulated -> 6.19",
                "sender.pinned [] -> [0]",
                "wires.veth.offloads.tso true -> false",
                "wires.veth.both ends: xdp unknown -> driver",
            ]
        );
    }
}
