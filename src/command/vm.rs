//! `copycost vm`: another command, in a virtual machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Args;

use super::{Exit, UsageError, stop_flag};
use crate::exit::Interrupted;
use crate::output::say;
use crate::units::parse_duration;
use crate::vm::contents::{self, Contents};
use crate::vm::home::Home;
use crate::vm::kernel::{Kernel, in_memory};
use crate::vm::kvm;
use crate::vm::machine::{self, NotUp};
use crate::vm::qemu::{Accel, Clock, Machine, Nic, Qemu};
use crate::vm::task::Task;
use crate::vm::vmlinux;

/// Runs a command of copycost in a virtual machine of its own and brings its results home.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  copycost vm -- doctor\n  copycost vm --kernel \
    linux-image-6.12.deb -- sweep smoke\n  copycost vm -- xray --path zero-copy --size 64KiB --wire nic\n\n\
    The machine has two network cards joined to each other, which the command's lab takes for the wire `nic`. \
    The exit code is the command's.")]
pub struct VmArgs {
    /// Kernel: an image, a Debian package, or a directory that a package was unpacked to [default: the newest in /boot]
    #[arg(long, value_name = "PATH")]
    pub kernel: Option<PathBuf>,
    /// Model of the two network cards: e1000e, igb or virtio (which has no offloads here)
    #[arg(long, default_value_t = Nic::E1000e)]
    pub nic: Nic,
    /// Who runs the guest's instructions: auto, kvm or tcg
    #[arg(long, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// What the guest's clocks count: host (time), or instructions, one to a nanosecond
    #[arg(long, default_value_t = Clock::Host)]
    pub clock: Clock,
    /// CPUs of the machine [default: 2; 1 under the instruction clock]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: Option<u32>,
    /// Memory of the machine
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_memory)]
    pub memory: u64,
    /// More words for the kernel's command line, such as swiotlb=force
    #[arg(long, value_name = "WORDS", default_value = "")]
    pub append: String,
    /// A statically linked program, or another file, to carry along; the command may begin with its name instead
    /// of a verb; may be given several times
    #[arg(long = "with", value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// How long the machine may be silent before it is taken for dead and ended [default: 1m with KVM, 3m without,
    /// 10m under the instruction clock]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub patience: Option<Duration>,
    /// Say nothing about the machine itself
    #[arg(long, short)]
    pub quiet: bool,
    /// The command and its arguments, as after `copycost`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = crate::units::parse_size(text)?;
    if (256 << 20..=1 << 40).contains(&bytes) { Ok(bytes) } else { Err("choose 256MiB to 1TiB".to_owned()) }
}

/// Runs the command in a machine; the command's exit code.
///
/// # Errors
/// When the machine cannot be made, does not come up, or ends before its command; nothing is left then.
pub fn run(arguments: &VmArgs) -> Result<Exit> {
    arguments.run(&*stop_flag()?).map(Exit::OfCommand)
}

impl VmArgs {
    fn run(&self, stop: &AtomicBool) -> Result<u8> {
        self.check()?;
        let qemu = Qemu::find()?;
        qemu.check(self.nic)?;
        let has = |modules: &crate::vm::modules::Modules| modules.has(self.nic.module());
        let kernel = match &self.kernel {
            Some(path) => Kernel::named(path)?,
            None => Kernel::newest(has, &format!("a module for the card {}", self.nic))?,
        };
        ensure!(
            has(&kernel.modules),
            "the kernel {} has no module for the card {}; choose another card with --nic, or another kernel",
            kernel.release,
            self.nic
        );
        let image = in_memory(c"kernel", vmlinux::plain(&kernel.image).as_ref().unwrap_or(&kernel.image))?;
        let task = Task::of(&self.command, &self.with, self.clock == Clock::Instructions)?;
        let home = Home(task.watched.clone());
        let input = contents::input(&task)?;
        let contents = Contents { task: &task, kernel: &kernel, nic: self.nic, carried: &self.with, input };
        let start = |accel: Accel| -> Result<machine::Up, NotUp> {
            let machine = Machine {
                accel,
                clock: self.clock,
                nic: self.nic,
                cpus: self.cpus.unwrap_or(if self.clock == Clock::Instructions { 1 } else { 2 }),
                memory_mib: self.memory >> 20,
                append: &self.append,
            };
            let archive = contents.archive(&machine.facts(&qemu, &kernel.origin.display().to_string()));
            let initramfs = archive.and_then(|archive| in_memory(c"initramfs", &archive));
            let initramfs = initramfs.map_err(NotUp::Failed)?;
            self.tell(format_args!(
                "copycost vm: Linux {} in QEMU {} ({accel}), two {} cards",
                kernel.release, qemu.version, self.nic
            ));
            machine::start(&qemu, &machine, [&image, &initramfs], stop)
        };
        let may_try_kvm = self.may_try_kvm(&qemu)?;
        self.choose(may_try_kvm, start)?.run(&home, stop, self.patience)
    }

    fn check(&self) -> Result<()> {
        if self.clock == Clock::Instructions {
            let usage = |what: &str| anyhow::Error::from(UsageError(what.to_owned()));
            if self.accel == Accel::Kvm {
                return Err(usage(
                    "KVM does not count instructions: drop --accel kvm, or --clock instructions",
                ));
            }
            if self.cpus.is_some_and(|cpus| cpus > 1) {
                return Err(usage(
                    "the instruction clock runs one CPU: drop --cpus, or --clock instructions",
                ));
            }
        }
        Ok(())
    }

    fn tell(&self, line: std::fmt::Arguments<'_>) {
        if !self.quiet {
            say(line);
        }
    }

    /// Whether a machine is to be started with KVM: where it works, as far as can be told in a moment.
    fn may_try_kvm(&self, qemu: &Qemu) -> Result<bool> {
        let is_there = || std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok();
        let is_wanted = match self.accel {
            Accel::Kvm => true,
            Accel::Auto => self.clock == Clock::Host && is_there(),
            Accel::Tcg => false,
        };
        match if is_wanted { kvm::works(qemu)? } else { return Ok(false) } {
            Ok(()) => Ok(true),
            Err(why) if self.accel == Accel::Kvm => {
                bail!("KVM does not work here ({why}), as on some nested hosts; use --accel tcg")
            }
            Err(why) => {
                self.tell(format_args!("copycost vm: KVM is not usable ({why}); continuing with emulation"));
                Ok(false)
            }
        }
    }

    /// Starts the machine, with KVM where that may be tried.
    fn choose(
        &self,
        may_try_kvm: bool,
        start: impl Fn(Accel) -> Result<machine::Up, NotUp>,
    ) -> Result<machine::Up> {
        let silent =
            |patience: Duration| format!("the machine did not come up within {} s", patience.as_secs());
        if may_try_kvm {
            match (start(Accel::Kvm), self.accel) {
                (Ok(up), _) => return Ok(up),
                (Err(NotUp::Silent(patience)), Accel::Kvm) => bail!(
                    "{} under KVM, which on some nested hosts opens but does not work; use --accel tcg",
                    silent(patience)
                ),
                (Err(NotUp::Failed(error)), _) if error.is::<Interrupted>() => return Err(error),
                (Err(NotUp::Failed(error)), Accel::Kvm) => {
                    return Err(error.context("the machine did not come up under KVM; try --accel tcg"));
                }
                (Err(NotUp::Silent(patience)), _) => {
                    self.tell(format_args!(
                        "copycost vm: {} under KVM; continuing with emulation",
                        silent(patience)
                    ));
                }
                (Err(NotUp::Failed(error)), _) => {
                    self.tell(format_args!(
                        "copycost vm: KVM is not usable ({error:#}); continuing with emulation"
                    ));
                }
            }
        }
        start(Accel::Tcg).map_err(|why| match why {
            NotUp::Silent(patience) => anyhow::anyhow!(
                "{}; the host may be overloaded, or the kernel not built for such a machine",
                silent(patience)
            ),
            NotUp::Failed(error) => error,
        })
    }
}
