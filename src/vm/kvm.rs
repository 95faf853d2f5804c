//! Does KVM work here? Asked of a machine that has no disk, no cards and no kernel: a few instructions in its
//! firmware, which a KVM that works runs in a few microseconds.
//!
//! On some nested hosts `/dev/kvm` opens, firmware runs, and a kernel comes to a halt at its first instruction that
//! the host cannot run and does not emulate. So the instructions are of the kind that kernels begin with: from real
//! to long mode with paging, and a VEX-coded one where the CPU says that it has them.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::kernel::in_memory;
use super::log::Log;
use super::qemu::{MACHINE, Qemu};

/// How long the instructions may take. QEMU needs a tenth of a second to start, and on a busy host a second or two.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The firmware's length, and where in it the CPU begins.
const LENGTH: usize = 1 << 16;
const RESET: usize = LENGTH - 16;
/// A jump to the firmware's first byte: `ljmp $0xf000, $0`.
const BEGIN: [u8; 5] = [0xea, 0x00, 0x00, 0x00, 0xf0];
/// The port that ends the machine, and what its exit code is then.
const EXIT: &str = "isa-debug-exit,iobase=0xf4,iosize=1";
const DONE: i32 = 0x10 << 1 | 1;

#[rustfmt::skip]
const CODE: [u8; 171] = [
    // Real mode.
    0xfa, 0xfc,                                             // cli; cld
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0,                     // xor %ax,%ax; mov %ax,%ds; mov %ax,%es
    // Page tables at 0x1000, 0x2000 and 0x3000: the first two megabytes, each at its own address.
    0xbf, 0x00, 0x10, 0xb9, 0x00, 0x18, 0xf3, 0xab,         // mov $0x1000,%di; mov $0x1800,%cx; rep stosw
    0x66, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0x00, 0x00,   // movl $0x2003,0x1000
    0x66, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0x00, 0x00,   // movl $0x3003,0x2000
    0x66, 0xc7, 0x06, 0x00, 0x30, 0x83, 0x00, 0x00, 0x00,   // movl $0x83,0x3000
    // To long mode.
    0x66, 0xb8, 0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0,   // mov $0x20,%eax; mov %eax,%cr4
    0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8,   // mov $0x1000,%eax; mov %eax,%cr3
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32,         // mov $0xc0000080,%ecx; rdmsr
    0x0d, 0x00, 0x01, 0x0f, 0x30,                           // or $0x100,%ax; wrmsr
    0x2e, 0x66, 0x0f, 0x01, 0x16, 0xa5, 0x00,               // lgdtl %cs:0xa5
    0x66, 0xb8, 0x11, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0,   // mov $0x80000011,%eax; mov %eax,%cr0
    0x66, 0xea, 0x62, 0x00, 0x0f, 0x00, 0x08, 0x00,         // ljmpl $8,$0xf0062
    // Long mode. Has the CPU BMI2?
    0x31, 0xc0, 0x0f, 0xa2, 0x83, 0xf8, 0x07, 0x72, 0x20,   // xor %eax,%eax; cpuid; cmp $7,%eax; jb done
    0xb8, 0x07, 0x00, 0x00, 0x00, 0x31, 0xc9, 0x0f, 0xa2,   // mov $7,%eax; xor %ecx,%ecx; cpuid
    0xf7, 0xc3, 0x00, 0x01, 0x00, 0x00, 0x74, 0x0f,         // test $0x100,%ebx; jz done
    0xb9, 0x04, 0x00, 0x00, 0x00,                           // mov $4,%ecx
    0xc4, 0xe2, 0xf1, 0xf7, 0xd1,                           // shlx %rcx,%rcx,%rdx
    0x83, 0xfa, 0x40, 0x75, 0x07,                           // cmp $64,%edx; jne halt
    0x66, 0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee,               // done: mov $0xf4,%dx; mov $0x10,%al; out %al,(%dx)
    0xf4, 0xeb, 0xfd,                                       // halt: hlt; jmp halt
    // Descriptors: none, and 64-bit code; and where they are.
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xaf, 0x00,
    0x0f, 0x00, 0x95, 0x00, 0x0f, 0x00,
];

/// Whether KVM runs a kernel's kind of instructions here; why not, where it does not.
pub(crate) fn works(qemu: &Qemu) -> Result<Result<(), String>> {
    ended(qemu, ["kvm", "host"], PATIENCE)
}

fn ended(qemu: &Qemu, [accel, cpu]: [&str; 2], patience: Duration) -> Result<Result<(), String>> {
    let mut firmware = vec![0; LENGTH];
    firmware[..CODE.len()].copy_from_slice(&CODE);
    firmware[RESET..RESET + BEGIN.len()].copy_from_slice(&BEGIN);
    let firmware = in_memory(c"firmware", &firmware)?;
    let log = Log::new()?;
    let image = format!("/proc/self/fd/{}", firmware.as_raw_fd());
    let machine = ["-accel", accel, "-cpu", cpu, "-machine", MACHINE, "-m", "16", "-bios", &image];
    let nothing_else = ["-nodefaults", "-no-user-config", "-display", "none", "-device", EXIT];
    let words: Vec<String> = machine.into_iter().chain(nothing_else).map(str::to_owned).collect();
    let mut process = qemu.launch(&words, &[firmware.as_raw_fd()], &log)?;
    let deadline = Instant::now() + patience;
    loop {
        let status = process.0.try_wait()?;
        if status.is_some_and(|status| status.code() == Some(DONE)) {
            return Ok(Ok(()));
        }
        // A machine that KVM cannot run any further is not ended, but QEMU says so.
        if let Some(said) = log.said() {
            return Ok(Err(said));
        }
        if let Some(status) = status {
            return Ok(Err(format!("QEMU ended ({status})")));
        }
        if Instant::now() >= deadline {
            return Ok(Err(format!("a few instructions took more than {} s", patience.as_secs())));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_come_to_their_end() {
        let Ok(qemu) = Qemu::find() else {
            return crate::skip::skip("the_instructions_come_to_their_end", "no QEMU");
        };
        // Whatever KVM is here, the translator runs them all.
        let patience = Duration::from_secs(60);
        assert_eq!(ended(&qemu, ["tcg", "max"], patience).unwrap(), Ok(()));
        let refused = ended(&qemu, ["no-such-accelerator", "max"], patience).unwrap().unwrap_err();
        assert!(refused.contains("no-such-accelerator"), "{refused}");
    }
}
