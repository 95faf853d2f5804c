//! `copycost paths`: what a grid can choose from: paths and what each copies, workloads, and labs.

use comfy_table::{Row, Table, presets};

use super::{Exit, print};
use crate::cell::Wire;
use crate::choice::Parameter;
use crate::interface::FlagProof;
use crate::lab::kind;
use crate::prose::words;
use crate::{path, receive, workload};

/// Prints what there is.
pub fn run() -> anyhow::Result<Exit> {
    print(&format!(
        "Bytes that the CPU copies for each payload byte, as labelled; a run shows whether it is so.\n\n{}\n\n{}\n\n\
         A deferred copy is made by the kernel after the call, because the skb is delivered on the same host;\n\
         the completions of {} say so (zc_copied in trials.csv){}.\n\n{}\n\n{}\n\n{}\n\n{}\n\n{}\n",
        sends().trim_fmt(),
        receives().trim_fmt(),
        words::list(&notified(FlagProof::WhereSet)),
        unproven(),
        mapping(),
        parameters().trim_fmt(),
        workloads().trim_fmt(),
        labs().trim_fmt(),
        Wire::Sink.caveat().unwrap_or_default(),
    ))?;
    Ok(Exit::Success)
}

/// Paths whose completions carry a flag that proves so much.
fn notified(proof: FlagProof) -> Vec<&'static str> {
    let of = path::notified().filter(|(_, completions)| completions.proof == proof);
    of.map(|(entry, _)| entry.name).collect()
}

/// What is to be said of paths whose completions say so too often.
fn unproven() -> String {
    match notified(FlagProof::WhereUnset) {
        paths if paths.is_empty() => String::new(),
        paths => format!(
            ";\nthose of {} say so of calls that were not copied, too, so that only an x-ray tells",
            words::list(&paths)
        ),
    }
}

fn table<T: Into<Row>>(header: T) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table
}

fn sends() -> Table {
    let mut sends =
        table(["send path", "", "user space", "veth, bridge, loopback", "NIC with scatter-gather", ""]);
    for entry in path::REGISTRY {
        let promise = entry.promise;
        sends.add_row([
            entry.name,
            entry.alias.unwrap_or_default(),
            &promise.user.to_string(),
            &promise.on_this_host(),
            &promise.kernel.to_string(),
            entry.about,
        ]);
    }
    sends
}

fn receives() -> Table {
    let mut receives = table(["receive path", "into user space", ""]);
    for entry in receive::REGISTRY.iter().chain([receive::NOBODY]) {
        receives.add_row([entry.name, &entry.promised_copies.to_string(), entry.about]);
    }
    receives
}

/// What a receiver can map, in lines of the width of the others.
fn mapping() -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in receive::WHAT_CAN_BE_MAPPED.split(' ') {
        match lines.last_mut().expect("a line") {
            line if line.is_empty() => line.push_str(word),
            line if line.len() + 1 + word.len() <= WIDTH => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n(receiver_mapped_bytes and receiver_copied_bytes in trials.csv)."
}

/// What can be set of paths: behind the name as `sendfile-disk:cache=cold`, in a grid also `{sendfile-disk: {cache: [hot, cold]}}`.
fn parameters() -> Table {
    let mut parameters = table(["parameter of", "", "values", "usual", ""]);
    let mut add = |of: &str, list: &[Parameter]| {
        for one in list {
            parameters.add_row([of, one.key, &one.values.about(), &one.usual(), one.about]);
        }
    };
    add("every send path", path::COMMON);
    path::REGISTRY.iter().for_each(|entry| add(entry.name, entry.parameters.list));
    add("every receive path", receive::COMMON);
    let received = receive::REGISTRY.iter().chain([receive::NOBODY]);
    received.for_each(|entry| add(entry.name, entry.parameters.list));
    parameters
}

fn workloads() -> Table {
    let mut workloads = table(["workload", ""]);
    for entry in workload::REGISTRY {
        workloads.add_row([entry.name, entry.about]);
    }
    workloads
}

/// The labs, and below each what leaves nothing behind.
fn labs() -> Table {
    let mut labs = table(["lab", "wires", ""]);
    for entry in kind::REGISTRY {
        let mut wires: Vec<&str> = entry.wires.iter().map(|wire| wire.word()).collect();
        wires.extend(entry.borrows.then_some("or what --interfaces are"));
        labs.add_row([entry.name, &wires.join(", "), entry.about]);
        labs.add_row(["", "", entry.guard]);
    }
    labs
}
