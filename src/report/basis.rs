//! What the times of a run are times of, where that is no CPU: an emulator, or the number of instructions.

use crate::prose::block::{Block, Table, TableField};
use crate::prose::words;
use crate::record::manifest::{Basis, Vm};
use crate::study::Subject;
use crate::tables::{Instructions, samples};

/// What a reader must know before any figure; nothing of a CPU's own times.
pub fn caveat(basis: Basis) -> Option<&'static str> {
    match basis {
        Basis::Hardware => None,
        Basis::Emulator => Some(
            "These rates are an emulator's (QEMU's TCG): they compare only with each other, and say nothing of how \
             fast a CPU is.",
        ),
        Basis::Instructions => Some(
            "The clock counted the guest's instructions: a nanosecond is one instruction, and a Gb/s one bit for \
             each instruction. These figures compare only with each other; they leave out caches, TLBs, DMA, memory \
             bandwidth, and how many instructions a real CPU runs at once.",
        ),
    }
}

/// The machine in a few words, for the section on the environment.
pub(super) fn machine(vm: &Vm) -> String {
    let clock = match vm.basis() {
        Basis::Instructions => "; its clock counts instructions",
        Basis::Hardware | Basis::Emulator => "",
    };
    format!(
        "QEMU {}, board {}, accelerator {}, CPU model {}, two {} cards{clock}",
        vm.qemu, vm.machine, vm.accel, vm.cpu_model, vm.nic
    )
}

/// The section on instructions; nothing where the clock counted something else.
pub(super) fn blocks(subject: &Subject) -> Vec<Block> {
    if subject.run.manifest.basis() != Basis::Instructions {
        return Vec::new();
    }
    let mut table = Table::new(
        "Instructions, medians over the trials. All that ran in the window is counted for each message and each KiB; \
         a worker's are those of its thread, with the softirqs that ran on top of it.",
        &[
            "path",
            "receive path",
            "payload",
            "#threads",
            "#message",
            "#per message",
            "#per KiB",
            "#sender's worker, per message",
            "#receiver's worker, per message",
        ],
    );
    for sample in samples(subject.run) {
        let found = Instructions::of(&sample);
        let number = |value: Option<f64>| {
            TableField::number(
                value.map_or_else(|| "–".to_owned(), |value| words::count(value.round() as u64)),
                value,
            )
        };
        let cell = &found.cell;
        table.push(vec![
            cell.send_path.clone().into(),
            cell.receive_path.clone().into(),
            cell.payload.to_string().into(),
            TableField::number(cell.threads.to_string(), f64::from(cell.threads)),
            TableField::number(words::bytes(cell.message_bytes), cell.message_bytes as f64),
            number(found.each_message),
            number(found.each_kib),
            number(found.sender),
            number(found.receiver),
        ]);
    }
    let table = table.without_constant(&["receive path", "payload", "threads"]);
    vec![Block::section("Instructions"), Block::Table(table)]
}
