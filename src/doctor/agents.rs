//! Agents that run elsewhere, before a sweep over them: who they are, how far away, and what the way to them is like.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::resource::RLIM_INFINITY;

use super::Finding;
use super::zero_copy::judge_memlock;
use crate::cell::Side;
use crate::clock::{Echo, ahead_by};
use crate::record::CounterSource;
use crate::record::manifest::{Host, Interface, Link};

/// Clocks that differ by less than this are said to agree: NTP keeps hosts within a few milliseconds.
const AGREES: Duration = Duration::from_millis(10);
/// Offloads without which segments are small or copied, and what they cost outweighs the copies of a path.
const OFFLOADS: [(&str, &str); 5] =
    [("scatter-gather", "sg"), ("tx-checksum", "tx"), ("tso", "tso"), ("gso", "gso"), ("gro", "gro")];

/// The longest packet that IP has, bytes; loopback's MTU is larger.
const LONGEST_PACKET: u32 = 65_535;

/// An agent that was reached by address.
pub(crate) struct Reached<'a> {
    /// Which end it is to be.
    pub(crate) side: Side,
    /// HOST:PORT.
    pub(crate) address: &'a str,
    /// Version of its copycost.
    pub(crate) version: &'a str,
    /// Whether its binary is ours; absent where one of the two cannot be read.
    pub(crate) is_ours: Option<bool>,
    /// What it read of its host.
    pub(crate) host: &'a Host,
    /// Where its counters' figures come from.
    pub(crate) counters: &'a BTreeMap<String, CounterSource>,
    /// Pings, one after the other.
    pub(crate) echoes: &'a [Echo],
    /// Boot id of the coordinator's host.
    pub(crate) our_boot_id: Option<&'a str>,
}

impl Reached<'_> {
    /// What was found of it.
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let named = |what: &str| format!("{}'s {what}", self.side);
        let limit = self.host.limits.get("memlock").and_then(|text| match text.as_str() {
            "unlimited" => Some(RLIM_INFINITY),
            number => number.parse().ok(),
        });
        let may_lock = self.host.capabilities.iter().any(|name| name == "CAP_IPC_LOCK");
        let locked = judge_memlock(limit, may_lock);
        vec![
            self.program(),
            self.round_trip(),
            self.clock(),
            Finding { check: named("locked memory"), ..locked },
            self.counters(&named("counters")),
            self.xray(&named("x-ray")),
        ]
    }

    fn program(&self) -> Finding {
        let check = format!("{} agent", self.side);
        let found = format!("copycost {} at {}, Linux {}", self.version, self.address, self.host.kernel);
        match self.is_ours {
            Some(false) => Finding::note(&check, format!("{found}: another build than this one"))
                .with_remedy(format!(
                    "copy this program to {}: a run's report says where both ends differ",
                    self.address
                )),
            Some(true) => Finding::ok(&check, format!("{found}, the same program as this")),
            None => Finding::note(&check, format!("{found}; which build it is cannot be told")),
        }
    }

    fn round_trip(&self) -> Finding {
        let check = format!("way to the {}", self.side);
        let mut trips: Vec<u64> = self.echoes.iter().map(|echo| echo.round_trip_ns()).collect();
        trips.sort_unstable();
        match (trips.first(), trips.get(trips.len() / 2)) {
            (Some(&least), Some(&median)) => Finding::ok(
                &check,
                format!(
                    "{} there and back, the median of {} (at least {})",
                    milliseconds(median),
                    trips.len(),
                    milliseconds(least)
                ),
            ),
            _ => Finding::note(&check, "not asked"),
        }
    }

    fn clock(&self) -> Finding {
        let check = format!("{}'s clock", self.side);
        if self.host.boot_id.is_some() && self.host.boot_id.as_deref() == self.our_boot_id {
            return Finding::ok(&check, "it is this host's: one-way delays are exact");
        }
        let Some([least, most]) = ahead_by(self.echoes) else {
            return Finding::note(&check, "it was set while it was compared with ours");
        };
        let bounds = format!("{} to {} ahead of ours", signed(least), signed(most));
        // Whichever of the times between the bounds it is.
        let at_least = if least > 0 { least } else { (-most).max(0) };
        let synchronise =
            "keep both hosts by NTP or PTP, and give the bound with --clock-synchronised for one-way delays";
        if Duration::from_nanos(at_least.unsigned_abs()) > AGREES {
            Finding::note(&check, format!("{bounds}: the clocks differ")).with_remedy(synchronise)
        } else {
            Finding::ok(&check, bounds)
        }
    }

    fn counters(&self, check: &str) -> Finding {
        let (there, absent): (Vec<_>, Vec<_>) =
            self.counters.iter().partition(|(_, source)| source.is_there());
        let names = |of: &[(&String, &CounterSource)]| {
            of.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        match absent.first() {
            None => Finding::ok(check, names(&there)),
            Some((_, why)) => {
                Finding::note(check, format!("{}; without {}: {why}", names(&there), names(&absent)))
            }
        }
    }

    fn xray(&self, check: &str) -> Finding {
        let has = |name: &str| self.host.capabilities.iter().any(|held| held == name);
        let paranoid = self.host.sysctls.get("kernel.perf_event_paranoid");
        let paranoid = paranoid.and_then(|text| text.parse::<i64>().ok());
        match paranoid {
            _ if has("CAP_PERFMON") || has("CAP_SYS_ADMIN") => Finding::ok(check, "may sample whole CPUs"),
            Some(level) if level <= 0 => Finding::ok(check, "may sample whole CPUs"),
            _ => Finding::note(check, "may sample its own threads at the most: copies in softirqs go unseen")
                .with_remedy("start the agent as root, or with CAP_PERFMON"),
        }
    }
}

/// What joins the agents: the MTU of the way, and each end's interface.
pub(crate) fn judge_wire(word: &str, link: &Link, path_mtu: Option<u32>) -> Vec<Finding> {
    let ends = [(Side::Sender, Some(&link.sender)), (Side::Receiver, link.receiver.as_ref())];
    let ends = || ends.into_iter().filter_map(|(side, interface)| Some((side, interface?)));
    let mut found = vec![match &link.why_not_read {
        Some(why) => Finding::note("wire", format!("{word}, by your word: {why}")),
        None => Finding::ok("wire", format!("{word}, as both ends' interfaces show")),
    }];
    found.push(judge_mtu(path_mtu, ends().filter_map(|(_, interface)| interface.mtu)));
    found.extend(ends().map(|(side, interface)| judge_interface(side, interface)));
    found
}

fn judge_mtu(path: Option<u32>, interfaces: impl Iterator<Item = u32>) -> Finding {
    let check = "path MTU";
    let mtus: Vec<u32> = interfaces.collect();
    let (least, most) = (mtus.iter().min().copied(), mtus.iter().max().copied());
    match (path, least, most) {
        (_, Some(least), Some(most)) if least != most => Finding::note(
            check,
            format!("the interfaces differ: {least} and {most} bytes; the larger one's packets may be lost"),
        )
        .with_remedy(format!("ip link set dev INTERFACE mtu {least}, at the end that has {most}")),
        (Some(path), Some(least), _) if path < least.min(LONGEST_PACKET) => Finding::note(
            check,
            format!("{path} bytes on the way, {least} at the interfaces: something between takes less"),
        )
        .with_remedy(format!("ip link set dev INTERFACE mtu {path}, at both ends, or raise it on the way")),
        (Some(path), ..) => Finding::ok(check, format!("{path} bytes")),
        (None, Some(least), _) => Finding::ok(check, format!("{least} bytes at the interfaces")),
        (None, None, _) => Finding::note(check, "no kernel tells"),
    }
}

fn judge_interface(side: Side, interface: &Interface) -> Finding {
    let check = format!("{side}'s interface");
    let name = interface.interface.as_deref().unwrap_or("unknown");
    let kind = interface.driver.as_deref().or(interface.device.as_deref()).unwrap_or("unknown driver");
    let off: Vec<&str> = OFFLOADS
        .into_iter()
        .filter(|(name, _)| interface.offloads.get(*name) == Some(&false))
        .map(|(_, word)| word)
        .collect();
    let found = format!("{name} ({kind})");
    if off.is_empty() {
        return Finding::ok(&check, format!("{found}, offloads on"));
    }
    let switch = off.iter().map(|word| format!("{word} on")).collect::<Vec<_>>().join(" ");
    Finding::note(
        &check,
        format!("{found}, without {}: packets are small or copied once more", off.join(", ")),
    )
    .with_remedy(format!("ethtool -K {name} {switch}, as root on the {side}'s host, if the card can"))
}

/// Whether payload came through.
pub(crate) fn judge_payload(came: Result<String, String>) -> Finding {
    let check = "payload";
    match came {
        Ok(what) => Finding::ok(check, what),
        Err(why) => Finding::shortfall(
            check,
            why,
            "open the sender's data port in its firewall (`copycost agent --data-port PORT` fixes it), or name its \
             address on the wire: --wire WIRE=ADDR",
        ),
    }
}

fn milliseconds(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

fn signed(ns: i64) -> String {
    format!("{:+.3} ms", ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn judged(change: impl FnOnce(&mut Host, &mut Vec<Echo>)) -> Vec<Finding> {
        let mut host = Host { kernel: "6.12".into(), boot_id: Some("theirs".into()), ..Host::default() };
        host.limits.insert("memlock".into(), (8 << 20).to_string());
        host.sysctls.insert("kernel.perf_event_paranoid".into(), "2".into());
        let mut echoes = vec![Echo { asked_ns: 0, answered_ns: 150_000, heard_ns: 200_000 }; 3];
        change(&mut host, &mut echoes);
        let counters = [("cycles", "no PMU"), ("task-clock", "available")];
        let counters = counters.map(|(name, source)| (name.to_owned(), source.to_owned().into())).into();
        let reached = Reached {
            side: Side::Sender,
            address: "10.0.0.7:7010",
            version: "0.1.0",
            is_ours: Some(false),
            host: &host,
            counters: &counters,
            echoes: &echoes,
            our_boot_id: Some("ours"),
        };
        reached.judge()
    }

    fn of<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
        findings
            .iter()
            .find(|finding| finding.check == check)
            .unwrap_or_else(|| panic!("{check}: {findings:?}"))
    }

    #[test]
    fn an_agent_is_told_with_what_it_lacks() {
        let found = judged(|_, _| ());
        assert!(of(&found, "sender agent").found.ends_with("Linux 6.12: another build than this one"));
        assert_eq!(
            of(&found, "way to the sender").found,
            "0.200 ms there and back, the median of 3 (at least 0.200 ms)"
        );
        assert_eq!(of(&found, "sender's clock").found, "-0.050 ms to +0.150 ms ahead of ours");
        assert_eq!(of(&found, "sender's locked memory").verdict, Severity::Shortfall);
        assert_eq!(of(&found, "sender's counters").found, "task-clock; without cycles: no PMU");
        assert_eq!(of(&found, "sender's x-ray").verdict, Severity::Note);
        let with_rights =
            judged(|host, _| host.capabilities = vec!["CAP_PERFMON".into(), "CAP_IPC_LOCK".into()]);
        assert_eq!(of(&with_rights, "sender's x-ray").verdict, Severity::Ok);
        assert_eq!(of(&with_rights, "sender's locked memory").verdict, Severity::Ok);
    }

    #[test]
    fn clocks_that_differ_are_said_and_one_kernels_are_one() {
        let late = judged(|_, echoes| echoes.iter_mut().for_each(|echo| echo.answered_ns += 5_000_000_000));
        assert!(of(&late, "sender's clock").found.ends_with("the clocks differ"));
        let early = judged(|_, echoes| echoes.iter_mut().for_each(|echo| echo.asked_ns += 5_000_000_000));
        assert_ne!(of(&early, "sender's clock").verdict, Severity::Ok);
        let same = judged(|host, _| host.boot_id = Some("ours".into()));
        assert!(of(&same, "sender's clock").found.contains("this host's"));
    }

    #[test]
    fn a_way_that_takes_less_than_its_ends_is_said() {
        let of = |path, ends: &[u32]| judge_mtu(path, ends.iter().copied());
        assert_eq!(of(Some(1500), &[1500, 1500]).verdict, Severity::Ok);
        assert!(of(Some(1450), &[1500, 1500]).remedy.unwrap().contains("mtu 1450"));
        assert!(of(Some(1500), &[1500, 9000]).remedy.unwrap().contains("mtu 1500"));
        assert_eq!(of(None, &[1500]).found, "1500 bytes at the interfaces");
        assert_eq!(of(Some(65_535), &[65_536; 2]).verdict, Severity::Ok, "loopback");
        assert_eq!(of(None, &[]).verdict, Severity::Note);
    }

    #[test]
    fn offloads_that_are_off_are_named_with_the_command() {
        let mut interface = Interface { interface: Some("eth0".into()), ..Interface::default() };
        interface.offloads = [("tso".to_owned(), false), ("gro".to_owned(), true)].into();
        let found = judge_interface(Side::Receiver, &interface);
        assert_eq!(found.check, "receiver's interface");
        assert!(found.remedy.unwrap().starts_with("ethtool -K eth0 tso on"));
    }
}
