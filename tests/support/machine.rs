//! Virtual machines of the tests: which kernels there are to boot, and how a command runs in one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use copycost::path::{Entry, REGISTRY};

use super::{BINARY, skip};

/// The send paths that a machine can have: it has no disk.
pub fn paths() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.iter().filter(|entry| entry.name != "sendfile-disk")
}

/// A kernel to boot.
pub struct Machine {
    pub kernel: PathBuf,
}

impl Machine {
    /// A machine with a kernel of this series, such as `6.12`; the test is skipped where there is no QEMU, or no
    /// such kernel in `COPYCOST_TEST_KERNELS`, by default `target/kernels`.
    pub fn with_kernel(series: &str, test: &str) -> Option<Self> {
        if Command::new("qemu-system-x86_64").arg("--version").stdout(Stdio::null()).status().is_err() {
            skip(test, "qemu-system-x86_64");
            return None;
        }
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kernels");
        let place = std::env::var_os("COPYCOST_TEST_KERNELS").map_or_else(own, PathBuf::from);
        let wanted = format!("linux-image-{series}.");
        let entries = std::fs::read_dir(&place).into_iter().flatten().flatten();
        let kernel = entries.map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(&wanted) && !name.contains("cloud") && path.is_dir()
        });
        let Some(kernel) = kernel else {
            skip(test, &format!("a kernel {series} in {}: lab/kernels.sh brings it", place.display()));
            return None;
        };
        Some(Self { kernel })
    }

    /// `copycost vm` with this kernel: flags of its own, and the command; without KVM, which not every host has.
    /// The program is the one under test, or `COPYCOST_TEST_BINARY`: emulated, an optimised one is several times
    /// as fast.
    pub fn run<'a>(
        &self,
        flags: impl IntoIterator<Item = &'a str>,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let program = std::env::var_os("COPYCOST_TEST_BINARY").unwrap_or_else(|| BINARY.into());
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).args(["vm", "--accel", "tcg", "--kernel"]);
        command.arg(&self.kernel).args(flags).arg("--").args(words);
        command
    }
}

/// Processes of QEMU that are children of this one, or of nobody any more.
pub fn machines_of(parent: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        let name: OsString = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // pid (comm) state ppid …
        let Some((head, rest)) = stat.rsplit_once(')') else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let (state, its_parent) = (fields.next().unwrap_or("?"), fields.next().unwrap_or("?"));
        if head.contains("qemu-system") && state != "Z" && its_parent == parent.to_string() {
            found.push(pid);
        }
    }
    found
}
