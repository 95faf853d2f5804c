//! What the guest's file tree holds: this program, the modules that a lab needs, the files that the command names
//! or that the user has it carry along, and the task.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::qemu::Nic;
use super::task::{CARRIED, INPUT, MODULES, TASK, Task};
use crate::record::manifest::{VM_FACTS, Vm};

/// Modules that a lab needs, beside the card's.
const NEEDED: [&str; 3] = ["virtio_pci", "virtio_console", "veth"];
/// Modules that some grids use, where the kernel has them. A guest has no modprobe, by which the kernel asks for the
/// checksums and ciphers that others need: so those of nf_tables and of kernel TLS stand here by name, each before what
/// asks for it, and the generic ones beside those of the CPU.
const USEFUL: [&str; 9] = [
    "sch_netem",
    "tcp_bbr",
    "crc32c_generic",
    "nf_tables",
    "gcm",
    "ctr",
    "ghash_generic",
    "aesni_intel",
    "tls",
];

/// What the guest's file tree is to hold.
pub(crate) struct Contents<'a> {
    pub(crate) task: &'a Task,
    pub(crate) kernel: &'a Kernel,
    pub(crate) nic: Nic,
    /// Files that the user has it carry along.
    pub(crate) carried: &'a [PathBuf],
    /// Standard input of the command, where it reads any.
    pub(crate) input: Option<Vec<u8>>,
}

/// Standard input, where a command with these words reads it.
pub(crate) fn input(task: &Task) -> Result<Option<Vec<u8>>> {
    if task.command.iter().all(|word| word != "-") {
        return Ok(None);
    }
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).context("reading standard input")?;
    Ok(Some(input))
}

impl Contents<'_> {
    /// The tree of a machine, which is told what it is.
    ///
    /// # Errors
    /// When a file cannot be read, or is too large to be carried.
    pub(crate) fn archive(&self, facts: &Vm) -> Result<Vec<u8>> {
        let mut archive = Initramfs::new()?;
        archive.directory(&self.task.directory)?;
        self.task.watched.iter().try_for_each(|directory| archive.directory(directory))?;
        let own = std::fs::read("/proc/self/exe").context("cannot read this program")?;
        archive.file(Path::new("/init"), 0o755, &own)?;
        let modules = &self.kernel.modules;
        let useful = USEFUL.into_iter().filter(|name| modules.has(name));
        let names: Vec<&str> = NEEDED.into_iter().chain([self.nic.module()]).chain(useful).collect();
        for (number, module) in modules.load_order(&names)?.into_iter().enumerate() {
            let path = Path::new(MODULES).join(format!("{number:03}-{}.ko", module.name));
            archive.file(&path, 0o644, &module.bytes)?;
        }
        for file in self.carried {
            let bytes = std::fs::read(file).with_context(|| format!("--with {}", file.display()))?;
            let name =
                file.file_name().with_context(|| format!("--with {} is not a file", file.display()))?;
            archive.file(&Path::new(CARRIED).join(name), 0o755, &bytes)?;
        }
        for path in self.task.named_paths() {
            archive.carry(&path)?;
        }
        if let Some(input) = &self.input {
            archive.file(Path::new(INPUT), 0o644, input)?;
        }
        let mut task = self.task.clone();
        task.environment.push((VM_FACTS.to_owned(), serde_json::to_string(facts)?));
        archive.file(Path::new(TASK), 0o644, &serde_json::to_vec(&task)?)?;
        archive.finish()
    }
}
