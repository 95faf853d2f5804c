//! QEMU: the program, the machine that it is told to be, and its process.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::frame::PORT;
use super::log::Log;
use crate::cell::words;
use crate::record::manifest::Vm;
use crate::witness::question;

/// Who runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// KVM where it works, else TCG.
    Auto,
    /// The CPU itself.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

words!(Accel: Auto = "auto", Kvm = "kvm", Tcg = "tcg");

/// What the guest's clocks count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The host's time.
    Host,
    /// The guest's instructions: a nanosecond is one.
    Instructions,
}

words!(Clock: Host = "host", Instructions = "instructions");

/// The model of the two network cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nic {
    /// Intel 82574: scatter-gather, checksums and TSO in the card.
    E1000e,
    /// Intel 82576, in QEMU 8.0 and later.
    Igb,
    /// A virtio card on a hub, which carries no offloads: a card without scatter-gather.
    Virtio,
}

words!(Nic: E1000e = "e1000e", Igb = "igb", Virtio = "virtio");

impl Nic {
    /// QEMU's name of the device.
    fn device(self) -> &'static str {
        match self {
            Self::E1000e => "e1000e",
            Self::Igb => "igb",
            Self::Virtio => "virtio-net-pci",
        }
    }

    /// The kernel's name of the driver.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::E1000e => "e1000e",
            Self::Igb => "igb",
            Self::Virtio => "virtio_net",
        }
    }
}

const PROGRAM: &str = "qemu-system-x86_64";
/// What the instruction clock holds still: a CPU of this model is the same in every QEMU, and the kernel and the
/// C library choose the same copying routines for it on every host.
const FIXED_CPU: &str = "Nehalem-v1,+rdrand";

/// A QEMU that can be started.
pub(crate) struct Qemu {
    path: PathBuf,
    /// Its version, as it reports it.
    pub(crate) version: String,
}

/// What a machine is made of, before it starts.
pub(crate) struct Machine<'a> {
    pub(crate) accel: Accel,
    pub(crate) clock: Clock,
    pub(crate) nic: Nic,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u64,
    /// More words for the kernel's command line.
    pub(crate) append: &'a str,
}

/// A process of QEMU; dropped, it is killed and reaped.
pub(crate) struct Process(pub(super) Child);

/// A running machine.
pub(crate) struct Running {
    pub(crate) process: Process,
    /// The host's end of the port.
    pub(crate) port: UnixStream,
    /// The guest's console.
    pub(crate) console: UnixStream,
    /// The host's end of the port by which the cards are asked about.
    pub(crate) witness: UnixStream,
    /// QEMU's monitor.
    pub(crate) monitor: UnixStream,
    /// What QEMU says.
    pub(crate) log: Arc<Log>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Qemu {
    /// Finds QEMU.
    ///
    /// # Errors
    /// When there is none, with the command that installs it.
    pub(crate) fn find() -> Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            bail!(
                "copycost vm starts a machine of the program's own architecture, and supports only x86_64 so far"
            );
        }
        let path = std::env::var_os("COPYCOST_QEMU").map_or_else(|| PROGRAM.into(), PathBuf::from);
        let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::anyhow!(
                "{} is not installed: install QEMU (Debian and Ubuntu: `apt install qemu-system-x86`; Fedora: \
                 `dnf install qemu-system-x86-core`)",
                path.display()
            ),
            _ => anyhow::Error::new(error).context(format!("cannot start {}", path.display())),
        })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().next().and_then(|line| line.split("version ").nth(1)).unwrap_or("unknown");
        Ok(Self { path, version: version.to_owned() })
    }

    /// Whether this QEMU has a device.
    ///
    /// # Errors
    /// When it has not; the sentence says what to do.
    pub(crate) fn check(&self, nic: Nic) -> Result<()> {
        let output = Command::new(&self.path).args(["-device", "help"]).stdin(Stdio::null()).output()?;
        let name = format!("name \"{}\"", nic.device());
        if String::from_utf8_lossy(&output.stdout).contains(&name) {
            return Ok(());
        }
        bail!("QEMU {} has no card {nic}; choose another with --nic, or install a newer QEMU", self.version)
    }

    /// Starts the machine with this kernel image and this initramfs.
    pub(crate) fn start(&self, machine: &Machine<'_>, image: &File, initramfs: &File) -> Result<Running> {
        let (port, port_there) = UnixStream::pair()?;
        let (console, console_there) = UnixStream::pair()?;
        let (witness, witness_there) = UnixStream::pair()?;
        let (monitor, monitor_there) = UnixStream::pair()?;
        let log = Arc::new(Log::new()?);
        let inherited: [OwnedFd; 6] = [
            port_there.into(),
            console_there.into(),
            witness_there.into(),
            monitor_there.into(),
            image.try_clone()?.into(),
            initramfs.try_clone()?.into(),
        ];
        let [port_fd, console_fd, witness_fd, monitor_fd, image_fd, initramfs_fd] =
            [0, 1, 2, 3, 4, 5].map(|index: usize| inherited[index].as_raw_fd());
        let mut words = machine.arguments();
        words.extend(
            [
                ["-kernel", &format!("/proc/self/fd/{image_fd}")],
                ["-initrd", &format!("/proc/self/fd/{initramfs_fd}")],
                ["-chardev", &format!("socket,id=port,fd={port_fd}")],
                ["-device", machine.port()],
                ["-device", &format!("virtserialport,chardev=port,name={PORT}")],
                ["-chardev", &format!("socket,id=witness,fd={witness_fd}")],
                ["-device", &format!("virtserialport,chardev=witness,name={}", question::PORT)],
                ["-chardev", &format!("socket,id=monitor,fd={monitor_fd}")],
                ["-mon", "chardev=monitor,mode=control"],
                ["-chardev", &format!("socket,id=console,fd={console_fd}")],
                ["-serial", "chardev:console"],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned),
        );
        let process = self.launch(&words, &inherited.each_ref().map(AsRawFd::as_raw_fd), &log)?;
        Ok(Running { process, port, console, witness, monitor, log })
    }

    /// Starts QEMU with these words and these descriptors; what it says goes to the log.
    pub(crate) fn launch(&self, words: &[String], inherited: &[RawFd], log: &Log) -> Result<Process> {
        let mut command = Command::new(&self.path);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.end()?)
            // Ctrl-C on the terminal is for copycost, which lets the command in the guest come to an end.
            .process_group(0);
        let (fds, parent) = (inherited.to_vec(), nix::unistd::getpid());
        // SAFETY: between fork and exec there are system calls alone, and nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                // However this program ends, the machine ends with it.
                nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
                if nix::unistd::getppid() != parent {
                    return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
                }
                for &fd in &fds {
                    // SAFETY: the descriptor is open, and F_SETFD changes its flag alone.
                    if nix::libc::fcntl(fd, nix::libc::F_SETFD, 0) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.path.display()))?;
        Ok(Process(child))
    }
}

impl Machine<'_> {
    /// What the manifest says of the machine.
    pub(crate) fn facts(&self, qemu: &Qemu, kernel: &str) -> Vm {
        Vm {
            qemu: qemu.version.clone(),
            machine: MACHINE.to_owned(),
            accel: self.accel.word().to_owned(),
            clock: self.clock.word().to_owned(),
            nic: self.nic.word().to_owned(),
            cpu_model: self.cpu().to_owned(),
            cpus: self.cpus,
            memory_bytes: self.memory_mib << 20,
            kernel: kernel.to_owned(),
            kernel_arguments: self.append.to_owned(),
        }
    }

    fn cpu(&self) -> &'static str {
        match (self.accel, self.clock) {
            (_, Clock::Instructions) => FIXED_CPU,
            (Accel::Kvm, _) => "host",
            _ => "max",
        }
    }

    /// The controller of the port to the host. Under the instruction clock the CPU itself writes what the guest
    /// tells, between two of its instructions; a thread beside it would do so at a moment of its own.
    fn port(&self) -> &'static str {
        match self.clock {
            Clock::Host => "virtio-serial-pci",
            Clock::Instructions => "virtio-serial-pci,ioeventfd=off",
        }
    }

    fn arguments(&self) -> Vec<String> {
        // One thread for all CPUs: with a thread each, a kernel that patches its own code can be caught halfway,
        // as it does when perf events are switched on (seen with QEMU 7.2: "Oops: int3").
        let accel = if self.accel == Accel::Kvm { "kvm" } else { "tcg,thread=single" };
        // The kernel's tests of its ciphers take an emulator half a second.
        let mut kernel =
            "console=ttyS0 panic=-1 quiet net.ifnames=0 random.trust_cpu=on cryptomgr.notests".to_owned();
        let mut clock = Vec::new();
        if self.clock == Clock::Instructions {
            // Where the kernel and the program lie, and what is random to them, is the same in each boot.
            kernel += " nokaslr norandmaps";
            clock =
                ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2020-01-01,clock=vm"].to_vec();
        }
        kernel = format!("{kernel} {}", self.append);
        let (cpus, memory) = (self.cpus.to_string(), self.memory_mib.to_string());
        let fixed = [
            ["-accel", accel],
            ["-machine", MACHINE],
            ["-cpu", self.cpu()],
            ["-smp", &cpus],
            ["-m", &memory],
            ["-append", kernel.trim()],
            ["-display", "none"],
            ["-monitor", "none"],
            ["-nic", "none"],
        ];
        let mut words: Vec<String> = fixed.into_iter().flatten().map(str::to_owned).collect();
        words.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned));
        words.extend(clock.into_iter().map(str::to_owned));
        // Two cards on one hub: a cable between them.
        for card in ["card0", "card1"] {
            let device = format!("{},netdev={card},romfile=", self.nic.device());
            words.extend(["-netdev".to_owned(), format!("hubport,id={card},hubid=1")]);
            words.extend(["-device".to_owned(), device]);
        }
        words
    }
}

/// The board: the plainest that has PCI.
pub(crate) const MACHINE: &str = "pc";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_clock_holds_everything_still() {
        let machine = Machine {
            accel: Accel::Tcg,
            clock: Clock::Instructions,
            nic: Nic::E1000e,
            cpus: 1,
            memory_mib: 1024,
            append: "swiotlb=force",
        };
        let line = machine.arguments().join(" ");
        for part in ["-icount shift=0,sleep=off", "-seed 1", "nokaslr", "swiotlb=force", "thread=single"] {
            assert!(line.contains(part), "`{part}` is missing from: {line}");
        }
        assert_eq!(line.matches("-device e1000e,").count(), 2);
        let usual = Machine { clock: Clock::Host, ..machine }.arguments().join(" ");
        assert!(!usual.contains("icount") && !usual.contains("nokaslr"), "{usual}");
    }
}
