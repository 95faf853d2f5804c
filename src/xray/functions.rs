//! Functions of the kernel that every copy of a kind passes, and how a pass is recorded: by a kprobe, or where
//! the kernel refuses one, by a hardware breakpoint at the function's address.
//!
//! Kprobe events are refused on functions that may not be traced (`lib/` is built so) unless the kernel has
//! CONFIG_KPROBE_EVENTS_ON_NOTRACE. An execution breakpoint takes its address from `/proc/kallsyms` and needs
//! CAP_SYS_ADMIN and one of the CPU's four debug registers; x86 refuses it in a kernel without CONFIG_KPROBES.
//!
//! A count that misses one way into the kernel would confirm what is not so. TCP's send call copies in three
//! ways: plainly; past the caches, for a device with tx-nocache-copy; and with a checksum, before Linux 4.17.
//! Each has one function, whose name depends on the kernel, and all that the kernel has must be watched. A way
//! that a later kernel may add is not counted, but sampled: counts that samples contradict are no proof.

use std::io::{self, BufRead, BufReader};
use std::sync::OnceLock;

use perf_event::Builder;
use perf_event::events::{Breakpoint, KProbe};

use super::obstacle::Obstacle;
use super::probe::{Argument, Length, Probe, argument, lacks};
use super::symbols::KALLSYMS;
use crate::counters::events::reason;
use crate::record::copies::Place;

/// Names of one function in different kernels: of those that a kernel has, TCP calls the first.
type Names = &'static [&'static str];

/// The functions that the copies of a place pass, and the argument that is their length; none for a place
/// that no function of the kernel shows.
fn routes(place: Place) -> Option<(&'static [Names], Option<Argument>)> {
    match place {
        Place::Kernel => Some((
            &[
                &["_copy_from_iter_full", "_copy_from_iter"],
                &["_copy_from_iter_full_nocache", "_copy_from_iter_nocache"],
                &["csum_and_copy_from_iter_full", "csum_and_copy_from_iter"],
            ],
            Some(Argument::Second),
        )),
        Place::BelowTcp => Some((&[&["skb_copy_bits"]], Some(Argument::Fourth))),
        Place::Deferred => Some((&[&["skb_copy_ubufs"]], None)),
        _ => None,
    }
}

/// The probes that record the copies of a place.
pub(super) fn probes(place: Place) -> Result<Vec<Probe>, Obstacle> {
    let (routes, length) = routes(place)
        .ok_or_else(|| Obstacle::NotInKernel("its copies pass no function of the kernel".to_owned()))?;
    let length = length.map_or(Ok(Length::None), argument)?;
    let names: Vec<&str> = routes.iter().copied().flatten().copied().collect();
    let addresses = addresses()?;
    let here = |names: &Names| {
        names.iter().find_map(|&name| {
            Some((name, *addresses.iter().find(|(known, _)| known == name).map(|(_, at)| at)?))
        })
    };
    let found: Vec<_> = routes.iter().filter_map(here).collect();
    if found.is_empty() {
        return Err(Obstacle::NotInKernel(format!("this kernel has no function {}", names.join(" or "))));
    }
    Ok(found.into_iter().map(|(name, at)| Probe::function(name, events(name, at), length.clone())).collect())
}

/// What may record a function's calls, the likeliest first: the builder of an event, or why there is none.
fn events(name: &str, address: u64) -> Vec<(&'static str, Result<Builder<'static>, Obstacle>)> {
    let kprobe =
        KProbe::probe(name, 0).map(Builder::new).map_err(|error| lacks("kprobe", "CONFIG_KPROBES", &error));
    let breakpoint = match address {
        0 => Err(format!("{KALLSYMS} hides its address, CAP_SYSLOG is missing").into()),
        address => Ok(Builder::new(Breakpoint::execute(address))),
    };
    vec![("kprobe", kprobe), ("breakpoint", breakpoint)]
}

/// Why the kernel did not open an event on a function.
pub(super) fn refused(kind: &str, error: &std::io::Error) -> Obstacle {
    let why = match (kind, error.raw_os_error()) {
        ("kprobe", Some(libc::EINVAL)) => {
            let why = "EINVAL: the function may not be traced, and CONFIG_KPROBE_EVENTS_ON_NOTRACE is off";
            return Obstacle::NotInKernel(why.to_owned());
        }
        ("breakpoint", Some(libc::EINVAL)) => {
            let why = "EINVAL: none in the kernel itself, which CONFIG_KPROBES would allow";
            return Obstacle::NotInKernel(why.to_owned());
        }
        ("breakpoint", Some(libc::ENOSPC)) => "ENOSPC: the CPU's debug registers are taken".to_owned(),
        ("breakpoint", Some(libc::EPERM)) => "EPERM: CAP_SYS_ADMIN is missing".to_owned(),
        _ => reason(error),
    };
    why.into()
}

/// Addresses of the functions of all routes, of those that the kernel has; zero where it does not tell. They are
/// looked up once: none of them is a module's, and the table is long.
fn addresses() -> Result<&'static [(String, u64)], Obstacle> {
    static FOUND: OnceLock<Result<Vec<(String, u64)>, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let routes = Place::XRAYED.into_iter().filter_map(routes).flat_map(|(routes, _)| routes);
        let names: Vec<&str> = routes.copied().flatten().copied().collect();
        let table = std::fs::File::open(KALLSYMS);
        table
            .and_then(|table| addresses_in(BufReader::new(table), &names))
            .map_err(|error| format!("{KALLSYMS}: {error}"))
    });
    found.as_deref().map_err(|why| why.clone().into())
}

/// The table is in the order of addresses, and costs the kernel time for each line: it is read to the end of the
/// kernel's own code.
fn addresses_in(table: impl BufRead, names: &[&str]) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for line in table.lines() {
        let line = line?;
        // `ffffffff81b6a3e0 T _copy_from_iter`
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (_, _, Some("_etext")) => break,
            (Some(address), Some("t" | "T"), Some(name)) if names.contains(&name) => {
                found.push((name.to_owned(), u64::from_str_radix(address, 16).unwrap_or_default()));
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_functions_are_found_and_strangers_are_not() {
        let table = "ffffffff81b6a3e0 T skb_copy_bits\n0000000000000000 t other\nffffffff82000000 T _etext\n\
                     ffffffffc0a00000 t skb_copy_bits\t[module]\n";
        let found = addresses_in(table.as_bytes(), &["skb_copy_bits", "no_such_function"]).unwrap();
        assert_eq!(found, [("skb_copy_bits".to_owned(), 0xffff_ffff_81b6_a3e0)]);
        assert!(addresses().unwrap().iter().any(|(name, _)| name == "skb_copy_bits"), "a kernel with TCP");
    }

    #[test]
    fn every_way_into_the_kernel_fits_the_debug_registers() {
        let (routes, _) = routes(Place::Kernel).unwrap();
        assert!(routes.len() < 4, "another program may hold one");
        assert!(probes(Place::User).is_err());
    }
}
