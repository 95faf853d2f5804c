//! Where the run was made: what an expert asks before believing a figure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::basis;
use crate::prose::block::{Block, Table};
use crate::prose::words;
use crate::record::manifest::{Agent, Host, Interface, Netem};
use crate::record::{CounterSource, Manifest, copies_below_tcp};
use crate::study::Subject;
use crate::units;

/// What stands in the section on the environment.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    let manifest = &subject.run.manifest;
    let mut run = Table::new("The run", &["what", "value"]);
    let mut say = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            run.push(vec![what.into(), value.into()]);
        }
    };
    say("program", Some(program(manifest)));
    say("command line", Some(manifest.command_line.join(" ")));
    say("started", Some(manifest.started_at.clone()));
    say("finished", manifest.finished_at.clone());
    say("outcome", manifest.outcome.clone());
    let hash = Some(short(&manifest.grid_sha256)).filter(|hash| !hash.is_empty());
    let hash = hash.map(|hash| format!(" (SHA-256 {hash})")).unwrap_or_default();
    say("grid", Some(format!("{}{hash}", manifest.grid_name)));
    say("seed of the order", Some(manifest.seed.to_string()));
    say("lab", Some(manifest.lab.clone()));
    say("virtual machine", manifest.vm.as_ref().map(basis::machine));
    for (what, value) in wires(manifest) {
        say(&what, Some(value));
    }
    say("congestion control, read back", distinct(subject, |trial| trial.congestion.clone()));
    say("send buffer, read back", distinct(subject, |trial| trial.send_buffer_bytes.map(units::size)));
    say("receive buffer, read back", distinct(subject, |trial| trial.receive_buffer_bytes.map(units::size)));
    say("verified", distinct(subject, |trial| trial.verified.map(|what| what.to_string())));

    let (sender, receiver) = (facts(&manifest.sender), facts(&manifest.receiver));
    let mut hosts =
        Table::new("The hosts of sender and receiver; what both share stands once.", &["what", "value"]);
    let mut seen = BTreeSet::new();
    for (name, _) in sender.iter().chain(&receiver).filter(|(name, _)| seen.insert(*name)) {
        let of = |facts: &Facts| facts.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone());
        match (of(&sender), of(&receiver)) {
            (Some(one), Some(other)) if one == other => hosts.push(vec![(*name).into(), one.into()]),
            (one, other) => {
                for (end, value) in [("sender", one), ("receiver", other)] {
                    let value = value.unwrap_or_else(|| "–".to_owned());
                    hosts.push(vec![format!("{name}, {end}").into(), value.into()]);
                }
            }
        }
    }
    vec![Block::Table(run), Block::Table(hosts)]
}

fn program(manifest: &Manifest) -> String {
    let tool = &manifest.tool;
    let mut text = format!("copycost {}", tool.version);
    if let Some(revision) = &tool.git_revision {
        text += &format!(", revision {revision}");
    }
    if let Some(hash) = &tool.binary_sha256 {
        text += &format!(", binary SHA-256 {}", short(hash));
    }
    text
}

/// The first digits of a hash: enough to distinguish two by eye. The manifest has all of it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A row for each wire, and for each of its ends where the two differ.
fn wires(manifest: &Manifest) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (wire, link) in &manifest.wires {
        let read = match (link.read, &link.why_not_read) {
            (Some(true), _) => "; read from the interfaces of both ends".to_owned(),
            (Some(false), Some(why)) => format!("; not read ({why}), so this is the user's word"),
            (Some(false), None) => "; not read, so this is the user's word".to_owned(),
            (None, _) if link.kind != *wire && !link.kind.is_empty() => format!("; seen as {}", link.kind),
            (None, _) => String::new(),
        };
        let (sender, receiver) = (interface(&link.sender), link.receiver.as_ref().map(interface));
        rows.push(("wire".to_owned(), format!("{wire}{read}")));
        match receiver {
            Some(receiver) if receiver == sender => rows.push((format!("{wire}, both ends"), sender)),
            Some(receiver) => {
                rows.push((format!("{wire}, sender's end"), sender));
                rows.push((format!("{wire}, receiver's end"), receiver));
            }
            None => rows.push((format!("{wire}, sender's end"), sender)),
        }
        for reason in copies_below_tcp(link, &manifest.sender.host, &manifest.receiver.host) {
            rows.push((format!("{wire}, copies below TCP"), reason));
        }
    }
    rows
}

fn interface(end: &Interface) -> String {
    let mut parts = Vec::new();
    parts.extend(end.interface.as_ref().map(|name| format!("interface {name}")));
    parts.extend(end.device.clone());
    parts.extend(end.driver.as_ref().map(|driver| format!("driver {driver}")));
    parts.extend(end.far_end.as_ref().map(|place| format!("far end {place}")));
    parts.extend(end.mtu.map(|mtu| format!("MTU {mtu}")));
    for (state, word) in [(true, "on"), (false, "off")] {
        let names: Vec<&str> =
            end.offloads.iter().filter(|(_, on)| **on == state).map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            parts.push(format!("{word}: {}", names.join(" ")));
        }
    }
    parts.extend(end.xdp.as_ref().map(|xdp| format!("XDP {xdp}")));
    parts.extend(end.taps.map(|taps| words::plural(taps, "packet tap")));
    parts.extend(end.netem.map(netem));
    parts.join("; ")
}

/// What the kernel does to the packets that leave by an interface.
fn netem(Netem { delay_ns, jitter_ns, loss, rate_bit_s, limit }: Netem) -> String {
    let time = |nanoseconds| units::duration(Duration::from_nanos(nanoseconds));
    let mut parts = vec![format!("netem: delay {}", time(delay_ns))];
    parts.extend((jitter_ns > 0).then(|| format!("jitter {}", time(jitter_ns))));
    parts.extend((loss > 0.0).then(|| format!("loss {:.3} %", loss * 100.0)));
    parts.extend(rate_bit_s.map(|bits| format!("rate {} Gb/s", bits as f64 / 1e9)));
    format!("{}, at most {limit} packets", parts.join(", "))
}

/// What the trials have of something, most grids one thing.
fn distinct(subject: &Subject, of: impl Fn(&crate::record::Trial) -> Option<String>) -> Option<String> {
    let all: BTreeSet<String> = subject.run.trials.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| words::list(&all.into_iter().collect::<Vec<_>>()))
}

type Facts = Vec<(&'static str, String)>;

fn facts(agent: &Agent) -> Facts {
    let host = &agent.host;
    let mut facts = Vec::new();
    let mut say = |what, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((what, value));
        }
    };
    say("CPU", host.cpu_model.clone());
    say("kernel's tick", host.tick_hz.map(|hz| format!("{hz} Hz")));
    say("CPUs online", host.cpus_online.map(|count| count.to_string()));
    say("CPUs allowed", Some(numbers(&host.cpus_allowed)));
    say(
        "workers pinned to CPUs",
        Some(numbers(&agent.pinned)).filter(|pinned| !pinned.is_empty()).or(Some("not pinned".to_owned())),
    );
    say("memory", host.memory_bytes.map(|bytes| words::computed_bytes(bytes as f64)));
    say("caches", Some(pairs(&host.caches)));
    say("governor", host.governor.clone());
    say("virtualisation", host.virtualisation.clone());
    say(
        "kernel",
        Some(
            [host.kernel.as_str(), host.architecture.as_str(), host.kernel_build.as_str()]
                .join(" ")
                .trim()
                .to_owned(),
        ),
    );
    say("bounce buffers (swiotlb)", bounce_buffers(host));
    say("container image", host.container_image.clone());
    say("capabilities", (!host.capabilities.is_empty()).then(|| capabilities(&host.capabilities)));
    say("seccomp", host.seccomp.clone());
    say("limits", Some(pairs(&host.limits)));
    say("sysctls", Some(pairs(&host.sysctls)));
    say("mitigations", Some(mitigations(&host.mitigations)));
    let (available, absent): (Vec<_>, Vec<_>) =
        agent.counters.iter().partition(|(_, source)| source.is_there());
    say(
        "counters available",
        Some(available.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")),
    );
    say("counters absent", Some(reasons(absent)));
    facts
}

fn bounce_buffers(host: &Host) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(host.swiotlb_forced.map(|forced| if forced { "forced" } else { "not forced" }.to_owned()));
    parts.extend(host.swiotlb_used.map(|slots| format!("{} in use", words::plural(slots, "slot"))));
    parts.extend(host.swiotlb_most_used.map(|slots| format!("at most {slots} since boot")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Those that decide what a lab may do, and how many others.
fn capabilities(all: &[String]) -> String {
    const MATTER: [&str; 7] = [
        "CAP_NET_ADMIN",
        "CAP_SYS_ADMIN",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_SYSLOG",
        "CAP_IPC_LOCK",
        "CAP_SYS_NICE",
    ];
    let (matter, others): (Vec<&str>, Vec<&str>) =
        all.iter().map(String::as_str).partition(|name| MATTER.contains(name));
    let lacking: Vec<&str> = MATTER.into_iter().filter(|name| !matter.contains(name)).collect();
    let mut parts =
        vec![if matter.is_empty() { "none that matters here".to_owned() } else { matter.join(" ") }];
    if !lacking.is_empty() {
        parts.push(format!("without {}", lacking.join(" ")));
    }
    parts.push(words::plural(others.len() as u64, "other"));
    parts.join("; ")
}

/// Those that are in force; what the CPU is not affected by goes unsaid but for its number.
fn mitigations(all: &BTreeMap<String, String>) -> String {
    let affected = all.iter().filter(|(_, state)| *state != "Not affected");
    let mut parts: Vec<String> = affected.map(|(name, state)| format!("{name}: {state}")).collect();
    if all.len() > parts.len() {
        parts.push(format!("not affected by {}", words::plural((all.len() - parts.len()) as u64, "other")));
    }
    parts.join("; ")
}

/// Counters by the reason why they are absent.
fn reasons<'a>(absent: impl IntoIterator<Item = (&'a String, &'a CounterSource)>) -> String {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, source) in absent {
        by_reason.entry(source.to_string()).or_default().push(name);
    }
    let parts: Vec<String> =
        by_reason.into_iter().map(|(reason, names)| format!("{}: {reason}", names.join(" "))).collect();
    parts.join("; ")
}

fn numbers(list: &[usize]) -> String {
    list.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
}
