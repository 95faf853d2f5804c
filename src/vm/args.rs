//! The command `copycost vm`.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::home::Home;
use super::initramfs::{Initramfs, lexically};
use super::kernel::{Kernel, in_memory};
use super::machine::{self, NotUp};
use super::qemu::{Accel, Clock, Machine, Nic, Qemu};
use super::task::{CARRIED, INPUT, MODULES, Size, TASK, Task};
use crate::exit::UsageError;
use crate::output::say;
use crate::record::manifest::{VM_FACTS as FACTS, Vm};

/// The environment that a command in the guest inherits; and all variables of copycost's own.
const INHERITED: [&str; 4] = ["TERM", "NO_COLOR", "TZ", "RUST_BACKTRACE"];
/// Variables of copycost that are about this host.
const HOSTS_OWN: [&str; 4] = ["COPYCOST_INTERFACES", "COPYCOST_QEMU", FACTS, crate::witness::DEVICE];
/// Modules that a lab needs, beside the card's.
const NEEDED: [&str; 3] = ["virtio_pci", "virtio_console", "veth"];
/// Modules that some grids use, where the kernel has them.
const USEFUL: [&str; 2] = ["sch_netem", "tcp_bbr"];

/// Runs a command of copycost in a virtual machine of its own and brings its results home.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  copycost vm -- doctor\n  copycost vm --kernel \
    linux-image-6.12.deb -- sweep smoke\n  copycost vm -- xray --path zero-copy --size 64KiB --wire nic\n\n\
    The machine has two network cards joined to each other, which the command's lab takes for the wire `nic`. \
    The exit code is the command's.")]
pub struct VmArgs {
    /// Kernel: an image, a Debian package, or a directory that one was unpacked to [default: the newest in /boot]
    #[arg(long, value_name = "PATH")]
    pub kernel: Option<PathBuf>,
    /// Model of the two network cards: e1000e, igb or virtio (which has no offloads here)
    #[arg(long, default_value_t = Nic::E1000e)]
    pub nic: Nic,
    /// Who runs the guest's instructions: auto, kvm or tcg
    #[arg(long, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// What the guest's clocks count: host (time), or instructions, of which a nanosecond is one
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
    /// of a verb; may be given again
    #[arg(long = "with", value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Say nothing of the machine itself
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

impl VmArgs {
    /// Runs the command in a machine; its exit code.
    ///
    /// # Errors
    /// When the machine cannot be made, does not come up, or ends before its command; nothing is left then.
    pub fn run(&self, stop: &AtomicBool) -> Result<u8> {
        self.check()?;
        let qemu = Qemu::find()?;
        qemu.check(self.nic)?;
        let has = |modules: &super::modules::Modules| modules.has(self.nic.module());
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
        let image = in_memory(c"kernel", &kernel.image)?;
        let task = self.task()?;
        let home = Home(task.watched.clone());
        let input = self.input()?;
        let start = |accel: Accel| -> Result<machine::Up, NotUp> {
            let machine = Machine {
                accel,
                clock: self.clock,
                nic: self.nic,
                cpus: self.cpus.unwrap_or(if self.clock == Clock::Instructions { 1 } else { 2 }),
                memory_mib: self.memory >> 20,
                append: &self.append,
            };
            let facts = machine.facts(&qemu, &kernel.origin.display().to_string());
            let archive = self.archive(&task, &kernel, &facts, input.as_deref());
            let initramfs = archive.and_then(|archive| in_memory(c"initramfs", &archive));
            let initramfs = initramfs.map_err(NotUp::Failed)?;
            self.tell(format_args!(
                "copycost vm: Linux {} in QEMU {} ({accel}), two {} cards",
                kernel.release, qemu.version, self.nic
            ));
            machine::start(&qemu, &machine, [&image, &initramfs], stop)
        };
        self.choose(start)?.run(&home, stop)
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

    /// Starts the machine by KVM where it works.
    fn choose(&self, start: impl Fn(Accel) -> Result<machine::Up, NotUp>) -> Result<machine::Up> {
        let silent = |patience: std::time::Duration| {
            format!("the machine did not come up within {} s", patience.as_secs())
        };
        let may_use_kvm = self.clock == Clock::Host
            && self.accel != Accel::Tcg
            && (self.accel == Accel::Kvm
                || std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok());
        if may_use_kvm {
            match (start(Accel::Kvm), self.accel) {
                (Ok(up), _) => return Ok(up),
                (Err(NotUp::Silent(patience)), Accel::Kvm) => bail!(
                    "{} under KVM, which on some nested hosts opens and does not work; use --accel tcg",
                    silent(patience)
                ),
                (Err(NotUp::Failed(error)), Accel::Kvm) => {
                    return Err(error.context("the machine did not come up under KVM; try --accel tcg"));
                }
                (Err(NotUp::Silent(patience)), _) => {
                    self.tell(format_args!(
                        "copycost vm: {} under KVM; going on without it",
                        silent(patience)
                    ));
                }
                (Err(NotUp::Failed(error)), _) => {
                    self.tell(format_args!("copycost vm: not with KVM ({error:#}); going on without it"));
                }
            }
        }
        start(Accel::Tcg).map_err(|why| match why {
            NotUp::Silent(patience) => anyhow::anyhow!(
                "{}; the host may be overloaded, or the kernel not made for such a machine",
                silent(patience)
            ),
            NotUp::Failed(error) => error,
        })
    }

    /// What the guest is to do.
    fn task(&self) -> Result<Task> {
        let directory = std::env::current_dir().context("the current directory is gone")?;
        let mut command = Vec::new();
        for word in &self.command {
            let word = word.to_str().with_context(|| format!("{} is not UTF-8", word.display()))?;
            command.push(word.to_owned());
        }
        let carried: Vec<_> = self.with.iter().filter_map(|path| path.file_name()).collect();
        let own = std::env::vars().filter(|(name, _)| {
            INHERITED.contains(&name.as_str())
                || (name.starts_with("COPYCOST_") && !HOSTS_OWN.contains(&name.as_str()))
        });
        let is_carried = carried.iter().any(|name| command[0] == name.to_string_lossy());
        let mut watched = vec![directory.clone()];
        watched.extend(self.named_paths(&directory).filter(|path| path.is_dir()));
        watched.extend(self.result_directories(&directory));
        watched.dedup();
        let terminals = [terminal(&std::io::stdout().as_fd()), terminal(&std::io::stderr().as_fd())];
        let in_order = self.clock == Clock::Instructions;
        Ok(Task { is_carried, command, environment: own.collect(), directory, watched, in_order, terminals })
    }

    /// Paths of this host that the command's words name, alone or behind `=`.
    fn named_paths(&self, directory: &Path) -> impl Iterator<Item = PathBuf> {
        let words = self.command.iter().skip(1).filter_map(|word| word.to_str());
        let parts: Vec<&str> = words
            .filter(|word| !word.starts_with('-') || word.contains('='))
            .map(|word| word.split_once('=').map_or(word, |(_, path)| path))
            .collect();
        let results = self.result_directories(directory);
        let all: Vec<_> = parts.into_iter().map(|part| lexically(&directory.join(part))).collect();
        all.into_iter().filter(move |path| path.exists() && !results.contains(path))
    }

    /// Where the command shall write its runs: it need not know what is there.
    fn result_directories(&self, directory: &Path) -> Vec<PathBuf> {
        let words: Vec<&str> = self.command.iter().filter_map(|word| word.to_str()).collect();
        let after = words.windows(2).filter(|pair| pair[0] == "--results").map(|pair| pair[1]);
        let joined = words.iter().filter_map(|word| word.strip_prefix("--results="));
        after.chain(joined).map(|path| lexically(&directory.join(path))).collect()
    }

    /// Standard input, where the command reads it.
    fn input(&self) -> Result<Option<Vec<u8>>> {
        if self.command.iter().all(|word| word != "-") {
            return Ok(None);
        }
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input).context("reading standard input")?;
        Ok(Some(input))
    }

    /// The guest's file tree.
    fn archive(&self, task: &Task, kernel: &Kernel, facts: &Vm, input: Option<&[u8]>) -> Result<Vec<u8>> {
        let mut archive = Initramfs::new()?;
        archive.directory(&task.directory)?;
        task.watched.iter().try_for_each(|directory| archive.directory(directory))?;
        let own = std::fs::read("/proc/self/exe").context("cannot read this program")?;
        archive.file(Path::new("/init"), 0o755, &own)?;
        let useful = USEFUL.into_iter().filter(|name| kernel.modules.has(name));
        let names: Vec<&str> = NEEDED.into_iter().chain([self.nic.module()]).chain(useful).collect();
        for (number, module) in kernel.modules.load_order(&names)?.into_iter().enumerate() {
            let path = Path::new(MODULES).join(format!("{number:03}-{}.ko", module.name));
            archive.file(&path, 0o644, &module.bytes)?;
        }
        for file in &self.with {
            let bytes = std::fs::read(file).with_context(|| format!("--with {}", file.display()))?;
            let name = file.file_name().with_context(|| format!("--with {} is no file", file.display()))?;
            archive.file(&Path::new(CARRIED).join(name), 0o755, &bytes)?;
        }
        for path in self.named_paths(&task.directory) {
            archive.carry(&path)?;
        }
        if let Some(input) = input {
            archive.file(Path::new(INPUT), 0o644, input)?;
        }
        let mut task = task.clone();
        task.environment.push((FACTS.to_owned(), serde_json::to_string(facts)?));
        archive.file(Path::new(TASK), 0o644, &serde_json::to_vec(&task)?)?;
        archive.finish()
    }
}

/// The size of the terminal at a stream's end, where there is one.
fn terminal(stream: &(impl AsFd + IsTerminal)) -> Option<Size> {
    use std::os::fd::AsRawFd;
    nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);
    if !stream.is_terminal() {
        return None;
    }
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills in the structure that it is given, which lives until the call returns.
    let told = unsafe { window_size(stream.as_fd().as_raw_fd(), &raw mut size) };
    let known = told.is_ok() && size.ws_col > 0;
    Some(if known {
        Size { columns: size.ws_col, rows: size.ws_row }
    } else {
        Size { columns: 80, rows: 24 }
    })
}
