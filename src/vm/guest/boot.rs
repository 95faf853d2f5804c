//! From the first process to a machine that a program can work in.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

use crate::link;
use crate::vm::task::MODULES;

/// What is mounted where, and whether the command needs it.
const MOUNTS: [(&str, &str, bool); 6] = [
    ("proc", "/proc", true),
    ("sysfs", "/sys", true),
    ("devtmpfs", "/dev", true),
    ("devpts", "/dev/pts", false),
    ("tracefs", "/sys/kernel/tracing", false),
    ("debugfs", "/sys/kernel/debug", false),
];
/// How long the kernel may take to find the port.
const PATIENCE: Duration = Duration::from_secs(20);
const PORTS: &str = "/sys/class/virtio-ports";
const RUNTIME: &str = "/proc/sys/kernel/sched_rt_runtime_us";
const CARDS: &str = "/sys/class/net";

/// Mounts the kernel's own file systems.
pub(super) fn mount_all() -> Result<()> {
    for (kind, place, is_needed) in MOUNTS {
        // A directory of sysfs is there already, or the kernel lacks the file system.
        let _ = std::fs::create_dir_all(place);
        let mounted = mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>);
        if is_needed {
            mounted.with_context(|| format!("cannot mount {place}"))?;
        }
    }
    // Every option of the program that depends on a right has it here.
    let _ = nix::unistd::sethostname("copycost-vm");
    Ok(())
}

/// Loads the modules in the order that the host gave them.
pub(super) fn load_modules() -> Result<()> {
    let Ok(entries) = std::fs::read_dir(MODULES) else { return Ok(()) };
    let mut modules: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    modules.sort();
    for module in modules {
        let file = File::open(&module)?;
        match finit_module(&file, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            // A driver for what this machine does not have.
            Err(Errno::ENODEV) => {}
            Err(errno) => bail!("the kernel refuses the module {}: {errno}", module.display()),
        }
    }
    Ok(())
}

/// The device of a port to the host.
pub(super) fn port(wanted: &str) -> Result<PathBuf> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ports = std::fs::read_dir(PORTS).into_iter().flatten().flatten();
        let mut named = ports.filter(|port| {
            std::fs::read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == wanted)
        });
        if let Some(port) = named.next() {
            return Ok(Path::new("/dev").join(port.file_name()));
        }
        if Instant::now() >= deadline {
            bail!("the kernel finds no port to the host: it lacks virtio_console or virtio_pci");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Brings up what every network namespace has.
pub(super) fn set_up_network() -> Result<()> {
    link::bring_up("lo")
}

/// Lets threads under SCHED_FIFO have the CPU for as long as they want it: else the kernel takes it from them for a
/// twentieth of each second.
pub(super) fn let_the_first_rank_have_all() -> Result<()> {
    std::fs::write(RUNTIME, "-1").with_context(|| format!("cannot write {RUNTIME}"))
}

/// Names of the network cards, in the order of their slots.
pub(super) fn cards() -> Vec<String> {
    let entries = std::fs::read_dir(CARDS).into_iter().flatten().flatten();
    let mut cards: Vec<_> = entries
        .filter_map(|entry| {
            let slot = std::fs::canonicalize(entry.path().join("device")).ok()?;
            Some((slot, entry.file_name().into_string().ok()?))
        })
        .collect();
    cards.sort();
    cards.into_iter().map(|(_, name)| name).collect()
}

/// Switches the machine off.
pub(super) fn power_off() -> ! {
    nix::unistd::sync();
    let _ = reboot(RebootMode::RB_POWER_OFF);
    // A kernel that cannot switch off panics when its first process ends, which ends the machine too.
    std::process::exit(1)
}
