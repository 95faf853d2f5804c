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

/// What differs between two manifests, apart from what names the run.
pub fn differences(base: &Manifest, new: &Manifest) -> Vec<EnvironmentChange> {
    let (base, new) = (facts(base), facts(new));
    let unknown = || "unknown".to_owned();
    let names: std::collections::BTreeSet<&String> = base.keys().chain(new.keys()).collect();
    let mut found: Vec<EnvironmentChange> = names
        .into_iter()
        .filter(|name| base.get(*name) != new.get(*name))
        .map(|name| EnvironmentChange {
            what: name.clone(),
            base: base.get(name).cloned().unwrap_or_else(unknown),
            new: new.get(name).cloned().unwrap_or_else(unknown),
        })
        .collect();
    at_both_ends(&mut found);
    found
}

/// Says once what differs at the sender and at the receiver in the same way.
fn at_both_ends(found: &mut Vec<EnvironmentChange>) {
    let copy = found.clone();
    let has_twin = |difference: &EnvironmentChange, what: Option<String>| {
        what.is_some_and(|what| copy.contains(&EnvironmentChange { what, ..difference.clone() }))
    };
    found.retain(|difference| !has_twin(difference, at_the_sender(&difference.what)));
    for difference in found {
        let what = &difference.what;
        let twin = copy.iter().find(|other| {
            at_the_sender(&other.what).as_ref() == Some(what)
                && (&other.base, &other.new) == (&difference.base, &difference.new)
        });
        if let Some(twin) = twin {
            difference.what = twin.what.replacen("receiver.", "both ends: ", 1);
        }
    }
}

/// The place of the same fact at the sender: an end of a wire stands in the wire itself there.
fn at_the_sender(what: &str) -> Option<String> {
    if let Some(rest) = what.strip_prefix("receiver.") {
        return Some(format!("sender.{rest}"));
    }
    what.starts_with("wires.").then(|| what.replacen(".receiver.", ".", 1)).filter(|twin| twin != what)
}

/// The facts of a manifest by their places. One that is null is not there.
fn facts(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let value = serde_json::to_value(manifest).expect("a manifest has no map with keys that are no text");
    flatten(String::new(), &value, &mut facts);
    facts
}

fn flatten(place: String, value: &Value, facts: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !NOT_ENVIRONMENT.contains(&name.as_str())) {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                flatten(place, value, facts);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            facts.insert(place, text.clone());
        }
        other => {
            facts.insert(place, other.to_string());
        }
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
