//! Names of sampled addresses: the kernel's from `/proc/kallsyms`, the program's from its own symbol table.
//!
//! Needs CAP_SYSLOG (or `kernel.kptr_restrict` 0 with the right to profile the kernel): without it the
//! kernel shows every address as zero, and then there is no name rather than a wrong one.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader};

use blazesym::symbolize::source::{Kernel, Process, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};
use blazesym::{MaybeDefault, Pid};

use super::obstacle::Obstacle;

pub(super) const KALLSYMS: &str = "/proc/kallsyms";

/// Resolves addresses of the running kernel and of this process, and remembers them.
pub struct Symbols {
    symbolizer: Symbolizer,
    kernel: Source<'static>,
    process: Source<'static>,
    known: HashMap<u64, Option<String>>,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Symbols").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Symbols {
    /// Resolvers that read their tables when the first address is asked for.
    pub fn new() -> Self {
        // kallsyms alone: an uncompressed vmlinux says nothing more that is needed here, and may be stale.
        let kernel = Kernel { vmlinux: MaybeDefault::None, ..Kernel::default() };
        let mut process = Process::new(Pid::Slf);
        // The path in /proc/self/maps will do; /proc/self/map_files would need CAP_SYS_ADMIN.
        process.map_files = false;
        process.perf_map = false;
        process.vdso = false;
        Self {
            symbolizer: Symbolizer::builder().enable_code_info(false).enable_inlined_fns(false).build(),
            kernel: Source::Kernel(kernel),
            process: Source::Process(process),
            known: HashMap::new(),
        }
    }

    /// The kernel function that holds this address, without what the compiler appended (`.isra.0`, `.cold`).
    pub fn kernel(&mut self, address: u64) -> Option<&str> {
        let Self { symbolizer, kernel, known, .. } = self;
        known.entry(address).or_insert_with(|| resolve(symbolizer, kernel, address)).as_deref()
    }

    /// The function of this program that holds this address, as the symbol table spells it (mangled).
    pub fn user(&mut self, address: u64) -> Option<&str> {
        let Self { symbolizer, process, known, .. } = self;
        known.entry(address).or_insert_with(|| resolve(symbolizer, process, address)).as_deref()
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self::new()
    }
}

fn resolve(symbolizer: &Symbolizer, source: &Source<'_>, address: u64) -> Option<String> {
    match symbolizer.symbolize_single(source, Input::AbsAddr(address)).ok()? {
        Symbolized::Sym(symbol) => Some(without_suffix(&symbol.name).to_owned()),
        Symbolized::Unknown(_) => None,
    }
}

/// A name without what the compiler appended, which begins with a dot. Names of Rust have dots of their own in its legacy
/// form.
fn without_suffix(name: &str) -> &str {
    let suffix = if name.starts_with("_ZN") { ".llvm." } else { "." };
    name.split(suffix).next().filter(|name| !name.is_empty()).unwrap_or(name)
}

/// Whether kernel addresses can be named at all.
///
/// # Errors
/// Why not, and which right is missing.
pub fn kernel_names() -> Result<(), Obstacle> {
    let file = std::fs::File::open(KALLSYMS).map_err(|error| format!("{KALLSYMS}: {error}"))?;
    kernel_names_in(BufReader::new(file))
}

fn kernel_names_in(kallsyms: impl BufRead) -> Result<(), Obstacle> {
    for line in kallsyms.lines() {
        let line = line.map_err(|error| format!("{KALLSYMS}: {error}"))?;
        // Per-CPU symbols of older kernels have small addresses of their own; a text symbol never does.
        let mut words = line.split_ascii_whitespace();
        if let (Some(address), Some("t" | "T")) = (words.next(), words.next()) {
            return match u64::from_str_radix(address, 16) {
                Ok(0) => Err(format!(
                    "{KALLSYMS} shows every address as zero: CAP_SYSLOG is missing, or set kernel.kptr_restrict to 0"
                )
                .into()),
                Ok(_) => Ok(()),
                Err(_) => Err(format!("{KALLSYMS}: `{address}` is not an address").into()),
            };
        }
    }
    Err(Obstacle::NotInKernel(format!("{KALLSYMS} is empty: the kernel was built without KALLSYMS")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroed_addresses_are_no_names() {
        let zeros = "0000000000000000 A fixed_percpu_data\n0000000000000000 T _stext\n";
        assert!(kernel_names_in(zeros.as_bytes()).unwrap_err().to_string().contains("CAP_SYSLOG"));
        let shown = "0000000000000000 A fixed_percpu_data\nffffffff81000000 T _stext\n";
        assert_eq!(kernel_names_in(shown.as_bytes()), Ok(()));
        assert!(matches!(kernel_names_in(&b""[..]), Err(Obstacle::NotInKernel(_))));
    }

    #[test]
    fn what_the_compiler_appended_is_no_part_of_a_name() {
        for (symbol, name) in [
            ("tcp_sendmsg", "tcp_sendmsg"),
            ("skb_release_data.isra.0", "skb_release_data"),
            ("_ZN4core3fmt17h0E.llvm.123", "_ZN4core3fmt17h0E"),
            (
                "_ZN8_$LT$T$u20$as$u20$path..lent..Notifier$GT$17h0E",
                "_ZN8_$LT$T$u20$as$u20$path..lent..Notifier$GT$17h0E",
            ),
            ("_RNvC4core3fmt.llvm.123", "_RNvC4core3fmt"),
            (".text", ".text"),
        ] {
            assert_eq!(without_suffix(symbol), name);
        }
    }

    #[test]
    fn kernel_addresses_have_names() {
        if let Err(why) = kernel_names() {
            crate::skip::skip("kernel_addresses_have_names", why);
            return;
        }
        let kallsyms = std::fs::read_to_string(KALLSYMS).unwrap();
        let line = kallsyms.lines().find(|line| line.ends_with(" T tcp_sendmsg")).expect("a kernel with TCP");
        let address = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
        assert_eq!(Symbols::new().kernel(address + 4), Some("tcp_sendmsg"));
    }

    #[test]
    fn the_programs_own_functions_have_names() {
        #[inline(never)]
        fn a_function_to_find(by: u64) -> u64 {
            std::hint::black_box(by) + 1
        }
        assert_eq!(a_function_to_find(1), 2);
        let address = a_function_to_find as fn(u64) -> u64 as usize as u64;
        let name = Symbols::new().user(address).map(str::to_owned);
        assert!(name.as_deref().is_some_and(|name| name.contains("a_function_to_find")), "{name:?}");
    }
}
