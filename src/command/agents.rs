//! Agents that run elsewhere, checked: each one is asked, and a few messages go from one to the other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cell::{Cell, Payload, Wire, Workload};
use crate::doctor::Diagnosis;
use crate::doctor::agents::{Reached, judge_payload, judge_wire};
use crate::host;
use crate::lab::{Lab, Side};
use crate::options::{Bound, Pin, ReadSize, TrialOptions};
use crate::socket::SocketOptions;
use crate::{path, receive, units};

/// Pings of each agent.
const PINGS: usize = 20;
/// What goes from one agent to the other on each wire.
const MESSAGES: u64 = 32;
const MESSAGE_BYTES: u64 = 64 << 10;

/// What is found of the agents of a lab, and of the way between them.
pub(super) fn diagnose(lab: &mut Lab) -> anyhow::Result<Diagnosis> {
    let mut findings = Vec::new();
    let (own_hash, here) = (host::binary_sha256(), host::read());
    for side in [Side::Sender, Side::Receiver] {
        if !lab.is_reached_by_address(side) {
            continue;
        }
        let echoes = lab.echoes(side, PINGS)?;
        let (welcome, address) = lab.agent(side);
        let reached = Reached {
            side,
            address,
            version: &welcome.version,
            is_ours: own_hash.as_ref().zip(welcome.binary_sha256.as_ref()).map(|(own, theirs)| own == theirs),
            host: &welcome.host,
            counters: &welcome.counters,
            echoes: &echoes,
            our_boot_id: here.boot_id.as_deref(),
        };
        findings.extend(reached.judge());
    }
    let path_mtu = [Side::Sender, Side::Receiver].into_iter();
    let path_mtu =
        path_mtu.filter(|&side| lab.is_reached_by_address(side)).filter_map(|side| lab.path_mtu(side)).min();
    let mut can_run = true;
    for wire in lab.wires() {
        if let Some(link) = lab.links().get(wire.word()) {
            findings.extend(judge_wire(wire.word(), link, path_mtu));
        }
        let came = send(lab, wire);
        can_run &= came.is_ok();
        findings.push(judge_payload(came));
    }
    Ok(Diagnosis { default_lab: None, agents: Some(can_run), findings })
}

/// Sends a few messages over a wire, each byte of which is compared.
fn send(lab: &mut Lab, wire: Wire) -> Result<String, String> {
    let cell = Cell {
        workload: Workload::default(),
        wire,
        send_path: path::BASELINE.name.to_owned(),
        receive_path: receive::DEFAULT.to_owned(),
        payload: Payload::Static,
        message_bytes: MESSAGE_BYTES,
        threads: 1,
        working_set: None,
    };
    let options = TrialOptions {
        bound: Bound::Messages(MESSAGES),
        warmup: Duration::from_millis(5),
        pin: Pin::None,
        socket: SocketOptions::default(),
        read_size: ReadSize::Auto,
        verify: true,
        clocks_within: None,
        capacities: BTreeMap::new(),
    };
    match lab.run(&cell, &options) {
        Ok(_) => Ok(format!(
            "{MESSAGES} messages of {} went over {wire}, every byte verified",
            units::size(MESSAGE_BYTES)
        )),
        Err(trouble) => Err(trouble.to_string()),
    }
}
